// Metadata of the authorization server (RFC 8414).
import type { RequestContext } from "../../context.ts";
import { forwardToLibrary } from "./server.ts";

const METADATA_PATH = "/.well-known/oauth-authorization-server";

/**
 * Paths of RFC 8414 section 3.1 (with and without the resource's path) and of OpenID Connect
 * discovery, and the combinations that clients make of the two.
 */
export const METADATA_PATHS: readonly string[] = [
  METADATA_PATH,
  `${METADATA_PATH}/mcp`,
  "/.well-known/openid-configuration",
  "/.well-known/openid-configuration/mcp",
  `/mcp${METADATA_PATH}`,
  "/mcp/.well-known/openid-configuration",
];

/** The same for every client, so any page may read it and any cache may keep it for a while. */
export async function metadataEndpoint(request: Request, context: RequestContext): Promise<Response> {
  const found = await forwardToLibrary(context, new Request(new URL(METADATA_PATH, request.url), request));
  const response = new Response(found.body, found);
  response.headers.set("Access-Control-Allow-Origin", "*");
  response.headers.delete("Vary");
  response.headers.set("X-Content-Type-Options", "nosniff");
  if (response.ok) response.headers.set("Cache-Control", "public, max-age=300");
  return response;
}
