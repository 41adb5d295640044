// Parts shared by the account pages.
import { bearerSetups } from "../../discovery/clients.ts";
import { clientSetupList, SERVER_NAME } from "./client-setups.ts";
import { type Html, html } from "./html.ts";

/** The addresses of the forms. An address is also the form's name in its CSRF token. */
export const ACCOUNT_FORMS = [
  "/apps/revoke",
  "/apps/revoke-all",
  "/apps/keys",
  "/apps/keys/revoke",
  "/apps/token",
  "/apps/data",
  "/apps/delete",
  "/apps/delete/sign-in",
  "/logout",
] as const;
export type AccountForm = (typeof ACCOUNT_FORMS)[number];
/** A CSRF token for each form of one session's pages. */
export type AccountFormTokens = Readonly<Record<AccountForm, string>>;

/** A form of the session's own pages. Always POST, so that no link elsewhere can send it. */
export function accountForm(path: AccountForm, tokens: AccountFormTokens, content: Html): Html {
  return html`<form method="post" action="${path}">
<input type="hidden" name="csrf" value="${tokens[path]}">
${content}
</form>`;
}

/** A form in a row of a list. */
export interface RowForm {
  readonly path: AccountForm;
  /** The hidden field that names the row. */
  readonly field: { readonly name: string; readonly value: string };
  /** The action in a word, and the row that it is for. */
  readonly action: string;
  readonly subject: string;
  /** Says the effect, before the button. */
  readonly text: string;
}

/**
 * An action that asks once: the first step only opens the second. Both work without script, and a
 * double click on the first does nothing.
 */
export function askedForm(tokens: AccountFormTokens, { path, field, action, subject, text }: RowForm): Html {
  const content = html`<input type="hidden" name="${field.name}" value="${field.value}"><p>${text}</p><button class="bad"><span>${action} <bdi>${subject}</bdi></span></button>`;
  return html`<details name="ask"><summary class="button" aria-label="${action} ${subject}">${action}</summary>
${accountForm(path, tokens, content)}
</details>`;
}

// Not by `Intl`: its first use takes longer than the rest of a start.
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept", "Oct", "Nov", "Dec"];

/** The day of an instant, which is in seconds since the Unix epoch. */
export function day(instant: number): Html {
  const date = new Date(instant * 1000);
  return html`<time datetime="${date.toISOString()}">${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}</time>`;
}

/** The time of day of an instant, to the minute. */
export function minute(instant: number): Html {
  const iso = new Date(instant * 1000).toISOString();
  return html`<time datetime="${iso}">${iso.slice(11, 16)} UTC</time>`;
}

/**
 * A secret that is shown only once, and commands that have it filled in. One click selects each.
 * Only for the response to the form that made the secret, which no browser stores.
 */
export function shownOnce(secret: string, resource: string): Html {
  return html`<p class="notice">Copy it now. We cannot show it again.</p>
<p><code class="secret">${secret}</code></p>
<p>Anyone who has it can do what you allowed. Keep it as safe as a password.</p>
<dl>
<div><dt>Endpoint</dt><dd><code>${resource}</code></dd></div>
<div><dt>Header of each request</dt><dd><code>Authorization: Bearer ${secret}</code></dd></div>
</dl>
<h2>Use it now</h2>
${clientSetupList(bearerSetups({ url: resource, name: SERVER_NAME }, secret), "script")}
<p>A terminal keeps commands in its history, where others who use it can read them.</p>
<a class="button" href="/apps">Your apps and keys</a>`;
}
