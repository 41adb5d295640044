// POST /token: code exchange, refresh (RFC 6749 section 3.2) and revocation (RFC 7009). The library
// decides; the checks here keep over-long values out of storage, and every request about one grant
// goes through that grant's object.
import type { RequestContext } from "../../context.ts";
import { type GrantName, grantNameOf, grantObjectOf, type TokenRequest } from "../../durable/grant-object.ts";
import { readBody } from "../../limits/bounded-read.ts";
import { addressOf, consume } from "../../limits/rate-limits.ts";
import { deleteGrantCredentials } from "../resource-server/credential-cache.ts";
import { validateClientDocument } from "./client-document.ts";
import { isClientIdAcceptable } from "./client-id.ts";
import { ownOrigins } from "./hosts.ts";
import { neverStored, oauthError, retryLater, tooManyRequests, unknownClient } from "./oauth-response.ts";
import { forwardToLibrary } from "./server.ts";
import { readTokenRequest, type TokenRequestForm } from "./token-request.ts";

const MAX_BODY_BYTES = 16_384;
/** RFC 7636 section 4.1. */
const CODE_VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/;

export async function tokenEndpoint(request: Request, context: RequestContext): Promise<Response> {
  if (request.method !== "POST") return neverStored(await forwardToLibrary(context, request));
  const wait = await consume(context, "token", addressOf(request));
  if (wait > 0) return tooManyRequests(request, "token", wait);
  const sent = await readBody(request, MAX_BODY_BYTES);
  if (sent === null)
    return oauthError(request, 413, "invalid_request", `The body is longer than ${MAX_BODY_BYTES} bytes.`);
  const form = readTokenRequest(request.headers.get("Authorization"), new TextDecoder().decode(sent));
  const { parameters, clientId } = form;
  if (clientId === null || !isClientIdAcceptable(clientId, context.config.isCimdEnabled, ownOrigins(context.config)))
    return unknownClient(request);
  const problem = problemWithParameters(parameters);
  if (problem !== null) return oauthError(request, 400, "invalid_request", problem);
  // A request that names no grant cannot change one.
  const grant = grantNameOf(parameters.get(subjectParameter(parameters)) ?? "");
  const refused = await clientDocumentRefusal(request, context, clientId);
  if (refused) return refused;

  const plain = plainRequest(request, form);
  if (grant !== null) return handleInGrantObject(context, grant, plain);
  const { url, headers, body } = plain;
  const measured = new Request(url, { method: "POST", headers: headers.map(([name, value]) => [name, value]), body });
  return neverStored(await forwardToLibrary(context, measured));
}

/** The request with what was read of it. */
function plainRequest(request: Request, { authorization, parameters }: TokenRequestForm): TokenRequest {
  const headers = new Headers(request.headers);
  if (authorization === null) headers.delete("Authorization");
  return { url: request.url, headers: [...headers], body: parameters.toString() };
}

/** A sentence about a parameter that must not reach the library; `null` if all may. */
function problemWithParameters(parameters: URLSearchParams): string | null {
  const verifier = parameters.get("code_verifier");
  return verifier === null || CODE_VERIFIER.test(verifier)
    ? null
    : "The code_verifier must have 43 to 128 unreserved characters.";
}

/**
 * The parameter that the request is about, as the library reads it: without a grant type it revokes
 * (RFC 7009).
 */
function subjectParameter(parameters: URLSearchParams): "code" | "refresh_token" | "token" {
  const grantType = parameters.get("grant_type") ?? "";
  if (grantType === "authorization_code") return "code";
  return grantType === "" ? "token" : "refresh_token";
}

/**
 * The refusal of a client whose metadata document is unusable or cannot be read; `null` for any
 * other client.
 */
async function clientDocumentRefusal(
  request: Request,
  context: RequestContext,
  clientId: string,
): Promise<Response | null> {
  const document = await validateClientDocument(context, { clientId, address: addressOf(request) });
  if (document.state === "usable") return null;
  if (document.state === "unusable") return unknownClient(request);
  return retryLater(request, document.status, "The client could not be checked.", document.retryAfterSeconds);
}

async function handleInGrantObject(
  { env, config, ctx, trace }: RequestContext,
  grant: GrantName,
  request: TokenRequest,
): Promise<Response> {
  const handled = grantObjectOf(env, grant).handleTokenRequest(grant, request, trace);
  // Keeps running if the client disconnects: requests behind this one wait for its end.
  ctx.waitUntil(Promise.allSettled([handled]));
  const { response, evicted } = await handled;
  // The request may have ended the grant, or found that it has ended, or ended older ones.
  for (const grantId of [grant.grantId, ...evicted]) deleteGrantCredentials(config, { ...grant, grantId });
  return neverStored(response);
}
