// Revision 2026-07-28: every request stands alone, names its version and capabilities in `_meta`, and repeats in headers what a
// proxy needs to route it. The body is the truth; a header that disagrees is refused.

import { CAPABILITIES_KEY, envelopeOf, MODERN_VERSIONS, unsupportedVersion, VERSION_KEY } from "./era.ts";
import type { Host, Offer, ScopeNeeded } from "./host.ts";
import {
  errorResponse,
  HEADER_MISMATCH,
  INVALID_PARAMS,
  isObject,
  jsonResponse,
  METHOD_NOT_FOUND,
  type Message,
  resultJson,
} from "./json-rpc.ts";
import { callTool, listTools } from "./tools.ts";

/** How long a client may keep a list, in milliseconds: the catalog changes only with a deployment. */
const LIST_TTL_MS = 300_000;
/** Params whose value a request repeats in `Mcp-Name`. */
const NAMED_BY: Readonly<Record<string, string>> = { "tools/call": "name", "prompts/get": "name", "resources/read": "uri" };

/** Answers one request of the modern era. */
export async function answerModern(
  request: Request,
  message: Message & { kind: "request" },
  { offer, openTool }: Host,
): Promise<Response | ScopeNeeded> {
  const { id, method, params } = message;
  const refused = envelopeProblem(request, message);
  if (refused) return refused;
  switch (method) {
    case "server/discover":
      return jsonResponse(200, resultJson(id, ready(offer).discover));
    case "tools/list":
      return listTools(id, params, ready(offer).list);
    case "tools/call":
      return callTool(request, id, params, openTool, ({ _meta: meta, ...result }) => complete(offer, result, meta));
    default:
      return errorResponse(404, { code: METHOD_NOT_FOUND, message: "This method is not served here." }, id);
  }
}

/** The validation ladder up to the method, in the order that the official clients expect. */
function envelopeProblem(request: Request, { id, method, params }: Message & { kind: "request" }): Response | null {
  const meta = envelopeOf(params) ?? {};
  const version = meta[VERSION_KEY];
  const malformed = (key: string, what: string) =>
    errorResponse(400, { code: INVALID_PARAMS, message: `params._meta["${key}"] ${what}.` }, id);
  if (typeof version !== "string") return malformed(VERSION_KEY, "is the protocol version, a string");
  if (!isObject(meta[CAPABILITIES_KEY])) return malformed(CAPABILITIES_KEY, "is required: an object, {} where there are none");
  const mismatch = (header: string, expected: string) =>
    errorResponse(400, { code: HEADER_MISMATCH, message: `The header ${header} must be present and equal ${expected} of the body.` }, id);
  if (trimmed(request, "mcp-protocol-version") !== version) return mismatch("MCP-Protocol-Version", `params._meta["${VERSION_KEY}"]`);
  if (!MODERN_VERSIONS.includes(version)) return unsupportedVersion(version, id);
  if (trimmed(request, "mcp-method") !== method) return mismatch("Mcp-Method", "method");
  const source = Object.hasOwn(NAMED_BY, method) ? NAMED_BY[method] : undefined;
  if (source !== undefined && typeof params[source] === "string" && decoded(trimmed(request, "mcp-name")) !== params[source]) {
    return mismatch("Mcp-Name", `params.${source}`);
  }
  return null;
}

/** A header's value without optional white space (RFC 9110 section 5.5). */
function trimmed(request: Request, header: string): string | null {
  return request.headers.get(header)?.trim() ?? null;
}

const BASE64_SENTINEL = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/;

/** A header's value with its base64 form undone; `null` where that form is malformed. */
function decoded(value: string | null): string | null {
  if (value === null || !value.startsWith("=?base64?") || !value.endsWith("?=")) return value;
  const encoded = BASE64_SENTINEL.exec(value)?.[1];
  if (encoded === undefined || encoded.length % 4 !== 0) return null;
  try {
    const bytes = Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** A finished result, with the marks that every result of this era carries. */
function complete(offer: Offer, result: object, meta: object = {}): object {
  return { resultType: "complete", ...result, _meta: { ...meta, "io.modelcontextprotocol/serverInfo": offer.info } };
}

/** Answers that are the same for every request, as JSON, made once an isolate. */
const readyAnswers = new WeakMap<Offer, { discover: string; list: string }>();

function ready(offer: Offer): { discover: string; list: string } {
  const known = readyAnswers.get(offer);
  if (known) return known;
  const cached = { ttlMs: LIST_TTL_MS, cacheScope: "private" };
  const { instructions, tools } = offer;
  const answers = {
    discover: JSON.stringify(complete(offer, { supportedVersions: MODERN_VERSIONS, capabilities: { tools: {} }, instructions, ...cached })),
    list: JSON.stringify(complete(offer, { tools, ...cached })),
  };
  readyAnswers.set(offer, answers);
  return answers;
}
