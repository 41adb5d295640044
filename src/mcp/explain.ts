// The extension `com.stackbilt/explain`: a method with the params of tools/call that says what
// would become of the call. Not a tool result, which would have to fit the tool's output schema. A
// client that sends it knows it, so it need not declare it.
import { jsonResponse } from "./json-rpc.ts";
import type { McpServer } from "./port.ts";
import { internalErrorJson, type MethodHandler, orUndefined, resultResponse } from "./request.ts";
import { callParams, unknownTool } from "./tools.ts";

/** Name of the extension, and of its method. */
export const EXPLAIN = "com.stackbilt/explain";

/** The handler of the extension's method, if the server has it. */
export function explainMethod({ explain }: McpServer, method: string): MethodHandler | undefined {
  return explain && method === EXPLAIN ? handleExplain : undefined;
}

const handleExplain: MethodHandler = async (request) => {
  const { server } = request;
  const call = callParams(request);
  if (call instanceof Response) return call;
  const { name, args, clientInput } = call;
  const { traceparent } = call.meta;
  const reply = await orUndefined(request, async () => server.explain?.(name, args, traceparent, clientInput) ?? null);
  if (!reply) return jsonResponse(200, internalErrorJson(request));
  return reply.state === "unknown_tool" ? unknownTool(request, name) : resultResponse(request, reply.explanation);
};
