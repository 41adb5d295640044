// The page on which a person decides: who asks, where access goes, which powers, and what stays closed.
import { borrowsTrustedName, type ClientIdentity, type Destination, destinationOf } from "../client-identity.ts";
import type { GrantScope } from "../grant.ts";
import { connection, place } from "./client-card.ts";
import { type Html, html } from "./html.ts";
import { cautionMark, shieldMark } from "./marks.ts";

export interface ConsentView {
  readonly transactionId: string;
  readonly csrf: string;
  readonly client: ClientIdentity;
  readonly redirectUri: string;
  /** The account's e-mail. */
  readonly email: string;
  readonly scopes: readonly GrantScope[];
}

/** What a scope lets an app do. `offline_access` adds nothing that a person would notice: every grant can be refreshed. */
const POWERS: Readonly<Record<Exclude<GrantScope, "offline_access">, { readonly title: string; readonly text: string }>> = {
  read: { title: "Read", text: "See your flows and the image models." },
  generate: { title: "Generate", text: "Run flows and make images, on your plan." },
};

export function consentPage({ transactionId, csrf, client, redirectUri, email, scopes }: ConsentView): Html {
  const destination = destinationOf(redirectUri);
  return html`${connection(client)}
<h1>Allow <bdi class="app">${client.name}</bdi>?</h1>
<p class="lead">to use the account <bdi class="app">${email}</bdi>. <a href="/login?tx=${transactionId}">Not you?</a></p>
<dl class="facts">
<div><dt>Access goes to</dt><dd>${place(destination)}</dd></div>
<div><dt>Its name</dt><dd>${provenance(client)}</dd></div>
</dl>
${cautions(client, destination)}
<form method="post" action="/authorize?tx=${transactionId}">
<input type="hidden" name="csrf" value="${csrf}">
<fieldset class="powers">
<legend>It may</legend>
<label class="power power-fixed"><input type="checkbox" name="scope" value="read" checked disabled><span><strong>${POWERS.read.title}</strong> <small>always included</small><br>${POWERS.read.text}</span></label>
${
  scopes.includes("generate") &&
  html`<label class="power"><input type="checkbox" name="scope" value="generate" checked><span><strong>${POWERS.generate.title}</strong><br>${POWERS.generate.text}</span></label>`
}
</fieldset>
<p class="closed">${shieldMark()}<span>It cannot see your password or change your account. Access ends after 30 days at the latest.</span></p>
<div class="choice">
<button class="button button-plain" type="submit" name="decision" value="deny">Deny</button>
<button class="button button-main" type="submit" name="decision" value="approve">Allow</button>
</div>
</form>`;
}

function provenance({ domain }: ClientIdentity): Html {
  return domain === null ? html`Self-registered, not verified` : html`Verified for <bdi class="host">${domain}</bdi>`;
}

/** What a careful person should know before they decide, most telling first. */
function cautions(client: ClientIdentity, { host, isLoopback, isPunycode }: Destination): Html | undefined {
  const { domain } = client;
  const lines = [
    borrowsTrustedName(client) &&
      !isLoopback &&
      html`Any app can call itself “<bdi>${client.name}</bdi>”. Go by the address, not by the name.`,
    isPunycode && html`The address contains letters that can look like others. Make sure it is the one you expect.`,
    domain !== null && !isLoopback && host !== domain && html`Access goes to a different place than the app’s own domain.`,
    isLoopback && html`This app runs on this computer, where any program could use its name. Continue only if you just started it.`,
  ].filter((line) => line !== false);
  if (lines.length === 0) return undefined;
  return html`<div class="notice notice-care">${cautionMark()}<div>${lines.map((line) => html`<p>${line}</p>`)}</div></div>`;
}
