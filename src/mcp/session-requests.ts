// Messages of a client that belong to a session: lookup by Mcp-Session-Id, the methods that only
// sessions have, notifications and responses, and GET and DELETE of the endpoint.
import { logCrash } from "../../contracts/log.ts";
import { TIMED_OUT, withDeadline } from "../../contracts/rpc/deadlines.ts";
import { isWithin } from "../limits/bounded-value.ts";
import { RESPONSE_LIMITS } from "./client-input.ts";
import { headerValue } from "./headers.ts";
import {
  errorResponse,
  INTERNAL_ERROR,
  INVALID_REQUEST,
  isRequestId,
  type JsonRpcNotification,
  type JsonRpcResponse,
  type RequestId,
} from "./json-rpc.ts";
import { type HandlerResult, invalidParams, type McpContext, type McpRequest, resultResponse } from "./request.ts";
import { LOG_LEVELS } from "./schema.ts";
import { type McpSession, SESSION_HEADER } from "./session.ts";
import { whileAllowed } from "./sse.ts";

/** The form of our ids. Much shorter than a value that would be expensive to unseal. */
const SESSION_ID = /^[A-Za-z0-9_.-]{40,200}$/;
/** Ids of cancelled requests are stored. Clients use counters or UUIDs, which are far shorter. */
const MAX_CANCELLED_ID_LENGTH = 100;
const RETRY_AFTER_SECONDS = 5;
/** The longest wait for the object of a session. */
const SESSION_TIMEOUT_MS = 5_000;

/**
 * The session that the headers name; `undefined` if they name none. 404 for a name without a
 * session, whatever its form: a client then starts anew (2025-11-25, basic/transports, "Session
 * Management"), which no other status tells it to do.
 */
export async function sessionOf(
  headers: Headers,
  context: McpContext,
  id?: RequestId,
): Promise<McpSession | undefined | Response> {
  const sessionId = headerValue(headers, SESSION_HEADER);
  const { sessions } = context;
  if (sessionId === null || !sessions) return undefined;
  const find = async () => (SESSION_ID.test(sessionId) ? sessions.find(sessionId) : null);
  const session = await orServiceUnavailable(context, find, id);
  if (session !== null) return session;
  const message = "This session has ended or does not exist. Send initialize to start a new one.";
  return errorResponse(404, { code: INVALID_REQUEST, message }, id);
}

/** Requests whose unavailable session is in the log already. */
const reported = new WeakSet<McpContext>();

/**
 * The value of `work`, or a 503 response if it throws or hangs. Logs once for each request, unlike
 * `orUnavailable` of context.ts: a call checks for cancellation at each progress report.
 */
export async function orServiceUnavailable<T>(
  context: McpContext,
  work: () => Promise<T>,
  id?: RequestId,
): Promise<T | Response> {
  try {
    const value = await withDeadline(work, SESSION_TIMEOUT_MS);
    if (value === TIMED_OUT) throw new Error("The session did not answer in time.");
    return value as T; // the value of `work`, or `TIMED_OUT`
  } catch (error) {
    const { traceId } = context;
    if (!reported.has(context)) logCrash("mcp.session_unavailable", { traceId }, error);
    reported.add(context);
    return sessionUnavailable(traceId, id);
  }
}

function sessionUnavailable(traceId: string, id?: RequestId): Response {
  const message = `The session is temporarily unavailable. Try again in ${RETRY_AFTER_SECONDS} s. Trace id: ${traceId}`;
  const response = errorResponse(
    503,
    { code: INTERNAL_ERROR, message, data: { retryAfterSeconds: RETRY_AFTER_SECONDS } },
    id,
  );
  response.headers.set("retry-after", String(RETRY_AFTER_SECONDS));
  return response;
}

/** Receives a message that has no response. One without effect on the session is ignored. */
export async function receive(session: McpSession, message: JsonRpcNotification | JsonRpcResponse): Promise<void> {
  if (message.kind === "response") {
    const result = isWithin(message.result, RESPONSE_LIMITS) ? message.result : null;
    if (message.id !== null) await session.resolve(message.id, result);
  } else if (message.method === "notifications/cancelled") {
    const { requestId } = message.params;
    if (isRequestId(requestId) && String(requestId).length <= MAX_CANCELLED_ID_LENGTH) await session.cancel(requestId);
  }
}

/** Handles GET, which opens a stream, and DELETE, which ends the session, if there is a session. */
export async function handleSessionRequest(request: Request, context: McpContext): Promise<Response | undefined> {
  const { method, headers } = request;
  if (method !== "GET" && method !== "DELETE") return undefined;
  const session = await sessionOf(headers, context);
  if (!session || session instanceof Response) return session;
  if (method === "DELETE")
    return (await orServiceUnavailable(context, () => session.end())) ?? new Response(null, { status: 204 });
  if (headers.get("accept")?.toLowerCase().includes("text/event-stream"))
    return orServiceUnavailable(context, () => openStream(session, context));
  return errorResponse(406, { code: INVALID_REQUEST, message: "To open a stream, send Accept: text/event-stream." });
}

/** A stream of the session that ends with the credential that opened it. */
async function openStream(session: McpSession, context: McpContext): Promise<Response> {
  const stream = await session.stream();
  return context.isAllowed ? whileAllowed(stream, context.isAllowed) : stream;
}

/** Handles a method that only sessions have; `undefined` for any other method. */
export async function handleSessionMethod(
  request: McpRequest,
  session: McpSession,
  method: string,
): Promise<HandlerResult | undefined> {
  switch (method) {
    case "logging/setLevel":
      return setLevel(request, session);
    case "resources/subscribe":
    case "resources/unsubscribe":
      return subscribe(request);
  }
}

async function setLevel(request: McpRequest, session: McpSession): Promise<Response> {
  const level = LOG_LEVELS.find((known) => known === request.params.level);
  if (level === undefined) return invalidParams(request, `params.level must be one of ${LOG_LEVELS.join(", ")}.`);
  return (
    (await orServiceUnavailable(request, () => session.setLevel(level), request.id)) ?? resultResponse(request, {})
  );
}

/** Accepts a subscription. It never produces a notification: resources do not change. */
function subscribe(request: McpRequest): Response | undefined {
  const { resources, templates } = request.server.features;
  if (resources.length + templates.length === 0) return undefined;
  return typeof request.params.uri === "string"
    ? resultResponse(request, {})
    : invalidParams(request, "params.uri must be a string, the URI of a resource.");
}
