// The page where a person says who they are, by signing in or by signing up.
import { PASSWORD_MIN_CHARACTERS, SOCIAL_PROVIDERS, type SocialProvider } from "../../../contracts/auth.ts";
import { destinationOf } from "../authorization-server/client-identity.ts";
import type { Transaction } from "../browser/transaction.ts";
import { form, place } from "./forms.ts";
import { type Html, html } from "./html.ts";
import { PROVIDER_MARKS } from "./marks.ts";
import type { Page } from "./page.ts";

export type FieldName = "name" | "email" | "password";

/** What somebody typed before, but never the password, and what is wrong with it. */
export interface Tried {
  readonly problem?: string | undefined;
  readonly name?: string;
  readonly email?: string;
  /** Fields that the problem is about. */
  readonly wrong?: readonly FieldName[];
}

export const NAME_LIMIT = 100;
export const EMAIL_LIMIT = 254;

/** Names a provider as people write it. */
export const PROVIDER_NAMES: Readonly<Record<SocialProvider, string>> = { github: "GitHub", google: "Google" };

/** `csrf` has one token for each form of the page. */
export function signInPage(
  kind: "login" | "signup",
  transaction: Transaction,
  csrf: Readonly<Record<"own" | SocialProvider, string>>,
  { problem, name = "", email = "", wrong = [] }: Tried,
): Page {
  const isNew = kind === "signup";
  const title = isNew ? "Create your account" : "Sign in";
  const { id, connection } = transaction;
  const purpose = connection
    ? html`to connect <bdi class="app">${connection.client.name}</bdi> on ${place(destinationOf(connection.request.redirectUri))}`
    : "to manage your account";
  const field = (name: FieldName, label: string, attributes: Html, hint?: string) => {
    const isWrong = wrong.includes(name);
    const describedBy = [isWrong && "problem", hint && "hint"].filter(Boolean).join(" ");
    return html`<div>
<label for="${name}">${label}</label>
<input id="${name}" name="${name}" required${isWrong && html` aria-invalid="true"`}${describedBy && html` aria-describedby="${describedBy}"`} ${attributes}>
${hint && html`<small id="hint">${hint}</small>`}
</div>`;
  };
  const newPassword = html`type="password" autocomplete="new-password" minlength="${PASSWORD_MIN_CHARACTERS}"`;
  const hint = `At least ${PASSWORD_MIN_CHARACTERS} characters. A few unrelated words work well.`;
  const fields = [
    isNew && field("name", "Name", html`autocomplete="name" maxlength="${NAME_LIMIT}" value="${name}"`),
    field("email", "E-mail", html`type="email" autocomplete="username" maxlength="${EMAIL_LIMIT}" value="${email}"`),
    isNew
      ? field("password", "Password", newPassword, hint)
      : field("password", "Password", html`type="password" autocomplete="current-password"`),
  ];
  const submit = html`<button class="main">${isNew ? "Create account" : "Sign in"}</button>`;
  const elsewhere = SOCIAL_PROVIDERS.map((provider) => {
    const button = html`<button>${PROVIDER_MARKS[provider]} Continue with ${PROVIDER_NAMES[provider]}</button>`;
    return form(`/oauth/${provider}`, transaction, csrf[provider], button);
  });
  const main = html`<h1>${title}</h1>
<p>${purpose}</p>
${problem && html`<p class="notice" id="problem" role="alert">${problem}</p>`}
${form(`/${kind}`, transaction, csrf.own, html`${fields}${submit}`)}
<div class="or">or</div>
${elsewhere}
${isNew ? html`<p>Already have an account? <a href="/login?tx=${id}">Sign in</a></p>` : html`<p>New here? <a href="/signup?tx=${id}">Create an account</a></p>`}`;
  return { title: problem ? `Problem: ${title}` : title, main };
}
