// One request on its way to its one answer, and what the answers of its revision look like. What a method does is the same in every
// revision; a codec says how its result is written down.
import { TIMED_OUT, withDeadline } from "../../contracts/rpc/call.ts";
import { describeCrash } from "../../contracts/rpc/crash.ts";
import { isTraceparent } from "../context.ts";
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
import type { CallToolResult, Implementation, McpServer, ScopeNeeded, ServerFeatures } from "./port.ts";
import type { McpSession, McpSessions } from "./session.ts";

/** What the door knows of a request beside its server. */
export interface McpContext {
  /** What a person quotes and the log is searched for. */
  readonly traceId: string;
  /** Counts one more piece of work. Answers 0, or the whole seconds to wait. */
  admit(): Promise<number>;
  /** The sessions of whoever sent the request. Absent: none are kept. */
  readonly sessions?: McpSessions;
}

/** How one revision writes things down. */
export interface Codec {
  /** No two codecs share it. */
  readonly name: string;
  readonly resourceNotFound: number;
  /** Whether a request may be answered with a wish for more, and come again with it. */
  readonly supportsInputRequired: boolean;
  /** A finished result. `ttlMs`: how long the client may keep it, where it may. */
  result(info: Implementation, result: object, ttlMs?: number): object;
  /** A tool, prompt, resource or template as it is listed; also the server's own `Implementation`. */
  entry(entry: object): object;
  /** One block of content. */
  block(block: object): object;
  /** What a tool call ended with. */
  called(result: CallToolResult): object;
}

/** One request, its envelope checked. */
export interface McpRequest extends McpContext {
  readonly headers: Headers;
  readonly id: RequestId;
  readonly params: Params;
  readonly server: McpServer;
  readonly codec: Codec;
  /** The session that the request belongs to. */
  readonly session?: McpSession | undefined;
}

export type HandlerResult = Response | ScopeNeeded;
export type Method = (request: McpRequest) => HandlerResult | Promise<HandlerResult>;

/** A method that has somebody work: how often, the plan of who asks says. */
export function work(method: Method): Method {
  return async (request) => {
    const retryAfterSeconds = await request.admit();
    return retryAfterSeconds > 0 ? tooManyRequests(retryAfterSeconds, request.id) : method(request);
  };
}

/** Answers with a result. `ttlMs`: how long the client may keep it, where it may. */
export function finish({ id, server, codec }: McpRequest, result: object, ttlMs?: number): Response {
  return jsonResponse(200, resultJson(id, JSON.stringify(codec.result(server.features.info, result, ttlMs))));
}

/** Answers with an error of the method itself. Its status is 200 in every revision: the message arrived and was understood. */
export function refuse({ id }: McpRequest, code: number, message: string, data?: object): Response {
  return jsonResponse(200, errorJson({ code, message, ...(data && { data }) }, id));
}

/** Answers that params do not fit. */
export function invalid(request: McpRequest, message: string, data?: object): Response {
  return refuse(request, INVALID_PARAMS, message, data);
}

/** Results that never change while an features lives, as JSON, by codec and method. */
const ready = new WeakMap<ServerFeatures, Map<string, string>>();

/** Answers with a result that is the same for everybody who has this features. It is made once. */
export function finishReady(
  { id, server: { features }, codec }: McpRequest,
  name: string,
  make: () => object,
  ttlMs?: number,
): Response {
  const made = ready.get(features) ?? new Map<string, string>();
  ready.set(features, made);
  const key = `${codec.name} ${name}`;
  const json = made.get(key) ?? JSON.stringify(codec.result(features.info, make(), ttlMs));
  made.set(key, json);
  return jsonResponse(200, resultJson(id, json));
}

/** The longest that any work may hold up its answer, in milliseconds. Whoever does the work has shorter limits of their own. */
const LAST_DEADLINE_MS = 90_000;

/** What `work` answers; `undefined` where it threw or did not end, which is logged here. */
export async function orUndefined<T extends object | null>(
  { traceId }: McpRequest,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    const done = await withDeadline(work, LAST_DEADLINE_MS);
    if (done !== TIMED_OUT) return done as T; // `withDeadline` answers what `work` did, or `TIMED_OUT`
    console.error(JSON.stringify({ event: "mcp.late", traceId, timeoutMs: LAST_DEADLINE_MS }));
  } catch (error) {
    console.error(JSON.stringify({ event: "mcp.crashed", traceId, ...describeCrash(error) }));
  }
  return undefined;
}

/** The answer where `attempt` has none. */
export function failureJson({ id, traceId }: McpRequest): string {
  return errorJson({ code: INTERNAL_ERROR, message: `Something went wrong here. Trace id: ${traceId}` }, id);
}

/** The trace that the message itself names, if it is one (2026-07-28, basic/index: `_meta` carries W3C Trace Context). */
export function traceparentOf(params: Params): string | undefined {
  const traceparent = envelopeOf(params)?.traceparent;
  return isTraceparent(traceparent) ? traceparent : undefined;
}
