// One MCP request and the responses that its handler may return.
import { logError } from "../../contracts/log.ts";
import { Deadlines, TIMED_OUT } from "../../contracts/rpc/deadlines.ts";
import { isTraceparent, orUnavailable, type Tracing } from "../context.ts";
import type { Codec } from "./codec.ts";
import { envelopeOf } from "./era.ts";
import {
  errorJson,
  INTERNAL_ERROR,
  INVALID_PARAMS,
  jsonResponse,
  type Params,
  type RequestId,
  resultJson,
  tooManyRequests,
} from "./json-rpc.ts";
import type { McpServer, RateLimited, ScopeNeeded, ServerFeatures } from "./port.ts";
import type { McpSession, McpSessions } from "./session.ts";

/** The entrypoint's part of a request: trace and sessions of the user. */
export interface McpContext {
  /** Error messages quote it; logs and audit records are searched by it. */
  readonly traceId: string;
  /** The user's sessions. Absent: the server is stateless. */
  readonly sessions?: McpSessions;
  /** True while the credential of the request is valid. A long stream asks again. Never rejects. */
  readonly isAllowed?: () => Promise<boolean>;
  /** The platform's traces. Absent: no spans. */
  readonly tracing?: Tracing | undefined;
  /** Of everything that the request waits for. Absent: each wait has a timer of its own. */
  readonly deadlines?: Deadlines;
}

/** One POST to the endpoint: the parts that are common to all of its messages. */
export interface Incoming {
  readonly headers: Headers;
  /** The `MCP-Protocol-Version` header; `null` if it is absent. */
  readonly version: string | null;
  readonly server: McpServer;
  readonly context: McpContext;
}

/** The span of one request in the platform's traces. */
export interface RequestSpan {
  /** Marks the request as failed. `code`: of the gateway, beside that of the protocol. */
  fail(errorType: string, code?: string): void;
  /** Ends the span with `work`, which continues after the handler. */
  hold<T>(work: Promise<T>): Promise<T>;
}

/** One request whose envelope is valid. */
export interface McpRequest extends McpContext {
  readonly headers: Headers;
  readonly id: RequestId;
  readonly params: Params;
  readonly server: McpServer;
  readonly codec: Codec;
  /** The session that the request names. */
  readonly session?: McpSession | undefined;
  /** Present if the request has a span. */
  readonly span?: RequestSpan;
}

export type HandlerResult = Response | ScopeNeeded;
export type MethodHandler = (request: McpRequest) => HandlerResult | Promise<HandlerResult>;

/** The error for a request over a limit. */
export function rateLimited({ id }: McpRequest, over: RateLimited): Response {
  return tooManyRequests(over, id);
}

/** A result. `ttlMs`: how long the client may cache it, in revisions that have caching. */
export function resultResponse({ id, server, codec }: McpRequest, result: object, ttlMs?: number): Response {
  return jsonResponse(200, resultJson(id, JSON.stringify(codec.result(server.features.info, result, ttlMs))));
}

/** An error of the method itself. Status 200 in every revision: HTTP delivered the message. */
export function methodError({ id, span }: McpRequest, code: number, message: string, data?: object): Response {
  span?.fail(String(code));
  return jsonResponse(200, errorJson({ code, message, ...(data && { data }) }, id));
}

/** The error for invalid params. */
export function invalidParams(request: McpRequest, message: string, data?: object): Response {
  return methodError(request, INVALID_PARAMS, message, data);
}

/** Constant results as JSON, by codec and name. */
const constantResults = new WeakMap<ServerFeatures, Map<string, string>>();

/** A result that is constant for these features. `make` runs once for each codec and `name`. */
export function cachedResultResponse(
  { id, server: { features }, codec }: McpRequest,
  name: string,
  make: () => object,
  ttlMs?: number,
): Response {
  const cached = constantResults.get(features) ?? new Map<string, string>();
  constantResults.set(features, cached);
  const key = `${codec.name} ${name}`;
  const json = cached.get(key) ?? JSON.stringify(codec.result(features.info, make(), ttlMs));
  cached.set(key, json);
  return jsonResponse(200, resultJson(id, json));
}

/** The longest that work may delay its response, in milliseconds. Backend calls have less. */
const LAST_DEADLINE_MS = 90_000;

/** The value of `work`; `undefined` if it threw or missed the last deadline, which is logged. */
export async function orUndefined<T extends object | null>(
  { traceId, deadlines = new Deadlines() }: McpRequest,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const beforeDeadline = () => deadlines.within(work, LAST_DEADLINE_MS);
  const value = await orUnavailable({ traceId }, "mcp.crashed", {}, beforeDeadline);
  if (value === "unavailable") return undefined;
  if (value !== TIMED_OUT) return value as T; // the value of `work`, or `TIMED_OUT`
  logError("mcp.timeout", { traceId, timeoutMs: LAST_DEADLINE_MS });
  return undefined;
}

/** The error for work without a value: see `orUndefined`. */
export function internalErrorJson({ id, traceId, span }: McpRequest): string {
  span?.fail(String(INTERNAL_ERROR));
  return errorJson({ code: INTERNAL_ERROR, message: `An internal error occurred. Trace id: ${traceId}` }, id);
}

/** The W3C Trace Context of the message's `_meta`, if it is valid (2026-07-28, basic/index). */
export function traceparentOf(params: Params): string | undefined {
  const traceparent = envelopeOf(params)?.traceparent;
  return isTraceparent(traceparent) ? traceparent : undefined;
}
