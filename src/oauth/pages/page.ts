// The frame of every page: document, brand and styles. No scripts and nothing from other origins.
import { type Html, html, inlineStyle, toText } from "./html.ts";
import { BRAND_MARK } from "./marks.ts";
import { STYLE } from "./style.ts";

export interface Page {
  readonly status?: number;
  /** Title of the window; the product's name is added. */
  readonly title: string;
  readonly main: Html;
  /** The address that the browser continues to by itself. */
  readonly refreshTo?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whole `Set-Cookie` values. */
  readonly cookies?: readonly string[];
}

/** The response with a page. */
export function pageResponse({ status = 200, title, main, refreshTo, headers, cookies }: Page): Response {
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

/**
 * A redirect to another page. Always 303: a 307 would post a password a second time, to another
 * address.
 */
export function redirect(to: string, cookies?: readonly string[]): Response {
  return withCookies(new Response(null, { status: 303, headers: { Location: to } }), cookies);
}

function withCookies(response: Response, cookies: readonly string[] = []): Response {
  for (const cookie of cookies) response.headers.append("Set-Cookie", cookie);
  return response;
}
