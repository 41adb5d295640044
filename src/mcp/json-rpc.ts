// JSON-RPC 2.0 as MCP uses it over HTTP: one UTF-8 body for each POST. Error codes: JSON-RPC 2.0
// section 5.1, and those that MCP 2026-07-28 adds.
import { wellFormed } from "../../contracts/rpc/well-formed.ts";
import { readBody } from "../limits/bounded-read.ts";
import { isWithin, type ValueLimits } from "../limits/bounded-value.ts";
import type { Overrun } from "../limits/rate-limits.ts";

export const PARSE_ERROR = -32700;
export const INVALID_REQUEST = -32600;
export const METHOD_NOT_FOUND = -32601;
export const INVALID_PARAMS = -32602;
export const INTERNAL_ERROR = -32603;
/** Before 2026-07-28. */
export const RESOURCE_NOT_FOUND = -32002;
export const HEADER_MISMATCH = -32020;
export const MISSING_CAPABILITY = -32021;
export const UNSUPPORTED_VERSION = -32022;

export type RequestId = string | number;
export type Params = Readonly<Record<string, unknown>>;

export interface JsonRpcRequest {
  readonly kind: "request";
  readonly id: RequestId;
  readonly method: string;
  readonly params: Params;
}

export interface JsonRpcNotification {
  readonly kind: "notification";
  readonly method: string;
  readonly params: Params;
}

export interface JsonRpcResponse {
  readonly kind: "response";
  /** `null` if the response has no valid id. */
  readonly id: RequestId | null;
  /** `null` for an error, and for a result that is not an object. */
  readonly result: object | null;
}

/** One incoming message. Only its shape has been checked. */
export type Message = JsonRpcRequest | JsonRpcNotification | JsonRpcResponse;

/** Several messages in one array, unchecked. */
export interface Batch {
  readonly kind: "batch";
  readonly members: readonly unknown[];
}

/** `Error` of JSON-RPC. */
export interface ProtocolError {
  readonly code: number;
  readonly message: string;
  readonly data?: object;
}

/** The largest body that `/mcp` accepts, in bytes. */
export const MAX_BODY_BYTES = 1024 * 1024;
/** Larger than clients need. Beyond it, recursive code could overflow the stack. */
const BODY_LIMITS: ValueLimits = { depth: 64, values: 10_000 };
/** `_meta`, with the client's capabilities. */
const META_LIMITS: ValueLimits = { depth: 10, values: 500, characters: 16_384 };
/** Ids and progress tokens are repeated in responses. Clients use counters or UUIDs. */
const MAX_ID_LENGTH = 1_024;
/** The escape of a surrogate, half of a pair or alone. Bodies without one need no repair. */
const SURROGATE_ESCAPE = /\\ud[89a-f]/i;

/** An error response. `id` is absent if the request's own could not be read. */
export function errorResponse(status: number, error: ProtocolError, id?: RequestId): Response {
  return jsonResponse(status, errorJson(error, id));
}

/** The body of an error response. */
export function errorJson(error: ProtocolError, id?: RequestId): string {
  return JSON.stringify({ jsonrpc: "2.0", ...(id === undefined ? {} : { id }), error });
}

/** The body of a success response. `result` is JSON already. */
export function resultJson(id: RequestId, result: string): string {
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`;
}

export function jsonResponse(status: number, json: string): Response {
  return new Response(json, { status, headers: { "content-type": "application/json", "cache-control": "no-store" } });
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** A `charset` parameter other than UTF-8, the only encoding of JSON (RFC 8259 section 8.1). */
const FOREIGN_CHARSET = /;\s*charset\s*=\s*(?!"?utf-?8"?\s*(?:;|$))/i;

/** The message or batch of a request, or the error response for a body that is neither. */
export async function readMessage(request: Request): Promise<Message | Batch | Response> {
  if (!isJson(request.headers.get("content-type") ?? "")) {
    return errorResponse(415, {
      code: INVALID_REQUEST,
      message: "Send the message as Content-Type: application/json, in UTF-8.",
    });
  }
  const bytes = await readBody(request, MAX_BODY_BYTES);
  if (bytes === null) return tooLarge();
  let text: string;
  let body: unknown;
  try {
    text = utf8.decode(bytes);
    body = JSON.parse(text);
  } catch {
    return errorResponse(400, { code: PARSE_ERROR, message: "The body must be valid JSON in UTF-8." });
  }
  if (!isWithin(body, BODY_LIMITS))
    return invalidRequest("The message is nested too deeply or contains too many values.");
  if (text.includes("\\u") && SURROGATE_ESCAPE.test(text)) body = wellFormed(body);
  return Array.isArray(body) ? { kind: "batch", members: body } : messageOf(body);
}

function isJson(type: string): boolean {
  if (type === "application/json") return true;
  return type.split(";", 1)[0]?.trim().toLowerCase() === "application/json" && !FOREIGN_CHARSET.test(type);
}

/** 413: the body is over the limit. */
export function tooLarge(): Response {
  return errorResponse(413, { code: INVALID_REQUEST, message: `The body is larger than ${MAX_BODY_BYTES} bytes.` });
}

/** 429: a rate limit is exceeded. `id` is absent if the body has not been read. */
export function tooManyRequests({ message, retryAfterSeconds, limit }: Overrun, id?: RequestId): Response {
  const response = errorResponse(429, { code: INVALID_REQUEST, message, data: { retryAfterSeconds, limit } }, id);
  response.headers.set("retry-after", String(retryAfterSeconds));
  return response;
}

/** One message, or the error response for a body that is not one. */
export function messageOf(body: unknown): Message | Response {
  if (!isObject(body) || body.jsonrpc !== "2.0")
    return invalidRequest('A message must be a JSON object with "jsonrpc": "2.0".');
  const { method, params } = body;
  const id = idOf(body);
  if (method === undefined && ("result" in body || "error" in body)) {
    return { kind: "response", id: isRequestId(id) ? id : null, result: isObject(body.result) ? body.result : null };
  }
  if (id !== undefined && !isRequestId(id))
    return invalidRequest(`id must be an integer, or a string of at most ${MAX_ID_LENGTH} characters.`);
  if (typeof method !== "string" || method === "") return invalidRequest("method must be a non-empty string.", id);
  const given = params ?? {};
  if (!isObject(given)) return invalidRequest("params must be a JSON object.", id);
  const present = presentParams(given);
  if (!isWithin(present._meta, META_LIMITS)) return invalidRequest("params._meta is too large.", id);
  return id === undefined
    ? { kind: "notification", method, params: present }
    : { kind: "request", id, method, params: present };
}

/**
 * The id of a message. A notification's `null` is no id, as some libraries write it; a request's
 * stays, and is refused (MCP 2026-07-28, basic/index).
 */
function idOf({ id, method }: Readonly<Record<string, unknown>>): unknown {
  return id === null && typeof method === "string" && method.startsWith("notifications/") ? undefined : id;
}

/** The params without members that are `null`, also in `_meta`. */
function presentParams(params: Params): Params {
  const { _meta: meta } = params;
  const present = withoutNulls(params);
  return isObject(meta) && hasNull(meta) ? { ...present, _meta: withoutNulls(meta) } : present;
}

/** The object without members that are `null`, as many clients write an absent member. */
export function withoutNulls(object: Params): Params {
  return hasNull(object) ? Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null)) : object;
}

function hasNull(object: Params): boolean {
  return Object.values(object).includes(null);
}

/** 400: the body is not a JSON-RPC message, or not one that is allowed here. */
export function invalidRequest(message: string, id?: RequestId): Response {
  return errorResponse(400, { code: INVALID_REQUEST, message }, id);
}

/** True for a short string or an integer, never for `null` (MCP 2026-07-28, basic/index). */
export function isRequestId(id: unknown): id is RequestId {
  return typeof id === "string" ? id.length <= MAX_ID_LENGTH : Number.isSafeInteger(id);
}

/** True for a plain JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
