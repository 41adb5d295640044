// The signed-in browser: a sealed cookie that skips the password, never the decision, and opens the person's own page. It authorises
// nothing at `/mcp`. A new one is made at every sign-in and ends the one before; signing out ends it at once and everywhere, also
// where somebody copied it.
import * as v from "valibot";
import type { UserId } from "../../../contracts/rpc/identity.ts";
import { AUTH_UNAVAILABLE, type AuthUnavailable } from "../../backends/auth.ts";
import type { BrowserKeys } from "../../crypto/browser-keys.ts";
import { isProofFor, proofFor } from "../../crypto/csrf.ts";
import { seal, unseal } from "../../crypto/seal.ts";
import { revocationsOf, SESSION_LIFETIME_SECONDS } from "../../durable/user-revocations.ts";
import { type BrowserRequest, nowSeconds } from "./browser-request.ts";
import { Account, attributes, randomText, type TransactionAt } from "./transaction.ts";

const COOKIE = "__Host-gw_s";
const SENT = /(?:^|; *)__Host-gw_s=([^;]*)/;
/** A session that nobody uses ends after this. */
const IDLE_SECONDS = 3_600;

const BrowserSession = v.object({
  /** Names the session, never shown. */
  sid: v.string(),
  account: Account,
  /** The user's session version at sign-in: the auth Worker raises it where sessions must end. */
  sessionVersion: v.number(),
  startedAtMs: v.number(),
  /** Seconds since the Unix epoch; moves with each use. */
  idleUntil: v.number(),
});
export type BrowserSession = Readonly<v.InferOutput<typeof BrowserSession>>;

/** A new session of somebody who has just proven who they are. */
export function newSession(account: Account, sessionVersion: number): BrowserSession {
  return { sid: randomText(16), account, sessionVersion, startedAtMs: Date.now(), idleUntil: 0 };
}

/** The `Set-Cookie` that keeps `session` for another while, and never beyond its eight hours. */
export async function sessionCookie({ session: keys }: BrowserKeys, session: BrowserSession): Promise<string> {
  const left = SESSION_LIFETIME_SECONDS - Math.floor((Date.now() - session.startedAtMs) / 1000);
  const seconds = Math.max(0, Math.min(IDLE_SECONDS, left));
  const content: BrowserSession = { ...session, idleUntil: nowSeconds() + seconds };
  return `${COOKIE}=${await seal(keys, JSON.stringify(content), COOKIE)}; ${attributes(seconds)}`;
}

/** The `Set-Cookie` that takes a session from the browser. */
export function clearedSessionCookie(): string {
  return `${COOKIE}=; ${attributes(0)}`;
}

/** The `Set-Cookie` for a browser that still holds a session which is over; none for one that holds nothing. */
export function endedSessionCookies({ request }: BrowserRequest): readonly string[] {
  return SENT.test(request.headers.get("Cookie") ?? "") ? [clearedSessionCookie()] : [];
}

/** The session of the browser that makes this request; `null` where there is none, or it is over. */
export async function sessionOf({ request, env, keys }: BrowserRequest): Promise<BrowserSession | null> {
  const [, sealed = ""] = SENT.exec(request.headers.get("Cookie") ?? "") ?? [];
  const plain = await unseal(keys.session, sealed, COOKIE);
  const parsed = v.safeParse(BrowserSession, plain === null ? null : JSON.parse(plain));
  if (!parsed.success || parsed.output.idleUntil <= nowSeconds()) return null;
  const { account, sid, startedAtMs } = parsed.output;
  return (await revocationsOf(env, account.userId).hasEndedSession(sid, startedAtMs)) ? null : parsed.output;
}

/**
 * The session, with the account as of now. `null` also where the auth Worker has ended it: the user is disabled or gone, or the
 * session is from before their sessions had to end.
 */
export async function signedInSession(visit: BrowserRequest): Promise<BrowserSession | null | AuthUnavailable> {
  const session = await sessionOf(visit);
  const known = session && (await accountNow(visit, session.account.userId, session.account.authTime));
  if (known === AUTH_UNAVAILABLE) return AUTH_UNAVAILABLE;
  return session && known?.sessionVersion === session.sessionVersion ? { ...session, account: known.account } : null;
}

/**
 * The account of somebody who signed in at `authTime`, with its tenant: that must exist before any grant can. `null` for a user who
 * is disabled or gone.
 */
export async function accountNow(
  { auth }: BrowserRequest,
  userId: UserId,
  authTime: number,
): Promise<{ readonly account: Account; readonly sessionVersion: number } | null | AuthUnavailable> {
  const [tenant, user] = await Promise.all([auth.provisionTenant(userId, "oauth"), auth.getUser(userId)]);
  if (user === AUTH_UNAVAILABLE) return AUTH_UNAVAILABLE;
  if (!user?.isActive) return null;
  if (tenant === AUTH_UNAVAILABLE) return AUTH_UNAVAILABLE;
  const { email, sessionVersion } = user;
  return { account: { userId, tenantId: tenant.tenantId, tier: tenant.tier, email, authTime }, sessionVersion };
}

/** Ends the session for good, and every decision that waits for it; the browser is to be sent `clearedSessionCookie`. */
export async function endSession({ env }: BrowserRequest, { sid, account }: BrowserSession): Promise<void> {
  const revocations = revocationsOf(env, account.userId);
  await Promise.all([revocations.endSession(sid), revocations.endSession(decisionsOf(sid))]);
}

/** Ends a session whose place a new one takes. What the person has not decided yet in another tab stays theirs to decide. */
export async function replaceSession({ env }: BrowserRequest, { sid, account }: BrowserSession): Promise<void> {
  await revocationsOf(env, account.userId).endSession(sid);
}

/** Whether the person has signed out, or was signed out, since they signed in for this transaction. */
export async function hasSignedOut(
  { env }: BrowserRequest,
  { account, session }: TransactionAt<"consent">,
): Promise<boolean> {
  return revocationsOf(env, account.userId).hasEndedSession(decisionsOf(session.sid), session.startedAtMs);
}

/** Names the undecided transactions of a session, as something that can be ended. */
function decisionsOf(sid: string): string {
  return `${sid}/decisions`;
}

/** What a form of a signed-in page must carry: proof that our page, in this session, made it (CSRF). */
export function sessionCsrf(keys: BrowserKeys, { sid }: BrowserSession, action: string): Promise<string> {
  return proofFor(keys, COOKIE, sid, action);
}

/** Whether `token` came from the form `action` of this session. */
export function isSessionCsrf(
  keys: BrowserKeys,
  { sid }: BrowserSession,
  action: string,
  token: string,
): Promise<boolean> {
  return isProofFor(keys, token, COOKIE, sid, action);
}
