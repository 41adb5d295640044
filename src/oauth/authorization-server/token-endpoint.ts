// POST /token: code exchange, refresh (RFC 6749 section 3.2) and revocation (RFC 7009). The library
// decides; the checks here keep over-long values out of storage, and every request about one grant
// goes through that grant's object.
import type { RequestContext } from "../../context.ts";
import { type GrantName, grantNameOf, grantObjectOf } from "../../durable/grant-object.ts";
import { readUpTo } from "../../limits/bounded-read.ts";
import { addressOf, consume } from "../../limits/rate-limits.ts";
import { deleteGrantCredentials } from "../resource-server/credential-cache.ts";
import { validateClientDocument } from "./client-document.ts";
import { isClientIdAcceptable } from "./client-id.ts";
import { ownOrigins } from "./hosts.ts";
import { neverStored, oauthError, retryLater, tooManyRequests, unknownClient } from "./oauth-response.ts";
import { withPlainResource } from "./parameters.ts";
import { forwardToLibrary } from "./server.ts";
import { requestedClientId, withoutRepeatedClientId } from "./token-request-client.ts";

const MAX_BODY_BYTES = 16_384;
/**
 * Parameters that become storage keys: user id, grant id and secret, together at most 114
 * characters.
 */
const STORED_PARAMETERS = ["code", "refresh_token", "token"];
const MAX_STORED_LENGTH = 256;
/** RFC 7636 section 4.1. */
const CODE_VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/;

export async function tokenEndpoint(request: Request, context: RequestContext): Promise<Response> {
  if (request.method !== "POST") return neverStored(await forwardToLibrary(context, request));
  const addressWait = await consume(context, "token", addressOf(request));
  if (addressWait > 0) return tooManyRequests(request, addressWait);
  const sent = await readUpTo(request.body, MAX_BODY_BYTES);
  if (sent === null)
    return oauthError(request, 413, "invalid_request", `The body is longer than ${MAX_BODY_BYTES} bytes.`);
  const authorization = request.headers.get("Authorization") ?? "";
  const form = withPlainResource(new URLSearchParams(new TextDecoder().decode(sent)));
  const parameters = withoutRepeatedClientId(authorization, form);

  const clientId = requestedClientId(authorization, parameters);
  if (clientId === null || !isClientIdAcceptable(clientId, context.config.isCimdEnabled, ownOrigins(context.config)))
    return unknownClient(request);
  const problem = problemWithParameters(parameters);
  if (problem !== null) return oauthError(request, 400, "invalid_request", problem);
  // A request that names no grant cannot change one.
  const grant = grantNameOf(parameters.get(subjectParameter(parameters)) ?? "");
  const grantWait = grant === null ? 0 : await consume(context, "grant", `${grant.userId}:${grant.grantId}`);
  if (grantWait > 0) return tooManyRequests(request, grantWait);
  const refused = await clientDocumentRefusal(request, context, clientId);
  if (refused) return refused;

  const body = parameters.toString();
  if (grant !== null) return handleInGrantObject(request, context, grant, body);
  const measured = new Request(request.url, { method: "POST", headers: request.headers, body });
  return neverStored(await forwardToLibrary(context, measured));
}

/** A sentence about a parameter that must not reach the library; `null` if all may. */
function problemWithParameters(parameters: URLSearchParams): string | null {
  const tooLong = STORED_PARAMETERS.find((name) => (parameters.get(name)?.length ?? 0) > MAX_STORED_LENGTH);
  if (tooLong) return `The parameter ${tooLong} is too long.`;
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
  const document = await validateClientDocument(context, clientId);
  if (document.state === "usable") return null;
  if (document.state === "unusable") return unknownClient(request);
  return retryLater(request, document.status, "The client could not be checked.", document.retryAfterSeconds);
}

async function handleInGrantObject(
  request: Request,
  { env, config, ctx, trace }: RequestContext,
  grant: GrantName,
  body: string,
): Promise<Response> {
  const tokenRequest = { url: request.url, headers: [...request.headers], body };
  const handled = grantObjectOf(env, grant).handleTokenRequest(grant, tokenRequest, trace);
  // Keeps running if the client disconnects: requests behind this one wait for its end.
  ctx.waitUntil(Promise.allSettled([handled]));
  const response = await handled;
  // The request may have ended the grant, or found that it has ended.
  deleteGrantCredentials(config, grant);
  return neverStored(response);
}
