// The transaction of one sign-in: from GET /authorize to the decision, or from the account page to
// sign-in and back. It is kept in a sealed cookie of the browser, so an abandoned sign-in leaves no
// data, and no other browser can continue it. Each step makes a new `jti`, so that a value captured
// at one step is useless at the next (session fixation).
import * as v from "valibot";
import { SocialProvider } from "../../../contracts/auth.ts";
import type { Config } from "../../config.ts";
import { isProofFor, proofFor, TEXT_OF_32_BYTES } from "../../crypto/csrf.ts";
import { keyRingOf } from "../../crypto/key-ring.ts";
import { randomText } from "../../crypto/random.ts";
import { seal, unseal } from "../../crypto/seal.ts";
import { ANSWER_KEPT_MS } from "../../durable/one-time-mark.ts";
import { ClientIdentity } from "../authorization-server/client-identity.ts";
import { clearCookie, setCookie } from "./cookie.ts";
import { Account, SignInOrigin } from "./signed-in-account.ts";

/** Seconds for which the page of one step can be used. */
export const PAGE_LIFETIME_SECONDS = 600;
/** Seconds for which the last form of a transaction can get its answer again. */
const DONE_LIFETIME_SECONDS = ANSWER_KEPT_MS / 1000;
/** Largest transaction as JSON: a browser keeps 4,096 bytes of a cookie. */
const MAX_BYTES = 3_000;
/** Transactions that one browser can have open, one for each tab. */
const MAX_OPEN = 4;
const COOKIE_PREFIX = "__Host-gw_tx_";

/** An authorization request that the library has validated, with all fields of the later steps. */
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

/** A client that asks to be connected. */
export const Connection = v.object({
  request: AuthorizationRequest,
  client: ClientIdentity,
  /** Digest under which an approval is stored, see `approvals.ts`; `null` if none may be stored. */
  metaHash: v.nullable(v.string()),
  /** The client wants the user to be asked in any case (`prompt=consent`). */
  mustAsk: v.boolean(),
});
export type Connection = Readonly<v.InferOutput<typeof Connection>>;

const STEP = {
  /** Names this step. Claimed once, by the request that ends the step. */
  jti: v.string(),
  expiresAt: v.number(),
  /** The step before, whose form can get its answer again. */
  previous: v.optional(v.object({ jti: v.string(), stage: v.picklist(["login", "social", "consent"]) })),
};
/** `null`: no client sent the user, who opens the account page. There is no decision at the end. */
const connection = v.nullable(Connection);
/** Steps of a sign-in. `social`: at a provider. `consent`: signed in, not decided. */
const STAGES = {
  login: v.object({ ...STEP, connection, stage: v.literal("login") }),
  social: v.object({ ...STEP, connection, stage: v.literal("social"), provider: SocialProvider }),
  consent: v.object({
    ...STEP,
    connection: Connection,
    stage: v.literal("consent"),
    account: Account,
    /** The session of the sign-in: after sign-out there, this decision can no longer be made. */
    session: v.object({ sid: v.string(), ...SignInOrigin.entries }),
  }),
  /** Decided. Nothing can be done any more. */
  done: v.object({ ...STEP, stage: v.literal("done") }),
};
const Staged = v.object({ stage: v.picklist(["login", "social", "consent", "done"]) });
/** The one schema that the content claims to fit. */
const Content = v.lazy((content) => STAGES[v.is(Staged, content) ? content.stage : "login"]);

type StageName = keyof typeof STAGES;
export type OpenStageName = Exclude<StageName, "done">;
/** One step of a transaction, which the proofs in its forms name. */
export interface Step {
  readonly id: string;
  readonly jti: string;
  readonly stage: OpenStageName;
}
/** `id` is in the cookie's name and in the addresses of the pages; it proves nothing. */
export type TransactionAt<Name extends StageName> = v.InferOutput<(typeof STAGES)[Name]> & { readonly id: string };
export type Transaction = TransactionAt<"login"> | TransactionAt<"social"> | TransactionAt<"consent">;
type Stage = { [Name in OpenStageName]: Omit<v.InferOutput<(typeof STAGES)[Name]>, keyof typeof STEP> }[OpenStageName];

export type ConsentStage = Extract<Stage, { stage: "consent" }>;

/** A new transaction. */
export function startTransaction(stage: Stage, now: number): Transaction {
  return { id: randomText(9), jti: randomText(16), expiresAt: now + PAGE_LIFETIME_SECONDS, ...stage };
}

/** The transaction at its next step, after `step`. */
export function advance({ id, jti, stage }: Step, next: Stage, now: number): Transaction {
  return { ...startTransaction(next, now), id, previous: { jti, stage } };
}

/**
 * The `Set-Cookie` that keeps `transaction` in the browser; `null` if it does not fit into a
 * cookie.
 */
export async function transactionCookie(config: Config, { id, ...content }: Transaction): Promise<string | null> {
  const plain = JSON.stringify(content);
  if (new TextEncoder().encode(plain).length > MAX_BYTES) return null;
  return sealedCookie(config, id, plain, PAGE_LIFETIME_SECONDS);
}

/** The `Set-Cookie` after the decision: all that is left is that its form can be sent again. */
export function doneCookie(config: Config, { id, jti, stage }: Step, now: number): Promise<string> {
  const expiresAt = now + DONE_LIFETIME_SECONDS;
  const content = { stage: "done", jti: randomText(16), expiresAt, previous: { jti, stage } } as const;
  return sealedCookie(config, id, JSON.stringify(content), DONE_LIFETIME_SECONDS);
}

async function sealedCookie(config: Config, id: string, plain: string, lifetimeSeconds: number): Promise<string> {
  const name = COOKIE_PREFIX + id;
  return setCookie(name, await seal(await keyRingOf(config, "tx"), plain, name), lifetimeSeconds);
}

/** The `Set-Cookie` that ends a transaction. */
export function clearedCookie(id: string): string {
  return clearCookie(COOKIE_PREFIX + id);
}

/**
 * The `Set-Cookie`s that delete the oldest transactions, before one more is added. Browsers list
 * the oldest cookie first (RFC 6265 section 5.4).
 */
export function evictedCookies(cookieHeader: string | null): readonly string[] {
  return transactionsIn(cookieHeader)
    .slice(0, 1 - MAX_OPEN)
    .map(({ id }) => clearedCookie(id));
}

/** The transaction `id` of this browser; `null` if missing, forged or expired. */
export async function openTransaction(
  config: Config,
  cookieHeader: string | null,
  id: string,
  now: number,
): Promise<Transaction | TransactionAt<"done"> | null> {
  const sealed = transactionsIn(cookieHeader).find((cookie) => cookie.id === id)?.sealed ?? "";
  const plain = await unseal(await keyRingOf(config, "tx"), sealed, COOKIE_PREFIX + id);
  const parsed = v.safeParse(Content, plain === null ? null : JSON.parse(plain));
  return parsed.success && parsed.output.expiresAt > now ? { id, ...parsed.output } : null;
}

/**
 * The proof in a form that our page made it, for this step (CSRF). `action` keeps one form from
 * passing as another.
 */
export function csrfToken(config: Config, { id, jti, stage }: Step, action: string): Promise<string> {
  return proofFor(config, COOKIE_PREFIX + id, jti, stage, action);
}

/** True if `token` is from the form `action` of this step. */
export function isCsrfToken(config: Config, { id, jti, stage }: Step, action: string, token: string): Promise<boolean> {
  return isProofFor(config, token, COOKIE_PREFIX + id, jti, stage, action);
}

function transactionsIn(cookieHeader: string | null): readonly { readonly id: string; readonly sealed: string }[] {
  const cookies = (cookieHeader ?? "").matchAll(/(?<=^|; *)__Host-gw_tx_([A-Za-z0-9_-]{12})=([^;]*)/g);
  return Array.from(cookies, ([, id = "", sealed = ""]) => ({ id, sealed }));
}
