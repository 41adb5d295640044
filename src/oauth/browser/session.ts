// Sessions of signed-in browsers, in a sealed cookie. A session replaces the password, never the
// decision, opens the account page, and authorizes nothing at `/mcp`. Each sign-in makes a new one
// and ends the previous one. Signing out ends it at once and everywhere, also in a copy of the
// cookie.
import * as v from "valibot";
import { AUTH_UNAVAILABLE, type AuthUnavailable } from "../../backends/auth.ts";
import type { Config } from "../../config.ts";
import type { RequestContext } from "../../context.ts";
import { isProofFor, proofFor } from "../../crypto/csrf.ts";
import { keyRingOf } from "../../crypto/key-ring.ts";
import { randomText } from "../../crypto/random.ts";
import { seal, unseal } from "../../crypto/seal.ts";
import { revocationsOf, SESSION_LIFETIME_SECONDS } from "../../durable/user-revocations.ts";
import { nowSeconds } from "../clock.ts";
import type { BrowserRequest } from "./browser-request.ts";
import { clearCookie, setCookie } from "./cookie.ts";
import { Account, currentAccount } from "./signed-in-account.ts";
import type { TransactionAt } from "./transaction.ts";

const COOKIE = "__Host-gw_s";
const SENT = /(?:^|; *)__Host-gw_s=([^;]*)/;
/** An unused session ends after this. */
const IDLE_SECONDS = 3_600;

const BrowserSession = v.object({
  /** Names the session; never shown. */
  sid: v.string(),
  account: Account,
  /** The user's session version at sign-in: the auth Worker raises it when sessions must end. */
  sessionVersion: v.number(),
  startedAtMs: v.number(),
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

/** The session of this browser; `null` if there is none, or it has ended. */
export async function sessionOf({ request, env, config }: BrowserRequest): Promise<BrowserSession | null> {
  const [, sealed = ""] = SENT.exec(request.headers.get("Cookie") ?? "") ?? [];
  const plain = await unseal(await keyRingOf(config, "session"), sealed, COOKIE);
  const parsed = v.safeParse(BrowserSession, plain === null ? null : JSON.parse(plain));
  if (!parsed.success || parsed.output.idleUntil <= nowSeconds()) return null;
  const { account, sid, startedAtMs } = parsed.output;
  return (await revocationsOf(env, account.userId).hasEndedSession(sid, startedAtMs)) ? null : parsed.output;
}

/**
 * The session with the current account. `null` also if the auth Worker has ended it: the user is
 * disabled or deleted, or the session is older than the event that ended the user's sessions.
 */
export async function signedInSession(browser: BrowserRequest): Promise<BrowserSession | null | AuthUnavailable> {
  const session = await sessionOf(browser);
  const current = session && (await currentAccount(browser, session.account.userId, session.account.authTime));
  if (current === AUTH_UNAVAILABLE) return AUTH_UNAVAILABLE;
  return session && current?.sessionVersion === session.sessionVersion
    ? { ...session, account: current.account }
    : null;
}

/** Ends the session and all its pending decisions. Also send the browser `clearedSessionCookie`. */
export async function endSession({ env }: RequestContext, { sid, account }: BrowserSession): Promise<void> {
  const revocations = revocationsOf(env, account.userId);
  await Promise.all([revocations.endSession(sid), revocations.endSession(decisionsOf(sid))]);
}

/** Ends a session that a new one replaces. Its pending decisions in other tabs stay valid. */
export async function replaceSession({ env }: RequestContext, { sid, account }: BrowserSession): Promise<void> {
  await revocationsOf(env, account.userId).endSession(sid);
}

/** True if the user has signed out, or was signed out, since the sign-in of this transaction. */
export async function hasSignedOut(
  { env }: RequestContext,
  { account, session }: TransactionAt<"consent">,
): Promise<boolean> {
  return revocationsOf(env, account.userId).hasEndedSession(decisionsOf(session.sid), session.startedAtMs);
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
