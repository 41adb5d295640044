// The page on which a person decides: who asks, where access goes, which powers, and what stays closed.
import {
  type Borrowing,
  borrowingOf,
  type ClientIdentity,
  type Destination,
  destinationOf,
} from "../authorization-server/client-identity.ts";
import { grantableScopes } from "../authorization-server/grant.ts";
import { spelledOut } from "../authorization-server/punycode.ts";
import type { TransactionAt } from "../browser/transaction.ts";
import { form, hostName, place, scopeChoice } from "./forms.ts";
import { type Html, html } from "./html.ts";
import type { Page } from "./page.ts";

export function consentPage(transaction: TransactionAt<"consent">, csrf: string): Page {
  const { id, connection, account } = transaction;
  const { client, request, metaHash } = connection;
  const destination = destinationOf(request.redirectUri);
  const isGenerateAsked = grantableScopes(request.scope).includes("generate");
  const main = html`<h1>Allow <bdi class="app">${client.name}</bdi>?</h1>
<p>You are signed in as <bdi class="app">${account.email}</bdi>. <a href="/login?tx=${id}">Not you?</a></p>
<dl>
<div><dt>Access goes to</dt><dd>${place(destination)}</dd></div>
${
  client.domain === null
    ? html`<div><dt>App</dt><dd>Self-registered, name not verified</dd></div>`
    : html`<div><dt>Verified domain</dt><dd>${hostName(client.domain, spelledOut(client.domain))}</dd></div>`
}
</dl>
${cautions(client, destination)}
${form(
  "/authorize",
  transaction,
  csrf,
  html`${scopeChoice(isGenerateAsked ? "ticked" : "not offered")}
<p>It cannot ${!isGenerateAsked && "run flows or make images, "}see your password or change your account. Access ends after 30 days at the latest.</p>
${
  metaHash !== null &&
  html`<fieldset><label><input type="checkbox" name="remember" value="yes"><span>Next time, connect this app without asking</span></label></fieldset>`
}
<div class="choice">
<button name="decision" value="deny">Deny</button>
<button class="main" name="decision" value="approve">Allow</button>
</div>`,
)}
<p>You can take access back at any time: <a href="/apps">Your connected apps</a></p>`;
  return { title: `Allow ${client.name}?`, main };
}

/** What a careful person should know before they decide, most telling first. */
function cautions(client: ClientIdentity, { host, isLoopback, letters }: Destination): Html | false {
  const { name, domain } = client;
  const named: Readonly<Record<Borrowing, Html | false>> = {
    disguised: html`“<bdi>${name}</bdi>” is written with letters that only look like those of a name you may know. Be suspicious.`,
    borrowed: !isLoopback && html`Any app can call itself “<bdi>${name}</bdi>”. Go by the address, not by the name.`,
  };
  const borrowing = borrowingOf(client);
  const isElsewhere = !isLoopback && domain !== null && host !== domain;
  const lines = [
    isLoopback &&
      html`This app runs on this computer, where any program could use its name. Continue only if you just started it.`,
    borrowing !== null && named[borrowing],
    (letters !== null || (domain !== null && spelledOut(domain) !== null)) &&
      html`The address contains letters that can look like others. Make sure it is the one you expect.`,
    isElsewhere && html`Access goes to a different place than the app’s own domain.`,
  ].filter((line) => line !== false);
  return lines.length > 0 && html`<div class="notice">${lines.map((line) => html`<p>${line}</p>`)}</div>`;
}
