// Credits on the account page: use of this month, and the latest charges.
import type { Balance, Charge } from "../../../contracts/auth.ts";
import { day, minute } from "./account-parts.ts";
import { type Html, html } from "./html.ts";

/** `null` if the auth Worker did not say. */
export interface CreditsView {
  readonly balance: Balance | null;
  /** Newest first. */
  readonly charges: readonly Charge[] | null;
}

const STATES: Readonly<Record<Charge["state"], string>> = {
  reserved: "under way",
  committed: "charged",
  refunded: "returned",
};

export function creditsSection({ balance, charges }: CreditsView): Html {
  return html`<section aria-labelledby="credits">
<h2 id="credits">Credits</h2>
${balance ? use(balance) : html`<p class="notice">Your credits cannot be shown just now. Try again shortly.</p>`}
${
  charges &&
  charges.length > 0 &&
  html`<details>
<summary>Latest charges</summary>
<ul>${charges.map((charge) => row(charge))}</ul>
</details>`
}
</section>`;
}

function use({ tier, allowance, committed, reserved, available, resetsAt }: Balance): Html {
  const held = reserved > 0 ? `, and ${reserved} reserved for calls under way` : "";
  return html`<p>${committed} of ${creditCount(allowance)} used this month (plan ${tier})${held}. ${Math.max(0, available)} left; renewed ${day(resetsAt)}.</p>`;
}

function creditCount(credits: number): string {
  return `${credits} ${credits === 1 ? "credit" : "credits"}`;
}

function row({ tool, credits, state, at }: Charge): Html {
  return html`<li><p><code>${tool}</code>, ${creditCount(credits)}: ${STATES[state]}. ${day(at)} at ${minute(at)}</p></li>`;
}
