// POST /register: dynamic client registration (RFC 7591). The library registers what is used of the
// metadata; the limits here keep strangers from filling the storage. A registration ends after a
// day, unless a grant is made with it: from then on it lasts as long as it is used.
import { wellFormed } from "../../../contracts/rpc/well-formed.ts";
import type { RequestContext } from "../../context.ts";
import { readBody } from "../../limits/bounded-read.ts";
import { addressOf, consume } from "../../limits/rate-limits.ts";
import { ownOrigins } from "./hosts.ts";
import { neverStored, oauthError, tooManyRequests } from "./oauth-response.ts";
import { hasMediaType } from "./parameters.ts";
import {
  type ClientMetadata,
  MAX_REGISTRATION_BYTES,
  registrationProblem,
  usedMetadata,
} from "./registration-rules.ts";
import { CLIENT_SECRET_SECONDS, forwardRegistration, forwardToLibrary } from "./server.ts";

const METHOD = "token_endpoint_auth_method";
const FIELDS = ["redirect_uris", "client_name", "grant_types", "response_types", METHOD, `${METHOD}s_supported`];
const SECRET_METHODS: readonly unknown[] = ["client_secret_basic", "client_secret_post"];

export async function registrationEndpoint(request: Request, context: RequestContext): Promise<Response> {
  const { isSignupOpen, isDynamicRegistrationEnabled } = context.config;
  if (request.method === "OPTIONS" && isDynamicRegistrationEnabled)
    return neverStored(await forwardToLibrary(context, request));
  if (!isSignupOpen) return oauthError(request, 403, "access_denied", "This server is not open to new clients yet.");
  if (!isDynamicRegistrationEnabled)
    return oauthError(request, 403, "access_denied", "Clients cannot register themselves here.");
  if (request.method !== "POST") return neverStored(await forwardToLibrary(context, request));
  const wait = await consume(context, "registration", addressOf(request));
  if (wait > 0) return tooManyRequests(request, "registration", wait);
  if (!hasMediaType(request, "application/json"))
    return oauthError(request, 415, "invalid_request", "Send application/json.");
  const body = await readBody(request, MAX_REGISTRATION_BYTES);
  if (body === null)
    return oauthError(request, 413, "invalid_request", `The body is longer than ${MAX_REGISTRATION_BYTES} bytes.`);
  const sent = parseObject(body);
  if (!sent) return oauthError(request, 400, "invalid_request", "The body is not a JSON object.");
  return register(request, context, usedMetadata(sent, FIELDS));
}

/** `null` if `bytes` are not a JSON object. */
function parseObject(bytes: Uint8Array): ClientMetadata | null {
  try {
    const content: unknown = wellFormed(JSON.parse(new TextDecoder().decode(bytes)));
    return typeof content === "object" && content !== null && !Array.isArray(content) ? { ...content } : null;
  } catch {
    return null;
  }
}

async function register(request: Request, context: RequestContext, metadata: ClientMetadata): Promise<Response> {
  const problem = registrationProblem(metadata, ownOrigins(context.config));
  if (problem) return oauthError(request, 400, problem.code, problem.description);
  const { [METHOD]: method, ...others } = metadata;
  // Without a method, the library accepts a secret in either place: RFC 6749 section 2.3.1 demands
  // "Basic" for every client with a secret, whatever it registered.
  const registered = SECRET_METHODS.includes(method) ? others : metadata;
  const { url, headers } = request;
  const forwarded = new Request(url, { method: "POST", headers, body: JSON.stringify(registered) });
  const response = await forwardRegistration(context, forwarded);
  return neverStored(
    response.ok ? await withOwnTerms(response, registered === others ? { [METHOD]: method } : {}) : response,
  );
}

/**
 * The response with the requested method, and with the time at which the secret ends once a grant
 * is made: a client that reads the end of the registration there would throw its grant away.
 */
async function withOwnTerms(response: Response, requested: ClientMetadata): Promise<Response> {
  const content = await response.json<Readonly<Record<string, unknown>> & { readonly client_id_issued_at: number }>();
  const secretEnd = { client_secret_expires_at: content.client_id_issued_at + CLIENT_SECRET_SECONDS };
  const terms = { ...content, ...requested, ...("client_secret" in content && secretEnd) };
  return new Response(JSON.stringify(terms), response);
}
