// Revocations of a user: browser sessions that were signed out, and the instant before which all
// sessions or tokens are void. One object for each user, so that every location sees the same at
// once; KV can be a minute behind.
import { DurableObject } from "cloudflare:workers";
import type { UserId } from "../../contracts/rpc/identity.ts";
import type { Env } from "../env.ts";

/** Longest life of a browser session, in seconds. */
export const SESSION_LIFETIME_SECONDS = 8 * 3_600;
/** Longer than a grant lives: anything older has expired. */
const KEPT_MS = 31 * 86_400_000;
/** One call deletes this many keys. */
const MAX_DELETED_KEYS = 128;

/** Prefix of the keys of signed-out sessions. Values: milliseconds since the Unix epoch. */
const SESSION = "session:";
/** All sessions that started before this instant are void; milliseconds since the Unix epoch. */
const ALL_SESSIONS = "sessionsEndedAtMs";
/**
 * All tokens and grants of a sign-in before this instant are void; seconds since the Unix epoch, as
 * `authTime`.
 */
const ALL_TOKENS = "tokensEndedAt";

/**
 * One object for each user, named by user id. Each mark has its own key, so that two set in
 * parallel cannot undo each other. Deletes itself once nothing that it marks can be valid.
 */
export class UserRevocations extends DurableObject {
  /** Ends one browser session. */
  async endSession(sid: string): Promise<void> {
    const now = Date.now();
    await this.#mark(SESSION + sid, now);
    const marked = await this.ctx.storage.list<number>({ prefix: SESSION });
    const expired = [...marked]
      .filter(([, endedAtMs]) => endedAtMs < now - SESSION_LIFETIME_SECONDS * 1000)
      .map(([key]) => key);
    // The next sign-out deletes the rest.
    if (expired.length > 0) await this.ctx.storage.delete(expired.slice(0, MAX_DELETED_KEYS));
  }

  /** Ends all current browser sessions. */
  async endSessions(): Promise<void> {
    await this.#mark(ALL_SESSIONS, Date.now());
  }

  /** Ends all current tokens and grants. */
  async endTokens(): Promise<void> {
    await this.#mark(ALL_TOKENS, Math.floor(Date.now() / 1000));
  }

  /** True if this session was ended. */
  async hasEndedSession(sid: string, startedAtMs: number): Promise<boolean> {
    const marks = await this.ctx.storage.get<number>([SESSION + sid, ALL_SESSIONS]);
    return marks.has(SESSION + sid) || startedAtMs <= (marks.get(ALL_SESSIONS) ?? 0);
  }

  /** True if tokens of a sign-in at `authTime`, in seconds since the Unix epoch, were ended. */
  async hasEndedTokens(authTime: number): Promise<boolean> {
    return authTime < ((await this.ctx.storage.get<number>(ALL_TOKENS)) ?? 0);
  }

  override async alarm(): Promise<void> {
    await this.ctx.storage.deleteAll();
  }

  async #mark(key: string, at: number): Promise<void> {
    await this.ctx.storage.put(key, at);
    await this.ctx.storage.setAlarm(Date.now() + KEPT_MS);
  }
}

/** The object with this user's revocations. */
export function revocationsOf(env: Env, userId: UserId): DurableObjectStub<UserRevocations> {
  return env.USER_REVOCATIONS.get(env.USER_REVOCATIONS.idFromName(userId));
}
