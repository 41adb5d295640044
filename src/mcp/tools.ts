// tools/list and tools/call for both eras. A call is answered as JSON, or as an event stream where the client asks for progress.
import * as v from "valibot";
import { Progress, type ProgressCallback } from "../../contracts/rpc/call-context.ts";
import { envelopeOf } from "./era.ts";
import type { CallToolResult, OpenTool, ScopeNeeded } from "./host.ts";
import { errorResponse, INVALID_PARAMS, isObject, isRequestId, jsonResponse, type Params, type RequestId, resultJson } from "./json-rpc.ts";
import { eventStream, type Notify } from "./sse.ts";

/** Answers one tools/list with `list`, ready JSON. One page holds the whole catalog, so no cursor was ever handed out. */
export function listTools(id: RequestId, params: Params, list: string): Response {
  if (params.cursor === undefined) return jsonResponse(200, resultJson(id, list));
  return errorResponse(200, { code: INVALID_PARAMS, message: "This cursor is not one of ours." }, id);
}

/** Answers one tools/call. `project` adds what the era's results carry beside the tool's own. */
export async function callTool(
  request: Request,
  id: RequestId,
  params: Params,
  open: OpenTool,
  project: (result: CallToolResult) => object,
): Promise<Response | ScopeNeeded> {
  const { name, arguments: args = {} } = params;
  const invalid = (message: string) => errorResponse(200, { code: INVALID_PARAMS, message }, id);
  if (typeof name !== "string") return invalid("params.name is the tool's name, a string.");
  if (!isObject(args)) return invalid("params.arguments is a JSON object.");
  const meta = envelopeOf(params);
  const opened = open(name, args, typeof meta?.traceparent === "string" ? meta.traceparent : undefined);
  if (opened.state === "unknown_tool")
    return invalid(`There is no tool named ${JSON.stringify(name.slice(0, 80))}. tools/list has them all.`);
  if (opened.state === "insufficient_scope") return { scopesNeeded: opened.scopes };

  const token = meta?.progressToken;
  const accepts = acceptedTypes(request);
  const answer = async (progress?: ProgressCallback) => resultJson(id, JSON.stringify(project(await opened.run(progress))));
  if (!accepts.events || (!isRequestId(token) && accepts.json)) return jsonResponse(200, await answer());
  return eventStream((notify) => answer(isRequestId(token) ? reporter(token, notify) : undefined));
}

/** Turns a backend's reports into notifications/progress, each further than the one before. */
function reporter(progressToken: RequestId, notify: Notify): ProgressCallback {
  let furthest = Number.NEGATIVE_INFINITY;
  return async (update) => {
    const report = v.safeParse(Progress, update);
    if (!report.success || report.output.progress <= furthest) return "continue";
    furthest = report.output.progress;
    const params = { progressToken, ...report.output };
    return (await notify(JSON.stringify({ jsonrpc: "2.0", method: "notifications/progress", params }))) ? "continue" : "cancel";
  };
}

/** What the client can read. Clients that say nothing, or anything, get JSON. */
function acceptedTypes(request: Request): { json: boolean; events: boolean } {
  const accept = request.headers.get("accept") ?? "*/*";
  const any = accept.includes("*/*");
  return {
    json: any || /application\/(json|\*)/.test(accept) || !accept.includes("text/event-stream"),
    events: any || accept.includes("text/event-stream"),
  };
}
