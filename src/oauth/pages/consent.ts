// The page on which a person decides: who asks, where access goes, which powers, and what stays closed.
import { borrowsTrustedName, type ClientIdentity, type Destination, destinationOf } from "../client-identity.ts";
import { grantableScopes } from "../grant.ts";
import type { TransactionAt } from "../transaction.ts";
import { form, place } from "./forms.ts";
import { type Html, html } from "./html.ts";
import type { Page } from "./page.ts";

export function consentPage(transaction: TransactionAt<"consent">, csrf: string): Page {
  const { id, client, account, request } = transaction;
  const destination = destinationOf(request.redirectUri);
  const main = html`<h1>Allow <bdi class="app">${client.name}</bdi>?</h1>
<p>You are signed in as <bdi class="app">${account.email}</bdi>. <a href="/login?tx=${id}">Not you?</a></p>
<dl>
<div><dt>Access goes to</dt><dd>${place(destination)}</dd></div>
<div><dt>App</dt><dd>${client.domain === null ? "Self-registered, name not verified" : html`Verified for <bdi class="host">${client.domain}</bdi>`}</dd></div>
</dl>
${cautions(client, destination)}
${form(
  "/authorize",
  transaction,
  csrf,
  html`<fieldset>
<legend>It may</legend>
<p>✓ <span><b>Read</b> <small>always included</small><br>See your flows and the image models.</span></p>
${
  grantableScopes(request.scope).includes("generate") &&
  html`<label><input type="checkbox" name="scope" value="generate" checked><span><b>Generate</b><br>Run flows and make images, on your plan.</span></label>`
}
</fieldset>
<p>It cannot see your password or change your account. Access ends after 30 days at the latest.</p>
<div class="choice">
<button name="decision" value="deny">Deny</button>
<button class="main" name="decision" value="approve">Allow</button>
</div>`,
)}`;
  return { title: `Allow ${client.name}?`, main };
}

/** What a careful person should know before they decide, most telling first. */
function cautions(client: ClientIdentity, { host, isLoopback, isPunycode }: Destination): Html | false {
  const { name, domain } = client;
  const lines = [
    isLoopback && html`This app runs on this computer, where any program could use its name. Continue only if you just started it.`,
    !isLoopback && borrowsTrustedName(client) && html`Any app can call itself “<bdi>${name}</bdi>”. Go by the address, not by the name.`,
    isPunycode && html`The address contains letters that can look like others. Make sure it is the one you expect.`,
    !isLoopback && domain !== null && host !== domain && html`Access goes to a different place than the app’s own domain.`,
  ].filter((line) => line !== false);
  return lines.length > 0 && html`<div class="notice">${lines.map((line) => html`<p>${line}</p>`)}</div>`;
}
