// Sign-in and sign-up with a password. The gateway passes the password on unchanged: never stored,
// logged, shown, trimmed or normalized. The auth Worker decides whether it is right and strong
// enough.
import { PASSWORD_MIN_CHARACTERS, type SignIn } from "../../../contracts/auth.ts";
import { canonicalEmail } from "../../../contracts/email-address.ts";
import { AUTH_UNAVAILABLE, type AuthUnavailable } from "../../backends/auth.ts";
import { addressOf, consume, peek } from "../../limits/rate-limits.ts";
import { comingSoonPage } from "../pages/notices.ts";
import { type Page, pageResponse, redirect } from "../pages/page.ts";
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
import { authUnavailable, noTransaction, tooManyAttempts, waitFor } from "./error-pages.ts";
import { knownBrowserCookie, knownBrowserOf } from "./known-browser.ts";
import { sealedSession } from "./session.ts";
import { completeSignIn, signUpForAccount } from "./sign-in.ts";
import type { Account } from "./signed-in-account.ts";
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

/** GET /login. Without a transaction, a sign-in for the account page. */
export function showLogIn(browser: BrowserRequest): Response | Promise<Response> {
  return browser.url.searchParams.has("tx") ? showForm(browser, "login") : redirect("/apps");
}

/**
 * GET /signup. Without a transaction, a sign-up for the account page; a user who is signed in stays
 * so, because a link must not sign them out.
 */
export async function showSignUp(browser: BrowserRequest): Promise<Response> {
  if (browser.url.searchParams.has("tx")) return showForm(browser, "signup");
  return (await sealedSession(browser)) ? redirect("/apps") : signUpForAccount(browser);
}

/** While sign-up is closed, a user can sign in for the account page only. */
function isClosedFor({ config }: BrowserRequest, { connection }: Transaction): boolean {
  return !config.isSignupOpen && connection !== null;
}

/**
 * Shows a form at any step, because a link must not undo one: only signing in replaces an open
 * decision, for any account that then signs in.
 */
async function showForm(browser: BrowserRequest, kind: FormKind): Promise<Response> {
  const { searchParams } = browser.url;
  const transaction = await transactionOf(browser, searchParams.get("tx"));
  if (!transaction) return noTransaction(browser);
  if (isClosedFor(browser, transaction)) return pageResponse(comingSoonPage());
  return formPage(browser, { kind, transaction, rejected: { problem: NOTES[searchParams.get("e") ?? ""] } });
}

/** POST /login */
export async function logIn(browser: BrowserRequest): Promise<Response> {
  const submitted = await readTransactionForm(browser, "login", SIGN_IN_STAGES);
  if (submitted instanceof Response) return (await tooManyLogIns(browser)) ?? submitted;
  if (isClosedFor(browser, submitted.transaction)) return pageResponse(comingSoonPage());
  const act = () => checkLogIn(browser, submitted);
  return answerOnce(browser, submitted.once, act, act);
}

/** Counts an attempt by its address; the page if there are too many. */
async function tooManyLogIns(browser: BrowserRequest): Promise<Response | null> {
  const wait = await consume(browser, "login", addressOf(browser.request));
  return wait > 0 ? tooManyAttempts(browser, wait) : null;
}

async function checkLogIn(browser: BrowserRequest, { form, transaction }: SignInForm): Promise<Response> {
  const email = emailIn(form);
  const knownBrowser = email === "" ? null : await knownBrowserOf(browser, email);
  const busy = knownBrowser === null ? await tooManyLogIns(browser) : null;
  if (busy) return busy;
  const password = form.get("password") ?? "";
  const refuse = (status: number, problem: string, wrong: readonly FieldName[]) =>
    formPage(browser, { kind: "login", transaction, status, rejected: { problem, email, wrong } });
  if (email === "" || password === "")
    return refuse(400, "Enter your e-mail and your password.", [email === "" ? "email" : "password"]);
  const refuseBoth = () => refuse(401, "E-mail or password is wrong. Check both and try again.", ["email", "password"]);
  // No account can have these lengths, so the auth Worker need not be asked.
  if (email.length > EMAIL_MAX_LENGTH || sizeOf(password) > MAX_PASSWORD_BYTES) return refuseBoth();
  const wait = await consumeAttempt(browser, email, knownBrowser);
  if (wait > 0) return pausedPage(browser, transaction, email, wait);
  const reply = await browser.auth.authenticateUser(email, password, knownBrowser);
  if (reply === AUTH_UNAVAILABLE) return authUnavailable(browser);
  if (reply.valid) return (await signIn(browser, transaction, reply, email)) ?? refuseBoth();
  return reply.error === "RATE_LIMITED" ? pausedPage(browser, transaction, email, PAUSE_SECONDS) : refuseBoth();
}

/**
 * Asks for the password of a user who is signed in, within the limits of the sign-in. `paused`: too
 * many attempts.
 */
export async function isPasswordOf(
  browser: BrowserRequest,
  { userId, email }: Pick<Account, "userId" | "email">,
  password: string,
): Promise<boolean | "paused" | AuthUnavailable> {
  if (password === "" || sizeOf(password) > MAX_PASSWORD_BYTES) return false;
  const knownBrowser = await knownBrowserOf(browser, email);
  if ((await consumeAttempt(browser, email, knownBrowser)) > 0) return "paused";
  const reply = await browser.auth.authenticateUser(email, password, knownBrowser);
  if (reply === AUTH_UNAVAILABLE) return AUTH_UNAVAILABLE;
  if (reply.valid) return reply.userId === userId;
  return reply.error === "RATE_LIMITED" ? "paused" : false;
}

/** Counts an attempt at a password. Returns the seconds to wait. */
function consumeAttempt(browser: BrowserRequest, email: string, knownBrowser: string | null): Promise<number> {
  const address = canonicalEmail(email);
  return knownBrowser === null
    ? consume(browser, "loginEmail", address)
    : consume(browser, "loginBrowser", `${address}\n${knownBrowser}`);
}

/** Completes the sign-in with the right password: from then on, the account knows the browser. */
async function signIn(
  browser: BrowserRequest,
  transaction: Transaction,
  reply: SignIn & { valid: true },
  email: string,
): Promise<Response | null> {
  const response = await completeSignIn(browser, transaction, reply);
  response?.headers.append("Set-Cookie", await knownBrowserCookie(browser, email));
  return response;
}

function pausedPage(
  browser: BrowserRequest,
  transaction: Transaction,
  email: string,
  retryAfterSeconds: number,
): Promise<Response> {
  const rejected = { problem: `Too many attempts. ${waitFor(retryAfterSeconds)}`, email };
  const headers = { "Retry-After": String(retryAfterSeconds) };
  return formPage(browser, { kind: "login", transaction, status: 429, headers, rejected });
}

/** POST /signup. A form with a mistake is not counted: only one that tells of an address is. */
export async function signUp(browser: BrowserRequest): Promise<Response> {
  const submitted = await readTransactionForm(browser, "signup", SIGN_IN_STAGES);
  if (submitted instanceof Response) return submitted;
  const act = () => checkSignUp(browser, submitted);
  return answerOnce(browser, submitted.once, act, act);
}

async function checkSignUp(browser: BrowserRequest, { form, transaction }: SignInForm): Promise<Response> {
  const entered = { name: nameIn(form), email: emailIn(form), password: form.get("password") ?? "" };
  const { name, email, password } = entered;
  const reject = (mistake: Mistake) =>
    formPage(browser, { kind: "signup", transaction, status: 400, rejected: { ...mistake, name, email } });
  const mistake = mistakeIn(entered);
  if (mistake) return reject(mistake);

  const address = addressOf(browser.request);
  const wait = await peek(browser, "account", address);
  if (wait > 0) return tooManyAttempts(browser, wait);
  const made = await browser.auth.registerUser(name, email, password);
  if (made === AUTH_UNAVAILABLE) return authUnavailable(browser);
  if (!made.valid && made.error !== "EMAIL_EXISTS") return reject(REFUSALS[made.error] ?? UNEXPLAINED);
  const over = await consume(browser, "account", address);
  // Parallel forms may all have passed above; none of them may tell of one more address.
  if (over > 0 && !made.valid) return tooManyAttempts(browser, over);
  const reply = made.valid ? made : await authenticateOwner(browser, entered);
  if (reply === AUTH_UNAVAILABLE) return authUnavailable(browser);
  const signedIn = reply?.valid ? await signIn(browser, transaction, reply, email) : null;
  return signedIn ?? reject(made.valid ? UNEXPLAINED : TAKEN);
}

/** A problem that the user can correct, and the fields that it is about. */
interface Mistake {
  readonly problem: string;
  readonly wrong: readonly FieldName[];
}

const NAME_MISTAKE: Mistake = { problem: "Enter your name without invisible characters.", wrong: ["name"] };
const EMAIL_MISTAKE: Mistake = {
  problem: "Enter a complete e-mail address, such as ada@example.com.",
  wrong: ["email"],
};
const WEAK: Mistake = {
  problem:
    "This password is easy to guess: it is common, has a pattern, or contains your name. Choose another one; a few unrelated words work well.",
  wrong: ["password"],
};
/** Nothing is sent to the address, so sign-up cannot keep this secret: see docs/security.md. */
const TAKEN: Mistake = {
  problem: "There is already an account with this e-mail address. Sign in, or use another address.",
  wrong: ["email"],
};
const UNEXPLAINED: Mistake = {
  problem: "We could not create that account. Check each field. If you already have an account, sign in.",
  wrong: [],
};

/** Refusals of `registerUser` that do not depend on other accounts. */
const REFUSALS: Readonly<Record<string, Mistake>> = {
  NAME_NOT_USABLE: NAME_MISTAKE,
  EMAIL_NOT_USABLE: EMAIL_MISTAKE,
  WEAK_PASSWORD: WEAK,
};

interface EnteredAccount {
  readonly name: string;
  readonly email: string;
  readonly password: string;
}

/** A mistake that is found without the auth Worker. */
function mistakeIn({ name, email, password }: EnteredAccount): Mistake | null {
  if (name === "" || name.length > NAME_MAX_LENGTH)
    return { problem: `Enter your name, in at most ${NAME_MAX_LENGTH} characters.`, wrong: ["name"] };
  if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(canonicalEmail(email)) || email.length > EMAIL_MAX_LENGTH)
    return EMAIL_MISTAKE;
  if ([...password].length < PASSWORD_MIN_CHARACTERS)
    return { problem: `Choose a password of at least ${PASSWORD_MIN_CHARACTERS} characters.`, wrong: ["password"] };
  if (sizeOf(password) > MAX_PASSWORD_BYTES)
    return { problem: "That password is too long. Choose a shorter one.", wrong: ["password"] };
  return null;
}

/**
 * A form that is sent twice made the account the first time: its password signs in, as on the other
 * page and within the same limits. `null` if they are reached.
 */
async function authenticateOwner(
  browser: BrowserRequest,
  { email, password }: EnteredAccount,
): Promise<SignIn | AuthUnavailable | null> {
  const knownBrowser = await knownBrowserOf(browser, email);
  const wait = await consumeAttempt(browser, email, knownBrowser);
  return wait > 0 ? null : browser.auth.authenticateUser(email, password, knownBrowser);
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
  const csrf = { password, github, google };
  const page = signInPage({ kind, transactionId, client, csrf, rejected, isSignupOpen: config.isSignupOpen });
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
