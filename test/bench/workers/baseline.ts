// The baseline for the gateway, without OAuth, protocol, validation and audit: parsing and
// responding (`/parse`), the same with one RPC to a second Worker (`/call`), and sending ready
// bytes (`/ready?bytes=N`).

import { flowOf } from "../flow.ts";
import type { StackbilderEntrypoint } from "./backends.ts";

interface Env {
  readonly BACKEND: Service<StackbilderEntrypoint>;
}

interface Message {
  readonly id: number;
  readonly params: {
    readonly name: string;
    readonly arguments: { readonly flowId: string; readonly projectDescription: string };
  };
}

const ready = new Map<string, string>();

export default {
  async fetch(request, env) {
    const { id, params }: Message = await request.json();
    const { url } = request;
    if (url.endsWith("/call")) return responseOf(id, (await call(env, params)).value);
    if (url.endsWith("/parse")) return responseOf(id, flowOf(params.arguments.flowId));
    const bytes = url.slice(url.indexOf("=") + 1);
    const result = ready.get(bytes) ?? JSON.stringify("x".repeat(Number(bytes)));
    ready.set(bytes, result);
    return new Response(`{"jsonrpc":"2.0","id":${id},"result":${result}}`, {
      headers: { "content-type": "application/json" },
    });
  },
} satisfies ExportedHandler<Env>;

async function call({ BACKEND }: Env, { name, arguments: args }: Message["params"]): Promise<{ value: object }> {
  if (name === "flow_create") return BACKEND.createFlow(null, args);
  return name === "flow_summary" ? BACKEND.getFlowSummary(null, args) : BACKEND.getFlowStatus(null, args);
}

function responseOf(id: number, structuredContent: object): Response {
  return Response.json({ jsonrpc: "2.0", id, result: { structuredContent } });
}
