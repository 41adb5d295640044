// The frame that every page of the door shares: document, brand, and the headers that keep it from being framed, cached, scripted
// or used to leak an address. No scripts, no remote anything; the one stylesheet is allowed by its hash.
import { type Html, html, inlineStyle, toText } from "./html.ts";
import { BRAND_MARK } from "./marks.ts";
import { STYLE } from "./style.ts";

export interface Page {
  readonly status?: number;
  /** Title of the window; the product's name is added. */
  readonly title: string;
  readonly main: Html;
  /** For the leave page: where the browser goes on to by itself. */
  readonly refreshTo?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whole `Set-Cookie` values. */
  readonly cookies?: readonly string[];
}

/** The response for a page. */
export function respond({ status = 200, title, main, refreshTo, headers, cookies }: Page): Response {
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${refreshTo && html`<meta http-equiv="refresh" content="0;url=${refreshTo}">`}
<title>${title} · Stackbilt</title>
<link rel="icon" href="/favicon.svg">
${inlineStyle(STYLE)}
</head>
<body>
<header>${BRAND_MARK}Stackbilt MCP Gateway</header>
<main>${main}</main>
</body>
</html>
`;
  return withCookies(
    new Response(toText(document), { status, headers: { "Content-Type": "text/html; charset=utf-8", ...headers } }),
    cookies,
  );
}

/** On to another page of the door. Always 303: a 307 would post a password a second time, to somewhere else. */
export function redirect(to: string, cookies?: readonly string[]): Response {
  return withCookies(new Response(null, { status: 303, headers: { Location: to } }), cookies);
}

function withCookies(response: Response, cookies: readonly string[] = []): Response {
  for (const cookie of cookies) response.headers.append("Set-Cookie", cookie);
  return response;
}

/** Adds the headers of everything that a browser shows, where the answer does not set its own. */
export async function protect(response: Response, isSecure: boolean): Promise<void> {
  const headers = {
    "Content-Security-Policy": `default-src 'none'; style-src '${await styleHash()}'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
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

/** The stylesheet's CSP source; the text never changes, so it is computed once an isolate. */
async function styleHash(): Promise<string> {
  knownStyleHash ??= `sha256-${btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(STYLE)))))}`;
  return knownStyleHash;
}
