// Set-up of clients on the pages: one closed part a client. Text, and nothing that needs a script.
import type { ClientSetup, SetupStep } from "../../discovery/clients.ts";
import { type Html, html } from "./html.ts";

/** Name of the gateway in the set-up of clients. */
export const SERVER_NAME = "stackbilt";

/** Open parts close each other: they have one name. `opened`: the id of the part that is open. */
export function clientSetupList(setups: readonly ClientSetup[], opened?: string): Html {
  return html`<div class="clients">${setups.map((setup) => setupPart(setup, setup.id === opened))}</div>`;
}

function setupPart({ name, steps, installUrl }: ClientSetup, isOpen: boolean): Html {
  return html`<details name="client"${isOpen && html` open`}><summary>${name}</summary>
${installUrl !== undefined && html`<a class="button" href="${installUrl}">Add to ${name}</a><small>Or by hand:</small>`}
${steps.map(stepPart)}
</details>`;
}

function stepPart(step: SetupStep): Html {
  if (step.kind === "text") return html`<p>${step.text}</p>`;
  if (step.kind === "command") return html`<pre><code>${step.command}</code></pre>`;
  return html`<p>In <code>${step.path}</code>:</p><pre><code>${step.content}</code></pre>`;
}
