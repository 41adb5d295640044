// Revision 2026-07-28: every request stands alone, names its version and capabilities in `_meta`, and repeats in headers what a
// proxy needs to route it. The body is the truth; a header that disagrees is refused.
import { CAPABILITIES_KEY, envelopeOf, MODERN_VERSIONS, unsupportedVersion, VERSION_KEY } from "./era.ts";
import { decoded, trimmed } from "./headers.ts";
import {
  errorResponse,
  HEADER_MISMATCH,
  INVALID_PARAMS,
  isObject,
  METHOD_NOT_FOUND,
  type Message,
} from "./json-rpc.ts";
import { capabilitiesOf, extensionsOf, LIST_TTL_MS, sharedMethod } from "./methods.ts";
import { unequalHeader } from "./param-headers.ts";
import { LOG_LEVELS, type McpServer } from "./port.ts";
import {
  type Codec,
  finishReady,
  type HandlerResult,
  type McpContext,
  type McpRequest,
  type Method,
} from "./request.ts";
import { listen } from "./subscriptions.ts";
import { taskMethod } from "./tasks.ts";

const LOG_LEVEL_KEY = "io.modelcontextprotocol/logLevel";
/** Params whose value a request repeats in `Mcp-Name`. */
const NAMED_BY: ReadonlyMap<string, string> = new Map([
  ["tools/call", "name"],
  ["prompts/get", "name"],
  ["resources/read", "uri"],
  ["tasks/get", "taskId"],
  ["tasks/update", "taskId"],
  ["tasks/cancel", "taskId"],
]);

const MODERN: Codec = {
  name: "modern",
  resourceNotFound: INVALID_PARAMS,
  supportsInputRequired: true,
  result: (info, result, ttlMs) => ({
    resultType: "complete",
    ...result,
    // What is offered depends on who asks, so no cache may share it.
    ...(ttlMs !== undefined && { ttlMs, cacheScope: "private" }),
    _meta: { ...("_meta" in result && (result._meta as object)), "io.modelcontextprotocol/serverInfo": info }, // our results' `_meta` is an object
  }),
  entry: (entry) => entry,
  block: (block) => block,
  called: (result) => result,
};

const discover: Method = async (request) => {
  const { features } = request.server;
  const capabilities = { ...capabilitiesOf(features), ...extensionsOf(features.extensions) };
  const result = {
    supportedVersions: MODERN_VERSIONS,
    capabilities,
    instructions: features.instructions,
    _meta: await features.meta(),
  };
  return finishReady(request, "discover", () => result, LIST_TTL_MS);
};

/** Answers one request of the modern era. */
export async function handleModern(
  headers: Headers,
  message: Message & { kind: "request" },
  server: McpServer,
  context: McpContext,
): Promise<HandlerResult> {
  const refused = envelopeProblem(headers, message);
  if (refused) return refused;
  const { id, method, params } = message;
  const request: McpRequest = { ...context, headers, id, params, server, codec: MODERN };
  switch (method) {
    case "server/discover":
      return discover(request);
    case "subscriptions/listen":
      return listen(request);
  }
  const answer = taskMethod(server, method) ?? sharedMethod(server.features, method);
  if (!answer) return errorResponse(404, { code: METHOD_NOT_FOUND, message: "This method is not served here." }, id);
  const unequal = method === "tools/call" ? unequalHeader(headers, server.features, params) : null;
  return unequal === null ? answer(request) : mismatch(unequal, "its argument", message);
}

/** The validation ladder up to the method, in the order that the official clients expect. */
function envelopeProblem(headers: Headers, message: Message & { kind: "request" }): Response | null {
  const { id, method, params } = message;
  const meta = envelopeOf(params) ?? {};
  const { [VERSION_KEY]: version, [LOG_LEVEL_KEY]: logLevel } = meta;
  const malformed = (key: string, what: string) =>
    errorResponse(400, { code: INVALID_PARAMS, message: `params._meta["${key}"] ${what}.` }, id);
  if (typeof version !== "string") return malformed(VERSION_KEY, "is the protocol version, a string");
  if (!isObject(meta[CAPABILITIES_KEY]))
    return malformed(CAPABILITIES_KEY, "is required: an object, {} where there are none");
  if (trimmed(headers, "mcp-protocol-version") !== version)
    return mismatch("MCP-Protocol-Version", `params._meta["${VERSION_KEY}"]`, message);
  if (!MODERN_VERSIONS.includes(version)) return unsupportedVersion(version, id);
  // Nothing is ever logged to a client, which is what a level asks for; what is no level is refused.
  if (logLevel !== undefined && !LOG_LEVELS.some((level) => level === logLevel))
    return malformed(LOG_LEVEL_KEY, `is one of ${LOG_LEVELS.join(", ")}`);
  if (trimmed(headers, "mcp-method") !== method) return mismatch("Mcp-Method", "method", message);
  const source = NAMED_BY.get(method);
  if (source !== undefined && typeof params[source] === "string" && decoded(headers, "mcp-name") !== params[source]) {
    return mismatch("Mcp-Name", `params.${source}`, message);
  }
  return null;
}

function mismatch(header: string, expected: string, { id }: Message & { kind: "request" }): Response {
  const message = `The header ${header} must be present exactly where ${expected} of the body is, and equal it.`;
  return errorResponse(400, { code: HEADER_MISMATCH, message }, id);
}
