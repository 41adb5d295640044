// Revisions 2025-11-25, 2025-06-18 and 2025-03-26: `initialize` first, then requests. No session id is issued, so every request is
// served without state, by whichever isolate it reaches, in the revision that its header names.
import { LEGACY_VERSIONS } from "./era.ts";
import { type Answer, type Circumstances, type Dialect, type Exchange, finish, finishReady, invalid, type Method } from "./exchange.ts";
import type { Host, Offer } from "./host.ts";
import { errorResponse, METHOD_NOT_FOUND, type Message, RESOURCE_NOT_FOUND } from "./json-rpc.ts";
import { capabilitiesOf, extensionsOf, sharedMethod } from "./methods.ts";

/** 2025-06-18 and later. */
const LEGACY: Dialect = {
  name: "legacy",
  resourceNotFound: RESOURCE_NOT_FOUND,
  goesInRounds: false,
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
const UNNAMED: Dialect = {
  ...LEGACY,
  name: "unnamed",
  block: withoutLink,
  called: (result) => ({ ...result, content: result.content.map(withoutLink) }),
};

/** 2025-03-26, to the letter. */
const FIRST: Dialect = {
  ...UNNAMED,
  name: "2025-03-26",
  entry: ({ title: _, outputSchema: __, ...entry }: { title?: unknown; outputSchema?: unknown }) => entry,
  called: ({ structuredContent, content, ...result }) => ({
    ...result,
    // Where a tool has nothing but its value to say, the value must not be lost.
    content:
      content.length === 0 && structuredContent ? [{ type: "text", text: JSON.stringify(structuredContent) }] : content.map(withoutLink),
  }),
};

/** `resource_link` came with 2025-06-18. */
function withoutLink(block: { type?: unknown; uri?: unknown; title?: unknown; name?: unknown }): object {
  const { type, uri, name, title = name } = block;
  return type === "resource_link" ? { type: "text", text: `${title}: ${uri}` } : block;
}

/** The dialect of a version, or of a request without a version header. */
function dialectOf(version: string | null): Dialect {
  if (version === null) return UNNAMED;
  return version === "2025-03-26" ? FIRST : LEGACY;
}

/** The version asked for where it is served, else the newest of this era (2025-11-25, basic/lifecycle). */
const initialize: Method = (exchange) => {
  const { params, host } = exchange;
  const { protocolVersion: requested } = params;
  if (typeof requested !== "string") return invalid(exchange, "params.protocolVersion is the newest revision you speak, a string.");
  const [newest = requested] = LEGACY_VERSIONS;
  const protocolVersion = LEGACY_VERSIONS.includes(requested) ? requested : newest;
  return finishReady(exchange, `initialize ${protocolVersion}`, () => handshake(host.offer, protocolVersion));
};

function handshake(offer: Offer, protocolVersion: string): object {
  // Its answers have a `resultType`, which this era does not know.
  const { "io.modelcontextprotocol/tasks": _, ...extensions } = offer.extensions;
  return {
    protocolVersion,
    capabilities: { ...capabilitiesOf(offer), ...extensionsOf(extensions) },
    serverInfo: dialectOf(protocolVersion).entry(offer.info),
    instructions: offer.instructions,
  };
}

/** Answers one request of the legacy era. `version` is the `MCP-Protocol-Version` header. */
export async function answerLegacy(
  headers: Headers,
  { id, method, params }: Message & { kind: "request" },
  version: string | null,
  host: Host,
  circumstances: Circumstances,
): Promise<Answer> {
  const exchange: Exchange = { ...circumstances, headers, id, params, host, dialect: dialectOf(version) };
  switch (method) {
    case "initialize":
      return initialize(exchange);
    case "ping":
      return finish(exchange, {});
  }
  const answer = sharedMethod(host.offer, method);
  return answer ? answer(exchange) : errorResponse(200, { code: METHOD_NOT_FOUND, message: "This method is not served here." }, id);
}
