// The pages where a person says who they are: sign in, and sign up.
import type { SocialProvider } from "../../../contracts/auth.ts";
import { type ClientIdentity, destinationOf } from "../client-identity.ts";
import { connection, place } from "./client-card.ts";
import { field, socialForms, summary } from "./forms.ts";
import { type Html, html } from "./html.ts";

/** What the sign-in and the sign-up page know. */
export interface SignInView {
  readonly transactionId: string;
  readonly client: ClientIdentity;
  readonly redirectUri: string;
  /** One token for each form of the page. */
  readonly csrf: Readonly<Record<"login" | "signup" | SocialProvider, string>>;
  readonly problem?: string | undefined;
  /** What was typed before, but never the password. */
  readonly name?: string;
  readonly email?: string;
  /** Fields that the problem is about. */
  readonly wrong?: readonly ("name" | "email" | "password")[];
}

/** Characters that a new password needs at least (NIST SP 800-63B-4, section 3.1.1.2: it is the only factor). */
export const PASSWORD_MIN_CHARACTERS = 15;

export function loginPage(view: SignInView): Html {
  const { transactionId, csrf, problem, email = "", wrong = [] } = view;
  return html`${intro(view, "Sign in")}
${summary(problem)}
<form method="post" action="/login?tx=${transactionId}">
<input type="hidden" name="csrf" value="${csrf.login}">
${field({ name: "email", label: "E-mail", type: "email", autocomplete: "username", value: email, maxLength: 254, isWrong: wrong.includes("email") })}
${field({ name: "password", label: "Password", type: "password", autocomplete: "current-password", isWrong: wrong.includes("password") })}
<button class="button button-main" type="submit">Sign in</button>
</form>
${socialForms(transactionId, csrf)}
<p class="aside">New here? <a href="/signup?tx=${transactionId}">Create an account</a></p>`;
}

export function signupPage(view: SignInView): Html {
  const { transactionId, csrf, problem, name = "", email = "", wrong = [] } = view;
  return html`${intro(view, "Create your account")}
${summary(problem)}
<form method="post" action="/signup?tx=${transactionId}">
<input type="hidden" name="csrf" value="${csrf.signup}">
${field({ name: "name", label: "Name", type: "text", autocomplete: "name", value: name, maxLength: 100, isWrong: wrong.includes("name") })}
${field({ name: "email", label: "E-mail", type: "email", autocomplete: "username", value: email, maxLength: 254, isWrong: wrong.includes("email") })}
${field({
  name: "password",
  label: "Password",
  type: "password",
  autocomplete: "new-password",
  hint: `At least ${PASSWORD_MIN_CHARACTERS} characters. A few unrelated words work well.`,
  minLength: PASSWORD_MIN_CHARACTERS,
  isWrong: wrong.includes("password"),
})}
<button class="button button-main" type="submit">Create account</button>
</form>
${socialForms(transactionId, csrf)}
<p class="aside">Already have an account? <a href="/login?tx=${transactionId}">Sign in</a></p>`;
}

function intro({ client, redirectUri }: SignInView, heading: string): Html {
  return html`${connection(client)}
<h1>${heading}</h1>
<p class="lead">to connect <bdi class="app">${client.name}</bdi> on ${place(destinationOf(redirectUri))}</p>`;
}
