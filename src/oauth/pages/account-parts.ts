// Parts that the pages of somebody signed in share.
import type { AccountForm, AccountFormTokens } from "../browser/account-form.ts";
import { type Html, html } from "./html.ts";

/** A form of this session's pages. All are POSTs, so that no link elsewhere can send one. */
export function ownForm(path: AccountForm, tokens: AccountFormTokens, content: Html): Html {
  return html`<form method="post" action="${path}">
<input type="hidden" name="csrf" value="${tokens[path]}">
${content}
</form>`;
}

/** What these scopes allow, in plain words. */
export function powers(scopes: readonly string[]): string {
  return `Can see your flows, your pictures and the image models${scopes.includes("generate") ? ", run flows and make images on your plan" : ""}.`;
}

// Not in `Intl`: its first use costs more than all the rest of a start.
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept", "Oct", "Nov", "Dec"];

/** The day of an instant, given in seconds since the Unix epoch. */
export function day(instant: number): Html {
  const date = new Date(instant * 1000);
  return html`<time datetime="${date.toISOString()}">${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}</time>`;
}

/** The same to the minute. */
export function minute(instant: number): Html {
  const iso = new Date(instant * 1000).toISOString();
  return html`<time datetime="${iso}">${iso.slice(11, 16)} UTC</time>`;
}

/** A secret that is shown this once, and how it is used. One click selects it. */
export function shownOnce(name: string, secret: string, resource: string): Html {
  return html`<p class="notice">Copy it now. We cannot show it again.</p>
<p><code class="secret">${secret}</code></p>
<dl>
<div><dt>Endpoint</dt><dd><code>${resource}</code></dd></div>
<div><dt>Header of each request</dt><dd><code>Authorization: Bearer ${name}</code></dd></div>
</dl>
<p>Whoever has it can do what you allowed, so keep it like a password.</p>
<a class="button" href="/apps">Your apps and keys</a>`;
}
