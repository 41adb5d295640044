// Marks that can be set once, also by requests in parallel. They make a step of a browser
// transaction, or a user's confirmation, usable a single time. KV cannot do this: it has no
// compare-and-set, and a write is not visible everywhere at once.
import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";

/** One object for each mark, named after what it marks. Deletes itself after that has expired. */
export class OneTimeMark extends DurableObject {
  /** `true` for exactly one call. The mark is kept for `lifetimeSeconds`. */
  async claim(lifetimeSeconds: number): Promise<boolean> {
    if ((await this.ctx.storage.get<true>("claimed")) === true) return false;
    await this.ctx.storage.put("claimed", true);
    await this.ctx.storage.setAlarm(Date.now() + lifetimeSeconds * 1000);
    return true;
  }

  override async alarm(): Promise<void> {
    await this.ctx.storage.deleteAll();
  }
}

/** Longer than any page of a sign-in, and any confirmation, is valid. */
const MARK_LIFETIME_SECONDS = 660;

/**
 * Claims `name`, for example a step of a transaction: `true` for the one request that may continue.
 */
export async function claimOnce(env: Env, name: string, lifetimeSeconds = MARK_LIFETIME_SECONDS): Promise<boolean> {
  return env.ONE_TIME.get(env.ONE_TIME.idFromName(name)).claim(lifetimeSeconds);
}
