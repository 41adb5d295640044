// Metadata of the authorization server (RFC 8414).
import type { RequestContext } from "../../context.ts";
import { forwardToLibrary } from "./server.ts";

/** The library's own path. The router lists the others. */
const METADATA_PATH = "/.well-known/oauth-authorization-server";

/** The same for every client, so any page may read it and any cache may keep it for a while. */
export async function metadataEndpoint(request: Request, context: RequestContext): Promise<Response> {
  const found = await forwardToLibrary(context, new Request(new URL(METADATA_PATH, request.url), request));
  const response = new Response(found.body, found);
  response.headers.set("Access-Control-Allow-Origin", "*");
  response.headers.delete("Vary");
  if (response.ok) response.headers.set("Cache-Control", "public, max-age=300");
  return response;
}
