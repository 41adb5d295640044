// Signing in and signing up with a password, for an app or for the person's own page. The gateway passes a password on as it is:
// never stored, logged, shown, trimmed or normalised; whether it is right, or good enough, the auth Worker decides.
import { PASSWORD_MIN_CHARACTERS, type SignIn } from "../../../contracts/auth.ts";
import { recordAccess } from "../../audit/sinks.ts";
import { AUTH_UNAVAILABLE } from "../../backends/auth.ts";
import { addressOf, consume } from "../../limits/rate-limits.ts";
import { comingSoonPage } from "../pages/notices.ts";
import { type Page, redirect, respond } from "../pages/page.ts";
import { EMAIL_LIMIT, type FieldName, NAME_LIMIT, signInPage, type Tried } from "../pages/sign-in.ts";
import { type BrowserRequest, nowSeconds } from "./browser-request.ts";
import { authUnavailable, badRequest, noTransaction, tooMany } from "./error-pages.ts";
import { accountNow, endedSessionCookies, newSession, replaceSession, sessionCookie, sessionOf } from "./session.ts";
import {
  advance,
  clearedCookie,
  csrfToken,
  evictedCookies,
  startTransaction,
  type Transaction,
  transactionCookie,
} from "./transaction.ts";
import { onSubmit, transactionOf } from "./transaction-form.ts";

const PASSWORD_LIMIT_BYTES = 1_024;
/** For whoever tries too often. The auth Worker's pauses are between seconds and a quarter of an hour. */
const PAUSE_SECONDS = 300;
/** What the library can put into a token: it separates the parts of one with colons. */
const USER_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** Sentences that a redirect may ask for by its `e` parameter. */
const NOTES: Readonly<Record<string, string>> = {
  social: "Signing in there did not work. Try again, or sign in another way.",
  ended: "You have signed out meanwhile. Sign in again to decide.",
};

type Kind = "login" | "signup";

/** Sends a browser that has no session to sign in, and then to its own page. No app is told anything. */
export async function signInForOwnPage(visit: BrowserRequest): Promise<Response> {
  if (!visit.config.isSignupOpen) return respond(comingSoonPage());
  return startSignIn(
    visit,
    startTransaction({ stage: "login", connection: null }, nowSeconds()),
    endedSessionCookies(visit),
  );
}

/** Hands a new transaction to the browser and shows its page. `cookies` are set as well. */
export async function startSignIn(
  visit: BrowserRequest,
  transaction: Transaction,
  cookies: readonly string[] = [],
): Promise<Response> {
  const cookie = await transactionCookie(visit.keys, transaction);
  if (cookie === null) return badRequest(visit, "It is too long.");
  const page = transaction.stage === "consent" ? "consent" : "login";
  return redirect(`/${page}?tx=${transaction.id}`, [
    ...evictedCookies(visit.request.headers.get("Cookie")),
    cookie,
    ...cookies,
  ]);
}

/** Coming back to a form from any later step starts that step over, with whichever account then signs in. */
export async function showForm(visit: BrowserRequest, kind: Kind): Promise<Response> {
  const parameters = visit.url.searchParams;
  const known = await transactionOf(visit, parameters.get("tx"));
  if (!known) return noTransaction(visit);
  const { id, connection } = known;
  const transaction = known.stage === "login" ? known : advance(id, { stage: "login", connection }, nowSeconds());
  const cookie = transaction === known ? null : await transactionCookie(visit.keys, transaction);
  return page(
    visit,
    kind,
    transaction,
    { problem: NOTES[parameters.get("e") ?? ""] },
    { cookies: cookie === null ? [] : [cookie] },
  );
}

export const logIn = onSubmit("login", "login", async (visit, form, transaction) => {
  const email = emailOf(form);
  const password = form.get("password") ?? "";
  const again = (status: number, problem: string, ...wrong: FieldName[]) =>
    page(visit, "login", transaction, { problem, email, wrong }, { status });
  if (email === "" || password === "")
    return again(400, "Enter your e-mail and your password.", email === "" ? "email" : "password");

  const refused = () => again(401, "E-mail or password is wrong. Check both and try again.", "email", "password");
  // Lengths that no account can have are not worth asking about.
  if (email.length > EMAIL_LIMIT || sizeOf(password) > PASSWORD_LIMIT_BYTES) return refused();
  const paused = (seconds: number) => {
    const problem = "Too many attempts. Wait a few minutes, then try again.";
    return page(
      visit,
      "login",
      transaction,
      { problem, email },
      { status: 429, headers: { "Retry-After": String(seconds) } },
    );
  };
  const retryAfterSeconds = await consume(visit.env, visit.trace, "loginEmail", email);
  if (retryAfterSeconds > 0) return paused(retryAfterSeconds);
  const verdict = await visit.auth.authenticateUser(email, password);
  if (verdict === AUTH_UNAVAILABLE) return authUnavailable(visit);
  if (verdict.valid) return (await completeSignIn(visit, transaction, verdict)) ?? refused();
  return verdict.error === "RATE_LIMITED" ? paused(PAUSE_SECONDS) : refused();
});

export const signUp = onSubmit("signup", "login", async (visit, form, transaction) => {
  // One line, no control characters; otherwise as the person writes it.
  const name = (form.get("name") ?? "")
    .normalize("NFC")
    .replace(/[\p{Cc}\s]+/gu, " ")
    .trim();
  const email = emailOf(form);
  const password = form.get("password") ?? "";
  const again = (problem: string, ...wrong: FieldName[]) =>
    page(visit, "signup", transaction, { problem, name, email, wrong }, { status: 400 });
  // What a person can mend before anybody is asked, and without learning anything about other accounts.
  if (name === "" || name.length > NAME_LIMIT)
    return again(`Enter your name, in at most ${NAME_LIMIT} characters.`, "name");
  if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email) || email.length > EMAIL_LIMIT) {
    return again("Enter a complete e-mail address, such as ada@example.com.", "email");
  }
  if ([...password].length < PASSWORD_MIN_CHARACTERS) {
    return again(`Choose a password of at least ${PASSWORD_MIN_CHARACTERS} characters.`, "password");
  }
  if (sizeOf(password) > PASSWORD_LIMIT_BYTES)
    return again("That password is too long. Choose a shorter one.", "password");

  const { request, env, trace } = visit;
  const retryAfterSeconds =
    (await consume(env, trace, "account", addressOf(request))) || (await consume(env, trace, "accountEmail", email));
  if (retryAfterSeconds > 0) return tooMany(visit, retryAfterSeconds);
  let verdict = await visit.auth.registerUser(name, email, password);
  // A form that was sent twice made the account the first time. Whoever knows its password may come in, as on the other page.
  if (verdict !== AUTH_UNAVAILABLE && !verdict.valid && verdict.error === "EMAIL_EXISTS") {
    verdict = await visit.auth.authenticateUser(email, password);
  }
  if (verdict === AUTH_UNAVAILABLE) return authUnavailable(visit);
  // One sentence for every reason: whether an address has an account here is nobody else's business.
  const refused = () => again("We could not create that account. If you already have one, sign in.");
  return verdict.valid ? ((await completeSignIn(visit, transaction, verdict)) ?? refused()) : refused();
});

/**
 * Lets a person who has proven who they are go on: to the decision, or to their own page. They get a session, always a new one.
 * `null` for somebody whose account cannot be used any more; they are to be told no more than that signing in did not work.
 */
export async function completeSignIn(
  visit: BrowserRequest,
  { id, connection }: Pick<Transaction, "id" | "connection">,
  { userId }: SignIn & { valid: true },
): Promise<Response | null> {
  const { env, ctx, keys, trace } = visit;
  if (!USER_ID.test(userId)) {
    console.error(JSON.stringify({ event: "oauth.unusable_user_id", traceId: trace.traceId }));
    return authUnavailable(visit);
  }
  const now = nowSeconds();
  const [known, before] = await Promise.all([accountNow(visit, userId, now), sessionOf(visit)]);
  if (known === null) return null;
  if (known === AUTH_UNAVAILABLE) return authUnavailable(visit);
  const { account, sessionVersion } = known;
  const session = newSession(account, sessionVersion);
  const { sid, startedAtMs } = session;
  const next = connection && advance(id, { stage: "consent", connection, account, session: { sid, startedAtMs } }, now);
  const cookie = next ? await transactionCookie(keys, next) : clearedCookie(id);
  if (cookie === null) return badRequest(visit, "It is too long.");

  if (before) await replaceSession(visit, before);
  recordAccess(env.PLATFORM_EVENTS_QUEUE, ctx, trace.traceId, {
    type: "session.started",
    subject: userId,
    clientId: null,
  });
  return redirect(next ? `/consent?tx=${id}` : "/apps", [cookie, await sessionCookie(keys, session)]);
}

async function page(
  { keys }: BrowserRequest,
  kind: Kind,
  transaction: Transaction,
  tried: Tried,
  answer: Pick<Page, "status" | "headers" | "cookies">,
): Promise<Response> {
  const token = (action: string) => csrfToken(keys, transaction, action);
  const [own, github, google] = await Promise.all([token(kind), token("github"), token("google")]);
  return respond({ ...signInPage(kind, transaction, { own, github, google }, tried), ...answer });
}

function emailOf(form: URLSearchParams): string {
  return (form.get("email") ?? "").trim().normalize("NFC").toLowerCase();
}

function sizeOf(text: string): number {
  return new TextEncoder().encode(text).length;
}
