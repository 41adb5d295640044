// Who asks, as a strip above a form: the app, a line, and us. The name is the app's own word for itself, so it never stands alone.
import type { ClientIdentity, Destination } from "../client-identity.ts";
import { type Html, html } from "./html.ts";
import { brandMark } from "./marks.ts";

/** The two ends of the connection. Decoration: the words beneath say it. */
export function connection({ name }: ClientIdentity): Html {
  return html`<div class="link" aria-hidden="true"><span class="tile">${initial(name)}</span><span class="wire"></span><span class="tile tile-own">${brandMark()}</span></div>`;
}

/** "this computer (localhost:3118)" or the host, in words. */
export function place({ host, isLoopback }: Destination): Html {
  return isLoopback ? html`this computer (<bdi class="host">${host}</bdi>)` : html`<bdi class="host">${host}</bdi>`;
}

function initial(name: string): string {
  const [letter] = name.match(/[\p{L}\p{N}]/u) ?? ["?"];
  return letter.toUpperCase();
}
