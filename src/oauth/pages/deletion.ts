// The pages on which a user deletes the account.
import { type AccountFormTokens, accountForm } from "./account-parts.ts";
import { type Html, html } from "./html.ts";
import type { Page } from "./page.ts";

/** The words that confirm the deletion. */
export const CONFIRMATION = "delete my account";

/** The proof that a user gives: the password, a sign-in within minutes, or a new sign-in first. */
export type DeletionProof = "password" | "fresh" | "sign-in";

export interface DeletionView {
  readonly email: string;
  readonly proof: DeletionProof;
  readonly tokens: AccountFormTokens;
  /** A sentence about a form that was not accepted, and its fields. */
  readonly rejected?: {
    readonly status: number;
    readonly problem: string;
    readonly wrong: "confirmation" | "password" | null;
  };
}

export function deletionPage({ email, proof, tokens, rejected }: DeletionView): Page {
  const main = html`<h1>Delete your account?</h1>
<p>You are signed in as <bdi class="app">${email}</bdi>. This cannot be undone.</p>
${rejected && html`<p class="notice" id="problem" role="alert">${rejected.problem}</p>`}
<ul>
<li><p><b>At once:</b> every app, API key and token loses its access, and you are signed out in every browser.</p></li>
<li><p><b>Within minutes:</b> we stop work under way, and delete your flows and images, your activity, and your name, e-mail address and sign-in.</p></li>
<li><p><b>We keep:</b> the sums of your credits, and records of what happened without your name, your words or your apps.</p></li>
</ul>
<p>Links to your images stop working. To keep a copy of your data, <a href="/apps#data">download it first</a>.</p>
${proof === "sign-in" ? signInFirst(tokens) : confirmationForm(proof, tokens, rejected?.wrong ?? null)}
<p><a href="/apps">Keep the account</a></p>`;
  const title = "Delete your account";
  return rejected ? { status: rejected.status, title: `Problem: ${title}`, main } : { title, main };
}

function signInFirst(tokens: AccountFormTokens): Html {
  return html`<p class="notice">Sign in again first, so that we know that it is you. Then come back here within five minutes.</p>
${accountForm("/apps/delete/sign-in", tokens, html`<button class="main">Sign in again</button>`)}`;
}

function confirmationForm(
  proof: DeletionProof,
  tokens: AccountFormTokens,
  wrong: "confirmation" | "password" | null,
): Html {
  const marked = (field: string) => wrong === field && html` aria-invalid="true" aria-describedby="problem"`;
  const content = html`<div>
<label for="confirmation">Type “${CONFIRMATION}”</label>
<input id="confirmation" name="confirmation" required maxlength="40" autocomplete="off" autocapitalize="off" spellcheck="false"${marked("confirmation")}>
</div>
${
  proof === "password" &&
  html`<div>
<label for="password">Your password</label>
<input id="password" name="password" type="password" required maxlength="1024" autocomplete="current-password"${marked("password")}>
</div>`
}
<button class="bad">Delete my account</button>`;
  return accountForm("/apps/delete", tokens, content);
}

/**
 * `deleted`: every Worker has deleted what it had. `closed`: this follows. `begun`: the auth Worker
 * has not ended the keys yet.
 */
export function deletedPage(state: "deleted" | "closed" | "begun"): Page {
  const isDone = state === "deleted";
  const access =
    state === "begun"
      ? "No app has access any more, and you are signed out everywhere. API keys stop working as soon as a part of the service is back."
      : "No app, key or token has access any more, and you are signed out everywhere.";
  const title = isDone ? "Your account is deleted" : "Your account is being deleted";
  const rest = isDone
    ? html`<p>Your flows, images, activity and sign-in are deleted. You can register again with the same e-mail address, as a new user.</p>`
    : html`<p>Your flows, images, activity and sign-in follow by themselves, even if a part of the service is down just now. You can register again with the same e-mail address once that is done.</p>`;
  const main = html`<h1>${title}</h1>
<p>${access}</p>
${rest}
<p>We keep the sums of your credits, and records without your name, your words or your apps.</p>
<a class="button" href="/">About this gateway</a>`;
  return { title, main };
}
