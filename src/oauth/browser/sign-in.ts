// The sign-in flow that password and social sign-in share: starts a transaction, and completes it
// after the user has proven an identity.
import type { SignIn } from "../../../contracts/auth.ts";
import { logError } from "../../../contracts/log.ts";
import { recordAccess } from "../../audit/recorder.ts";
import { AUTH_UNAVAILABLE } from "../../backends/auth.ts";
import { nowSeconds } from "../clock.ts";
import { redirect } from "../pages/page.ts";
import type { BrowserRequest } from "./browser-request.ts";
import { authUnavailable, badRequest } from "./error-pages.ts";
import { consentStage, endedSessionCookies, newSession, replaceSession, sessionCookie, sessionOf } from "./session.ts";
import { currentAccount } from "./signed-in-account.ts";
import {
  advance,
  doneCookie,
  evictedCookies,
  startTransaction,
  type Transaction,
  transactionCookie,
} from "./transaction.ts";

/** User ids that the library can put into a token, whose parts it separates with colons. */
const USER_ID = /^[A-Za-z0-9_-]{1,64}$/;

/**
 * Sends a browser without a session to sign-in, and then to the account page. No client is
 * involved. `cookies`: by default the one that deletes an ended session.
 */
export function signInForAccount(browser: BrowserRequest, cookies = endedSessionCookies(browser)): Promise<Response> {
  return openPage(browser, "login", accountTransaction(), cookies);
}

/** The same, with a form for a new account. */
export function signUpForAccount(browser: BrowserRequest): Promise<Response> {
  return openPage(browser, "signup", accountTransaction(), endedSessionCookies(browser));
}

function accountTransaction(): Transaction {
  return startTransaction({ stage: "login", connection: null }, nowSeconds());
}

/** Gives the browser a new transaction and redirects to its page. `cookies` are set as well. */
export function openFirstPage(
  browser: BrowserRequest,
  transaction: Transaction,
  cookies: readonly string[] = [],
): Promise<Response> {
  return openPage(browser, transaction.stage === "consent" ? "consent" : "login", transaction, cookies);
}

async function openPage(
  browser: BrowserRequest,
  page: "login" | "signup" | "consent",
  transaction: Transaction,
  cookies: readonly string[],
): Promise<Response> {
  const cookie = await transactionCookie(browser.config, transaction);
  if (cookie === null) return badRequest(browser, "It is too long.");
  const evicted = evictedCookies(browser.request.headers.get("Cookie"));
  return redirect(`/${page}?tx=${transaction.id}`, [...evicted, cookie, ...cookies]);
}

/**
 * Continues after the user has proven an identity: to the decision, or to the account page. Always
 * with a new session. `null` if the account cannot be used; say only that the sign-in failed.
 */
export async function completeSignIn(
  browser: BrowserRequest,
  transaction: Transaction,
  { userId }: SignIn & { valid: true },
): Promise<Response | null> {
  const { config, trace } = browser;
  const { id, connection } = transaction;
  if (!USER_ID.test(userId)) {
    logError("oauth.unusable_user_id", { traceId: trace.traceId });
    return authUnavailable(browser);
  }
  // The tenant must exist before any grant.
  if ((await browser.auth.provisionTenant(userId, "oauth")) === AUTH_UNAVAILABLE) return authUnavailable(browser);
  const [current, previous] = await Promise.all([currentAccount(browser, userId), sessionOf(browser)]);
  if (current === null) return null;
  if (current === AUTH_UNAVAILABLE) return authUnavailable(browser);
  const session = newSession(current.account, current.sessionVersion);
  const stage = connection && consentStage(connection, session);
  const now = nowSeconds();
  const next = stage && advance(transaction, stage, now);
  const cookie = await (next ? transactionCookie(config, next) : doneCookie(config, transaction, now));
  if (cookie === null) return badRequest(browser, "It is too long.");

  if (previous) await replaceSession(browser, previous);
  const { tenantId } = current.account;
  await recordAccess(browser, { type: "session.started", subject: userId, tenantId, clientId: null });
  return redirect(next ? `/consent?tx=${id}` : "/apps", [cookie, await sessionCookie(config, session)]);
}
