// One person's way through the door, from GET /authorize to the decision, kept in a sealed cookie of their own browser: nothing is
// written for a visitor who never comes back, and nobody can go on with a transaction that another browser started. Each step makes
// a new `jti`, so that what was captured at one stage is useless at the next (session fixation).
import * as v from "valibot";
import { SocialProvider } from "../../contracts/auth.ts";
import { fromBase64url, TenantId, Tier, toBase64url, UserId } from "../../contracts/rpc/identity.ts";
import { ClientIdentity } from "./client-identity.ts";
import type { DoorKeys } from "./door-keys.ts";
import { seal, unseal } from "./seal.ts";

/** Seconds for which one page of the door can be used. */
export const PAGE_LIFETIME_SECONDS = 600;
/** Most bytes of a transaction as JSON: a browser keeps 4,096 of a cookie. */
const LIMIT_BYTES = 3_000;
/** Transactions that one browser can have open, one a tab. */
const OPEN_LIMIT = 4;
const COOKIE_PREFIX = "__Host-gw_tx_";
const ID = /^[A-Za-z0-9_-]{12}$/;

/** An authorization request that the library has validated, complete as the rest of the flow needs it. */
export const AuthorizationRequest = v.object({
  responseType: v.literal("code"),
  clientId: v.string(),
  redirectUri: v.string(),
  scope: v.array(v.string()),
  state: v.string(),
  codeChallenge: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/)),
  codeChallengeMethod: v.literal("S256"),
  resource: v.string(),
  issuer: v.string(),
});
export type AuthorizationRequest = v.InferOutput<typeof AuthorizationRequest>;

/** Who signed in, and when, in seconds since the Unix epoch. */
export const Account = v.object({ userId: UserId, tenantId: TenantId, tier: Tier, email: v.string(), authTime: v.number() });
export type Account = Readonly<v.InferOutput<typeof Account>>;

/** How far the person is. `social`: away at a provider. `consent`: signed in, undecided. */
const Stage = v.variant("stage", [
  v.object({ stage: v.literal("login") }),
  v.object({ stage: v.literal("social"), provider: SocialProvider }),
  v.object({ stage: v.literal("consent"), account: Account }),
]);
export type Stage = v.InferOutput<typeof Stage>;

const Transaction = v.intersect([
  v.object({
    /** Names this step. Used up, once, by whatever ends the step for good. */
    jti: v.string(),
    request: AuthorizationRequest,
    client: ClientIdentity,
    expiresAt: v.number(),
  }),
  Stage,
]);
/** `id` is part of the cookie's name and of the pages' addresses; it proves nothing. */
export type Transaction = v.InferOutput<typeof Transaction> & { readonly id: string };
export type TransactionAt<Name extends Stage["stage"]> = Transaction & Extract<Stage, { stage: Name }>;

/** A new transaction, waiting for somebody to sign in. */
export function startTransaction(request: AuthorizationRequest, client: ClientIdentity, now: number): Transaction {
  return { id: randomText(9), jti: randomText(16), request, client, expiresAt: now + PAGE_LIFETIME_SECONDS, stage: "login" };
}

/** The same transaction one step on. */
export function advance({ id, request, client }: Transaction, stage: Stage, now: number): Transaction {
  return { id, jti: randomText(16), request, client, expiresAt: now + PAGE_LIFETIME_SECONDS, ...stage };
}

/** The `Set-Cookie` that keeps `transaction` in the browser, or `null` where it does not fit into a cookie. */
export async function transactionCookie(keys: DoorKeys, { id, ...content }: Transaction): Promise<string | null> {
  const plain = JSON.stringify(content);
  if (new TextEncoder().encode(plain).length > LIMIT_BYTES) return null;
  const name = COOKIE_PREFIX + id;
  return `${name}=${await seal(keys.tx, plain, name)}; ${attributes(PAGE_LIFETIME_SECONDS)}`;
}

/** The `Set-Cookie` that ends a transaction. */
export function clearedCookie(id: string): string {
  return `${COOKIE_PREFIX}${id}=; ${attributes(0)}`;
}

/** The `Set-Cookie`s that make room for one more transaction. Browsers list the oldest cookie first (RFC 6265 section 5.4). */
export function evictedCookies(cookieHeader: string | null): readonly string[] {
  const ids = [...cookies(cookieHeader).keys()]
    .filter((name) => name.startsWith(COOKIE_PREFIX))
    .map((name) => name.slice(COOKIE_PREFIX.length));
  return ids.slice(0, Math.max(0, ids.length - OPEN_LIMIT + 1)).map(clearedCookie);
}

/** The transaction `id` of this browser, or `null`: none such, forged, or over. */
export async function openTransaction(keys: DoorKeys, cookieHeader: string | null, id: string, now: number): Promise<Transaction | null> {
  if (!ID.test(id)) return null;
  const name = COOKIE_PREFIX + id;
  const plain = await unseal(keys.tx, cookies(cookieHeader).get(name) ?? "", name);
  const parsed = v.safeParse(Transaction, plain === null ? null : JSON.parse(plain));
  return parsed.success && parsed.output.expiresAt > now ? { id, ...parsed.output } : null;
}

/** What a form of this very step must carry: proof that our page made it (CSRF). `action` keeps one form from acting as another. */
export async function csrfToken({ csrf: [current] }: DoorKeys, transaction: Transaction, action: string): Promise<string> {
  return toBase64url(new Uint8Array(await crypto.subtle.sign("HMAC", current, csrfMessage(transaction, action))));
}

/** Whether `token` came from the form `action` of this step. Compared in constant time. */
export async function isCsrfToken({ csrf }: DoorKeys, transaction: Transaction, action: string, token: string): Promise<boolean> {
  if (!/^[A-Za-z0-9_-]{43}$/.test(token)) return false;
  const given = fromBase64url(token);
  const message = csrfMessage(transaction, action);
  const matches = await Promise.all(csrf.map((key) => crypto.subtle.verify("HMAC", key, given, message)));
  return matches.includes(true);
}

function csrfMessage({ id, jti, stage }: Transaction, action: string): Uint8Array {
  return new TextEncoder().encode([COOKIE_PREFIX + id, jti, stage, action].join("|"));
}

/** Lax, because a Strict cookie would be missing on the way back from an identity provider. */
function attributes(maxAgeSeconds: number): string {
  return `Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=${maxAgeSeconds}`;
}

function cookies(header: string | null): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const pair of (header ?? "").split(";")) {
    const at = pair.indexOf("=");
    const name = pair.slice(0, at).trim();
    if (at > 0 && !pairs.has(name)) pairs.set(name, pair.slice(at + 1).trim());
  }
  return pairs;
}

/** `bytes` random bytes as base64url. */
export function randomText(bytes: number): string {
  return toBase64url(crypto.getRandomValues(new Uint8Array(bytes)));
}
