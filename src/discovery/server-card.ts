// How the gateway introduces itself to those who are not connected yet: the server card (SEP-2127), the list of cards of its host
// (AI Catalog), and its entry in the MCP registry (server.json, schema 2025-12-11). All public, and none lists a tool: that is for
// whoever signed in.

/** What the gateway is called everywhere. */
export const SERVER = { name: "stackbilt-mcp-gateway", title: "Stackbilt" } as const;

/** For a person who looks for a server; the formats allow 100 characters. */
const DESCRIPTION = "Architecture flows from a description to a sprint plan, and pictures from words.";

/** A gateway to be introduced. */
export interface Introduced {
  /** Its public origin. */
  readonly origin: string;
  readonly name: string;
  readonly title: string;
  readonly version: string;
}

/** The media type of a server card. */
export const CARD_TYPE = "application/mcp-server-card+json";
/** Where SEP-2127 has a server's card: behind the endpoint. */
export const CARD_PATH = "/mcp/server-card";

/** The entry for the MCP registry. Its name belongs to whoever holds the host, which the registry asks to be proven. */
export function registryEntry(server: Introduced): object {
  return {
    $schema: "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
    ...introduction(server),
  };
}

/** The server card. `protocolVersions` are all that the endpoint speaks. */
export function serverCard(server: Introduced, protocolVersions: readonly string[]): object {
  return {
    $schema: "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json",
    ...introduction(server),
    remotes: [{ ...remoteOf(server), supportedProtocolVersions: protocolVersions }],
  };
}

/** The cards that the gateway's host has: one. */
export function aiCatalog({ origin, name }: Introduced): object {
  const identifier = `urn:air:${new URL(origin).hostname}:mcp:${name}`;
  return { specVersion: "1.0", entries: [{ identifier, type: CARD_TYPE, url: origin + CARD_PATH }] };
}

/** What card and entry have in common. The name is the host's, turned around, so that it is nobody else's. */
function introduction(server: Introduced): object {
  const { origin, name, title, version } = server;
  return {
    name: `${new URL(origin).hostname.split(".").toReversed().join(".")}/${name}`,
    title,
    description: DESCRIPTION,
    version,
    websiteUrl: `${origin}/`,
    icons: [{ src: `${origin}/favicon.svg`, mimeType: "image/svg+xml", sizes: ["any"] }],
    remotes: [remoteOf(server)],
  };
}

function remoteOf({ origin }: Introduced): object {
  return { type: "streamable-http", url: `${origin}/mcp` };
}
