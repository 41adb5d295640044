// Responses of the endpoints that programs call: never stored, errors as RFC 6749 section 5.2.
import { type LimitName, overrunOf } from "../../limits/rate-limits.ts";

const NEVER_STORED = { "Cache-Control": "no-store", Pragma: "no-cache" };

/** An error that pages of any origin can read, as they can read the library's own responses. */
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

/**
 * The library's words for an unknown client. Clients register again when they read them. RFC 6749
 * section 5.2: with a challenge if the client used "Basic".
 */
export function unknownClient(request: Request): Response {
  const response = oauthError(request, 401, "invalid_client", "Client not found");
  if (/^basic\b/i.test(request.headers.get("Authorization") ?? ""))
    response.headers.set("WWW-Authenticate", 'Basic realm="OAuth"');
  return response;
}

/**
 * 429 with `temporarily_unavailable`: RFC 6749 defines no code for this at the token endpoint, and
 * clients know the one of its section 4.1.2.1.
 */
export function tooManyRequests(request: Request, limit: LimitName, wait: number): Response {
  const { message, retryAfterSeconds } = overrunOf(limit, wait);
  return temporarilyUnavailable(request, 429, message, retryAfterSeconds);
}

/** A refusal that says when to try again. `reason` is a sentence. */
export function retryLater(request: Request, status: 429 | 503, reason: string, retryAfterSeconds: number): Response {
  return temporarilyUnavailable(request, status, `${reason} Try again in ${retryAfterSeconds} s.`, retryAfterSeconds);
}

function temporarilyUnavailable(
  request: Request,
  status: 429 | 503,
  description: string,
  retryAfterSeconds: number,
): Response {
  const response = oauthError(request, status, "temporarily_unavailable", description);
  response.headers.set("Retry-After", String(retryAfterSeconds));
  return response;
}

/** A copy of a response of the library's, with the headers that forbid every cache to keep it. */
export function neverStored(original: Response): Response {
  const response = new Response(original.body, original);
  for (const [name, value] of Object.entries(NEVER_STORED)) response.headers.set(name, value);
  return response;
}
