// One person's way through the door, from GET /authorize to the decision, or from their own page to signing in and back. It is kept
// in a sealed cookie of their own browser: nothing is written for a visitor who never comes back, and nobody can go on with a
// transaction that another browser started. Each step makes a new `jti`, so that what was captured at one stage is useless at the
// next (session fixation).
import * as v from "valibot";
import { SocialProvider } from "../../../contracts/auth.ts";
import { toBase64url } from "../../../contracts/rpc/encoding.ts";
import { TenantId, Tier, UserId } from "../../../contracts/rpc/identity.ts";
import type { BrowserKeys } from "../../crypto/browser-keys.ts";
import { isProofFor, proofFor, TEXT_OF_32_BYTES } from "../../crypto/csrf.ts";
import { seal, unseal } from "../../crypto/seal.ts";
import { ClientIdentity } from "../authorization-server/client-identity.ts";

/** Seconds for which one page of the door can be used. */
export const PAGE_LIFETIME_SECONDS = 600;
/** Most bytes of a transaction as JSON: a browser keeps 4,096 of a cookie. */
const LIMIT_BYTES = 3_000;
/** Transactions that one browser can have open, one a tab. */
const OPEN_LIMIT = 4;
const COOKIE_PREFIX = "__Host-gw_tx_";

/** An authorization request that the library has validated, complete as the rest of the flow needs it. */
export const AuthorizationRequest = v.object({
  responseType: v.literal("code"),
  clientId: v.string(),
  redirectUri: v.string(),
  scope: v.array(v.string()),
  state: v.string(),
  codeChallenge: v.pipe(v.string(), v.regex(TEXT_OF_32_BYTES)),
  codeChallengeMethod: v.literal("S256"),
  resource: v.string(),
  issuer: v.string(),
});
export type AuthorizationRequest = v.InferOutput<typeof AuthorizationRequest>;

/** An app that asks to be connected. */
export const Connection = v.object({
  request: AuthorizationRequest,
  client: ClientIdentity,
  /** What an approval is remembered by, see `approvals.ts`; `null` where none may be remembered. */
  metaHash: v.nullable(v.string()),
  /** The app wants the person to be asked, whatever is remembered (`prompt=consent`). */
  mustAsk: v.boolean(),
});
export type Connection = Readonly<v.InferOutput<typeof Connection>>;

/** Who signed in, and when, in seconds since the Unix epoch. */
export const Account = v.object({
  userId: UserId,
  tenantId: TenantId,
  tier: Tier,
  email: v.string(),
  authTime: v.number(),
});
export type Account = Readonly<v.InferOutput<typeof Account>>;

const STEP = {
  /** Names this step. Used up, once, by whatever ends the step for good. */
  jti: v.string(),
  expiresAt: v.number(),
};
/** `null`: no app has sent the person, they are on the way to their own page. There is nothing to decide at the end of that way. */
const connection = v.nullable(Connection);
/** How far the person is. `social`: away at a provider. `consent`: signed in, undecided. */
const STAGES = {
  login: v.object({ ...STEP, connection, stage: v.literal("login") }),
  social: v.object({ ...STEP, connection, stage: v.literal("social"), provider: SocialProvider }),
  consent: v.object({
    ...STEP,
    connection: Connection,
    stage: v.literal("consent"),
    account: Account,
    /** The session in which they signed in: once they sign out there, nothing can be decided here. */
    session: v.object({ sid: v.string(), startedAtMs: v.number() }),
  }),
};
const Staged = v.object({ stage: v.picklist(["login", "social", "consent"]) });
/** The one schema that the content claims to fit. */
const Content = v.lazy((content) => STAGES[v.is(Staged, content) ? content.stage : "login"]);

export type StageName = keyof typeof STAGES;
/** `id` is part of the cookie's name and of the pages' addresses; it proves nothing. */
export type TransactionAt<Name extends StageName> = v.InferOutput<(typeof STAGES)[Name]> & { readonly id: string };
export type Transaction = TransactionAt<"login"> | TransactionAt<"social"> | TransactionAt<"consent">;
type Stage = { [Name in StageName]: Omit<v.InferOutput<(typeof STAGES)[Name]>, keyof typeof STEP> }[StageName];

/** A new transaction. */
export function startTransaction(stage: Stage, now: number): Transaction {
  return advance(randomText(9), stage, now);
}

/** The transaction `id` at another step. */
export function advance(id: string, stage: Stage, now: number): Transaction {
  return { id, jti: randomText(16), expiresAt: now + PAGE_LIFETIME_SECONDS, ...stage };
}

/** The `Set-Cookie` that keeps `transaction` in the browser, or `null` where it does not fit into a cookie. */
export async function transactionCookie(keys: BrowserKeys, { id, ...content }: Transaction): Promise<string | null> {
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
  return transactionsIn(cookieHeader)
    .slice(0, 1 - OPEN_LIMIT)
    .map(({ id }) => clearedCookie(id));
}

/** The transaction `id` of this browser, or `null`: none such, forged, or over. */
export async function openTransaction(
  keys: BrowserKeys,
  cookieHeader: string | null,
  id: string,
  now: number,
): Promise<Transaction | null> {
  const sealed = transactionsIn(cookieHeader).find((cookie) => cookie.id === id)?.sealed ?? "";
  const plain = await unseal(keys.tx, sealed, COOKIE_PREFIX + id);
  const parsed = v.safeParse(Content, plain === null ? null : JSON.parse(plain));
  return parsed.success && parsed.output.expiresAt > now ? { id, ...parsed.output } : null;
}

/** What a form of this very step must carry: proof that our page made it (CSRF). `action` keeps one form from acting as another. */
export function csrfToken(keys: BrowserKeys, { id, jti, stage }: Transaction, action: string): Promise<string> {
  return proofFor(keys, COOKIE_PREFIX + id, jti, stage, action);
}

/** Whether `token` came from the form `action` of this step. */
export function isCsrfToken(
  keys: BrowserKeys,
  { id, jti, stage }: Transaction,
  action: string,
  token: string,
): Promise<boolean> {
  return isProofFor(keys, token, COOKIE_PREFIX + id, jti, stage, action);
}

/** Of every cookie of the door. Lax, because a Strict cookie would be missing on the way back from an identity provider. */
export function attributes(maxAgeSeconds: number): string {
  return `Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=${maxAgeSeconds}`;
}

function transactionsIn(cookieHeader: string | null): readonly { readonly id: string; readonly sealed: string }[] {
  const cookies = (cookieHeader ?? "").matchAll(/(?<=^|; *)__Host-gw_tx_([A-Za-z0-9_-]{12})=([^;]*)/g);
  return Array.from(cookies, ([, id = "", sealed = ""]) => ({ id, sealed }));
}

/** `bytes` random bytes as base64url. */
export function randomText(bytes: number): string {
  return toBase64url(crypto.getRandomValues(new Uint8Array(bytes)));
}
