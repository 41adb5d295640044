// A mark that can be set once, also by requests that arrive together: what makes a browser transaction, or a person's yes, usable
// a single time. KV cannot do this: it has no compare-and-set, and a write is not seen elsewhere at once.
import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";

/** One object a mark, named after what it marks. It deletes itself once the marked thing has expired anyway. */
export class OneTimeMark extends DurableObject {
  /** `true` for exactly one caller. `lifetimeSeconds` is how long the mark must be remembered. */
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

/** Longer than any page of the door, and any question, can be answered. */
const MARK_LIFETIME_SECONDS = 660;

/** Uses up what `jti` names, a step of a transaction for one: `true` for the one request that may go on. */
export async function claimOnce(env: Env, jti: string, lifetimeSeconds = MARK_LIFETIME_SECONDS): Promise<boolean> {
  return env.ONE_TIME.get(env.ONE_TIME.idFromName(jti)).claim(lifetimeSeconds);
}
