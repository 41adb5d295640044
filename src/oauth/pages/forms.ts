// Parts shared by the pages with a form.

import type { ProductTexts } from "../../tools/product-texts.ts";
import type { Destination } from "../authorization-server/client-identity.ts";
import { type Disguise, disguiseOf, readingOf } from "../authorization-server/lookalikes.ts";
import { actionsOf } from "./allowed-actions.ts";
import { type Html, html } from "./html.ts";

/**
 * A form of the current step of a transaction. Always POST, so that no link elsewhere can send it.
 */
export function transactionForm(path: string, transactionId: string, csrf: string, content: Html): Html {
  return html`<form method="post" action="${path}?tx=${transactionId}">
<input type="hidden" name="csrf" value="${csrf}">
${content}
</form>`;
}

/** "this computer (localhost:3118)", or the host. */
export function place({ host, isLoopback, unicodeHost }: Destination): Html {
  return isLoopback ? html`this computer (${hostName(host, null)})` : hostName(host, unicodeHost);
}

/**
 * A host in ASCII, followed by its Unicode form if an address bar may show that instead, and by
 * what that reads like in plain letters.
 */
export function hostName(host: string, unicodeHost: string | null): Html {
  const name = html`<bdi class="host">${host}</bdi>`;
  if (unicodeHost === null) return name;
  const reading = readingOf(unicodeHost);
  return html`${name} (shown as <bdi class="host">${unicodeHost}</bdi>${reading !== null && html`, which is not <bdi class="host">${reading}</bdi>`})`;
}

/** A client's name as it cleaned it, with a word about letters that are not what they seem. */
export function appName(name: string): Html {
  const disguise = disguiseOf(name);
  return html`<bdi class="app">${name}</bdi>${disguise !== null && html` <small>(${readAs(disguise)})</small>`}`;
}

function readAs({ reading }: Disguise): Html {
  return reading === null ? html`unusual letters` : html`unusual letters, reads “<bdi>${reading}</bdi>”`;
}

/**
 * The scopes to choose from: read is always included, generate can be ticked if it is available.
 */
export function scopeChoice(texts: ProductTexts, generate: "ticked" | "unticked" | "unavailable"): Html {
  return html`<fieldset>
<legend>It may</legend>
<p><span class="tick" aria-hidden="true">✓</span><span><b>Read</b> <small>always included</small><br>${actionsOf(texts, "read")}</span></p>
${
  generate !== "unavailable" &&
  html`<label><input type="checkbox" name="scope" value="generate"${generate === "ticked" && html` checked`}><span><b>Generate</b><br>${actionsOf(texts, "generate")} Without it, only reading is allowed.</span></label>`
}
</fieldset>`;
}
