// A person's API keys, and tokens for their scripts: the list, the forms that make one, and the pages that show it once.
import { type ApiKey, KEY_NAME_MAX_CHARACTERS, type KeyEnvironment } from "../../../contracts/auth.ts";
import type { Scope } from "../../../contracts/rpc/identity.ts";
import { cleanName } from "../authorization-server/client-identity.ts";
import type { AccountFormTokens } from "../browser/account-form.ts";
import { nowSeconds } from "../browser/browser-request.ts";
import { day, minute, ownForm, powers, shownOnce } from "./account-parts.ts";
import { scopeChoice } from "./forms.ts";
import { type Html, html } from "./html.ts";
import type { Page } from "./page.ts";

/** How long a key can work, as the form offers it. */
export const KEY_LIFETIMES = [
  { value: "30", days: 30, label: "30 days" },
  { value: "90", days: 90, label: "90 days" },
  { value: "365", days: 365, label: "1 year" },
  { value: "never", days: null, label: "until you revoke it" },
] as const;

/** What somebody entered before, and what is wrong with it. */
export interface TriedKey {
  readonly problem: string;
  readonly isNameWrong?: boolean;
  readonly name?: string;
  readonly environment?: KeyEnvironment | undefined;
  /** `null`: nothing that the form offers. */
  readonly scopes?: readonly Scope[] | null;
  readonly days?: (typeof KEY_LIFETIMES)[number]["value"] | undefined;
}

const ENVIRONMENTS: Readonly<Record<KeyEnvironment, { readonly title: string; readonly text: string }>> = {
  live: { title: "Live", text: "Works in your account, on your plan." },
  test: { title: "Test", text: "Works in a space of its own, costs nothing, cannot draw pictures." },
};

/** The keys of the person who looks; `null` where they cannot be had. */
export function keysSection(keys: readonly ApiKey[] | null, tokens: AccountFormTokens, once: string): Html {
  return html`<section aria-labelledby="keys">
<h2 id="keys">API keys</h2>
<p>For scripts and servers that cannot open a browser.</p>
${keys ? list(keys, tokens) : html`<p class="notice" role="alert">Your keys cannot be shown right now. Reload this page in a moment.</p>`}
${
  keys &&
  html`<details>
<summary>Make a key</summary>
${keyForm(tokens, once, {})}
</details>`
}
</section>`;
}

function list(keys: readonly ApiKey[], tokens: AccountFormTokens): Html {
  if (keys.length === 0) return html`<p>You have no key.</p>`;
  const rows = keys.map(({ keyId, name, environment, scopes, createdAt, expiresAt }) => {
    const shown = cleanName(name) || "Unnamed key";
    return html`<li>
<div><p><bdi class="app">${shown}</bdi> <span class="tag">${ENVIRONMENTS[environment].title}</span></p>
<p>${powers(scopes)}</p>
<p>Made ${day(createdAt)}, ${lifetime(expiresAt)}.</p></div>
${ownForm("/apps/keys/revoke", tokens, html`<input type="hidden" name="keyId" value="${keyId}"><button aria-label="Revoke ${shown}">Revoke</button>`)}
</li>`;
  });
  return html`<ul>${rows}</ul>
<p>A revoked key stops working within 30 seconds.</p>`;
}

function lifetime(expiresAt: number | null): Html {
  if (expiresAt === null) return html`works until you revoke it`;
  return expiresAt > nowSeconds() ? html`works until ${day(expiresAt)}` : html`ended ${day(expiresAt)}`;
}

/** The form on a page of its own, to be mended. */
export function keyFormPage(tokens: AccountFormTokens, once: string, tried: TriedKey): Page {
  const main = html`<h1>Make a key</h1>
<p>Nothing was made yet.</p>
<p class="notice" id="problem" role="alert">${tried.problem}</p>
${keyForm(tokens, once, tried)}
<p><a href="/apps">Your apps and keys</a></p>`;
  return { status: 400, title: "Problem: Make a key", main };
}

function keyForm(
  tokens: AccountFormTokens,
  once: string,
  { isNameWrong = false, name = "", environment = "live", scopes = ["read"], days = "90" }: Partial<TriedKey>,
): Html {
  const kinds = Object.entries(ENVIRONMENTS).map(
    ([value, { title, text }]) =>
      html`<label><input type="radio" name="environment" value="${value}"${value === environment && html` checked`}><span><b>${title}</b><br>${text}</span></label>`,
  );
  const lifetimes = KEY_LIFETIMES.map(
    ({ value, label }) => html`<option value="${value}"${value === days && html` selected`}>${label}</option>`,
  );
  return ownForm(
    "/apps/keys",
    tokens,
    html`<input type="hidden" name="once" value="${once}">
<div>
<label for="name">Name</label>
<input id="name" name="name" required maxlength="${KEY_NAME_MAX_CHARACTERS}" autocomplete="off" value="${name}"${isNameWrong && html` aria-invalid="true" aria-describedby="problem"`}>
</div>
<fieldset>
<legend>Kind</legend>
${kinds}
</fieldset>
${scopeChoice(scopes?.includes("generate") ? "ticked" : "unticked")}
<div>
<label for="days">Works for</label>
<select id="days" name="days">${lifetimes}</select>
</div>
<button class="main">Make the key</button>`,
  );
}

/** The form that makes a bearer for an hour. */
export function tokenSection(tokens: AccountFormTokens, once: string): Html {
  return html`<section aria-labelledby="token">
<h2 id="token">Access token</h2>
<p>For trying things out. It works for one hour and cannot be renewed.</p>
<details>
<summary>Make a token</summary>
${ownForm("/apps/token", tokens, html`<input type="hidden" name="once" value="${once}">${scopeChoice("unticked")}<button class="main">Make the token</button>`)}
</details>
</section>`;
}

/** The one time that a key is shown. */
export function newKeyPage(
  resource: string,
  { key, name, environment, scopes, expiresAt }: ApiKey & { readonly key: string },
): Page {
  const main = html`<h1>Your new API key</h1>
<p><bdi class="app">${cleanName(name)}</bdi> <span class="tag">${ENVIRONMENTS[environment].title}</span></p>
<p>${powers(scopes)} It ${lifetime(expiresAt)}.</p>
${shownOnce("<your key>", key, resource)}`;
  return { title: "Your new API key", main };
}

/** The one time that a token is shown. */
export function newTokenPage(
  resource: string,
  { token, expiresAt }: { readonly token: string; readonly expiresAt: number },
  scopes: readonly Scope[],
): Page {
  const main = html`<h1>Your access token</h1>
<p>${powers(scopes)} It works until ${minute(expiresAt)}.</p>
${shownOnce("<your token>", token, resource)}`;
  return { title: "Your access token", main };
}
