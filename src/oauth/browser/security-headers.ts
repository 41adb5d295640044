// Headers of every response that a browser shows: no framing, no cache, no scripts, no leak of the
// address. The one stylesheet is allowed by its hash.
import { STYLE } from "../pages/style.ts";

/** Adds the headers that the response does not set itself. */
export async function addSecurityHeaders(response: Response, isSecure: boolean): Promise<void> {
  const headers = {
    "Content-Security-Policy": `default-src 'none'; style-src '${await styleHash()}'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Permissions-Policy": "publickey-credentials-get=(self), camera=(), microphone=(), geolocation=()",
    ...(isSecure && { "Strict-Transport-Security": "max-age=63072000; includeSubDomains" }),
  };
  for (const [name, value] of Object.entries(headers))
    if (!response.headers.has(name)) response.headers.set(name, value);
}

let knownStyleHash: string | undefined;

/** The stylesheet as a CSP source. The text is constant, so it is hashed once an isolate. */
async function styleHash(): Promise<string> {
  if (knownStyleHash !== undefined) return knownStyleHash;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(STYLE)));
  knownStyleHash = `sha256-${btoa(String.fromCharCode(...digest))}`;
  return knownStyleHash;
}
