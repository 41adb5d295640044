// Credits on the account page: use of this month, and the latest charges with their pictures.
import type { Balance, Charge } from "../../../contracts/auth.ts";
import { day, minute } from "./account-parts.ts";
import { type Html, html } from "./html.ts";

/** `null` if the auth Worker did not say. */
export interface CreditsView {
  readonly balance: Balance | null;
  /** Newest first. */
  readonly charges: readonly Charge[] | null;
  /** Prompts of pictures that are there, by the reference of a charge. */
  readonly pictures: ReadonlyMap<string, string>;
}

const STATES: Readonly<Record<Charge["state"], string>> = {
  reserved: "under way",
  committed: "charged",
  refunded: "returned",
};

export function creditsSection({ balance, charges, pictures }: CreditsView): Html {
  return html`<section aria-labelledby="credits">
<h2 id="credits">Credits</h2>
${balance ? use(balance) : notShown("credits")}
${balance && !charges && notShown("charges")}
${
  charges &&
  charges.length > 0 &&
  html`<details>
<summary>Latest charges</summary>
<ul>${charges.map((charge) => row(charge, pictures))}</ul>
</details>`
}
</section>`;
}

function notShown(what: string): Html {
  return html`<p class="notice">Your ${what} cannot be shown just now. Try again shortly.</p>`;
}

function use({ tier, allowance, committed, reserved, available, resetsAt }: Balance): Html {
  const held = reserved > 0 ? `, and ${reserved} reserved for calls under way` : "";
  const renewal = html`renewed ${day(resetsAt)} at ${minute(resetsAt)}`;
  if (allowance + committed + reserved === 0)
    return html`<p>The plan ${tier} has no credits: only tools that cost nothing work. Credits are ${renewal}.</p>`;
  const over = `${creditCount(-available)} more than the plan has, so none is left`;
  const left = available < 0 ? over : available === 0 ? "None is left" : `${available} left`;
  return html`<p>${committed} of ${creditCount(allowance)} used this month (plan ${tier})${held}. ${left}; ${renewal}.</p>`;
}

function creditCount(credits: number): string {
  return `${credits} ${credits === 1 ? "credit" : "credits"}`;
}

function row({ tool, credits, state, at, reference }: Charge, pictures: CreditsView["pictures"]): Html {
  const prompt = reference === null ? undefined : pictures.get(reference);
  return html`<li><div><p><code>${tool}</code>, ${creditCount(credits)}: ${STATES[state]}. ${day(at)} at ${minute(at)}</p></div>
${prompt !== undefined && preview(reference ?? "", prompt)}</li>`;
}

/** Loaded only once the list is open, and as large as its place from the start. */
function preview(reference: string, prompt: string): Html {
  const address = `/apps/picture?job=${encodeURIComponent(reference)}`;
  return html`<a class="picture" href="${address}"><img src="${address}" alt="Picture: ${shortened(prompt)}" width="56" height="56" loading="lazy"></a>`;
}

function shortened(prompt: string): string {
  const characters = Array.from(prompt);
  return characters.length > 80 ? `${characters.slice(0, 79).join("")}…` : prompt;
}
