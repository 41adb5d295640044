// The access of one user that must be the same everywhere at once: which browser sessions, grants
// and tokens have ended, which grants exist, and which approvals are stored. One object for each
// user; KV can be a minute behind, and so can its lists.
import { DurableObject } from "cloudflare:workers";
import type { UserId } from "../../contracts/rpc/identity.ts";
import type { Env } from "../env.ts";

/** Longest life of a browser session, in seconds. */
export const SESSION_LIFETIME_SECONDS = 8 * 3_600;
/** Redeemed grants of one client that a user can have. A new one ends the oldest. */
export const MAX_GRANTS_OF_CLIENT = 10;
/** Unredeemed grants that are listed. More can be made; the oldest are then not listed. */
const MAX_UNREDEEMED = 20;
/** Longer than a code can be redeemed. */
const UNREDEEMED_MS = 15 * 60_000;
/** Longer than a grant lives. */
const GRANT_MS = 31 * 86_400_000;
/** Longer than an access token lives. */
const TOKEN_MS = 2 * 3_600_000;
/** Time for which an approval is stored. */
const APPROVAL_MS = 90 * 86_400_000;
/** Longer than anything in the object lives. */
const KEPT_MS = APPROVAL_MS + 86_400_000;
/** One call deletes this many keys. */
const MAX_DELETED_KEYS = 128;

/**
 * Prefixes of keys. The values of `SESSION`, `ENDED` and `TOKEN` are the instant of the end, in
 * milliseconds since the Unix epoch.
 */
const SESSION = "session:";
const ENDED = "ended:";
const TOKEN = "token:";
const GRANT = "grant:";
const APPROVAL = "approval:";
/** Every sign-in up to this instant is void; milliseconds since the Unix epoch. */
const EVERYTHING = "everythingEndedAtMs";
/** Its two predecessors: for sessions in milliseconds, for tokens in seconds. */
const OLDER_SESSIONS = "sessionsEndedAtMs";
const OLDER_TOKENS = "tokensEndedAt";

/** A grant, as its user may see it. */
export interface GrantRecord {
  readonly id: string;
  readonly clientId: string;
  /** Cleaned for display. */
  readonly clientName: string;
  readonly scope: readonly string[];
  /** Origin of the redirect URI. */
  readonly redirectOrigin: string;
  /** Time of the sign-in that made the grant, in milliseconds since the Unix epoch. */
  readonly signedInAtMs: number;
  /** Time of the user's decision, in milliseconds since the Unix epoch. */
  readonly createdAtMs: number;
  /** Seconds since the Unix epoch; `null` until the client has redeemed its code. */
  readonly expiresAt: number | null;
  /** Browser and country of the decision, in our words; `null` if unknown. */
  readonly madeFrom: string | null;
}

/** A stored approval. */
export interface Approval {
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** Digest of the client's metadata. */
  readonly metaHash: string;
}

interface StoredApproval extends Approval {
  /** Milliseconds since the Unix epoch. */
  readonly atMs: number;
}

/** State of a token, beside its own expiry. */
export interface TokenState {
  /** The token or its grant was ended. */
  readonly hasEnded: boolean;
  /** Tokens of sign-ins up to this instant have ended; milliseconds since the Unix epoch. */
  readonly endedUntilMs: number;
  /** The grant is in the user's list. */
  readonly isListed: boolean;
}

/**
 * One object for each user, named by user id. Each mark has its own key, so that two set in
 * parallel cannot undo each other. Deletes itself once nothing in it can be valid.
 */
export class UserObject extends DurableObject {
  /** Ends one browser session. */
  async endSession(sid: string): Promise<void> {
    await this.#mark(SESSION, sid, SESSION_LIFETIME_SECONDS * 1000);
  }

  /** True if this session was ended. */
  async hasEndedSession(sid: string, startedAtMs: number): Promise<boolean> {
    const marks = await this.ctx.storage.get<number>([SESSION + sid, EVERYTHING, OLDER_SESSIONS]);
    const endedUntilMs = Math.max(marks.get(EVERYTHING) ?? 0, marks.get(OLDER_SESSIONS) ?? 0);
    return marks.has(SESSION + sid) || startedAtMs <= endedUntilMs;
  }

  /** Ends one access token. `digest`: its SHA-256, base64url. */
  async endToken(digest: string): Promise<void> {
    await this.#mark(TOKEN, digest, TOKEN_MS);
  }

  /** Ends one grant. Only its own object calls this, so that no refresh in parallel survives. */
  async endGrant(grantId: string): Promise<void> {
    await this.#mark(ENDED, grantId, GRANT_MS);
    await this.ctx.storage.delete(GRANT + grantId);
  }

  /**
   * Ends all sessions, grants and tokens of sign-ins up to `untilMs` (milliseconds since the Unix
   * epoch; default: now), and deletes the approvals up to then. Returns the ids of the ended grants
   * that were listed. A repeated call, or one for an earlier instant, takes nothing back.
   */
  async endEverything(untilMs = Date.now()): Promise<readonly string[]> {
    const grants = [...(await this.#list<GrantRecord>(GRANT))].filter(([, grant]) => grant.signedInAtMs <= untilMs);
    const approvals = [...(await this.#list<StoredApproval>(APPROVAL))].filter(([, { atMs }]) => atMs <= untilMs);
    const ended = (await this.ctx.storage.get<number>(EVERYTHING)) ?? 0;
    await this.ctx.storage.put(EVERYTHING, Math.max(ended, untilMs));
    await this.#delete([...grants, ...approvals].map(([key]) => key));
    await this.#keep();
    return grants.map(([, { id }]) => id);
  }

  /** State of a token of this user. Without a `token`, only from when on tokens are valid. */
  async tokenState(token?: { readonly grantId: string; readonly digest?: string }): Promise<TokenState> {
    const marks = token ? [ENDED + token.grantId, TOKEN + (token.digest ?? "")] : [];
    const listed = GRANT + (token?.grantId ?? "");
    const stored = await this.ctx.storage.get<unknown>([...marks, listed, EVERYTHING, OLDER_TOKENS]);
    return {
      hasEnded: marks.some((mark) => stored.has(mark)),
      endedUntilMs: endedUntilMs(stored),
      isListed: stored.has(listed),
    };
  }

  /**
   * Adds a grant to the list, or updates it. A redeemed grant that is one too many for its client
   * ends the oldest ones: `evicted` has their ids, for their own objects. An unredeemed grant ends
   * nothing.
   */
  async registerGrant(
    grant: GrantRecord,
  ): Promise<{ readonly hasEnded: boolean; readonly evicted: readonly string[] }> {
    const marks = await this.ctx.storage.get<unknown>([ENDED + grant.id, EVERYTHING, OLDER_TOKENS]);
    if (marks.has(ENDED + grant.id) || grant.signedInAtMs <= endedUntilMs(marks))
      return { hasEnded: true, evicted: [] };
    const now = Date.now();
    const listed = [...(await this.#list<GrantRecord>(GRANT)).values()].toSorted(newestFirst);
    const expired = listed.filter((other) => expiryOf(other) <= now).map(({ id }) => id);
    const others = listed.filter(({ id }) => id !== grant.id && !expired.includes(id));
    const isRedeemed = grant.expiresAt !== null;
    const alike = others.filter(({ clientId, expiresAt }) =>
      isRedeemed ? expiresAt !== null && clientId === grant.clientId : expiresAt === null,
    );
    const surplus = alike.slice((isRedeemed ? MAX_GRANTS_OF_CLIENT : MAX_UNREDEEMED) - 1).map(({ id }) => id);
    const evicted = isRedeemed ? surplus : [];
    await this.ctx.storage.put(GRANT + grant.id, grant);
    for (const id of evicted) await this.#mark(ENDED, id, GRANT_MS);
    await this.#delete([...surplus, ...expired.filter((id) => id !== grant.id)].map((id) => GRANT + id));
    await this.#keep();
    return { hasEnded: false, evicted };
  }

  /** The grants that have neither ended nor expired, newest first. */
  async listGrants(): Promise<GrantRecord[]> {
    const grants = [...(await this.#list<GrantRecord>(GRANT)).values()];
    return grants.filter((grant) => expiryOf(grant) > Date.now()).toSorted(newestFirst);
  }

  /** Stores an approval for 90 days under `key`, or deletes it. */
  async storeApproval(key: string, approval: Approval | null): Promise<void> {
    const approvals = await this.#list<StoredApproval>(APPROVAL);
    const expired = [...approvals].filter(([, { atMs }]) => atMs + APPROVAL_MS <= Date.now());
    await this.#delete([APPROVAL + key, ...expired.map(([name]) => name)]);
    if (approval === null) return;
    const stored: StoredApproval = { ...approval, atMs: Date.now() };
    await this.ctx.storage.put(APPROVAL + key, stored);
    await this.#keep();
  }

  /** The approval under `key`; `null` if there is none. */
  async findApproval(key: string): Promise<Approval | null> {
    const stored = await this.ctx.storage.get<StoredApproval>(APPROVAL + key);
    return stored && stored.atMs + APPROVAL_MS > Date.now() ? stored : null;
  }

  /** Deletes all approvals for a client. */
  async deleteApprovals(clientId: string): Promise<void> {
    const approvals = await this.#list<StoredApproval>(APPROVAL);
    await this.#delete([...approvals].filter(([, stored]) => stored.clientId === clientId).map(([key]) => key));
  }

  override async alarm(): Promise<void> {
    await this.ctx.storage.deleteAll();
  }

  #list<T>(prefix: string): Promise<Map<string, T>> {
    return this.ctx.storage.list<T>({ prefix });
  }

  /** Marks the end of something that lives for `lifetimeMs`, and deletes older marks. */
  async #mark(prefix: string, name: string, lifetimeMs: number): Promise<void> {
    const now = Date.now();
    await this.ctx.storage.put(prefix + name, now);
    const marks = await this.#list<number>(prefix);
    await this.#delete([...marks].filter(([, atMs]) => atMs < now - lifetimeMs).map(([key]) => key));
    await this.#keep();
  }

  async #delete(keys: readonly string[]): Promise<void> {
    for (let at = 0; at < keys.length; at += MAX_DELETED_KEYS)
      await this.ctx.storage.delete(keys.slice(at, at + MAX_DELETED_KEYS));
  }

  async #keep(): Promise<void> {
    await this.ctx.storage.setAlarm(Date.now() + KEPT_MS);
  }
}

/** The object of this user. */
export function userObjectOf(env: Env, userId: UserId): DurableObjectStub<UserObject> {
  return env.USERS.get(env.USERS.idFromName(userId));
}

/** True if the user has since ended everything that began with a sign-in at this instant. */
export function hasTokenEnded(state: TokenState, signedInAtMs: number): boolean {
  return state.hasEnded || signedInAtMs <= state.endedUntilMs;
}

/** The older mark of tokens ended sign-ins of earlier seconds only. */
function endedUntilMs(stored: ReadonlyMap<string, unknown>): number {
  const older = Number(stored.get(OLDER_TOKENS) ?? 0) * 1000 - 1;
  return Math.max(Number(stored.get(EVERYTHING) ?? 0), older);
}

/** Milliseconds since the Unix epoch. */
function expiryOf({ expiresAt, createdAtMs }: GrantRecord): number {
  return expiresAt === null ? createdAtMs + UNREDEEMED_MS : expiresAt * 1000;
}

function newestFirst(a: GrantRecord, b: GrantRecord): number {
  return b.createdAtMs - a.createdAtMs || Number(a.id > b.id) - Number(a.id < b.id);
}
