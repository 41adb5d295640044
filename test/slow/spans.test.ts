// Spans of the gateway, as the platform's runtime hands them to a streaming tail Worker: names and
// attributes of OpenTelemetry's semantic conventions for MCP, and nothing of a user.
import { expect, it, vi } from "vitest";
import { EVENTUALLY } from "../support/eventually.ts";
import { accessTokenOf, connect, userIdOf } from "../support/mcp-clients.ts";
import { postRequest } from "../support/mcp-requests.ts";
import type { SiblingCall } from "../support/sibling-worker.ts";
import { useSystem } from "../support/system.ts";

const system = useSystem({
  spanConsumer: "span-consumer",
  extraWorkers: [{ name: "span-consumer", main: "test/support/span-consumer.ts" }],
});

interface Span {
  readonly name: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

const spans = () =>
  system
    .logs()
    .filter((line) => line.includes('"test":"span"'))
    .map((line) => JSON.parse(line.slice(line.indexOf("{"))) as Span)
    .map(({ name, attributes }) => ({ name, attributes }));
const spanWith = (key: string, value: unknown) =>
  vi.waitFor(() => {
    const found = spans().find(({ attributes }) => attributes[key] === value);
    if (!found) throw new Error(`No span has ${key} ${value}: ${JSON.stringify(spans())}`);
    return found;
  }, EVENTUALLY);

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const TRACEPARENT = `00-${TRACE}-b7ad6b7169203331-01`;
const PROMPT = "Melanoma of ada@example.com";

it("a tool call has a span with the names of the conventions, the client's trace and its outcome", async () => {
  const connected = await connect(system.origin, "modern");
  const token = accessTokenOf(connected);
  const call = async (id: string | number, name: string, args: object, meta: object = {}) => {
    const request = {
      id,
      method: "tools/call",
      params: { name, arguments: args, _meta: { ...meta, traceparent: TRACEPARENT } },
    };
    const headers = { accept: "application/json, text/event-stream" };
    const response = await postRequest(system, token, request, { revision: "2026-07-28", headers });
    await response.text();
  };
  await call(4711, "image_generate", { prompt: PROMPT, quality_tier: "draft" });
  expect(await spanWith("jsonrpc.request.id", "4711")).toEqual({
    name: "tools/call image_generate",
    attributes: {
      "mcp.method.name": "tools/call",
      "mcp.protocol.version": "2026-07-28",
      "jsonrpc.request.id": "4711",
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": "image_generate",
      "com.stackbilt.trace_id": TRACE,
      "com.stackbilt.traceparent": TRACEPARENT,
    },
  });
  await call(4712, "flow_status", { flowId: "none" });
  expect((await spanWith("jsonrpc.request.id", "4712")).attributes).toMatchObject({
    "error.type": "tool_error",
    "com.stackbilt.error_code": "flow_not_found",
  });
  await call(4714, "flow_status", { flowId: "none" }, { progressToken: 1 });
  expect((await spanWith("jsonrpc.request.id", "4714")).attributes, "on a stream").toMatchObject({
    "com.stackbilt.error_code": "flow_not_found",
  });
  await call(4713, PROMPT, {});
  const unknown = await spanWith("jsonrpc.request.id", "4713");
  expect(unknown.name).toBe("tools/call");
  expect(unknown.attributes).toMatchObject({ "error.type": "-32602" });
  await call(PROMPT, "image_list_models", {});
  expect(await spanWith("jsonrpc.request.id", `<${PROMPT.length} characters>`)).toMatchObject({
    name: "tools/call image_list_models",
  });
  await connected.close();
  const all = JSON.stringify(spans());
  for (const secret of ["Melanoma", "ada@", token, userIdOf(connected)]) expect(all).not.toContain(secret);
});

it("a call of a sibling has a span, too", async () => {
  const call: SiblingCall = {
    through: "GATEWAY",
    tool: "flow_status",
    input: { flowId: "none" },
    options: { traceparent: TRACEPARENT },
  };
  await system.worker("sibling").fetch("/", { method: "POST", body: JSON.stringify(call) });
  expect(await spanWith("error.type", "flow_not_found")).toEqual({
    name: "execute_tool flow_status",
    attributes: {
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": "flow_status",
      "com.stackbilt.trace_id": TRACE,
      "error.type": "flow_not_found",
    },
  });
});
