// What programs call: the metadata documents, /token and /register. The library answers; this puts limits before it, so that no
// stranger's length reaches storage, and answers under every address that clients look for metadata at.
import { fromBase64url } from "../../../contracts/rpc/encoding.ts";
import { grantNameOf, grantObjectOf } from "../../durable/grant-object.ts";
import { readUpTo } from "../../limits/bounded-read.ts";
import { addressOf, consume } from "../../limits/rate-limits.ts";
import { type BrowserRequest, ownOrigins } from "../browser/browser-request.ts";
import { deleteGrantCredentials } from "../resource-server/credential-cache.ts";
import { validateClientDocument } from "./client-document.ts";
import { hasMediaType, withPlainResource } from "./parameters.ts";
import { isClientIdAcceptable, REGISTRATION_LIMIT_BYTES } from "./registration.ts";
import { authorizationServer, type TracedEnv } from "./server.ts";

const METADATA_PATH = "/.well-known/oauth-authorization-server";
/** RFC 8414 section 3.1 (with and without the resource's path), OpenID Connect discovery, and what clients make of the two. */
export const METADATA_PATHS: readonly string[] = [
  METADATA_PATH,
  `${METADATA_PATH}/mcp`,
  "/.well-known/openid-configuration",
  "/.well-known/openid-configuration/mcp",
  `/mcp${METADATA_PATH}`,
  "/mcp/.well-known/openid-configuration",
];

const TOKEN_LIMIT_BYTES = 16_384;
/** Parameters of /token that become storage keys. They are made of user id, grant id and secret: at most 114 characters. */
const STORED_PARAMETERS = ["code", "refresh_token", "token"];
const STORED_LIMIT = 256;
/** "Basic", and two short credentials. */
const AUTHORIZATION_LIMIT = 400;
/** RFC 7636 section 4.1. */
const CODE_VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/;

/** RFC 8414. The same for everybody, so any page may read it and any cache may keep it for a while. */
export async function metadata({ request, url, env, ctx }: BrowserRequest): Promise<Response> {
  const found = await authorizationServer(env).fetch(new Request(new URL(METADATA_PATH, url), request), env, ctx);
  const response = new Response(found.body, found);
  response.headers.set("Access-Control-Allow-Origin", "*");
  response.headers.delete("Vary");
  response.headers.set("X-Content-Type-Options", "nosniff");
  if (response.ok) response.headers.set("Cache-Control", "public, max-age=300");
  return response;
}

/** Token, refresh and revocation (RFC 6749 section 3.2, RFC 7009). */
export async function token(visit: BrowserRequest): Promise<Response> {
  const { request, env, ctx, config, trace } = visit;
  if (request.method !== "POST") return pass(visit);
  const addressWait = await consume(env, trace, "token", addressOf(request));
  if (addressWait > 0) return tooManyRequests(request, addressWait);
  const sent = await readUpTo(request.body, TOKEN_LIMIT_BYTES);
  if (sent === null)
    return oauthError(request, 413, "invalid_request", `The body is longer than ${TOKEN_LIMIT_BYTES} bytes.`);
  const parameters = withPlainResource(new URLSearchParams(new TextDecoder().decode(sent)));
  const body = parameters.toString();
  const clientId = clientOf(request.headers.get("Authorization") ?? "", parameters);
  if (clientId === null || !isClientIdAcceptable(clientId, config.isCimdEnabled, ownOrigins(config)))
    return unknownClient(request);
  const tooLong = STORED_PARAMETERS.find((name) => (parameters.get(name)?.length ?? 0) > STORED_LIMIT);
  if (tooLong) return oauthError(request, 400, "invalid_request", `The parameter ${tooLong} is too long.`);
  const verifier = parameters.get("code_verifier");
  if (verifier !== null && !CODE_VERIFIER.test(verifier)) {
    return oauthError(request, 400, "invalid_request", "The code_verifier must have 43 to 128 unreserved characters.");
  }
  // Everything about one grant goes through its gate, one at a time; what names no grant cannot change one.
  const name = grantNameOf(parameters.get(subjectOf(parameters.get("grant_type") ?? "")) ?? "");
  const grantWait = name === null ? 0 : await consume(env, trace, "grant", `${name.userId}:${name.grantId}`);
  if (grantWait > 0) return tooManyRequests(request, grantWait);
  const document = await validateClientDocument(visit, clientId);
  if (document.state === "broken") return unknownClient(request);
  if (document.state !== "usable")
    return later(request, document.status, "The client could not be checked.", document.retryAfterSeconds);
  if (name === null) return pass(visit, body);
  const exchanged = grantObjectOf(env, name).handleTokenRequest(
    name,
    { url: request.url, headers: [...request.headers], body },
    trace,
  );
  // Held also when the client hangs up: what has begun is to end, for those who wait behind it.
  ctx.waitUntil(Promise.allSettled([exchanged]));
  const answer = await exchanged;
  // It may have ended the grant, or was told that it has ended.
  deleteGrantCredentials(env, name);
  return neverStored(answer);
}

/** The parameter that a request to /token is about, as the library reads it: without a grant type it revokes (RFC 7009). */
function subjectOf(grantType: string): "code" | "refresh_token" | "token" {
  if (grantType === "authorization_code") return "code";
  return grantType === "" ? "token" : "refresh_token";
}

/** Dynamic registration (RFC 7591). */
export async function register(visit: BrowserRequest): Promise<Response> {
  const { request, config } = visit;
  if (request.method === "OPTIONS" && config.isDynamicRegistrationEnabled) return pass(visit);
  if (!config.isSignupOpen)
    return oauthError(request, 403, "access_denied", "This server is not open to new clients yet.");
  if (!config.isDynamicRegistrationEnabled)
    return oauthError(request, 403, "access_denied", "Clients cannot register themselves here.");
  if (request.method !== "POST") return pass(visit);
  const wait = await consume(visit.env, visit.trace, "registration", addressOf(request));
  if (wait > 0) return tooManyRequests(request, wait);
  if (!hasMediaType(request, "application/json"))
    return oauthError(request, 415, "invalid_request", "Send application/json.");
  const body = await readUpTo(request.body, REGISTRATION_LIMIT_BYTES);
  if (body === null)
    return oauthError(request, 413, "invalid_request", `The body is longer than ${REGISTRATION_LIMIT_BYTES} bytes.`);
  return pass(visit, body);
}

/** RFC 6749 section 5.2, readable for pages of any origin, as the library's own answers are. */
export function oauthError(request: Request, status: number, error: string, description: string): Response {
  const origin = request.headers.get("Origin");
  const readable = {
    "Access-Control-Allow-Origin": origin ?? "",
    "Access-Control-Expose-Headers": "WWW-Authenticate, Retry-After",
    Vary: "Origin",
  };
  const headers = { ...NEVER_STORED, ...(origin !== null && readable) };
  return Response.json({ error, error_description: description }, { status, headers });
}

const NEVER_STORED = { "Cache-Control": "no-store", Pragma: "no-cache", "X-Content-Type-Options": "nosniff" };

/** Lets the library answer, with a body that has been read and measured already. */
async function pass(
  { request, env, ctx, trace }: BrowserRequest,
  body?: Uint8Array<ArrayBuffer> | string,
): Promise<Response> {
  const traced: TracedEnv = { ...env, trace };
  const measured =
    body === undefined ? request : new Request(request.url, { method: request.method, headers: request.headers, body });
  return neverStored(await authorizationServer(env).fetch(measured, traced, ctx));
}

function neverStored(answered: Response): Response {
  const response = new Response(answered.body, answered);
  for (const [name, value] of Object.entries(NEVER_STORED)) response.headers.set(name, value);
  return response;
}

/** In the library's words. Clients register anew on this. */
function unknownClient(request: Request): Response {
  return oauthError(request, 401, "invalid_client", "Client not found");
}

/** RFC 6749 has no word for this at the token endpoint; clients know the one that its section 4.1.2.1 has. */
function tooManyRequests(request: Request, retryAfterSeconds: number): Response {
  return later(request, 429, "Too many requests.", retryAfterSeconds);
}

function later(request: Request, status: 429 | 503, why: string, retryAfterSeconds: number): Response {
  const response = oauthError(
    request,
    status,
    "temporarily_unavailable",
    `${why} Try again in ${retryAfterSeconds} s.`,
  );
  response.headers.set("Retry-After", String(retryAfterSeconds));
  return response;
}

/**
 * The client that the library will look up, read as the library reads it: credentials before parameters, and empty parameters as
 * none. `null` where that cannot be told, or where "Basic" credentials need an escape: ids that are made here need none, and what
 * would hide in one is a document's address, which no client with a secret has.
 */
function clientOf(authorization: string, parameters: URLSearchParams): string | null {
  if (authorization.length > AUTHORIZATION_LIMIT) return null;
  const [, credentials] = /^basic[ \t]+(.*)$/i.exec(authorization) ?? [];
  if (credentials !== undefined) return basicClient(credentials);
  const given = (name: string) => parameters.getAll(name).find((value) => value !== "");
  return given("client_id") ?? assertionIssuer(given("client_assertion"));
}

function basicClient(credentials: string): string | null {
  try {
    const [clientId = ""] = atob(credentials).split(":");
    return clientId.includes("%") ? null : clientId;
  } catch {
    return ""; // The library says what is wrong with them.
  }
}

/** Whom a client assertion (RFC 7523) claims to be from, read and not believed; `null` where it claims nothing. */
function assertionIssuer(assertion: string | undefined): string | null {
  if (assertion === undefined) return "";
  try {
    const claims: { readonly iss?: unknown } = JSON.parse(
      new TextDecoder().decode(fromBase64url(assertion.split(".")[1] ?? "")),
    );
    return typeof claims.iss === "string" ? claims.iss : null;
  } catch {
    return null;
  }
}
