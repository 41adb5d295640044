// tools/call. The response is JSON if the result is there soon, else an event stream: only an open
// stream lets the runtime notice a client that disconnects, carries progress, and can carry
// requests to the client of a session.
import { logError } from "../../contracts/log.ts";
import type { ProgressCallback } from "../../contracts/rpc/call-context.ts";
import { Deadlines, TIMED_OUT } from "../../contracts/rpc/deadlines.ts";
import { shorten, wellFormed } from "../../contracts/rpc/well-formed.ts";
import { clientInputOf, missingCapability } from "./client-input.ts";
import { envelopeOf } from "./era.ts";
import { acceptedTypes } from "./headers.ts";
import {
  errorJson,
  INVALID_REQUEST,
  isObject,
  isRequestId,
  jsonResponse,
  type RequestId,
  resultJson,
} from "./json-rpc.ts";
import type { CallMeta, ClientInput, PreparedCall, ReadyCall, ToolResult } from "./port.ts";
import { progressReporter } from "./progress.ts";
import {
  type HandlerResult,
  internalErrorJson,
  invalidParams,
  type McpRequest,
  orUndefined,
  traceparentOf,
} from "./request.ts";
import type { CallToolResult } from "./schema.ts";
import { initialClientInput, loggerOf, requestInput } from "./session-input.ts";
import { orServiceUnavailable } from "./session-requests.ts";
import { eventStream, jsonStream, type Stream } from "./sse.ts";
import { taskJson } from "./tasks.ts";

/** The longest wait for JSON by a client that accepts a stream, in milliseconds. */
const JSON_WAIT_MS = 1_000;
/** The longest wait for the first report of a call whose client expects some, in milliseconds. */
const PROGRESS_WAIT_MS = 1_000;
/** The most times that one call may request input over a session. */
const MAX_INPUT_REQUESTS = 10;

/** One call on its way to a response. */
interface ToolCall {
  readonly request: McpRequest;
  readonly name: string;
  readonly clientInput: ClientInput | undefined;
  readonly prepared: ReadyCall;
  /** Aborted as soon as the response cannot reach the client. Absent for a call that only reads. */
  readonly lost: AbortController | undefined;
  prepare(clientInput: ClientInput | undefined): PreparedCall | Promise<PreparedCall>;
}

/** Handles one tools/call. */
export async function callTool(request: McpRequest): Promise<HandlerResult> {
  const call = callParams(request);
  if (call instanceof Response) return call;
  const { name, args, clientInput, meta } = call;
  const { server } = request;
  const prepare = (input: ClientInput | undefined) => server.prepareCall(name, args, meta, input);
  const prepared = await prepare(clientInput);
  switch (prepared.state) {
    case "unknown_tool":
      return unknownTool(request, name);
    case "insufficient_scope":
      return { scopesNeeded: prepared.scopes };
    case "missing_capability":
      return missingCapability(request, prepared);
    case "refused":
      return jsonResponse(200, callResultJson(request, prepared.result));
    case "ready":
      return respond({
        request,
        name,
        clientInput,
        prepared,
        prepare,
        lost: prepared.isChange ? new AbortController() : undefined,
      });
  }
}

/** Params of a call, as far as they do not depend on the tool. */
export interface CallParams {
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly clientInput: ClientInput | undefined;
  readonly meta: CallMeta;
}

/** The params of a call, or the error for malformed ones. */
export function callParams(request: McpRequest): CallParams | Response {
  const { params, session } = request;
  const { name, arguments: given = {} } = params;
  const args = typeof given === "string" ? parsed(given) : given;
  if (typeof name !== "string") return invalidParams(request, "params.name is the tool's name, a string.");
  if (!isObject(args)) return invalidParams(request, "params.arguments is a JSON object.");
  const clientInput = session ? initialClientInput(session) : clientInputOf(request);
  if (clientInput instanceof Response) return clientInput;
  const meta = callMeta(request);
  return meta instanceof Response ? meta : { name, args, clientInput, meta };
}

/** The error for a tool that does not exist. */
export function unknownTool(request: McpRequest, name: string): Response {
  const message = `There is no tool named ${JSON.stringify(shorten(name, 80))}. tools/list has them all.`;
  return invalidParams(request, message);
}

/** The member of `_meta` that makes calls with the same value one call. */
const IDEMPOTENCY_KEY = "com.stackbilt/idempotencyKey";
const MAX_KEY_LENGTH = 128;

/** The members of a call's `_meta` that the gateway reads, or an error for a malformed key. */
function callMeta(request: McpRequest): CallMeta | Response {
  const { params } = request;
  const { [IDEMPOTENCY_KEY]: idempotencyKey } = envelopeOf(params) ?? {};
  const traceparent = traceparentOf(params);
  if (idempotencyKey === undefined) return { traceparent };
  if (typeof idempotencyKey === "string" && idempotencyKey !== "" && idempotencyKey.length <= MAX_KEY_LENGTH)
    return { traceparent, idempotencyKey };
  const expected = `a string of 1 to ${MAX_KEY_LENGTH} characters`;
  return invalidParams(request, `params._meta["${IDEMPOTENCY_KEY}"] must be ${expected}.`);
}

/** Arguments that a model wrote as JSON text; any other text unchanged. */
function parsed(text: string): unknown {
  try {
    return wellFormed(JSON.parse(text));
  } catch {
    return text;
  }
}

function respond(call: ToolCall): Promise<Response> | Response {
  const { headers, params, session } = call.request;
  const { lost } = call;
  const accepted = acceptedTypes(headers);
  const token = envelopeOf(params)?.progressToken;
  const progressToken = isRequestId(token) ? token : undefined;
  const needsEvents = progressToken !== undefined || session !== undefined || (lost && !accepted.json);
  if (accepted.events && needsEvents) return respondWithStream(call, progressToken);
  if (lost) return jsonStream((stream) => callJson(call, accepted.events ? stream : undefined), lost);
  return accepted.events ? respondSoonOrStream(call) : respondWithJson(call);
}

async function respondWithJson(call: ToolCall): Promise<Response> {
  return jsonResponse(200, await callJson(call));
}

/** The call is cancelled once its client has left `stream`, if given. */
async function callJson(call: ToolCall, stream?: Stream): Promise<string> {
  const { session, id } = call.request;
  const cancellation = cancellationOf(call.request);
  const progress = (session || stream) && progressReporter(undefined, () => stream, cancellation.isCancelled);
  const json = await cancellation.race(run(call, progress));
  return json ?? errorJson({ code: INVALID_REQUEST, message: "This call was cancelled." }, id);
}

function respondWithStream(call: ToolCall, progressToken: RequestId | undefined): Response {
  const cancellation = cancellationOf(call.request);
  function runOnStream(stream: Stream): Promise<string | null> {
    const progress = progressReporter(progressToken, () => stream, cancellation.isCancelled);
    return cancellation.race(run(call, progress, stream));
  }
  return eventStream(runOnStream, call.lost, progressToken === undefined ? undefined : PROGRESS_WAIT_MS);
}

/** JSON if the call ends within `JSON_WAIT_MS`; otherwise a stream that opens then. */
async function respondSoonOrStream(call: ToolCall): Promise<Response> {
  let stream: Stream | undefined;
  const pending = run(
    call,
    progressReporter(undefined, () => stream),
  );
  const { deadlines = new Deadlines() } = call.request;
  const json = await deadlines.within(() => pending, JSON_WAIT_MS);
  if (json !== TIMED_OUT) return jsonResponse(200, json as string); // what `pending` resolves to, or `TIMED_OUT`
  return eventStream(function continueOnStream(opened) {
    stream = opened;
    return pending;
  });
}

/** Runs the call, in the span of its request. */
function run(call: ToolCall, progress?: ProgressCallback, stream?: Stream): Promise<string | null> {
  const running = runUntilOutcome(call, progress, stream);
  return call.request.span?.hold(running) ?? running;
}

/**
 * Runs the call until it has an outcome, with as many input requests over the session as it takes.
 * Returns the JSON of the response; `null` if the client has cancelled the call.
 */
async function runUntilOutcome(call: ToolCall, progress?: ProgressCallback, stream?: Stream): Promise<string | null> {
  const { request, name } = call;
  const { session, traceId } = request;
  const log = session && stream && loggerOf(session, stream);
  let { clientInput } = call;
  let prepared: PreparedCall = call.prepared;
  for (let attempt = 0; attempt < MAX_INPUT_REQUESTS && prepared.state === "ready"; attempt++) {
    const runPrepared = prepared.run.bind(prepared, progress, log, call.lost?.signal);
    const outcome = await orUndefined(request, runPrepared);
    if (outcome === undefined) return internalErrorJson(request);
    if (!("state" in outcome)) {
      log?.(outcome.isError ? "error" : "info", { tool: name, traceId });
      return callResultJson(request, outcome);
    }
    if (outcome.state === "task") return taskJson(request, outcome);
    const next = await requestInput(request, clientInput, outcome, stream);
    if (next === null || typeof next === "string") return next;
    clientInput = next;
    prepared = await call.prepare(next);
  }
  if (prepared.state === "refused") return callResultJson(request, prepared.result);
  logError("mcp.unfinished", { tool: name, traceId });
  return internalErrorJson(request);
}

/** A large value is not written as JSON twice. */
function callResultJson({ id, server, codec, span }: McpRequest, { structuredJson, ...result }: ToolResult): string {
  if (result.isError) span?.fail("tool_error", codeIn(result));
  const { structuredContent, ...rest }: { readonly structuredContent?: object } = codec.toolResult(result);
  const json = JSON.stringify(codec.result(server.features.info, rest)); // it has `content`
  if (structuredContent === undefined) return resultJson(id, json);
  const valueJson = structuredJson ?? JSON.stringify(structuredContent);
  return resultJson(id, `{"structuredContent":${valueJson},${json.slice(1)}`);
}

/** The code of a refusal of the gateway. */
function codeIn({ _meta }: CallToolResult): string | undefined {
  const error = _meta?.["com.stackbilt/error"];
  return isObject(error) && typeof error.code === "string" ? error.code : undefined;
}

interface Cancellation {
  /** Asks the session if the client has cancelled the call. Absent without a session. */
  readonly isCancelled: (() => Promise<boolean>) | undefined;
  /**
   * A cancelled call has no response (2025-11-25, basic/utilities/cancellation): resolves to `null`
   * then.
   */
  race(response: Promise<string | null>): Promise<string | null>;
}

function cancellationOf(request: McpRequest): Cancellation {
  const { session, id } = request;
  const cancelled = Promise.withResolvers<null>();
  async function isCancelled(): Promise<boolean> {
    // If the session cannot be reached, the work continues.
    const reply = await orServiceUnavailable(request, async () => session?.isCancelled(id));
    if (reply === true) cancelled.resolve(null);
    return reply === true;
  }
  return {
    isCancelled: session && isCancelled,
    race: (response) => Promise.race([response, cancelled.promise]),
  };
}
