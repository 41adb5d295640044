// Revision 2026-07-28: stateless. Each request declares its version and capabilities in `_meta` and
// repeats in headers the parts that proxies route by. The body is authoritative: a request with a
// different header is refused.
import { CODEC_2026_07_28 } from "./codec.ts";
import { CAPABILITIES_KEY, envelopeOf, MODERN_VERSIONS, unsupportedVersion, VERSION_KEY } from "./era.ts";
import { explainMethod } from "./explain.ts";
import { decodedHeader, headerValue } from "./headers.ts";
import {
  errorResponse,
  HEADER_MISMATCH,
  INVALID_PARAMS,
  isObject,
  type JsonRpcRequest,
  METHOD_NOT_FOUND,
} from "./json-rpc.ts";
import { capabilitiesOf, extensionsOf, LIST_TTL_MS, sharedMethod } from "./methods.ts";
import { unequalHeader } from "./param-headers.ts";
import {
  cachedResultResponse,
  type HandlerResult,
  type Incoming,
  type McpRequest,
  type MethodHandler,
} from "./request.ts";
import { LOG_LEVELS } from "./schema.ts";
import { inSpan } from "./span.ts";
import { listen } from "./subscriptions.ts";
import { taskMethod } from "./tasks.ts";

const LOG_LEVEL_KEY = "io.modelcontextprotocol/logLevel";
/** The param that `Mcp-Name` repeats, by method. */
const NAME_PARAMS: ReadonlyMap<string, string> = new Map([
  ["tools/call", "name"],
  ["prompts/get", "name"],
  ["resources/read", "uri"],
  ["tasks/get", "taskId"],
  ["tasks/update", "taskId"],
  ["tasks/cancel", "taskId"],
]);

const discover: MethodHandler = async (request) => {
  const { features } = request.server;
  const capabilities = { ...capabilitiesOf(features), ...extensionsOf(features.extensions) };
  const result = {
    supportedVersions: MODERN_VERSIONS,
    capabilities,
    instructions: features.instructions,
    _meta: await features.meta(),
  };
  return cachedResultResponse(request, "discover", () => result, LIST_TTL_MS);
};

/** Handles one request of the modern era. */
export async function handleModern(message: JsonRpcRequest, incoming: Incoming): Promise<HandlerResult> {
  const { headers, version, server, context } = incoming;
  const refused = envelopeProblem(incoming, message);
  if (refused) return refused;
  const { id, method, params } = message;
  const request: McpRequest = { ...context, headers, id, params, server, codec: CODEC_2026_07_28 };
  switch (method) {
    case "server/discover":
      return discover(request);
    case "subscriptions/listen":
      return listen(request);
  }
  const handler = taskMethod(server, method) ?? explainMethod(server, method) ?? sharedMethod(server.features, method);
  if (!handler)
    return errorResponse(404, { code: METHOD_NOT_FOUND, message: "This server does not support this method." }, id);
  const unequal = method === "tools/call" ? unequalHeader(headers, server.features, params) : null;
  return unequal === null
    ? inSpan(request, method, version, handler)
    : headerMismatch(unequal, "its argument", message);
}

/** Validates everything above the method, in the order that the official clients expect. */
function envelopeProblem({ headers, version: header }: Incoming, message: JsonRpcRequest): Response | null {
  const { id, method, params } = message;
  const meta = envelopeOf(params) ?? {};
  const { [VERSION_KEY]: version, [LOG_LEVEL_KEY]: logLevel } = meta;
  if (typeof version !== "string") return invalidMeta(VERSION_KEY, "a string, the protocol version", id);
  if (!isObject(meta[CAPABILITIES_KEY])) return invalidMeta(CAPABILITIES_KEY, "an object, {} without capabilities", id);
  if (header !== version) return headerMismatch("MCP-Protocol-Version", `params._meta["${VERSION_KEY}"]`, message);
  if (!MODERN_VERSIONS.includes(version)) return unsupportedVersion(version, id);
  // The level has no effect: in this era the server sends no log messages.
  if (logLevel !== undefined && !LOG_LEVELS.some((level) => level === logLevel))
    return invalidMeta(LOG_LEVEL_KEY, `one of ${LOG_LEVELS.join(", ")}`, id);
  if (headerValue(headers, "mcp-method") !== method) return headerMismatch("Mcp-Method", "method", message);
  const param = NAME_PARAMS.get(method);
  if (param !== undefined && typeof params[param] === "string" && decodedHeader(headers, "mcp-name") !== params[param])
    return headerMismatch("Mcp-Name", `params.${param}`, message);
  return null;
}

function invalidMeta(key: string, expected: string, id: JsonRpcRequest["id"]): Response {
  return errorResponse(400, { code: INVALID_PARAMS, message: `params._meta["${key}"] must be ${expected}.` }, id);
}

function headerMismatch(header: string, expected: string, { id }: JsonRpcRequest): Response {
  const message = `The header ${header} must equal ${expected} in the body, and be absent if that is absent.`;
  return errorResponse(400, { code: HEADER_MISMATCH, message }, id);
}
