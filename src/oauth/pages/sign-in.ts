// The page for signing in and for signing up, with a password or a social provider.
import { PASSWORD_MIN_CHARACTERS, SOCIAL_PROVIDERS, type SocialProvider } from "../../../contracts/auth.ts";
import { destinationOf } from "../authorization-server/client-identity.ts";
import { appName, place, transactionForm } from "./forms.ts";
import { type Html, html } from "./html.ts";
import { PROVIDER_MARKS } from "./marks.ts";
import type { Page } from "./page.ts";

export type FormKind = "login" | "signup";
export type FieldName = "name" | "email" | "password";

/**
 * A form that was sent with a mistake: the values entered, never the password, and a sentence about
 * the mistake.
 */
export interface RejectedForm {
  readonly problem?: string | undefined;
  readonly name?: string;
  readonly email?: string;
  /** Fields that the problem is about. */
  readonly wrong?: readonly FieldName[];
}

export interface SignInView {
  readonly kind: FormKind;
  readonly transactionId: string;
  /** The app to connect; `null` if the user only opens the account page. */
  readonly client: { readonly name: string; readonly redirectUri: string } | null;
  /** A token for each form of the page. */
  readonly csrf: Readonly<Record<"password" | SocialProvider, string>>;
  readonly rejected: RejectedForm;
  /** False: only an existing user can continue, with a password: a provider could make one. */
  readonly isSignupOpen: boolean;
}

export const NAME_MAX_LENGTH = 100;
export const EMAIL_MAX_LENGTH = 254;

/** Names of the providers as people write them. */
export const PROVIDER_NAMES: Readonly<Record<SocialProvider, string>> = { github: "GitHub", google: "Google" };

export function signInPage(view: SignInView): Page {
  const { kind, transactionId, client, csrf, rejected, isSignupOpen } = view;
  const { problem } = rejected;
  const isNew = kind === "signup";
  const title = isNew ? "Create your account" : "Sign in";
  const purpose = client
    ? html`to connect ${appName(client.name)} on ${place(destinationOf(client.redirectUri))}`
    : "to manage your account";
  const fields = isNew ? signUpFields(rejected) : logInFields(rejected);
  const submit = html`<button class="main">${isNew ? "Create account" : "Sign in"}</button>`;
  const main = html`<h1>${title}</h1>
<p>${purpose}</p>
${problem && html`<p class="notice" id="problem" role="alert">${problem}</p>`}
${transactionForm(`/${kind}`, transactionId, csrf.password, html`${fields}${submit}`)}
${isSignupOpen ? otherWays(view) : html`<p>New accounts cannot be made yet.</p>`}`;
  return { title: problem ? `Problem: ${title}` : title, main };
}

/** Social providers, and the other form. */
function otherWays({ kind, transactionId, csrf }: SignInView): Html {
  const providers = SOCIAL_PROVIDERS.map((provider) => {
    const button = html`<button>${PROVIDER_MARKS[provider]} Continue with ${PROVIDER_NAMES[provider]}</button>`;
    return transactionForm(`/oauth/${provider}`, transactionId, csrf[provider], button);
  });
  const other =
    kind === "signup"
      ? html`<p>Already have an account? <a href="/login?tx=${transactionId}">Sign in</a></p>`
      : html`<p>New here? <a href="/signup?tx=${transactionId}">Create an account</a></p>`;
  return html`<div class="or">or</div>
${providers}
${other}`;
}

function logInFields(rejected: RejectedForm): readonly Html[] {
  const password = html`type="password" autocomplete="current-password"`;
  return [emailField(rejected), field(rejected, { name: "password", label: "Password", attributes: password })];
}

function signUpFields(rejected: RejectedForm): readonly Html[] {
  const { name = "" } = rejected;
  const nameAttributes = html`autocomplete="name" maxlength="${NAME_MAX_LENGTH}" value="${name}"`;
  const password = html`type="password" autocomplete="new-password" minlength="${PASSWORD_MIN_CHARACTERS}"`;
  const hint = `At least ${PASSWORD_MIN_CHARACTERS} characters. A few unrelated words work well.`;
  return [
    field(rejected, { name: "name", label: "Name", attributes: nameAttributes }),
    emailField(rejected),
    field(rejected, { name: "password", label: "Password", attributes: password, hint }),
  ];
}

function emailField(rejected: RejectedForm): Html {
  const { email = "" } = rejected;
  const attributes = html`type="email" autocomplete="username" maxlength="${EMAIL_MAX_LENGTH}" value="${email}"`;
  return field(rejected, { name: "email", label: "E-mail", attributes });
}

interface Field {
  readonly name: FieldName;
  readonly label: string;
  readonly attributes: Html;
  readonly hint?: string;
}

function field({ wrong = [] }: RejectedForm, { name, label, attributes, hint }: Field): Html {
  const isWrong = wrong.includes(name);
  const describedBy = [isWrong && "problem", hint && "hint"].filter(Boolean).join(" ");
  return html`<div>
<label for="${name}">${label}</label>
<input id="${name}" name="${name}" required${isWrong && html` aria-invalid="true"`}${describedBy && html` aria-describedby="${describedBy}"`} ${attributes}>
${hint && html`<small id="hint">${hint}</small>`}
</div>`;
}
