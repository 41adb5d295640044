// What of a user's has ended before its time: browser sessions that were signed out, and every session or token from before an
// instant. One object a user, so that the answer is the same everywhere at once; KV could be a minute behind.
import { DurableObject } from "cloudflare:workers";
import type { UserId } from "../../contracts/rpc/identity.ts";
import type { Env } from "../env.ts";

/** Longest life of a browser session, in seconds. */
export const SESSION_LIFETIME_SECONDS = 8 * 3_600;
/** Longer than a grant lives: what is older than this has ended by itself. */
const MEMORY_MS = 31 * 86_400_000;

interface Marks {
  /** Sessions that were signed out, and when, in milliseconds since the Unix epoch. */
  readonly ended: Readonly<Record<string, number>>;
  /** Sessions that began before this ended then. */
  readonly sessionsEndedAtMs: number;
  /** Tokens and grants of a sign-in before this ended then; seconds since the Unix epoch, as `authTime` is. */
  readonly tokensEndedAt: number;
}

const NOTHING: Marks = { ended: {}, sessionsEndedAtMs: 0, tokensEndedAt: 0 };

/** One object a user, named by the user id. It deletes itself once nothing that it marks can be alive. */
export class UserRevocations extends DurableObject {
  /** Ends one browser session. */
  async endSession(sid: string): Promise<void> {
    const marks = await this.#marks();
    const now = Date.now();
    const alive = Object.entries(marks.ended).filter(([, endedAtMs]) => endedAtMs > now - SESSION_LIFETIME_SECONDS * 1000);
    await this.#keep({ ...marks, ended: { ...Object.fromEntries(alive), [sid]: now } });
  }

  /** Ends every browser session there is. */
  async endSessions(): Promise<void> {
    await this.#keep({ ...(await this.#marks()), ended: {}, sessionsEndedAtMs: Date.now() });
  }

  /** Ends every token there is. */
  async endTokens(): Promise<void> {
    await this.#keep({ ...(await this.#marks()), tokensEndedAt: Math.floor(Date.now() / 1000) });
  }

  /** Whether this session was ended. */
  async hasEndedSession(sid: string, startedAtMs: number): Promise<boolean> {
    const { ended, sessionsEndedAtMs } = await this.#marks();
    return startedAtMs <= sessionsEndedAtMs || Object.hasOwn(ended, sid);
  }

  /** Whether tokens of a sign-in at `authTime`, in seconds since the Unix epoch, were ended. */
  async hasEndedTokens(authTime: number): Promise<boolean> {
    return authTime < (await this.#marks()).tokensEndedAt;
  }

  override async alarm(): Promise<void> {
    await this.ctx.storage.deleteAll();
  }

  async #marks(): Promise<Marks> {
    return (await this.ctx.storage.get<Marks>("marks")) ?? NOTHING;
  }

  async #keep(marks: Marks): Promise<void> {
    await this.ctx.storage.put("marks", marks);
    await this.ctx.storage.setAlarm(Date.now() + MEMORY_MS);
  }
}

/** What has ended of this user's. */
export function revocationsOf(env: Env, userId: UserId): DurableObjectStub<UserRevocations> {
  return env.USER_REVOCATIONS.get(env.USER_REVOCATIONS.idFromName(userId));
}
