// Public documents for clients that are not connected: the server card and the host's catalog of
// cards (SEP-2127), the proof for the MCP registry that this host is ours, and the public keys of
// the audit log's checkpoints (RFC 7517). Any web page may read them. No storage and no other
// Worker is involved.
import { CHECKPOINT_KEYS_PATH } from "../../contracts/audit-record.ts";
import { digestInput } from "../../contracts/rpc/encoding.ts";
import { ConfigError } from "../../src/config.ts";
import type { RequestContext } from "../../src/context.ts";
import { publishedKeysOf } from "../../src/crypto/key-ring.ts";
import { aiCatalog, CARD_PATH, CARD_TYPE, descriptionOf, serverCard } from "../../src/discovery/server-card.ts";
import { LEGACY_VERSIONS, MODERN_VERSIONS } from "../../src/mcp/era.ts";
import type { Implementation } from "../../src/mcp/schema.ts";
import { productTexts } from "../../src/tools/product-texts.ts";

/** Both forms of the registry's proof: a public key in base64. */
const REGISTRY_PROOF = /^v=MCPv1; k=(ed25519|ecdsap384); p=[A-Za-z0-9+/]{43,67}={0,2}$/;

const HEADERS = {
  "cache-control": "public, max-age=3600",
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET",
  "access-control-allow-headers": "Content-Type, If-None-Match",
  "access-control-expose-headers": "ETag",
};

/** The document at this address; `null` for every other address. */
export async function discovery(
  request: Request,
  context: RequestContext,
  info: Implementation,
): Promise<Response | null> {
  const document = await documentAt(new URL(request.url).pathname, context, info);
  if (document === null) return null;
  const { method } = request;
  if (method === "OPTIONS") return new Response(null, { status: 204, headers: HEADERS });
  if (method !== "GET" && method !== "HEAD")
    return new Response(null, { status: 405, headers: { allow: "GET, HEAD, OPTIONS" } });
  const { type, body } = document;
  const etag = `"${await digestInput(body)}"`;
  const headers = { ...HEADERS, "content-type": type, etag };
  const isKnown = request.headers.get("if-none-match")?.includes(etag);
  return isKnown
    ? new Response(null, { status: 304, headers })
    : new Response(method === "HEAD" ? null : body, { headers });
}

async function documentAt(
  pathname: string,
  { env, config }: RequestContext,
  info: Implementation,
): Promise<{ type: string; body: string } | null> {
  const server = { ...info, description: descriptionOf(productTexts.summary), origin: config.issuer };
  switch (pathname) {
    case CARD_PATH:
    // Crawlers still look at the address of the earlier proposal, SEP-1649.
    case "/.well-known/mcp/server-card.json":
      return { type: CARD_TYPE, body: JSON.stringify(serverCard(server, [...MODERN_VERSIONS, ...LEGACY_VERSIONS])) };
    case "/.well-known/ai-catalog.json":
      return { type: "application/ai-catalog+json", body: JSON.stringify(aiCatalog(server)) };
    case CHECKPOINT_KEYS_PATH:
      return { type: "application/jwk-set+json", body: JSON.stringify({ keys: await publishedKeysOf(config) }) };
    case "/.well-known/mcp-registry-auth":
      return env.MCP_REGISTRY_AUTH ? { type: "text/plain", body: registryProof(env.MCP_REGISTRY_AUTH) } : null;
    default:
      return null;
  }
}

/** Throws unless the variable holds a proof: any other value may be a secret. */
function registryProof(text: string): string {
  if (!REGISTRY_PROOF.test(text))
    throw new ConfigError('MCP_REGISTRY_AUTH must be "v=MCPv1; k=ed25519; p=<public key in base64>".');
  return text;
}
