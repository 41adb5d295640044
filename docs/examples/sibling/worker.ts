// A sibling Worker: calls the gateway's tools over RPC, as itself or for a user whose API key the
// request carries. `POST /` with a description returns the first document of an architecture flow.
import type { CallToolOptions, GatewayContract, ToolRefusal } from "../../../contracts/gateway.ts";

export interface Env {
  /** Bound to `GatewayEntrypoint`: see wrangler.toml. */
  readonly GATEWAY: GatewayContract;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    if (request.method !== "POST") return new Response("Send a description with POST.\n", { status: 405 });
    const options = optionsFrom(request.headers);
    const input = { projectDescription: await request.text() };
    const flow = await env.GATEWAY.callTool("flow_create", input, options);
    if (!flow.ok) return refusal(flow.error);
    const step = await env.GATEWAY.callTool("flow_advance", { flowId: flow.value.flowId }, options);
    if (!step.ok) return refusal(step.error);
    return new Response(step.value.artifact?.markdown, { headers: { "content-type": "text/markdown; charset=utf-8" } });
  },
};

/**
 * Without a key the sibling acts as itself. With one it acts for the key's owner, within the scopes
 * of its binding.
 */
function optionsFrom(headers: Headers): CallToolOptions {
  const apiKey = headers.get("x-api-key");
  const traceparent = headers.get("traceparent");
  return { ...(apiKey !== null && { credential: { apiKey } }), ...(traceparent !== null && { traceparent }) };
}

/** A refusal is a value, never thrown: a code, a sentence and the gateway's trace id. */
function refusal(error: ToolRefusal): Response {
  return Response.json(error, { status: error.code === "unauthenticated" ? 401 : 502 });
}
