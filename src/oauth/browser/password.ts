// Sign-in and sign-up with a password. The gateway passes the password on unchanged: never stored,
// logged, shown, trimmed or normalized. The auth Worker decides whether it is right and strong
// enough.
import { PASSWORD_MIN_CHARACTERS, type SignIn } from "../../../contracts/auth.ts";
import { AUTH_UNAVAILABLE, type AuthUnavailable } from "../../backends/auth.ts";
import { addressOf, consume } from "../../limits/rate-limits.ts";
import { type Page, pageResponse } from "../pages/page.ts";
import {
  EMAIL_MAX_LENGTH,
  type FieldName,
  type FormKind,
  NAME_MAX_LENGTH,
  type RejectedForm,
  signInPage,
} from "../pages/sign-in.ts";
import { answerOnce } from "./answer-once.ts";
import type { BrowserRequest } from "./browser-request.ts";
import { authUnavailable, noTransaction, tooManyAttempts } from "./error-pages.ts";
import { completeSignIn } from "./sign-in.ts";
import { csrfToken, type OpenStageName, type Transaction } from "./transaction.ts";
import { readTransactionForm, SIGN_IN_STAGES, type TransactionForm, transactionOf } from "./transaction-form.ts";

type SignInForm = TransactionForm<OpenStageName>;

const MAX_PASSWORD_BYTES = 1_024;
/**
 * Wait after too many attempts. The auth Worker's own pauses are between seconds and a quarter of
 * an hour.
 */
const PAUSE_SECONDS = 300;

/** Sentences that a redirect may select by its `e` parameter. */
const NOTES: Readonly<Record<string, string>> = {
  social: "That sign-in did not work. Try again, or sign in another way.",
  ended: "You have signed out in the meantime. Sign in again to decide.",
};

/** GET /login */
export function showLogIn(browser: BrowserRequest): Promise<Response> {
  return showForm(browser, "login");
}

/** GET /signup */
export function showSignUp(browser: BrowserRequest): Promise<Response> {
  return showForm(browser, "signup");
}

/**
 * Shows a form at any step, because a link must not undo one: only signing in replaces an open
 * decision, for any account that then signs in.
 */
async function showForm(browser: BrowserRequest, kind: FormKind): Promise<Response> {
  const { searchParams } = browser.url;
  const transaction = await transactionOf(browser, searchParams.get("tx"));
  if (!transaction) return noTransaction(browser);
  return formPage(browser, { kind, transaction, rejected: { problem: NOTES[searchParams.get("e") ?? ""] } });
}

/** POST /login */
export async function logIn(browser: BrowserRequest): Promise<Response> {
  const submitted = await readTransactionForm(browser, "login", SIGN_IN_STAGES);
  if (submitted instanceof Response) return submitted;
  const act = () => checkLogIn(browser, submitted);
  return answerOnce(browser, submitted.once, act, act);
}

async function checkLogIn(browser: BrowserRequest, { form, transaction }: SignInForm): Promise<Response> {
  const email = emailIn(form);
  const password = form.get("password") ?? "";
  const rejectedPage = { kind: "login", transaction } as const;
  const refuse = () => {
    const problem = "E-mail or password is wrong. Check both and try again.";
    return formPage(browser, {
      ...rejectedPage,
      status: 401,
      rejected: { problem, email, wrong: ["email", "password"] },
    });
  };
  if (email === "" || password === "") {
    const wrong: FieldName[] = [email === "" ? "email" : "password"];
    const problem = "Enter your e-mail and your password.";
    return formPage(browser, { ...rejectedPage, status: 400, rejected: { problem, email, wrong } });
  }
  // No account can have these lengths, so the auth Worker need not be asked.
  if (email.length > EMAIL_MAX_LENGTH || sizeOf(password) > MAX_PASSWORD_BYTES) return refuse();
  const wait = await consume(browser, "loginEmail", email);
  if (wait > 0) return pausedPage(browser, transaction, email, wait);
  const reply = await browser.auth.authenticateUser(email, password);
  if (reply === AUTH_UNAVAILABLE) return authUnavailable(browser);
  if (reply.valid) return (await completeSignIn(browser, transaction, reply)) ?? refuse();
  return reply.error === "RATE_LIMITED" ? pausedPage(browser, transaction, email, PAUSE_SECONDS) : refuse();
}

function pausedPage(
  browser: BrowserRequest,
  transaction: Transaction,
  email: string,
  retryAfterSeconds: number,
): Promise<Response> {
  const rejected = { problem: "Too many attempts. Wait a few minutes, then try again.", email };
  const headers = { "Retry-After": String(retryAfterSeconds) };
  return formPage(browser, { kind: "login", transaction, status: 429, headers, rejected });
}

/** POST /signup */
export async function signUp(browser: BrowserRequest): Promise<Response> {
  const submitted = await readTransactionForm(browser, "signup", SIGN_IN_STAGES);
  if (submitted instanceof Response) return submitted;
  const act = () => checkSignUp(browser, submitted);
  return answerOnce(browser, submitted.once, act, act);
}

async function checkSignUp(browser: BrowserRequest, { form, transaction }: SignInForm): Promise<Response> {
  const entered = { name: nameIn(form), email: emailIn(form), password: form.get("password") ?? "" };
  const { name, email } = entered;
  const mistake = mistakeIn(entered);
  if (mistake) return rejectSignUp(browser, transaction, { ...mistake, name, email });

  const wait =
    (await consume(browser, "account", addressOf(browser.request))) || (await consume(browser, "accountEmail", email));
  if (wait > 0) return tooManyAttempts(browser, wait);
  const reply = await registerOrAuthenticate(browser, entered);
  if (reply === AUTH_UNAVAILABLE) return authUnavailable(browser);
  const signedIn = reply.valid ? await completeSignIn(browser, transaction, reply) : null;
  // One sentence for every reason, so that it does not reveal whether an address has an account.
  const problem = "We could not create that account. If you already have one, sign in.";
  return signedIn ?? rejectSignUp(browser, transaction, { problem, name, email });
}

interface EnteredAccount {
  readonly name: string;
  readonly email: string;
  readonly password: string;
}

/**
 * A mistake that the user can correct, found without the auth Worker and without revealing other
 * accounts.
 */
function mistakeIn({ name, email, password }: EnteredAccount): { problem: string; wrong: FieldName[] } | null {
  if (name === "" || name.length > NAME_MAX_LENGTH)
    return { problem: `Enter your name, in at most ${NAME_MAX_LENGTH} characters.`, wrong: ["name"] };
  if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email) || email.length > EMAIL_MAX_LENGTH)
    return { problem: "Enter a complete e-mail address, such as ada@example.com.", wrong: ["email"] };
  if ([...password].length < PASSWORD_MIN_CHARACTERS)
    return { problem: `Choose a password of at least ${PASSWORD_MIN_CHARACTERS} characters.`, wrong: ["password"] };
  if (sizeOf(password) > MAX_PASSWORD_BYTES)
    return { problem: "That password is too long. Choose a shorter one.", wrong: ["password"] };
  return null;
}

/**
 * A form that is sent twice made the account the first time: its password signs in, as on the other
 * page.
 */
async function registerOrAuthenticate(
  { auth }: BrowserRequest,
  { name, email, password }: EnteredAccount,
): Promise<SignIn | AuthUnavailable> {
  const reply = await auth.registerUser(name, email, password);
  const isTaken = reply !== AUTH_UNAVAILABLE && !reply.valid && reply.error === "EMAIL_EXISTS";
  return isTaken ? auth.authenticateUser(email, password) : reply;
}

function rejectSignUp(browser: BrowserRequest, transaction: Transaction, rejected: RejectedForm): Promise<Response> {
  return formPage(browser, { kind: "signup", transaction, status: 400, rejected });
}

interface FormPage extends Pick<Page, "status" | "headers" | "cookies"> {
  readonly kind: FormKind;
  readonly transaction: Transaction;
  readonly rejected: RejectedForm;
}

async function formPage(
  { config }: BrowserRequest,
  { kind, transaction, rejected, ...response }: FormPage,
): Promise<Response> {
  const token = (action: string) => csrfToken(config, transaction, action);
  const [password, github, google] = await Promise.all([token(kind), token("github"), token("google")]);
  const { id: transactionId, connection } = transaction;
  const client = connection && { name: connection.client.name, redirectUri: connection.request.redirectUri };
  const page = signInPage({ kind, transactionId, client, csrf: { password, github, google }, rejected });
  return pageResponse({ ...page, ...response });
}

/** One line without control characters, otherwise as the user wrote it. */
function nameIn(form: URLSearchParams): string {
  return (form.get("name") ?? "")
    .normalize("NFC")
    .replace(/[\p{Cc}\s]+/gu, " ")
    .trim();
}

function emailIn(form: URLSearchParams): string {
  return (form.get("email") ?? "").trim().normalize("NFC").toLowerCase();
}

function sizeOf(text: string): number {
  return new TextEncoder().encode(text).length;
}
