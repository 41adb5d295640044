// Recent activity on the account page: calls, and changes of access.
import type { Activity } from "../../../contracts/audit.ts";
import type { GrantRecord } from "../../durable/user-object.ts";
import { day, minute } from "./account-parts.ts";
import { type Html, html } from "./html.ts";

/** Records that are shown. */
const MAX_SHOWN = 20;

/** Changes of access in words. */
const CHANGES: Readonly<Record<string, string>> = {
  "grant.made": "app connected",
  "grant.declined": "app denied",
  "grant.revoked": "app disconnected",
  "grant.reuse_detected": "app disconnected: its token was used twice",
  "key.created": "API key created",
  "key.revoked": "API key revoked",
  "token.minted": "access token created",
  "session.started": "signed in",
  "session.ended": "signed out",
  "user.revoked": "everything disconnected",
  "data.exported": "data downloaded",
};
/** Events in words. Those without one are not shown: a call is shown once, with its outcome. */
const WORDS: Readonly<Record<string, string>> = { ...CHANGES, "resource.read": "image read" };

/** `activity`: newest first; `null` if the audit store did not respond. */
export function activitySection(activity: readonly Activity[] | null, grants: readonly GrantRecord[]): Html {
  const shown = (activity ?? []).filter(({ type }) => type === "tool.called" || type in WORDS).slice(0, MAX_SHOWN);
  return html`<section aria-labelledby="activity">
<h2 id="activity">Recent activity</h2>
${activity === null && html`<p class="notice">Your activity cannot be shown just now. Try again shortly.</p>`}
${activity !== null && shown.length === 0 && html`<p>Nothing yet.</p>`}
${
  shown.length > 0 &&
  html`<details>
<summary>Calls and changes of access</summary>
<ul>${shown.map((record) => row(record, grants))}</ul>
</details>`
}
</section>`;
}

function row({ type, tool, outcome, clientId, at }: Activity, grants: readonly GrantRecord[]): Html {
  const instant = Date.parse(at) / 1000;
  const what =
    type === "tool.called" ? html`<code>${tool ?? "a tool"}</code>: ${outcome ?? "no outcome"}` : WORDS[type];
  const channel = clientId === null ? null : channelOf(clientId, grants, type in CHANGES);
  const through = channel === null ? "" : ` (${channel})`;
  return html`<li><p>${what}${through}. ${day(instant)} at ${minute(instant)}</p></li>`;
}

/** The client of a record as its user knows it; `null` if the words of a change say as much. */
function channelOf(clientId: string, grants: readonly GrantRecord[], isChange: boolean): string | null {
  const app = grants.find((grant) => grant.clientId === clientId)?.clientName;
  if (app !== undefined || isChange) return app ?? null;
  if (clientId.startsWith("key:")) return "API key";
  if (clientId === "jwt") return "access token";
  if (clientId.startsWith("sibling:")) return clientId.slice("sibling:".length).replace(/\/.*$/, "");
  return "app";
}
