// The frame that every page of the door shares: document, brand, and the headers that keep it from being framed, cached, scripted
// or used to leak an address. No scripts, no remote anything; the one stylesheet is allowed by its hash.
import { toBase64url } from "../../../contracts/rpc/identity.ts";
import { type Html, html, inlineStyle, toText } from "./html.ts";
import { brandMark } from "./marks.ts";
import { STYLE } from "./style.ts";

export interface Page {
  readonly status: number;
  /** Title of the window; the product's name is added. */
  readonly title: string;
  readonly main: Html;
  /** For the leave page: where the browser goes on to by itself. */
  readonly refreshTo?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whole `Set-Cookie` values. */
  readonly cookies?: readonly string[];
}

const PRODUCT = "Stackbilt";

/** The response for a page. `issuer` is the gateway's origin. */
export async function respond(issuer: string, page: Page): Promise<Response> {
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
${page.refreshTo !== undefined && html`<meta http-equiv="refresh" content="0;url=${page.refreshTo}">`}
<title>${page.title} · ${PRODUCT}</title>
<link rel="icon" type="image/svg+xml" href="/favicon.svg">
${inlineStyle(STYLE)}
</head>
<body>
<div class="frame">
<header class="brand">${brandMark()}<span>${PRODUCT}</span></header>
<main class="card">${page.main}</main>
<footer class="foot">MCP Gateway <span aria-hidden="true">·</span> ${new URL(issuer).host}</footer>
</div>
</body>
</html>
`;
  const headers = new Headers({
    ...(await pageHeaders(issuer)),
    "Content-Type": "text/html; charset=utf-8",
    ...page.headers,
  });
  for (const cookie of page.cookies ?? []) headers.append("Set-Cookie", cookie);
  return new Response(toText(document), { status: page.status, headers });
}

/** On to another page of the door. Always 303: a 307 would post a password a second time, to somewhere else. */
export async function redirect(issuer: string, path: string, cookies: readonly string[] = []): Promise<Response> {
  const headers = new Headers({ ...(await pageHeaders(issuer)), Location: path });
  for (const cookie of cookies) headers.append("Set-Cookie", cookie);
  return new Response(null, { status: 303, headers });
}

/** The headers of everything that a browser shows. */
async function pageHeaders(issuer: string): Promise<Record<string, string>> {
  return {
    "Content-Security-Policy": `default-src 'none'; style-src '${await styleHash()}'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Permissions-Policy": "publickey-credentials-get=(self), camera=(), microphone=(), geolocation=()",
    ...(issuer.startsWith("https:") ? { "Strict-Transport-Security": "max-age=63072000; includeSubDomains" } : {}),
  };
}

let knownStyleHash: string | undefined;

/** The stylesheet's CSP source; the text never changes, so it is computed once an isolate. */
async function styleHash(): Promise<string> {
  if (knownStyleHash === undefined) {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(STYLE)));
    knownStyleHash = `sha256-${toBase64(digest)}`;
  }
  return knownStyleHash;
}

function toBase64(bytes: Uint8Array): string {
  const unpadded = toBase64url(bytes).replaceAll("-", "+").replaceAll("_", "/");
  return unpadded.padEnd(Math.ceil(unpadded.length / 4) * 4, "=");
}
