// Public descriptions of the gateway for clients that are not connected: the server card
// (SEP-2127), its host's list of cards (AI Catalog), and the entry of the MCP registry
// (server.json, schema 2025-12-11). None of them lists a tool: tools are shown after sign-in.

/** The gateway's name and title, wherever it presents itself. */
export const SERVER = { name: "stackbilt-mcp-gateway", title: "Stackbilt" } as const;

/** The longest description that the formats allow, in characters. */
export const DESCRIPTION_LIMIT = 100;

/** Properties of the gateway that all descriptions contain. */
export interface ServerIntroduction {
  /** Its public origin. */
  readonly origin: string;
  readonly name: string;
  readonly title: string;
  readonly version: string;
  /** For a user who looks for a server: at most `DESCRIPTION_LIMIT` characters. */
  readonly description: string;
}

/** The media type of a server card. */
export const CARD_TYPE = "application/mcp-server-card+json";
/** The path of a server card (SEP-2127): below the endpoint. */
export const CARD_PATH = "/mcp/server-card";

/** The products as the description of a server: "Architecture flows and image generation." */
export function descriptionOf(summary: string): string {
  return `${summary.slice(0, 1).toUpperCase()}${summary.slice(1)}.`;
}

/**
 * The entry for the MCP registry. Its name belongs to the owner of the host, as the registry
 * verifies.
 */
export function registryEntry(server: ServerIntroduction): object {
  return {
    $schema: "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
    ...introduction(server),
  };
}

/** The server card, with all protocol versions that the endpoint supports. */
export function serverCard(server: ServerIntroduction, protocolVersions: readonly string[]): object {
  return {
    $schema: "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json",
    ...introduction(server),
    remotes: [{ ...remoteOf(server), supportedProtocolVersions: protocolVersions }],
  };
}

/** The list of cards of the gateway's host, which has one. */
export function aiCatalog({ origin, name }: Pick<ServerIntroduction, "origin" | "name">): object {
  const identifier = `urn:air:${new URL(origin).hostname}:mcp:${name}`;
  return { specVersion: "1.0", entries: [{ identifier, type: CARD_TYPE, url: origin + CARD_PATH }] };
}

/**
 * The common part of card and entry. The name begins with the reversed host, which makes it unique.
 */
function introduction({ origin, name, title, description, version }: ServerIntroduction): object {
  return {
    name: `${new URL(origin).hostname.split(".").toReversed().join(".")}/${name}`,
    title,
    description,
    version,
    websiteUrl: `${origin}/`,
    icons: [{ src: `${origin}/favicon.svg`, mimeType: "image/svg+xml", sizes: ["any"] }],
    remotes: [remoteOf({ origin })],
  };
}

function remoteOf({ origin }: Pick<ServerIntroduction, "origin">): object {
  return { type: "streamable-http", url: `${origin}/mcp` };
}
