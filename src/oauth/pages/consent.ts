// The consent page: the app, the address that access goes to, the scopes, and what the app cannot
// do.

import type { ProductTexts } from "../../tools/product-texts.ts";
import { type ClientIdentity, type Destination, destinationOf } from "../authorization-server/client-identity.ts";
import { impersonationOf } from "../authorization-server/client-name.ts";
import { unicodeHost } from "../authorization-server/hosts.ts";
import { disguiseOf } from "../authorization-server/lookalikes.ts";
import { grantableScopes } from "../authorization-server/scopes.ts";
import { hostName, place, scopeChoice, transactionForm } from "./forms.ts";
import { type Html, html } from "./html.ts";
import type { Page } from "./page.ts";

export interface ConsentView {
  readonly transactionId: string;
  /** Token of the form. */
  readonly csrf: string;
  readonly email: string;
  readonly client: ClientIdentity;
  readonly redirectUri: string;
  readonly requestedScopes: readonly string[];
  /** True if the approval may be stored. */
  readonly canRemember: boolean;
}

export function consentPage(view: ConsentView, texts: ProductTexts): Page {
  const { transactionId, client, email } = view;
  const destination = destinationOf(view.redirectUri);
  const main = html`<h1>Allow <bdi class="app">${client.name}</bdi>?</h1>
<p>You are signed in as <bdi class="app">${email}</bdi>. <a href="/login?tx=${transactionId}">Not you?</a></p>
<dl>
<div><dt>Access goes to</dt><dd>${place(destination)}</dd></div>
${
  client.domain === null
    ? html`<div><dt>App</dt><dd>Self-registered, name not verified</dd></div>`
    : html`<div><dt>Verified domain</dt><dd>${hostName(client.domain, unicodeHost(client.domain))}</dd></div>`
}
</dl>
${cautions(client, destination)}
${decisionForm(view, texts)}
<p>You can disconnect it at any time: <a href="/apps">Your connected apps</a></p>`;
  return { title: `Allow ${client.name}?`, main };
}

function decisionForm({ transactionId, csrf, requestedScopes, canRemember }: ConsentView, texts: ProductTexts): Html {
  const isGenerateRequested = grantableScopes(requestedScopes).includes("generate");
  const content = html`${scopeChoice(texts, isGenerateRequested ? "ticked" : "unavailable")}
<p>It cannot ${!isGenerateRequested && "create or change anything, "}see your password or change your account. Access lasts 30 days at most.</p>
${
  canRemember &&
  html`<fieldset><label><input type="checkbox" name="remember" value="yes"><span>Next time, connect this app without asking</span></label></fieldset>`
}
<div class="choice">
<button name="decision" value="deny">Deny</button>
<button class="main" name="decision" value="approve">Allow</button>
</div>`;
  return transactionForm("/authorize", transactionId, csrf, content);
}

const KNOWN_LETTERS = "letters that only look like those of a name you may know";

/** Warnings about the client, most important first. */
function cautions(client: ClientIdentity, destination: Destination): Html | false {
  const { domain } = client;
  const { host, isLoopback } = destination;
  const isElsewhere = !isLoopback && domain !== null && host !== domain;
  const hasUnicode = destination.unicodeHost !== null || (domain !== null && unicodeHost(domain) !== null);
  const lines = [
    isLoopback &&
      html`This app runs on this computer, where any program could use its name. Continue only if you just started it.`,
    nameCaution(client, isLoopback),
    hasUnicode && html`The address contains letters that can look like others. Make sure it is the one you expect.`,
    isElsewhere && html`Access goes to an address outside the app’s own domain.`,
  ].filter((line) => line !== false);
  return lines.length > 0 && html`<div class="notice">${lines.map((line) => html`<p>${line}</p>`)}</div>`;
}

/** A loopback client has its own warning, so only a disguised name adds one. */
function nameCaution({ name, domain }: ClientIdentity, isLoopback: boolean): Html | false {
  const impersonation = impersonationOf(name, domain);
  const disguise = disguiseOf(name);
  if (impersonation === "lookalike" || disguise !== null) {
    const letters = impersonation === null ? "unusual letters, or mixes those of several alphabets" : KNOWN_LETTERS;
    const reading = disguise?.reading;
    return html`“<bdi>${name}</bdi>” uses ${letters}. ${reading && html`It reads “<bdi>${reading}</bdi>”, and is not that name. `}Be suspicious.`;
  }
  return (
    impersonation === "same_name" &&
    !isLoopback &&
    html`Any app can call itself “<bdi>${name}</bdi>”. Check the address, not the name.`
  );
}
