// Revisions 2025-11-25, 2025-06-18 and 2025-03-26: `initialize` first, then requests. Who can be asked gets a session; everybody else
// is served without state, by whichever isolate the request reaches, in the revision that its header names.
import { LEGACY_VERSIONS } from "./era.ts";
import { errorResponse, METHOD_NOT_FOUND, type Message, RESOURCE_NOT_FOUND } from "./json-rpc.ts";
import { capabilitiesOf, extensionsOf, sharedMethod } from "./methods.ts";
import type { McpServer, ServerFeatures } from "./port.ts";
import {
  type Codec,
  finish,
  finishReady,
  type HandlerResult,
  invalid,
  type McpContext,
  type McpRequest,
  type Method,
} from "./request.ts";
import {
  handleSessionMethod,
  type McpSession,
  orUnavailable,
  SESSION_HEADER,
  sessionCapabilities,
  sessionOf,
} from "./session.ts";

/** 2025-06-18 and later. */
const LEGACY: Codec = {
  name: "legacy",
  resourceNotFound: RESOURCE_NOT_FOUND,
  supportsInputRequired: false,
  result: (_, result) => result,
  entry: (entry) => entry,
  block: (block) => block,
  called: (result) => result,
};

/**
 * A request that names no revision. By 2025-11-25, basic/transports, it is 2025-03-26, and so it may not get a block of content that
 * is unknown there: a whole result would be refused for it. But clients of later revisions leave the header out as well, against
 * their own text, and have been shown schemas of outputs at `tools/list`; they refuse a result without `structuredContent`. Fields
 * that are unknown to them are ignored by the clients of every revision, so those stay.
 */
const UNNAMED: Codec = {
  ...LEGACY,
  name: "unnamed",
  block: withoutLink,
  called: (result) => ({ ...result, content: result.content.map(withoutLink) }),
};

interface Entry {
  readonly title?: unknown;
  readonly outputSchema?: unknown;
  readonly annotations?: { readonly lastModified?: unknown };
}

/** 2025-03-26, to the letter. */
const FIRST: Codec = {
  ...UNNAMED,
  name: "2025-03-26",
  entry: ({ title: _, outputSchema: __, annotations, ...entry }: Entry) => {
    const { lastModified: ___, ...known } = annotations ?? {};
    return { ...entry, ...(annotations && { annotations: known }) };
  },
  called: ({ structuredContent, content, ...result }) => ({
    ...result,
    // Where a tool has nothing but its value to say, the value must not be lost.
    content:
      content.length === 0 && structuredContent
        ? [{ type: "text", text: JSON.stringify(structuredContent) }]
        : content.map(withoutLink),
  }),
};

/** `resource_link` came with 2025-06-18. */
function withoutLink(block: { type?: unknown; uri?: unknown; title?: unknown; name?: unknown }): object {
  const { type, uri, name, title = name } = block;
  return type === "resource_link" ? { type: "text", text: `${title}: ${uri}` } : block;
}

/** The codec of a version, or of a request without a version header. */
function codecOf(version: string | null): Codec {
  if (version === null) return UNNAMED;
  return version === "2025-03-26" ? FIRST : LEGACY;
}

/** The version asked for where it is served, else the newest of this era (2025-11-25, basic/lifecycle). */
const initialize: Method = async (request) => {
  const { params, server, sessions } = request;
  const { protocolVersion: requested } = params;
  if (typeof requested !== "string")
    return invalid(request, "params.protocolVersion is the newest revision you speak, a string.");
  const [newest = requested] = LEGACY_VERSIONS;
  const protocolVersion = LEGACY_VERSIONS.includes(requested) ? requested : newest;
  const capabilities = sessionCapabilities(protocolVersion, params.capabilities);
  if (!capabilities || !sessions) {
    return finishReady(request, `initialize ${protocolVersion}`, () => handshake(server.features, protocolVersion));
  }
  const begun = await orUnavailable(
    request,
    () => sessions.begin({ version: protocolVersion, capabilities }),
    request.id,
  );
  if (begun instanceof Response) return begun;
  const answer = finishReady(request, `session ${protocolVersion}`, () => {
    const { capabilities: offered, ...rest } = handshake(server.features, protocolVersion);
    const { resources } = offered;
    return {
      ...rest,
      capabilities: { ...offered, logging: {}, ...(resources && { resources: { ...resources, subscribe: true } }) },
    };
  });
  answer.headers.set(SESSION_HEADER, begun);
  return answer;
};

function handshake(features: ServerFeatures, protocolVersion: string) {
  // Its answers have a `resultType`, which this era does not know.
  const { "io.modelcontextprotocol/tasks": _, ...extensions } = features.extensions;
  return {
    protocolVersion,
    capabilities: { ...capabilitiesOf(features), ...extensionsOf(extensions) },
    serverInfo: codecOf(protocolVersion).entry(features.info),
    instructions: features.instructions,
  };
}

/** Answers one request of the legacy era. `version` is the `MCP-Protocol-Version` header. */
export async function handleLegacy(
  headers: Headers,
  message: Message & { kind: "request" },
  version: string | null,
  server: McpServer,
  context: McpContext,
): Promise<HandlerResult> {
  // A handshake begins anew, whatever was before.
  const session = message.method === "initialize" ? undefined : await sessionOf(headers, context, message.id);
  return session instanceof Response ? session : handleInSession(session, headers, message, version, server, context);
}

/** Answers one request in its session, where it has one. */
export async function handleInSession(
  session: McpSession | undefined,
  headers: Headers,
  { id, method, params }: Message & { kind: "request" },
  version: string | null,
  server: McpServer,
  context: McpContext,
): Promise<HandlerResult> {
  const codec = codecOf(version ?? session?.version ?? null);
  const request: McpRequest = { ...context, headers, id, params, server, codec, session };
  switch (method) {
    case "initialize":
      return initialize(request);
    case "ping":
      return finish(request, {});
  }
  const answered = session && (await handleSessionMethod(request, session, method));
  if (answered) return answered;
  const answer = sharedMethod(server.features, method);
  return answer
    ? answer(request)
    : errorResponse(200, { code: METHOD_NOT_FOUND, message: "This method is not served here." }, id);
}
