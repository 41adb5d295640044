// A person's own page: who is signed in, which apps have access to the account, and their keys; and the pages on the way out.
import type { ApiKey } from "../../../contracts/auth.ts";
import { destinationOf } from "../authorization-server/client-identity.ts";
import type { ConnectedApp } from "../authorization-server/connected-apps.ts";
import type { AccountFormTokens } from "../browser/account-form.ts";
import { day, ownForm, powers } from "./account-parts.ts";
import { keysSection, tokenSection } from "./api-keys.ts";
import { place } from "./forms.ts";
import { type Html, html } from "./html.ts";
import type { Page } from "./page.ts";

export interface AppsView {
  readonly email: string;
  readonly apps: readonly ConnectedApp[];
  /** Cursor of the next page of apps; `null` on the last one. */
  readonly next: string | null;
  /** `null` where they cannot be had. */
  readonly keys: readonly ApiKey[] | null;
  readonly tokens: AccountFormTokens;
  /** Makes each form that makes something usable once. */
  readonly once: { readonly key: string; readonly token: string };
}

/** `resource` is the address that goes into an MCP client. */
export function appsPage(resource: string, { email, apps, next, keys, tokens, once }: AppsView): Page {
  const main = html`<div class="row">
<div><h1>Your apps and keys</h1>
<p>Signed in as <bdi class="app">${email}</bdi></p></div>
${ownForm("/logout", tokens, html`<button>Sign out</button>`)}
</div>
<section aria-labelledby="apps">
<h2 id="apps">Connected apps</h2>
${apps.length > 0 ? list(apps, tokens) : empty(resource)}
${next !== null && html`<p><a href="/apps?cursor=${next}">More apps</a></p>`}
<details>
<summary>Disconnect everything</summary>
${ownForm("/apps/revoke-all", tokens, html`<p>Every app loses its access, and you are signed out in every browser. API keys go on working until you revoke them.</p><button class="bad">Disconnect everything and sign out</button>`)}
</details>
</section>
${keysSection(keys, tokens, once.key)}
${tokenSection(tokens, once.token)}`;
  return { title: "Your apps and keys", main };
}

function list(apps: readonly ConnectedApp[], tokens: AccountFormTokens): Html {
  const rows = apps.map(({ id, metadata: { clientName }, redirectUri, scope, createdAt, expiresAt }) => {
    const end = expiresAt === null ? "not finished by the app yet" : html`ends ${day(expiresAt)}`;
    return html`<li>
<div><p><bdi class="app">${clientName}</bdi> on ${place(destinationOf(redirectUri))}</p>
<p>${powers(scope)}</p>
<p>Connected ${day(createdAt)}, ${end}.</p></div>
${ownForm("/apps/revoke", tokens, html`<input type="hidden" name="grantId" value="${id}"><button aria-label="Disconnect ${clientName}">Disconnect</button>`)}
</li>`;
  });
  return html`<ul>${rows}</ul>
<p>Access ends at once here, and within two minutes everywhere.</p>`;
}

function empty(resource: string): Html {
  return html`<p>No app is connected. To connect one, add this address to your MCP client:</p>
<p><code>${resource}</code></p>`;
}

/** Everything was ended, this session included. */
export function disconnectedPage(): Page {
  return {
    title: "Everything is disconnected",
    main: html`<h1>Everything is disconnected</h1>
<p>No app has access to your account any more, and you are signed out in every browser. API keys go on working until you revoke them.</p>
<a class="button" href="/apps">Sign in again</a>`,
  };
}

/** Asks before signing out. */
export function signOutPage(email: string, tokens: AccountFormTokens): Page {
  return {
    title: "Sign out",
    main: html`<h1>Sign out?</h1>
<p>You are signed in as <bdi class="app">${email}</bdi>. Connected apps stay connected.</p>
${ownForm("/logout", tokens, html`<button class="main">Sign out</button>`)}
<p><a href="/apps">Your apps and keys</a></p>`,
  };
}

export function signedOutPage(): Page {
  return {
    title: "Signed out",
    main: html`<h1>You are signed out</h1>
<p>Connected apps stay connected.</p>
<a class="button" href="/apps">Sign in again</a>`,
  };
}

/** There was no session to end. */
export function nobodyPage(): Page {
  return {
    title: "Signed out",
    main: html`<h1>Nobody is signed in</h1>
<p>There is nothing to sign out of in this browser.</p>
<a class="button" href="/apps">Sign in</a>`,
  };
}
