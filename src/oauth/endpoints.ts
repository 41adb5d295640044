// What programs call: the metadata documents, /token and /register. The library answers; this puts limits before it, so that no
// stranger's length reaches storage, and answers under every address that clients look for metadata at.
import { readUpTo } from "../bounded-read.ts";
import { hasMediaType } from "./body.ts";
import { isClientIdAcceptable, REGISTRATION_LIMIT_BYTES } from "./registration.ts";
import { authorizationServer, type TracedEnv } from "./server.ts";
import { ownOrigins, type Visit } from "./visit.ts";

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
export async function metadata({ request, url, env, ctx }: Visit): Promise<Response> {
  const found = await authorizationServer(env).fetch(new Request(new URL(METADATA_PATH, url), request), env, ctx);
  const response = new Response(found.body, found);
  response.headers.set("Access-Control-Allow-Origin", "*");
  response.headers.delete("Vary");
  response.headers.set("X-Content-Type-Options", "nosniff");
  if (response.ok) response.headers.set("Cache-Control", "public, max-age=300");
  return response;
}

/** Token, refresh and revocation (RFC 6749 section 3.2, RFC 7009). */
export async function token(visit: Visit): Promise<Response> {
  const { request, config } = visit;
  if (request.method !== "POST") return pass(visit);
  const body = await readUpTo(request.body, TOKEN_LIMIT_BYTES);
  if (body === null) return oauthError(request, 413, "invalid_request", `The body is longer than ${TOKEN_LIMIT_BYTES} bytes.`);
  const parameters = new URLSearchParams(new TextDecoder().decode(body));
  const clientIds = [parameters.get("client_id") ?? "", assertionIssuer(parameters.get("client_assertion"))];
  if (
    (request.headers.get("Authorization")?.length ?? 0) > AUTHORIZATION_LIMIT ||
    !clientIds.every((clientId) => isClientIdAcceptable(clientId, config.isCimdEnabled, ownOrigins(config)))
  ) {
    return oauthError(request, 401, "invalid_client", "Client not found");
  }
  const tooLong = STORED_PARAMETERS.find((name) => (parameters.get(name)?.length ?? 0) > STORED_LIMIT);
  if (tooLong) return oauthError(request, 400, "invalid_request", `The parameter ${tooLong} is too long.`);
  const verifier = parameters.get("code_verifier");
  if (verifier !== null && !CODE_VERIFIER.test(verifier)) {
    return oauthError(request, 400, "invalid_request", "The code_verifier must have 43 to 128 unreserved characters.");
  }
  return pass(visit, body);
}

/** Dynamic registration (RFC 7591). */
export async function register(visit: Visit): Promise<Response> {
  const { request, config } = visit;
  if (request.method === "OPTIONS" && config.isDynamicRegistrationEnabled) return pass(visit);
  if (!config.isSignupOpen) return oauthError(request, 403, "access_denied", "This server is not open to new clients yet.");
  if (!config.isDynamicRegistrationEnabled) return oauthError(request, 403, "access_denied", "Clients cannot register themselves here.");
  if (request.method !== "POST") return pass(visit);
  if (!hasMediaType(request, "application/json")) return oauthError(request, 415, "invalid_request", "Send application/json.");
  const body = await readUpTo(request.body, REGISTRATION_LIMIT_BYTES);
  if (body === null) return oauthError(request, 413, "invalid_request", `The body is longer than ${REGISTRATION_LIMIT_BYTES} bytes.`);
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
async function pass({ request, env, ctx, trace }: Visit, body?: Uint8Array<ArrayBuffer>): Promise<Response> {
  const traced: TracedEnv = { ...env, trace };
  const measured = body === undefined ? request : new Request(request.url, { method: request.method, headers: request.headers, body });
  const answered = await authorizationServer(env).fetch(measured, traced, ctx);
  const response = new Response(answered.body, answered);
  for (const [name, value] of Object.entries(NEVER_STORED)) response.headers.set(name, value);
  return response;
}

/** Whom a client assertion (RFC 7523) claims to be from, read and not believed; the library looks this client up. */
function assertionIssuer(assertion: string | null): string {
  try {
    const { iss }: { readonly iss?: unknown } = JSON.parse(
      atob((assertion?.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/")),
    );
    return String(iss ?? "");
  } catch {
    return "";
  }
}
