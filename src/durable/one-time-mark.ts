// Marks that can be set once, also by requests in parallel. They make a step of a browser
// transaction, or a user's confirmation, usable a single time. KV cannot do this: it has no
// compare-and-set, and a write is not visible everywhere at once. A mark can keep the answer of the
// request that set it for a minute, for a form that the browser sends twice.
import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";

/** Time for which an answer is kept, in milliseconds. */
export const ANSWER_KEPT_MS = 60_000;
/** Longest wait for an answer that is still being made: longer than a call of the auth Worker. */
const ANSWER_WAIT_MS = 20_000;

interface KeptAnswer {
  readonly text: string;
  /** Milliseconds since the Unix epoch. The alarm deletes the answer then, but may be late. */
  readonly until: number;
}

/** One object for each mark, named after what it marks. Deletes itself after that has expired. */
export class OneTimeMark extends DurableObject {
  /** Resolves to the answer, while the request that claimed the mark makes it. */
  #pending: PromiseWithResolvers<string | null> | null = null;

  /** `true` for exactly one call. The mark is kept for `lifetimeSeconds`. */
  async claim(lifetimeSeconds: number): Promise<boolean> {
    if ((await this.ctx.storage.get<true>("claimed")) === true) return false;
    this.#pending = Promise.withResolvers();
    const endsAtMs = Date.now() + lifetimeSeconds * 1000;
    await this.ctx.storage.put({ claimed: true, endsAtMs });
    await this.ctx.storage.setAlarm(endsAtMs);
    return true;
  }

  /**
   * Hands the answer to all who wait for it and keeps it for a minute; `null` if none was made.
   * `isReleased`: the mark can be claimed again, and the answer is not kept.
   */
  async settle(answer: string | null, isReleased: boolean): Promise<void> {
    this.#pending?.resolve(answer);
    this.#pending = null;
    if (isReleased) return this.#delete();
    if (answer === null) return;
    const kept: KeptAnswer = { text: answer, until: Date.now() + ANSWER_KEPT_MS };
    await this.ctx.storage.put("answer", kept);
    await this.ctx.storage.setAlarm(kept.until);
  }

  /**
   * The answer of the request that claimed the mark, as soon as it is made; `null` if there is
   * none, or not any more.
   */
  async answer(): Promise<string | null> {
    if (this.#pending) return settledInTime(this.#pending.promise);
    const kept = await this.ctx.storage.get<KeptAnswer>("answer");
    return kept && kept.until > Date.now() ? kept.text : null;
  }

  override async alarm(): Promise<void> {
    const endsAtMs = (await this.ctx.storage.get<number>("endsAtMs")) ?? 0;
    if (endsAtMs <= Date.now()) return this.#delete();
    await this.ctx.storage.delete("answer");
    await this.ctx.storage.setAlarm(endsAtMs);
  }

  async #delete(): Promise<void> {
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
  }
}

/** The answer, or `null` if it is not made in time, because the isolate that makes it has ended. */
async function settledInTime(pending: Promise<string | null>): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(resolve, ANSWER_WAIT_MS, null);
  try {
    return await Promise.race([pending, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Longer than any page of a sign-in, and any confirmation, is valid. */
export const MARK_LIFETIME_SECONDS = 660;

/** The mark `name`, for example a step of a transaction. */
export function oneTimeMarkOf({ ONE_TIME }: Env, name: string): DurableObjectStub<OneTimeMark> {
  return ONE_TIME.get(ONE_TIME.idFromName(name));
}

/** Claims `name`: `true` for the one request that may continue. */
export async function claimOnce(env: Env, name: string): Promise<boolean> {
  return oneTimeMarkOf(env, name).claim(MARK_LIFETIME_SECONDS);
}
