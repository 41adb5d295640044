// What of a user's has ended before its time: browser sessions that were signed out, and every session or token from before an
// instant. One object a user, so that the answer is the same everywhere at once; KV could be a minute behind.
import { DurableObject } from "cloudflare:workers";
import type { UserId } from "../../contracts/rpc/identity.ts";
import type { Env } from "../env.ts";

/** Longest life of a browser session, in seconds. */
export const SESSION_LIFETIME_SECONDS = 8 * 3_600;
/** Longer than a grant lives: what is older than this has ended by itself. */
const MEMORY_MS = 31 * 86_400_000;

/** Under this, by name, when a session was signed out, in milliseconds since the Unix epoch. */
const SESSION = "session:";
/** Sessions that began before this ended then; milliseconds since the Unix epoch. */
const ALL_SESSIONS = "sessionsEndedAtMs";
/** Tokens and grants of a sign-in before this ended then; seconds since the Unix epoch, as `authTime` is. */
const ALL_TOKENS = "tokensEndedAt";

/**
 * One object a user, named by the user id. Each mark has a key of its own, so that two that are set together cannot undo each other.
 * The object deletes itself once nothing that it marks can be alive.
 */
export class UserRevocations extends DurableObject {
  /** Ends one browser session. */
  async endSession(sid: string): Promise<void> {
    const now = Date.now();
    await this.#mark(SESSION + sid, now);
    const marked = await this.ctx.storage.list<number>({ prefix: SESSION });
    const over = [...marked]
      .filter(([, endedAtMs]) => endedAtMs < now - SESSION_LIFETIME_SECONDS * 1000)
      .map(([key]) => key);
    // As many as one call can delete; the next sign-out takes the rest.
    if (over.length > 0) await this.ctx.storage.delete(over.slice(0, 128));
  }

  /** Ends every browser session there is. */
  async endSessions(): Promise<void> {
    await this.#mark(ALL_SESSIONS, Date.now());
  }

  /** Ends every token there is. */
  async endTokens(): Promise<void> {
    await this.#mark(ALL_TOKENS, Math.floor(Date.now() / 1000));
  }

  /** Whether this session was ended. */
  async hasEndedSession(sid: string, startedAtMs: number): Promise<boolean> {
    const marks = await this.ctx.storage.get<number>([SESSION + sid, ALL_SESSIONS]);
    return marks.has(SESSION + sid) || startedAtMs <= (marks.get(ALL_SESSIONS) ?? 0);
  }

  /** Whether tokens of a sign-in at `authTime`, in seconds since the Unix epoch, were ended. */
  async hasEndedTokens(authTime: number): Promise<boolean> {
    return authTime < ((await this.ctx.storage.get<number>(ALL_TOKENS)) ?? 0);
  }

  override async alarm(): Promise<void> {
    await this.ctx.storage.deleteAll();
  }

  async #mark(key: string, at: number): Promise<void> {
    await this.ctx.storage.put(key, at);
    await this.ctx.storage.setAlarm(Date.now() + MEMORY_MS);
  }
}

/** What has ended of this user's. */
export function revocationsOf(env: Env, userId: UserId): DurableObjectStub<UserRevocations> {
  return env.USER_REVOCATIONS.get(env.USER_REVOCATIONS.idFromName(userId));
}
