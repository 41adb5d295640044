// Signing in and signing up with a password. The gateway passes a password on as it is: never stored, logged, shown, trimmed or
// normalised; whether it is right, or good enough, the auth Worker decides.
import type { SignIn } from "../../contracts/auth.ts";
import { authUnavailable, noTransaction, refuse, staleForm } from "./answers.ts";
import { AUTH_UNAVAILABLE, AuthService } from "./auth-service.ts";
import { redirect, respond } from "./pages/page.ts";
import { loginPage, PASSWORD_MIN_CHARACTERS, type SignInView, signupPage } from "./pages/sign-in.ts";
import { readSubmission, transactionOf } from "./submission.ts";
import { advance, csrfToken, type Transaction, transactionCookie } from "./transaction.ts";
import { nowSeconds, type Visit } from "./visit.ts";

const NAME_LIMIT = 100;
const EMAIL_LIMIT = 254;
const PASSWORD_LIMIT_BYTES = 1_024;
/** What the library can put into a token: it separates the parts of one with colons. */
const USER_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** Sentences that a redirect may ask for by its `e` parameter. */
const NOTES: Readonly<Record<string, string>> = {
  social: "Signing in there did not work. Try again, or sign in another way.",
};

type Tried = Pick<SignInView, "problem" | "name" | "email" | "wrong">;

export async function showLogin(visit: Visit): Promise<Response> {
  return show(visit, "login");
}

export async function showSignup(visit: Visit): Promise<Response> {
  return show(visit, "signup");
}

export async function logIn(visit: Visit): Promise<Response> {
  const submission = await readSubmission(visit, "login");
  if (submission instanceof Response) return submission;
  const { form, transaction } = submission;
  if (transaction.stage !== "login") return staleForm(visit, transaction.id);
  const email = normalEmail(form);
  const password = form.get("password") ?? "";
  const wrong = [email === "" && ("email" as const), password === "" && ("password" as const)].filter((name) => name !== false);
  if (wrong.length > 0) return page(visit, "login", transaction, 400, { problem: "Enter your e-mail and your password.", email, wrong });

  const verdict = isAskable(email, password) ? await auth(visit).authenticateUser(email, password) : WRONG;
  if (verdict === AUTH_UNAVAILABLE) return authUnavailable(visit);
  if (verdict.valid) return enter(visit, transaction, verdict);
  if (verdict.error === "RATE_LIMITED") {
    return page(visit, "login", transaction, 429, { problem: "Too many attempts. Wait a few minutes, then try again.", email });
  }
  const problem = "E-mail or password is wrong. Check both and try again.";
  return page(visit, "login", transaction, 401, { problem, email, wrong: ["email", "password"] });
}

export async function signUp(visit: Visit): Promise<Response> {
  const submission = await readSubmission(visit, "signup");
  if (submission instanceof Response) return submission;
  const { form, transaction } = submission;
  if (transaction.stage !== "login") return staleForm(visit, transaction.id);
  const name = normalName(form);
  const email = normalEmail(form);
  const password = form.get("password") ?? "";
  const flaw = flawOf(name, email, password);
  if (flaw) return page(visit, "signup", transaction, 400, { ...flaw, name, email });

  const verdict = await auth(visit).registerUser(name, email, password);
  if (verdict === AUTH_UNAVAILABLE) return authUnavailable(visit);
  if (verdict.valid) return enter(visit, transaction, verdict);
  // One sentence for every reason: whether an address has an account here is nobody else's business.
  const problem = "We could not create that account. If you already have one, sign in.";
  return page(visit, "signup", transaction, 400, { problem, name, email });
}

/**
 * Lets a person who has proven who they are go on to the decision. The tenant must exist before any grant can, so without one there
 * is no way on.
 */
export async function enter(visit: Visit, transaction: Transaction, { userId, email }: SignIn & { valid: true }): Promise<Response> {
  if (!USER_ID.test(userId)) {
    console.error(JSON.stringify({ event: "oauth.unusable_user_id", traceId: visit.trace.traceId }));
    return authUnavailable(visit);
  }
  const tenant = await auth(visit).provisionTenant(userId, "oauth");
  if (tenant === AUTH_UNAVAILABLE) return authUnavailable(visit);
  const now = nowSeconds();
  const account = { userId, tenantId: tenant.tenantId, tier: tenant.tier, email, authTime: now };
  const next = advance(transaction, { stage: "consent", account }, now);
  const cookie = await transactionCookie(visit.keys, next);
  if (cookie === null) {
    return refuse(visit, { status: 400, title: "Your app’s request is too long", text: "Go back to your app and connect again." });
  }
  return redirect(visit.config.issuer, `/consent?tx=${next.id}`, [cookie]);
}

/** Coming back to a form from any later step starts that step over, with whichever account then signs in. */
async function show(visit: Visit, form: "login" | "signup"): Promise<Response> {
  const known = await transactionOf(visit, visit.url.searchParams.get("tx"));
  if (!known) return noTransaction(visit);
  const transaction = known.stage === "login" ? known : advance(known, { stage: "login" }, nowSeconds());
  const cookie = transaction === known ? null : await transactionCookie(visit.keys, transaction);
  return page(visit, form, transaction, 200, { problem: NOTES[visit.url.searchParams.get("e") ?? ""] }, cookie === null ? [] : [cookie]);
}

async function page(
  visit: Visit,
  form: "login" | "signup",
  transaction: Transaction,
  status: number,
  tried: Tried,
  cookies: readonly string[] = [],
): Promise<Response> {
  const token = (action: string) => csrfToken(visit.keys, transaction, action);
  const [login, signup, github, google] = await Promise.all([token("login"), token("signup"), token("github"), token("google")]);
  const view: SignInView = {
    transactionId: transaction.id,
    client: transaction.client,
    redirectUri: transaction.request.redirectUri,
    csrf: { login, signup, github, google },
    ...tried,
  };
  const [title, main] = form === "login" ? ["Sign in", loginPage(view)] : ["Create your account", signupPage(view)];
  return respond(visit.config.issuer, { status, title: tried.problem === undefined ? title : `Problem: ${title}`, main, cookies });
}

const WRONG = { valid: false, error: "INVALID_CREDENTIALS" } as const;

/** Lengths that no account can have are not worth asking about. */
function isAskable(email: string, password: string): boolean {
  return email.length <= EMAIL_LIMIT && sizeOf(password) <= PASSWORD_LIMIT_BYTES;
}

/** What a person can mend before anybody is asked, and without learning anything about other accounts. */
function flawOf(name: string, email: string, password: string): Tried | undefined {
  if (name === "" || name.length > NAME_LIMIT) return { problem: `Enter your name, in at most ${NAME_LIMIT} characters.`, wrong: ["name"] };
  if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email) || email.length > EMAIL_LIMIT) {
    return { problem: "Enter a complete e-mail address, such as ada@example.com.", wrong: ["email"] };
  }
  if ([...password].length < PASSWORD_MIN_CHARACTERS) {
    return { problem: `Choose a password of at least ${PASSWORD_MIN_CHARACTERS} characters.`, wrong: ["password"] };
  }
  if (sizeOf(password) > PASSWORD_LIMIT_BYTES) return { problem: "That password is too long. Choose a shorter one.", wrong: ["password"] };
  return undefined;
}

/** One line, no control characters; otherwise as the person writes it. */
function normalName(form: URLSearchParams): string {
  return (form.get("name") ?? "")
    .normalize("NFC")
    .replace(/[\p{Cc}\s]+/gu, " ")
    .trim();
}

function normalEmail(form: URLSearchParams): string {
  return (form.get("email") ?? "").trim().normalize("NFC").toLowerCase();
}

function sizeOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

function auth({ env, config, trace }: Visit): AuthService {
  return new AuthService(env, config, trace);
}
