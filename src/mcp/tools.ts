// tools/call. It is answered as JSON where that is soon there, else as an event stream: only on an open stream does the runtime notice
// a client that leaves, and only there can progress be shown, or the client of a session be asked.
import { TIMED_OUT, withDeadline } from "../../contracts/rpc/call.ts";
import type { ProgressCallback } from "../../contracts/rpc/call-context.ts";
import { clientInputOf, missingCapability } from "./client-input.ts";
import { envelopeOf } from "./era.ts";
import { acceptedTypes } from "./headers.ts";
import { errorJson, INVALID_REQUEST, isObject, isRequestId, jsonResponse, resultJson } from "./json-rpc.ts";
import type { ClientInput, OpenedToolCall } from "./port.ts";
import { reporter } from "./progress.ts";
import { failureJson, type HandlerResult, invalid, type McpRequest, orUndefined, traceparentOf } from "./request.ts";
import { initialClientInput, loggerOf, orUnavailable, requestInput } from "./session.ts";
import { eventStream, type Stream } from "./sse.ts";
import { taskJson } from "./tasks.ts";

/** How long a client that can read a stream waits for JSON instead, in milliseconds. */
const SOON_MS = 1_000;
/** The most rounds that are walked for a client of a session. */
const MOST_ROUNDS = 10;

/** Answers one tools/call. */
export async function callTool(request: McpRequest): Promise<HandlerResult> {
  const { id, params, server, headers, codec, session, traceId } = request;
  const { name, arguments: args = {} } = params;
  if (typeof name !== "string") return invalid(request, "params.name is the tool's name, a string.");
  if (!isObject(args)) return invalid(request, "params.arguments is a JSON object.");
  const clientInput = session ? initialClientInput(session) : clientInputOf(request);
  if (clientInput instanceof Response) return clientInput;
  const open = (said: ClientInput | undefined) => server.openTool(name, args, traceparentOf(params), said);
  const opened = open(clientInput);
  if (opened.state === "unknown_tool") {
    return invalid(request, `There is no tool named ${JSON.stringify(name.slice(0, 80))}. tools/list has them all.`);
  }
  if (opened.state === "insufficient_scope") return { scopesNeeded: opened.scopes };
  if (opened.state === "missing_capability") return missingCapability(request, opened);

  const answer = async (progress?: ProgressCallback, stream?: Stream) => {
    const log = session && stream && loggerOf(session, stream);
    let said = clientInput;
    let call: OpenedToolCall = opened;
    for (let round = 0; round < MOST_ROUNDS && call.state === "ready"; round++) {
      const { run } = call;
      const result = await orUndefined(request, () => run(progress, log));
      if (result === undefined) return failureJson(request);
      if (!("state" in result)) {
        log?.(result.isError ? "error" : "info", { tool: name, traceId });
        return resultJson(id, JSON.stringify(codec.result(server.features.info, codec.called(result))));
      }
      if (result.state === "task") return taskJson(request, result);
      const next = await requestInput(request, said, result, stream);
      if (next === null || typeof next === "string") return next;
      said = next;
      call = open(said);
    }
    console.error(JSON.stringify({ event: "mcp.unfinished", tool: name, traceId }));
    return failureJson(request);
  };
  const cancelled = Promise.withResolvers<null>();
  const isCancelled =
    session &&
    (async () => {
      // Where nobody can tell, the work goes on.
      const told = (await orUnavailable(request, () => session.isCancelled(id))) === true;
      if (told) cancelled.resolve(null);
      return told;
    });
  /** Who cancels a call waits for no answer (2025-11-25, basic/utilities/cancellation). */
  const unlessCancelled = (answered: Promise<string | null>) => Promise.race([answered, cancelled.promise]);
  if (!acceptedTypes(headers).events) {
    const json = await unlessCancelled(answer(session && reporter(undefined, () => undefined, isCancelled)));
    return jsonResponse(200, json ?? errorJson({ code: INVALID_REQUEST, message: "This call was cancelled." }, id));
  }
  const token = envelopeOf(params)?.progressToken;
  if (isRequestId(token) || session) {
    return eventStream((stream) => {
      const progress = reporter(isRequestId(token) ? token : undefined, () => stream, isCancelled);
      return unlessCancelled(answer(progress, stream));
    });
  }
  let stream: Stream | undefined;
  const pending = answer(reporter(undefined, () => stream));
  const soon = await withDeadline(() => pending, SOON_MS);
  if (soon !== TIMED_OUT) return jsonResponse(200, soon as string); // `withDeadline` answers what `pending` does, or `TIMED_OUT`
  return eventStream((opening) => {
    stream = opening;
    return pending;
  });
}
