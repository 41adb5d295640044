// Sessions of the revisions with a handshake (2025-11-25, basic/transports, "Session Management"), as the wire sees them. Who keeps
// them is given by the door.
//
// - A client that can be asked (elicitation, sampling, roots) gets one at `initialize`. All others get none and cost nothing here.
// - A session remembers what the handshake said, and the log level that was set later. It is no credential: the token of each
//   request says who asks, and a session is found only for the person who began it, whichever token they come with.
// - Where a tool goes in rounds, the wire walks them for the client: each question goes out as a request on the response of the call,
//   or, where nobody reads that, on a stream that the client opened with GET. Its answer arrives as a POST of its own, maybe in
//   another isolate; the keeper of the session brings it to the call that waits.
// - A question that is not answered, or with an error, ends the call with an error: nothing is guessed in the client's place.
// - A call that its client cancels hears of it when it next reports progress, and its question is withdrawn at once. Word of it that
//   arrives before the call itself does, or after its end, means nothing.
// - What can be read never changes, so a subscription to a resource is accepted and never has news.
// - A stream that breaks is not resumed: no event ids. So a call whose response broke is not wanted any more, either.
import { describeCrash } from "../../contracts/rpc/crash.ts";
import { inputRequiredJson, supportsRequest } from "./client-input.ts";
import { trimmed } from "./headers.ts";
import {
  errorJson,
  errorResponse,
  INTERNAL_ERROR,
  INVALID_REQUEST,
  isObject,
  isRequestId,
  type Message,
  type RequestId,
} from "./json-rpc.ts";
import { type ClientInput, type InputRequired, type Invalid, LOG_LEVELS, type Log, type LogLevel } from "./port.ts";
import { finish, type HandlerResult, invalid, type McpContext, type McpRequest } from "./request.ts";
import type { Stream } from "./sse.ts";

/** What a handshake said. */
export interface Handshake {
  /** The revision that was agreed on. */
  readonly version: string;
  /** `ClientCapabilities` of the MCP schema: those that a server asks by. */
  readonly capabilities: Readonly<Record<string, unknown>>;
}

/** A session that lives, as one message finds it. Its keeper may be out of reach: then what is asked of it rejects. */
export interface McpSession extends Handshake {
  /** From where on messages are logged to the client. Absent: nothing is. */
  readonly level?: LogLevel | undefined;
  setLevel(level: LogLevel): Promise<void>;
  /** Names for so many requests to the client, whose answers `call` will wait for; none where too many wait already, or it is cancelled. */
  expect(count: number, call: RequestId): Promise<readonly string[]>;
  /** The results that answered these requests; `null` for one answered with an error, `undefined` for one not answered in time. */
  responsesTo(ids: readonly string[]): Promise<readonly (object | null | undefined)[]>;
  /** Hands an answer to whoever waits for it. */
  resolve(id: RequestId, result: object | null): Promise<void>;
  /** Cancels the request with this id, where it is under way, and all that it waits for. */
  cancel(id: RequestId): Promise<void>;
  /** Whether the request with this id was cancelled since the message arrived that found this session. */
  isCancelled(id: RequestId): Promise<boolean>;
  /** Sends one message over one of the streams that the client opened. Answers whether there was any. */
  send(json: string): Promise<boolean>;
  /** Opens such a stream. */
  stream(): Promise<Response>;
  end(): Promise<void>;
}

/** The sessions of one person. */
export interface McpSessions {
  /** Begins one. Answers its id. */
  begin(handshake: Handshake): Promise<string>;
  /** The session with this id; `null` where it has ended, never was, or is somebody else's. */
  find(id: string): Promise<McpSession | null>;
}

export const SESSION_HEADER = "mcp-session-id";
/** What a server can ask for, and what each may say of how. Nothing else of what a client declares is kept. */
const ASKED_BY: Readonly<Record<string, readonly string[]>> = {
  elicitation: ["form", "url"],
  sampling: ["context", "tools"],
  roots: [],
};
/** As ids are made: far shorter than anything that is worth opening. */
const SESSION_ID = /^[A-Za-z0-9_.-]{40,200}$/;
/** Ids of requests that can be cancelled are remembered; no client counts further than this. */
const LONGEST_CANCELLED_LENGTH = 100;
const RETRY_AFTER_SECONDS = 5;

/** What of a client's capabilities a session is for; `null` where there is nothing to ask it for. */
export function sessionCapabilities(version: string, capabilities: unknown): Handshake["capabilities"] | null {
  if (!isObject(capabilities)) return null;
  const declared = Object.entries(ASKED_BY).flatMap(([name, ways]) => {
    const { [name]: value } = capabilities;
    // Elicitation came with 2025-06-18.
    return isObject(value) && (name !== "elicitation" || version !== "2025-03-26")
      ? [[name, Object.fromEntries(ways.flatMap((way) => (isObject(value[way]) ? [[way, {}]] : [])))]]
      : [];
  });
  return declared.length > 0 ? Object.fromEntries(declared) : null;
}

/** The session that a request names, `undefined` where it names none; or the answer that says that it is not there. */
export async function sessionOf(
  headers: Headers,
  around: McpContext,
  id?: RequestId,
): Promise<McpSession | undefined | Response> {
  const named = trimmed(headers, SESSION_HEADER);
  const { sessions } = around;
  if (named === null || !sessions) return undefined;
  if (!SESSION_ID.test(named))
    return errorResponse(400, { code: INVALID_REQUEST, message: "The Mcp-Session-Id is none of ours." }, id);
  const message = "This session has ended, or never was. Send initialize to begin another.";
  return (
    (await orUnavailable(around, () => sessions.find(named), id)) ??
    errorResponse(404, { code: INVALID_REQUEST, message }, id)
  );
}

/** Requests whose session is out of reach, and of which the log says so already. */
const reported = new WeakSet<McpContext>();

/** What `ask` answers; or, where the keeper of the sessions is out of reach, the answer that says so. */
export async function orUnavailable<T>(
  around: McpContext,
  ask: () => Promise<T>,
  id?: RequestId,
): Promise<T | Response> {
  try {
    return await ask();
  } catch (error) {
    const { traceId } = around;
    if (!reported.has(around))
      console.error(JSON.stringify({ event: "session.unreachable", traceId, ...describeCrash(error) }));
    reported.add(around);
    const message = `The session could not be reached just now. Try again in ${RETRY_AFTER_SECONDS} s. Trace id: ${traceId}`;
    const response = errorResponse(
      503,
      { code: INTERNAL_ERROR, message, data: { retryAfterSeconds: RETRY_AFTER_SECONDS } },
      id,
    );
    response.headers.set("retry-after", String(RETRY_AFTER_SECONDS));
    return response;
  }
}

/** Takes in a message that gets no answer. Those that mean nothing here, or nothing any more, are dropped. */
export async function receive(session: McpSession, message: Exclude<Message, { kind: "request" }>): Promise<void> {
  if (message.kind === "response") {
    if (message.id !== null) await session.resolve(message.id, message.result);
  } else if (message.method === "notifications/cancelled") {
    const { requestId } = message.params;
    if (isRequestId(requestId) && String(requestId).length <= LONGEST_CANCELLED_LENGTH) await session.cancel(requestId);
  }
}

/** Answers GET, which opens a stream of a session, and DELETE, which ends one; `undefined` where the request names no session. */
export async function handleSessionRequest(request: Request, around: McpContext): Promise<Response | undefined> {
  const { method, headers } = request;
  if (method !== "GET" && method !== "DELETE") return undefined;
  const session = await sessionOf(headers, around);
  if (!session || session instanceof Response) return session;
  if (method === "DELETE")
    return (await orUnavailable(around, () => session.end())) ?? new Response(null, { status: 204 });
  if (headers.get("accept")?.toLowerCase().includes("text/event-stream"))
    return orUnavailable(around, () => session.stream());
  return errorResponse(406, { code: INVALID_REQUEST, message: "Open a stream with Accept: text/event-stream." });
}

/** Answers one request that only a session has; `undefined` where it is another. */
export async function handleSessionMethod(
  request: McpRequest,
  session: McpSession,
  method: string,
): Promise<HandlerResult | undefined> {
  const { params } = request;
  if (method === "logging/setLevel") {
    const level = LOG_LEVELS.find((known) => known === params.level);
    if (level === undefined) return invalid(request, `params.level is one of ${LOG_LEVELS.join(", ")}.`);
    return (await orUnavailable(request, () => session.setLevel(level), request.id)) ?? finish(request, {});
  }
  const { resources, templates } = request.server.features;
  if (
    (method !== "resources/subscribe" && method !== "resources/unsubscribe") ||
    resources.length + templates.length === 0
  )
    return undefined;
  return typeof params.uri === "string"
    ? finish(request, {})
    : invalid(request, "params.uri is the resource's URI, a string.");
}

/** Logs to the client of a session what it wants to hear. */
export function loggerOf({ level }: McpSession, stream: Stream): Log {
  const least = level === undefined ? Number.POSITIVE_INFINITY : LOG_LEVELS.indexOf(level);
  return (at, data) => {
    if (LOG_LEVELS.indexOf(at) < least) return;
    // What is logged may be lost, and nothing waits for it.
    void stream.notify(
      JSON.stringify({ jsonrpc: "2.0", method: "notifications/message", params: { level: at, data } }),
    );
  };
}

/** What the client of a session says before it was asked anything. */
export function initialClientInput({ capabilities }: McpSession): ClientInput {
  return { capabilities, inputResponses: {}, requestState: undefined };
}

/**
 * What a client says in the next round of its call; or, where there is none, the JSON that answers the call, `null` for one that was
 * cancelled. `said`: in this round.
 */
export async function requestInput(
  request: McpRequest,
  said: ClientInput | undefined,
  paused: InputRequired | Invalid,
  stream: Stream | undefined,
): Promise<ClientInput | string | null> {
  const { session, id, traceId } = request;
  if (!session || paused.state === "invalid") return inputRequiredJson(request, said, paused);
  const { inputRequests, requestState } = paused;
  const { capabilities } = session;
  if (!Object.values(inputRequests).every((request) => supportsRequest(capabilities, request)))
    return inputRequiredJson(request, said, paused);
  try {
    const inputResponses = await ask(session, id, inputRequests, stream);
    if (inputResponses) return { capabilities, inputResponses, requestState };
    if (await session.isCancelled(id)) return null;
  } catch (error) {
    console.error(JSON.stringify({ event: "mcp.unasked", traceId, ...describeCrash(error) }));
  }
  const methods = Object.values(inputRequests).map(({ method }) => method);
  return errorJson(
    { code: INVALID_REQUEST, message: `This takes your client's answer to ${methods.join(", ")}, which did not come.` },
    id,
  );
}

/** Asks for all of this at once. Answers `null` where something of it stays unanswered. */
async function ask(
  session: McpSession,
  call: RequestId,
  requests: InputRequired["inputRequests"],
  stream: Stream | undefined,
): Promise<ClientInput["inputResponses"] | null> {
  const names = Object.keys(requests);
  const ids = await session.expect(names.length, call);
  if (ids.length < names.length) return null;
  const send = async (message: object) => {
    const json = JSON.stringify({ jsonrpc: "2.0", ...message });
    return (await stream?.notify(json)) || session.send(json);
  };
  for (const [at, request] of Object.values(requests).entries())
    if (!(await send({ id: ids[at], ...request }))) return null;
  const results = await session.responsesTo(ids);
  // Nobody needs to answer these any more (2025-11-25, basic/utilities/cancellation).
  for (const [at, result] of results.entries()) {
    if (result === undefined) await send({ method: "notifications/cancelled", params: { requestId: ids[at] } });
  }
  const answered = names.map((name, at) => [name, results[at]] as const);
  return answered.every(([, result]) => isObject(result))
    ? (Object.fromEntries(answered) as ClientInput["inputResponses"])
    : null; // just looked at
}
