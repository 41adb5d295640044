// tools/call. It is answered as JSON where that is soon there, else as an event stream: only on an open stream does the runtime notice
// a client that leaves, and only there can progress be shown, or the client of a session be asked.
import { TIMED_OUT, withDeadline } from "../../contracts/rpc/call.ts";
import type { ProgressCallback } from "../../contracts/rpc/call-context.ts";
import { envelopeOf } from "./era.ts";
import { type Answer, attempt, type Exchange, failureJson, invalid, traceparentOf } from "./exchange.ts";
import { acceptedTypes } from "./headers.ts";
import type { Aside, OpenedTool } from "./host.ts";
import { asideOf, missingCapability } from "./input.ts";
import { errorJson, INVALID_REQUEST, isObject, isRequestId, jsonResponse, resultJson } from "./json-rpc.ts";
import { reporter } from "./progress.ts";
import { firstAside, loggerOf, nextRound, reach } from "./session.ts";
import { eventStream, type Stream } from "./sse.ts";
import { taskJson } from "./tasks.ts";

/** How long a client that can read a stream waits for JSON instead, in milliseconds. */
const SOON_MS = 1_000;
/** The most rounds that are walked for a client of a session. */
const MOST_ROUNDS = 10;

/** Answers one tools/call. */
export async function callTool(exchange: Exchange): Promise<Answer> {
  const { id, params, host, headers, dialect, session, traceId } = exchange;
  const { name, arguments: args = {} } = params;
  if (typeof name !== "string") return invalid(exchange, "params.name is the tool's name, a string.");
  if (!isObject(args)) return invalid(exchange, "params.arguments is a JSON object.");
  const aside = session ? firstAside(session) : asideOf(exchange);
  if (aside instanceof Response) return aside;
  const open = (said: Aside | undefined) => host.openTool(name, args, traceparentOf(params), said);
  const opened = open(aside);
  if (opened.state === "unknown_tool") {
    return invalid(exchange, `There is no tool named ${JSON.stringify(name.slice(0, 80))}. tools/list has them all.`);
  }
  if (opened.state === "insufficient_scope") return { scopesNeeded: opened.scopes };
  if (opened.state === "missing_capability") return missingCapability(exchange, opened);

  const answer = async (progress?: ProgressCallback, stream?: Stream) => {
    const log = session && stream && loggerOf(session, stream);
    let said = aside;
    let call: OpenedTool = opened;
    for (let round = 0; round < MOST_ROUNDS && call.state === "ready"; round++) {
      const { run } = call;
      const result = await attempt(exchange, () => run(progress, log));
      if (result === undefined) return failureJson(exchange);
      if (!("state" in result)) {
        log?.(result.isError ? "error" : "info", { tool: name, traceId });
        return resultJson(id, JSON.stringify(dialect.result(host.offer.info, dialect.called(result))));
      }
      if (result.state === "task") return taskJson(exchange, result);
      const next = await nextRound(exchange, said, result, stream);
      if (next === null || typeof next === "string") return next;
      said = next;
      call = open(said);
    }
    console.error(JSON.stringify({ event: "mcp.unfinished", tool: name, traceId }));
    return failureJson(exchange);
  };
  const cancelled = Promise.withResolvers<null>();
  const isCancelled =
    session &&
    (async () => {
      // Where nobody can tell, the work goes on.
      const told = (await reach(exchange, () => session.isCancelled(id))) === true;
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
