// A user's API keys, and access tokens for scripts: the list, the forms that create one, and the
// pages that show it once.
import { type ApiKey, KEY_NAME_MAX_CHARACTERS, type KeyEnvironment } from "../../../contracts/auth.ts";
import type { Scope } from "../../../contracts/rpc/identity.ts";
import type { ProductTexts } from "../../tools/product-texts.ts";
import { cleanName } from "../authorization-server/client-name.ts";
import { nowSeconds } from "../clock.ts";
import {
  type AccountFormTokens,
  accountForm,
  askedForm,
  day,
  minute,
  type RowForm,
  shownOnce,
} from "./account-parts.ts";
import { allowedBy } from "./allowed-actions.ts";
import { scopeChoice } from "./forms.ts";
import { type Html, html } from "./html.ts";
import type { Page } from "./page.ts";

/** Lifetimes that the form offers. */
export const KEY_LIFETIMES = [
  { value: "30", days: 30, label: "30 days" },
  { value: "90", days: 90, label: "90 days" },
  { value: "365", days: 365, label: "1 year" },
  { value: "never", days: null, label: "until you revoke it" },
] as const;

/** A form that was sent with a mistake: the values entered, and a sentence about the mistake. */
export interface RejectedKeyForm {
  readonly problem: string;
  readonly isNameWrong?: boolean;
  readonly name?: string;
  readonly environment?: KeyEnvironment | undefined;
  /** `null`: none of the form's values. */
  readonly scopes?: readonly Scope[] | null;
  readonly days?: (typeof KEY_LIFETIMES)[number]["value"] | undefined;
}

const ENVIRONMENTS: Readonly<Record<KeyEnvironment, { readonly title: string; readonly text: string }>> = {
  live: { title: "Live", text: "Works in your account, on your plan." },
  test: { title: "Test", text: "Works with separate test data, and cannot use tools that cost credits." },
};

/** `keys`: `null` if they could not be fetched. */
export function keysSection(
  keys: readonly ApiKey[] | null,
  tokens: AccountFormTokens,
  once: string,
  texts: ProductTexts,
): Html {
  return html`<section aria-labelledby="keys">
<h2 id="keys">API keys</h2>
<p>For scripts and servers that cannot open a browser.</p>
${keys ? keyList(keys, tokens, texts) : html`<p class="notice">Your keys cannot be shown just now. Try again shortly.</p>`}
${
  keys &&
  html`<details>
<summary>Create a key</summary>
${keyForm(tokens, once, {}, texts)}
</details>`
}
</section>`;
}

function keyList(keys: readonly ApiKey[], tokens: AccountFormTokens, texts: ProductTexts): Html {
  if (keys.length === 0) return html`<p>You have no API keys.</p>`;
  const rows = keys.map(({ keyId, name, environment, scopes, createdAt, expiresAt, prefix, lastUsedAt }) => {
    const shown = cleanName(name) || "Unnamed key";
    const ask: RowForm = {
      ...{ path: "/apps/keys/revoke", field: { name: "keyId", value: keyId }, action: "Revoke", subject: shown },
      text: "It stops working within 30 seconds, for good.",
    };
    const use = lastUsedAt === null ? "no use recorded" : html`last used ${day(lastUsedAt)} at ${minute(lastUsedAt)}`;
    return html`<li>
<div><p><bdi class="app">${shown}</bdi> <span class="tag">${ENVIRONMENTS[environment].title}</span>${prefix !== null && html` <code>${prefix}…</code>`}</p>
<p>${allowedBy(texts, scopes)}</p>
<p>Created ${day(createdAt)}, ${lifetime(expiresAt)}; ${use}.</p></div>
${askedForm(tokens, ask)}
</li>`;
  });
  return html`<ul>${rows}</ul>`;
}

function lifetime(expiresAt: number | null): Html {
  if (expiresAt === null) return html`works until you revoke it`;
  return expiresAt > nowSeconds() ? html`works until ${day(expiresAt)}` : html`expired ${day(expiresAt)}`;
}

/** The form on its own page, to be corrected. */
export function keyFormPage(
  tokens: AccountFormTokens,
  once: string,
  rejected: RejectedKeyForm,
  texts: ProductTexts,
): Page {
  const main = html`<h1>Create a key</h1>
<p>No key was created yet.</p>
<p class="notice" id="problem" role="alert">${rejected.problem}</p>
${keyForm(tokens, once, rejected, texts)}
<p><a href="/apps">Your apps and keys</a></p>`;
  return { status: 400, title: "Problem: Create a key", main };
}

function keyForm(
  tokens: AccountFormTokens,
  once: string,
  { isNameWrong = false, name = "", environment = "live", scopes = ["read"], days = "90" }: Partial<RejectedKeyForm>,
  texts: ProductTexts,
): Html {
  const kinds = Object.entries(ENVIRONMENTS).map(
    ([value, { title, text }]) =>
      html`<label><input type="radio" name="environment" value="${value}"${value === environment && html` checked`}><span><b>${title}</b><br>${text}</span></label>`,
  );
  const lifetimes = KEY_LIFETIMES.map(
    ({ value, label }) => html`<option value="${value}"${value === days && html` selected`}>${label}</option>`,
  );
  const content = html`<input type="hidden" name="once" value="${once}">
<div>
<label for="name">Name</label>
<input id="name" name="name" required maxlength="${KEY_NAME_MAX_CHARACTERS}" autocomplete="off" value="${name}"${isNameWrong && html` aria-invalid="true" aria-describedby="problem"`}>
</div>
<fieldset>
<legend>Kind</legend>
${kinds}
</fieldset>
${scopeChoice(texts, scopes?.includes("generate") ? "ticked" : "unticked")}
<div>
<label for="days">Works for</label>
<select id="days" name="days">${lifetimes}</select>
</div>
<button class="main">Create the key</button>`;
  return accountForm("/apps/keys", tokens, content);
}

/** The form that creates an access token. */
export function tokenSection(tokens: AccountFormTokens, once: string, texts: ProductTexts): Html {
  return html`<section aria-labelledby="token">
<h2 id="token">Access token</h2>
<p>For trying things out. It works for one hour and cannot be renewed.</p>
<details>
<summary>Create a token</summary>
${accountForm("/apps/token", tokens, html`<input type="hidden" name="once" value="${once}">${scopeChoice(texts, "unticked")}<button class="main">Create the token</button>`)}
</details>
</section>`;
}

/** Shows a new key, once. */
export function newKeyPage(
  resource: string,
  { key, name, environment, scopes, expiresAt }: ApiKey & { readonly key: string },
  texts: ProductTexts,
): Page {
  const main = html`<h1>Your new API key</h1>
<p><bdi class="app">${cleanName(name)}</bdi> <span class="tag">${ENVIRONMENTS[environment].title}</span></p>
<p>${allowedBy(texts, scopes)} It ${lifetime(expiresAt)}.</p>
${shownOnce(key, resource)}`;
  return { title: "Your new API key", main };
}

/** Shows a new access token, once. */
export function newTokenPage(
  resource: string,
  { token, expiresAt }: { readonly token: string; readonly expiresAt: number },
  scopes: readonly Scope[],
  texts: ProductTexts,
): Page {
  const main = html`<h1>Your access token</h1>
<p>${allowedBy(texts, scopes)} It works until ${minute(expiresAt)}.</p>
${shownOnce(token, resource)}`;
  return { title: "Your access token", main };
}
