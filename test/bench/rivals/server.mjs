// The server of both: the tools of the gateway under test, each answered by one RPC to the same
// backend, with an audit record that the answer does not wait for.

import { env, waitUntil } from "cloudflare:workers";
import { fromJsonSchema, McpServer } from "@modelcontextprotocol/server";
import tools from "./tools.json";

/** Made anew for each request, as both handlers ask for. */
export function makeServer() {
  const server = new McpServer({ name: "rival", version: "1.0.0" });
  for (const { name, inputSchema, outputSchema, ...texts } of tools) {
    const schemas = { inputSchema: schemaOf(inputSchema), outputSchema: schemaOf(outputSchema) };
    server.registerTool(name, { ...texts, ...schemas }, (args) => call(name, args));
  }
  return server;
}

const schemas = new Map();

function schemaOf(json) {
  const known = schemas.get(json) ?? fromJsonSchema(json);
  schemas.set(json, known);
  return known;
}

async function call(name, args) {
  const startedAt = Date.now();
  const { value } = await env.STACKBILDER.getFlowStatus(null, args);
  const record = { type: "tool.called", tool: name, outcome: "ok", durationMs: Date.now() - startedAt };
  waitUntil(env.PLATFORM_EVENTS_QUEUE.send({ ...record, at: new Date().toISOString() }));
  return { content: [{ type: "text", text: JSON.stringify(value) }], structuredContent: value };
}
