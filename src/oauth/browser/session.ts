// Sessions of signed-in browsers, in a sealed cookie. A session replaces the password, never the
// decision, opens the account page, and authorizes nothing at `/mcp`. Each sign-in makes a new one
// and ends the previous one. Signing out ends it at once and everywhere, also in a copy of the
// cookie.
import * as v from "valibot";
import type { UserId } from "../../../contracts/rpc/identity.ts";
import { AUTH_UNAVAILABLE, type AuthUnavailable } from "../../backends/auth.ts";
import type { Config } from "../../config.ts";
import type { RequestContext } from "../../context.ts";
import { isProofFor, proofFor } from "../../crypto/csrf.ts";
import { keyRingOf } from "../../crypto/key-ring.ts";
import { randomText } from "../../crypto/random.ts";
import { seal, unseal } from "../../crypto/seal.ts";
import { SESSION_LIFETIME_SECONDS, userObjectOf } from "../../durable/user-object.ts";
import { nowSeconds } from "../clock.ts";
import type { BrowserRequest } from "./browser-request.ts";
import { clearCookie, setCookie } from "./cookie.ts";
import { Account, currentAccount, SignInOrigin } from "./signed-in-account.ts";
import type { Connection, ConsentStage, TransactionAt } from "./transaction.ts";

const COOKIE = "__Host-gw_s";
const SENT = /(?:^|; *)__Host-gw_s=([^;]*)/;
/** An unused session ends after this. */
const IDLE_SECONDS = 3_600;

const BrowserSession = v.object({
  /** Names the session; never shown. */
  sid: v.string(),
  account: Account,
  ...SignInOrigin.entries,
  /** Seconds since the Unix epoch; moves with each use. */
  idleUntil: v.number(),
});
export type BrowserSession = Readonly<v.InferOutput<typeof BrowserSession>>;

/** A new session of a user who has just signed in. */
export function newSession(account: Account, sessionVersion: number): BrowserSession {
  return { sid: randomText(16), account, sessionVersion, startedAtMs: Date.now(), idleUntil: 0 };
}

/** The `Set-Cookie` that extends `session` by an hour, up to eight hours after its start. */
export async function sessionCookie(config: Config, session: BrowserSession): Promise<string> {
  const left = SESSION_LIFETIME_SECONDS - Math.floor((Date.now() - session.startedAtMs) / 1000);
  const seconds = Math.max(0, Math.min(IDLE_SECONDS, left));
  const content: BrowserSession = { ...session, idleUntil: nowSeconds() + seconds };
  return setCookie(COOKIE, await seal(await keyRingOf(config, "session"), JSON.stringify(content), COOKIE), seconds);
}

/** The `Set-Cookie` that deletes the session from the browser. */
export function clearedSessionCookie(): string {
  return clearCookie(COOKIE);
}

/**
 * The `Set-Cookie` for a browser that still holds an ended session; none if it holds no session.
 */
export function endedSessionCookies({ request }: BrowserRequest): readonly string[] {
  return SENT.test(request.headers.get("Cookie") ?? "") ? [clearedSessionCookie()] : [];
}

/** The unexpired session in the cookie, also if it has ended elsewhere. */
export async function sealedSession({ request, config }: BrowserRequest): Promise<BrowserSession | null> {
  const [, sealed = ""] = SENT.exec(request.headers.get("Cookie") ?? "") ?? [];
  const plain = await unseal(await keyRingOf(config, "session"), sealed, COOKIE);
  const parsed = v.safeParse(BrowserSession, plain === null ? null : JSON.parse(plain));
  return parsed.success && parsed.output.idleUntil > nowSeconds() ? parsed.output : null;
}

/**
 * The session of this browser; `null` if there is none, or the user has ended it. For ending it
 * only, which needs no account: anything else needs `signedInSession`.
 */
export async function sessionOf(browser: BrowserRequest): Promise<BrowserSession | null> {
  const session = await sealedSession(browser);
  if (!session) return null;
  const { account, sid, startedAtMs } = session;
  return (await userObjectOf(browser.env, account.userId).hasEndedSession(sid, startedAtMs)) ? null : session;
}

/**
 * The session of this browser, with the current account. `null` if there is none, or it has ended:
 * the user has signed out, or is disabled or deleted, or the session is older than the event that
 * ended the user's sessions.
 */
export async function signedInSession(browser: BrowserRequest): Promise<BrowserSession | null | AuthUnavailable> {
  const session = await sealedSession(browser);
  const account = session && (await accountOfSignIn(browser, session.account.userId, session.sid, session));
  return account === null || account === AUTH_UNAVAILABLE ? account : session && { ...session, account };
}

/** The same for a pending decision: the current account of the sign-in that it comes from. */
export function decidingAccount(
  browser: BrowserRequest,
  { account, session }: TransactionAt<"consent">,
): Promise<Account | null | AuthUnavailable> {
  return accountOfSignIn(browser, account.userId, decisionsOf(session.sid), session);
}

async function accountOfSignIn(
  browser: BrowserRequest,
  userId: UserId,
  sid: string,
  { startedAtMs, sessionVersion }: SignInOrigin,
): Promise<Account | null | AuthUnavailable> {
  const [hasEnded, current] = await Promise.all([
    userObjectOf(browser.env, userId).hasEndedSession(sid, startedAtMs),
    currentAccount(browser, userId),
  ]);
  if (hasEnded) return null;
  if (current === null || current === AUTH_UNAVAILABLE) return current;
  return current.sessionVersion === sessionVersion && startedAtMs > current.signedOutAtMs ? current.account : null;
}

/** The stage of a transaction at which the user of this session decides about `connection`. */
export function consentStage(connection: Connection, session: BrowserSession): ConsentStage {
  const { account, sid, startedAtMs, sessionVersion } = session;
  return { stage: "consent", connection, account, session: { sid, startedAtMs, sessionVersion } };
}

/** Ends the session and all its pending decisions. Also send the browser `clearedSessionCookie`. */
export async function endSession({ env }: RequestContext, { sid, account }: BrowserSession): Promise<void> {
  const user = userObjectOf(env, account.userId);
  await Promise.all([user.endSession(sid), user.endSession(decisionsOf(sid))]);
}

/** Ends a session that a new one replaces. Its pending decisions in other tabs stay valid. */
export async function replaceSession({ env }: RequestContext, { sid, account }: BrowserSession): Promise<void> {
  await userObjectOf(env, account.userId).endSession(sid);
}

/** Names the pending decisions of a session as something that can be ended. */
function decisionsOf(sid: string): string {
  return `${sid}/decisions`;
}

/** The proof in a form of a signed-in page that our page made it, in this session (CSRF). */
export function sessionCsrf(config: Config, { sid }: BrowserSession, action: string): Promise<string> {
  return proofFor(config, COOKIE, sid, action);
}

/** True if `token` is from the form `action` of this session. */
export function isSessionCsrf(
  config: Config,
  { sid }: BrowserSession,
  action: string,
  token: string,
): Promise<boolean> {
  return isProofFor(config, token, COOKIE, sid, action);
}
