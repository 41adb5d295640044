// The account page: the signed-in user, the connected apps and the keys; and the pages for signing
// out.
import type { Activity } from "../../../contracts/audit.ts";
import type { ApiKey } from "../../../contracts/auth.ts";
import type { GrantRecord } from "../../durable/user-object.ts";
import type { ProductTexts } from "../../tools/product-texts.ts";
import { destinationOf } from "../authorization-server/client-identity.ts";
import { type AccountFormTokens, accountForm, askedForm, day, minute, type RowForm } from "./account-parts.ts";
import { activitySection } from "./activity.ts";
import { allowedBy } from "./allowed-actions.ts";
import { keysSection, tokenSection } from "./api-keys.ts";
import { type CreditsView, creditsSection } from "./credits.ts";
import { appName, place } from "./forms.ts";
import { type Html, html } from "./html.ts";
import type { Page } from "./page.ts";

export interface AccountView {
  readonly email: string;
  readonly grants: readonly GrantRecord[];
  /** Cursor of the next page of grants; `null` on the last one. */
  readonly next: string | null;
  /** `null` if the keys could not be fetched. */
  readonly keys: readonly ApiKey[] | null;
  readonly credits: CreditsView;
  /** Newest first; `null` if the audit store did not respond. */
  readonly activity: readonly Activity[] | null;
  readonly tokens: AccountFormTokens;
  /** One-time values, which make each form that creates something usable once. */
  readonly once: { readonly key: string; readonly token: string };
}

/** `isOpenToApps`: new ones can be connected. */
export function accountPage(
  isOpenToApps: boolean,
  { email, grants, next, keys, credits, activity, tokens, once }: AccountView,
  texts: ProductTexts,
): Page {
  const main = html`<div class="row">
<div><h1>Your apps and keys</h1>
<p>Signed in as <bdi class="app">${email}</bdi></p></div>
${accountForm("/logout", tokens, html`<button>Sign out</button>`)}
</div>
<section aria-labelledby="apps">
<h2 id="apps">Connected apps</h2>
${grants.length > 0 ? grantList(grants, tokens, texts) : html`<p>No app is connected.</p>`}
${next !== null && html`<p><a href="/apps?cursor=${next}">More apps</a></p>`}
${isOpenToApps && html`<p><a href="/">Connect an app</a></p>`}
<details>
<summary>Disconnect everything</summary>
${accountForm("/apps/revoke-all", tokens, html`<p>Every app loses its access, and you are signed out in every browser. API keys keep working until you revoke them.</p><button class="bad">Disconnect everything and sign out</button>`)}
</details>
</section>
${creditsSection(credits)}
${keysSection(keys, tokens, once.key, texts)}
${tokenSection(tokens, once.token, texts)}
${activitySection(activity, grants)}
${dataSection(tokens)}`;
  return { title: "Your apps and keys", main };
}

function dataSection(tokens: AccountFormTokens): Html {
  return html`<section aria-labelledby="data">
<h2 id="data">Your data</h2>
<p>One JSON file with your profile, keys without their secrets, charges, apps, activity, flows, and images with their links.</p>
${accountForm("/apps/data", tokens, html`<button>Download my data</button>`)}
<p><a href="/apps/delete">Delete my account</a></p>
</section>`;
}

function grantList(grants: readonly GrantRecord[], tokens: AccountFormTokens, texts: ProductTexts): Html {
  const rows = grants.map(({ id, clientName, redirectOrigin, scope, createdAtMs, expiresAt, madeFrom }) => {
    const at = createdAtMs / 1000;
    const from = madeFrom === null ? "" : ` from ${madeFrom}`;
    const end = expiresAt === null ? "waiting for the app to finish" : html`works until ${day(expiresAt)}`;
    const ask: RowForm = {
      ...{ path: "/apps/revoke", field: { name: "grantId", value: id }, action: "Disconnect", subject: clientName },
      text: "It loses its access: at once to anything that costs credits, and within half a minute to the rest.",
    };
    return html`<li>
<div><p>${appName(clientName)} on ${place(destinationOf(redirectOrigin))}</p>
<p>${allowedBy(texts, scope)}</p>
<p>Connected ${day(at)} at ${minute(at)}${from}; ${end}.</p></div>
${askedForm(tokens, ask)}
</li>`;
  });
  return html`<ul>${rows}</ul>`;
}

/** Every grant and session was ended, this one included. */
export function disconnectedPage(): Page {
  return {
    title: "Everything is disconnected",
    main: html`<h1>Everything is disconnected</h1>
<p>No app has access to your account any more, and you are signed out in every browser. API keys keep working until you revoke them.</p>
<a class="button" href="/apps">Sign in again</a>`,
  };
}

/** Asks for confirmation before signing out. */
export function signOutPage(email: string, tokens: AccountFormTokens): Page {
  return {
    title: "Sign out",
    main: html`<h1>Sign out?</h1>
<p>You are signed in as <bdi class="app">${email}</bdi>. Connected apps stay connected.</p>
${accountForm("/logout", tokens, html`<button class="main">Sign out</button>`)}
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
export function notSignedInPage(): Page {
  return {
    title: "Signed out",
    main: html`<h1>You are not signed in</h1>
<p>There is no session to end in this browser.</p>
<a class="button" href="/apps">Sign in</a>`,
  };
}
