// Signing in and signing up with a password. The gateway passes a password on as it is: never stored, logged, shown, trimmed or
// normalised; whether it is right, or good enough, the auth Worker decides.
import { PASSWORD_MIN_CHARACTERS, type SignIn } from "../../contracts/auth.ts";
import { authUnavailable, badRequest, noTransaction } from "./answers.ts";
import { AUTH_UNAVAILABLE } from "./auth-service.ts";
import { redirect, respond } from "./pages/page.ts";
import { EMAIL_LIMIT, type FieldName, NAME_LIMIT, signInPage, type Tried } from "./pages/sign-in.ts";
import { onSubmit, transactionOf } from "./submission.ts";
import { advance, csrfToken, type Transaction, transactionCookie } from "./transaction.ts";
import { nowSeconds, type Visit } from "./visit.ts";

const PASSWORD_LIMIT_BYTES = 1_024;
/** What the library can put into a token: it separates the parts of one with colons. */
const USER_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** Sentences that a redirect may ask for by its `e` parameter. */
const NOTES: Readonly<Record<string, string>> = {
  social: "Signing in there did not work. Try again, or sign in another way.",
};

type Kind = "login" | "signup";

/** Coming back to a form from any later step starts that step over, with whichever account then signs in. */
export async function showForm(visit: Visit, kind: Kind): Promise<Response> {
  const parameters = visit.url.searchParams;
  const known = await transactionOf(visit, parameters.get("tx"));
  if (!known) return noTransaction(visit);
  const transaction = known.stage === "login" ? known : advance(known, { stage: "login" }, nowSeconds());
  const cookie = transaction === known ? null : await transactionCookie(visit.keys, transaction);
  return page(visit, kind, transaction, 200, { problem: NOTES[parameters.get("e") ?? ""] }, cookie === null ? [] : [cookie]);
}

export const logIn = onSubmit("login", "login", async (visit, form, transaction) => {
  const email = emailOf(form);
  const password = form.get("password") ?? "";
  const again = (status: number, problem: string, ...wrong: FieldName[]) =>
    page(visit, "login", transaction, status, { problem, email, wrong });
  if (email === "" || password === "") return again(400, "Enter your e-mail and your password.", email === "" ? "email" : "password");

  const wrong = "E-mail or password is wrong. Check both and try again.";
  // Lengths that no account can have are not worth asking about.
  if (email.length > EMAIL_LIMIT || sizeOf(password) > PASSWORD_LIMIT_BYTES) return again(401, wrong, "email", "password");
  const verdict = await visit.auth.authenticateUser(email, password);
  if (verdict === AUTH_UNAVAILABLE) return authUnavailable(visit);
  if (verdict.valid) return enter(visit, transaction, verdict);
  if (verdict.error === "RATE_LIMITED") return again(429, "Too many attempts. Wait a few minutes, then try again.");
  return again(401, wrong, "email", "password");
});

export const signUp = onSubmit("signup", "login", async (visit, form, transaction) => {
  // One line, no control characters; otherwise as the person writes it.
  const name = (form.get("name") ?? "")
    .normalize("NFC")
    .replace(/[\p{Cc}\s]+/gu, " ")
    .trim();
  const email = emailOf(form);
  const password = form.get("password") ?? "";
  const again = (problem: string, ...wrong: FieldName[]) => page(visit, "signup", transaction, 400, { problem, name, email, wrong });
  // What a person can mend before anybody is asked, and without learning anything about other accounts.
  if (name === "" || name.length > NAME_LIMIT) return again(`Enter your name, in at most ${NAME_LIMIT} characters.`, "name");
  if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email) || email.length > EMAIL_LIMIT) {
    return again("Enter a complete e-mail address, such as ada@example.com.", "email");
  }
  if ([...password].length < PASSWORD_MIN_CHARACTERS) {
    return again(`Choose a password of at least ${PASSWORD_MIN_CHARACTERS} characters.`, "password");
  }
  if (sizeOf(password) > PASSWORD_LIMIT_BYTES) return again("That password is too long. Choose a shorter one.", "password");

  let verdict = await visit.auth.registerUser(name, email, password);
  // A form that was sent twice made the account the first time. Whoever knows its password may come in, as on the other page.
  if (verdict !== AUTH_UNAVAILABLE && !verdict.valid && verdict.error === "EMAIL_EXISTS") {
    verdict = await visit.auth.authenticateUser(email, password);
  }
  if (verdict === AUTH_UNAVAILABLE) return authUnavailable(visit);
  // One sentence for every reason: whether an address has an account here is nobody else's business.
  return verdict.valid ? enter(visit, transaction, verdict) : again("We could not create that account. If you already have one, sign in.");
});

/**
 * Lets a person who has proven who they are go on to the decision. The tenant must exist before any grant can, so without one there
 * is no way on.
 */
export async function enter(visit: Visit, transaction: Transaction, { userId, email }: SignIn & { valid: true }): Promise<Response> {
  if (!USER_ID.test(userId)) {
    console.error(JSON.stringify({ event: "oauth.unusable_user_id", traceId: visit.trace.traceId }));
    return authUnavailable(visit);
  }
  const tenant = await visit.auth.provisionTenant(userId, "oauth");
  if (tenant === AUTH_UNAVAILABLE) return authUnavailable(visit);
  const { tenantId, tier } = tenant;
  const now = nowSeconds();
  const next = advance(transaction, { stage: "consent", account: { userId, tenantId, tier, email, authTime: now } }, now);
  const cookie = await transactionCookie(visit.keys, next);
  return cookie === null ? badRequest(visit, "It is too long.") : redirect(`/consent?tx=${next.id}`, [cookie]);
}

async function page(
  { keys }: Visit,
  kind: Kind,
  transaction: Transaction,
  status: number,
  tried: Tried,
  cookies: readonly string[] = [],
): Promise<Response> {
  const token = (action: string) => csrfToken(keys, transaction, action);
  const [own, github, google] = await Promise.all([token(kind), token("github"), token("google")]);
  return respond({ ...signInPage(kind, transaction, { own, github, google }, tried), status, cookies });
}

function emailOf(form: URLSearchParams): string {
  return (form.get("email") ?? "").trim().normalize("NFC").toLowerCase();
}

function sizeOf(text: string): number {
  return new TextEncoder().encode(text).length;
}
