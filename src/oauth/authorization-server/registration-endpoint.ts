// POST /register: dynamic client registration (RFC 7591). The library registers; the limits here
// keep strangers from filling the storage.
import type { RequestContext } from "../../context.ts";
import { readUpTo } from "../../limits/bounded-read.ts";
import { addressOf, consume } from "../../limits/rate-limits.ts";
import { neverStored, oauthError, tooManyRequests } from "./oauth-response.ts";
import { hasMediaType } from "./parameters.ts";
import { MAX_REGISTRATION_BYTES } from "./registration-rules.ts";
import { forwardToLibrary } from "./server.ts";

export async function registrationEndpoint(request: Request, context: RequestContext): Promise<Response> {
  const { isSignupOpen, isDynamicRegistrationEnabled } = context.config;
  if (request.method === "OPTIONS" && isDynamicRegistrationEnabled)
    return neverStored(await forwardToLibrary(context, request));
  if (!isSignupOpen) return oauthError(request, 403, "access_denied", "This server is not open to new clients yet.");
  if (!isDynamicRegistrationEnabled)
    return oauthError(request, 403, "access_denied", "Clients cannot register themselves here.");
  if (request.method !== "POST") return neverStored(await forwardToLibrary(context, request));
  const wait = await consume(context, "registration", addressOf(request));
  if (wait > 0) return tooManyRequests(request, wait);
  if (!hasMediaType(request, "application/json"))
    return oauthError(request, 415, "invalid_request", "Send application/json.");
  const body = await readUpTo(request.body, MAX_REGISTRATION_BYTES);
  if (body === null)
    return oauthError(request, 413, "invalid_request", `The body is longer than ${MAX_REGISTRATION_BYTES} bytes.`);
  const measured = new Request(request.url, { method: "POST", headers: request.headers, body });
  return neverStored(await forwardToLibrary(context, measured));
}
