// JSON-RPC 2.0 as MCP uses it over HTTP: one body a POST, UTF-8, and answers whose bytes are made once.
// Error codes: JSON-RPC 2.0 section 5.1, and those that MCP 2026-07-28 adds.
import { readUpTo } from "../limits/bounded-read.ts";

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

/** One incoming message, its shape checked and nothing more. */
export type Message =
  | { readonly kind: "request"; readonly id: RequestId; readonly method: string; readonly params: Params }
  | { readonly kind: "notification"; readonly method: string; readonly params: Params }
  /** Without a `result`: it is an error, or nothing that can be read. */
  | { readonly kind: "response"; readonly id: RequestId | null; readonly result: object | null };

/** Several messages in one array. Nothing is known of them yet. */
export interface Batch {
  readonly kind: "batch";
  readonly members: readonly unknown[];
}

export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: object;
}

/** The most that `/mcp` reads, in bytes. */
export const MAX_BODY_BYTES = 1024 * 1024;
/** Deeper or larger structures than any client sends: recursive code would run out of stack on them. */
const MAX_DEPTH = 64;
const MAX_NODES = 10_000;

/** An error answer. `id` is left out where the request's own could not be read. */
export function errorResponse(status: number, error: RpcError, id?: RequestId): Response {
  return jsonResponse(status, errorJson(error, id));
}

/** The bytes of an error answer. */
export function errorJson(error: RpcError, id?: RequestId): string {
  return JSON.stringify({ jsonrpc: "2.0", ...(id === undefined ? {} : { id }), error });
}

/** The bytes of a success answer around a result that is already JSON. */
export function resultJson(id: RequestId, result: string): string {
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`;
}

/** An answer of ready JSON. */
export function jsonResponse(status: number, json: string): Response {
  return new Response(json, { status, headers: { "content-type": "application/json", "cache-control": "no-store" } });
}

/** A charset other than the one that JSON has (RFC 8259 section 8.1), among the parameters of a media type. */
const FOREIGN_CHARSET = /;\s*charset\s*=\s*(?!"?utf-?8"?\s*(?:;|$))/i;

/** The request's message or batch, or the answer that says why there is none. */
export async function readMessage(request: Request): Promise<Message | Batch | Response> {
  const type = request.headers.get("content-type") ?? "";
  if (type.split(";", 1)[0]?.trim().toLowerCase() !== "application/json" || FOREIGN_CHARSET.test(type)) {
    return errorResponse(415, {
      code: INVALID_REQUEST,
      message: "Send the message as Content-Type: application/json, in UTF-8.",
    });
  }
  const bytes = await bytesOf(request);
  if (bytes === null) return tooLarge();
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch {
    return errorResponse(400, { code: PARSE_ERROR, message: "The body is not valid JSON in UTF-8." });
  }
  if (!isBounded(body)) return invalidRequest("The message is nested too deeply or has too many parts.");
  return Array.isArray(body) ? { kind: "batch", members: body } : messageOf(body);
}

/** The body; `null` where it is over the limit. A length that is announced is one that the transport keeps to. */
async function bytesOf(request: Request): Promise<ArrayBuffer | Uint8Array | null> {
  const announced = request.headers.get("content-length") ?? "";
  if (!/^\d+$/.test(announced) || Number(announced) > MAX_BODY_BYTES) return readUpTo(request.body, MAX_BODY_BYTES);
  const bytes = await request.arrayBuffer();
  return bytes.byteLength > MAX_BODY_BYTES ? null : bytes;
}

/** The answer to a body over the limit. */
export function tooLarge(): Response {
  return errorResponse(413, { code: INVALID_REQUEST, message: `The body is larger than ${MAX_BODY_BYTES} bytes.` });
}

/** The answer to whoever asks too often. It names no request where nothing has been read. */
export function tooManyRequests(retryAfterSeconds: number, id?: RequestId): Response {
  const message = `Too many requests. Try again in ${retryAfterSeconds} s.`;
  const response = errorResponse(429, { code: INVALID_REQUEST, message, data: { retryAfterSeconds } }, id);
  response.headers.set("retry-after", String(retryAfterSeconds));
  return response;
}

/** One message, or the answer that says what is wrong with it. */
export function messageOf(body: unknown): Message | Response {
  if (!isObject(body) || body.jsonrpc !== "2.0")
    return invalidRequest('A message is a JSON object with "jsonrpc": "2.0".');
  const { id, method, params = {} } = body;
  if (method === undefined && ("result" in body || "error" in body)) {
    return { kind: "response", id: isRequestId(id) ? id : null, result: isObject(body.result) ? body.result : null };
  }
  if (id !== undefined && !isRequestId(id)) return invalidRequest("An id is a string or an integer.");
  if (typeof method !== "string" || method === "") return invalidRequest("A request names its method.", id);
  if (!isObject(params)) return invalidRequest("params is a JSON object.", id);
  return id === undefined ? { kind: "notification", method, params } : { kind: "request", id, method, params };
}

/** The answer to what is no request of JSON-RPC, or none that may come like this. */
export function invalidRequest(message: string, id?: RequestId): Response {
  return errorResponse(400, { code: INVALID_REQUEST, message }, id);
}

/** A string or an integer; never `null` (MCP 2026-07-28, basic/index). */
export function isRequestId(id: unknown): id is RequestId {
  return typeof id === "string" || Number.isSafeInteger(id);
}

/** A plain JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Walks without recursion, since the structure is what may be too deep for it. */
function isBounded(root: unknown): boolean {
  let level: unknown[] = [root];
  let nodes = 0;
  for (let depth = 0; level.length > 0; depth++) {
    nodes += level.length;
    if (depth > MAX_DEPTH || nodes > MAX_NODES) return false;
    const next: unknown[] = [];
    for (const value of level) {
      if (typeof value !== "object" || value === null) continue;
      for (const child of Array.isArray(value) ? value : Object.values(value)) next.push(child);
    }
    level = next;
  }
  return true;
}
