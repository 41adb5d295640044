// The HTTP interface: GET and HEAD of finished pictures. The UUID in the path is the capability: no
// page lists it, and it cannot be guessed.
import { logCrash } from "../../contracts/log.ts";
import { type Env, retentionMs } from "./env.ts";

/** A month. */
const MAX_AGE_SECONDS = 2_592_000;
const PICTURE = /^\/(images\/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.png)$/;

/**
 * Serves a picture: 304 if the client's copy is current, 404 for every other path and for an
 * expired picture, 503 while the bucket cannot be read.
 */
export async function servePicture(request: Request, env: Env): Promise<Response> {
  const key = PICTURE.exec(new URL(request.url).pathname)?.[1];
  if (!key) return new Response("Not found", { status: 404 });
  if (request.method !== "GET" && request.method !== "HEAD") {
    return new Response("Method not allowed", { status: 405, headers: { allow: "GET, HEAD" } });
  }
  try {
    return await respond(request, env, key);
  } catch (error) {
    logCrash("picture.unreadable", {}, error);
    return new Response("This picture cannot be read right now. Try again shortly.", {
      status: 503,
      headers: { "retry-after": "5" },
    });
  }
}

async function respond(request: Request, env: Env, key: string): Promise<Response> {
  const { IMAGES: images } = env;
  const stored = await images.head(key);
  const expiresInMs = stored ? stored.uploaded.getTime() + retentionMs(env) - Date.now() : 0;
  if (!stored || expiresInMs <= 0)
    return new Response("Not found", { status: 404, headers: { "cache-control": "no-store" } });
  const headers = {
    "content-type": "image/png",
    // A finished picture never changes, and no copy is fresh for longer than the picture is kept.
    "cache-control": `public, max-age=${Math.min(MAX_AGE_SECONDS, Math.floor(expiresInMs / 1000))}, immutable`,
    etag: stored.httpEtag,
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "cross-origin-resource-policy": "cross-origin",
  };
  if (request.headers.get("if-none-match")?.includes(stored.httpEtag))
    return new Response(null, { status: 304, headers });
  if (request.method === "HEAD")
    return new Response(null, { headers: { ...headers, "content-length": String(stored.size) } });
  const picture = await images.get(key);
  return picture ? new Response(picture.body, { headers }) : new Response("Not found", { status: 404 });
}
