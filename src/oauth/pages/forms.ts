// Parts that the pages with a form share.
import type { Destination } from "../authorization-server/client-identity.ts";
import type { Transaction } from "../browser/transaction.ts";
import { type Html, html } from "./html.ts";

/** A form of the transaction's present step. All are POSTs, so that no link elsewhere can send one. */
export function form(path: string, { id }: Transaction, csrf: string, content: Html): Html {
  return html`<form method="post" action="${path}?tx=${id}">
<input type="hidden" name="csrf" value="${csrf}">
${content}
</form>`;
}

/** "this computer (localhost:3118)" or the host. */
export function place({ host, isLoopback, letters }: Destination): Html {
  return isLoopback ? html`this computer (${hostName(host, null)})` : hostName(host, letters);
}

/** A host in ASCII, and what it looks like in an address bar where that is not the same. */
export function hostName(host: string, letters: string | null): Html {
  const name = html`<bdi class="host">${host}</bdi>`;
  return letters === null ? name : html`${name} (shown as <bdi class="host">${letters}</bdi>)`;
}

/** What is allowed: to read always, to generate where it is offered and ticked. */
export function scopeChoice(generate: "ticked" | "unticked" | "not offered"): Html {
  return html`<fieldset>
<legend>It may</legend>
<p>✓ <span><b>Read</b> <small>always included</small><br>See your flows, your pictures and the image models.</span></p>
${
  generate !== "not offered" &&
  html`<label><input type="checkbox" name="scope" value="generate"${generate === "ticked" && html` checked`}><span><b>Generate</b><br>Run flows and make images, on your plan.</span></label>`
}
</fieldset>`;
}
