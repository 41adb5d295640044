// Revisions 2025-11-25, 2025-06-18 and 2025-03-26, which start with `initialize`. A client that can
// receive requests gets a session. Any other client is served without state, by any isolate, in the
// revision that its header names.
import { legacyCodecOf } from "./codec.ts";
import { LEGACY_VERSIONS } from "./era.ts";
import { explainMethod } from "./explain.ts";
import { errorResponse, type JsonRpcRequest, METHOD_NOT_FOUND } from "./json-rpc.ts";
import { capabilitiesOf, extensionsOf, sharedMethod } from "./methods.ts";
import type { ServerFeatures } from "./port.ts";
import {
  cachedResultResponse,
  type HandlerResult,
  type Incoming,
  invalidParams,
  type McpRequest,
  type MethodHandler,
  rateLimited,
  resultResponse,
} from "./request.ts";
import { type McpSession, SESSION_HEADER, sessionCapabilities } from "./session.ts";
import { handleSessionMethod, orServiceUnavailable, sessionOf } from "./session-requests.ts";
import { inSpan } from "./span.ts";

/** Selects the requested version, else the newest legacy one (2025-11-25, basic/lifecycle). */
const initialize: MethodHandler = async (request) => {
  const { params, server, sessions } = request;
  const { protocolVersion: requested } = params;
  if (typeof requested !== "string")
    return invalidParams(
      request,
      "params.protocolVersion must be a string, the newest revision that the client supports.",
    );
  const [newest = requested] = LEGACY_VERSIONS;
  const version = LEGACY_VERSIONS.includes(requested) ? requested : newest;
  const capabilities = sessionCapabilities(version, params.capabilities);
  if (!capabilities || !sessions)
    return cachedResultResponse(request, `initialize ${version}`, () => initializeResult(server.features, version));
  const sessionId = await orServiceUnavailable(request, () => sessions.create({ version, capabilities }), request.id);
  if (sessionId instanceof Response) return sessionId;
  if (typeof sessionId !== "string") return rateLimited(request, sessionId);
  const response = cachedResultResponse(request, `initialize ${version} with a session`, () =>
    sessionInitializeResult(server.features, version),
  );
  response.headers.set(SESSION_HEADER, sessionId);
  return response;
};

function initializeResult(features: ServerFeatures, protocolVersion: string) {
  // Results of the Tasks extension have a `resultType`, which this era does not know.
  const { "io.modelcontextprotocol/tasks": _, ...extensions } = features.extensions;
  return {
    protocolVersion,
    capabilities: { ...capabilitiesOf(features), ...extensionsOf(extensions) },
    serverInfo: legacyCodecOf(protocolVersion).entry(features.info),
    instructions: features.instructions,
  };
}

/** Adds the capabilities that only a session has: logging and resource subscriptions. */
function sessionInitializeResult(features: ServerFeatures, protocolVersion: string) {
  const { capabilities, ...rest } = initializeResult(features, protocolVersion);
  const { resources } = capabilities;
  return {
    ...rest,
    capabilities: { ...capabilities, logging: {}, ...(resources && { resources: { ...resources, subscribe: true } }) },
  };
}

/** Handles one request of the legacy era. */
export async function handleLegacy(message: JsonRpcRequest, incoming: Incoming): Promise<HandlerResult> {
  // A handshake ignores any earlier session.
  const session =
    message.method === "initialize" ? undefined : await sessionOf(incoming.headers, incoming.context, message.id);
  return session instanceof Response ? session : handleInSession(message, session, incoming);
}

/** Handles one request of the legacy era in its session, if it has one. */
export async function handleInSession(
  { id, method, params }: JsonRpcRequest,
  session: McpSession | undefined,
  { headers, version, server, context }: Incoming,
): Promise<HandlerResult> {
  const codec = legacyCodecOf(version ?? session?.version ?? null);
  const request: McpRequest = { ...context, headers, id, params, server, codec, session };
  switch (method) {
    case "initialize":
      return initialize(request);
    case "ping":
      return resultResponse(request, {});
  }
  const result = session && (await handleSessionMethod(request, session, method));
  if (result) return result;
  const handler = explainMethod(server, method) ?? sharedMethod(server.features, method);
  return handler
    ? inSpan(request, method, version ?? session?.version, handler)
    : errorResponse(200, { code: METHOD_NOT_FOUND, message: "This server does not support this method." }, id);
}
