// Exact counters over hours and days, which the runtime's own rate limits, a minute long and
// approximate, cannot provide.
import { DurableObject } from "cloudflare:workers";

interface Window {
  readonly count: number;
  readonly endsAtMs: number;
}

/** One object for each counter, named after what it counts. Deletes itself when its window ends. */
export class RateCounter extends DurableObject {
  /**
   * Counts one more within a window that starts with the first. Returns 0 up to `limit`, otherwise
   * the whole seconds until the window ends. A refused request is not counted.
   */
  async count(limit: number, windowSeconds: number): Promise<number> {
    const now = Date.now();
    const window = (await this.#window(now)) ?? { count: 0, endsAtMs: now + windowSeconds * 1000 };
    if (window.count >= limit) return secondsUntilEnd(window, now);
    await this.ctx.storage.put("window", { ...window, count: window.count + 1 });
    if (window.count === 0) await this.ctx.storage.setAlarm(window.endsAtMs);
    return 0;
  }

  /** The same without counting. */
  async peek(limit: number): Promise<number> {
    const now = Date.now();
    const window = await this.#window(now);
    return window && window.count >= limit ? secondsUntilEnd(window, now) : 0;
  }

  override async alarm(): Promise<void> {
    await this.ctx.storage.deleteAll();
  }

  /** The current window, if there is one. */
  async #window(now: number): Promise<Window | null> {
    const window = await this.ctx.storage.get<Window>("window");
    return window && window.endsAtMs > now ? window : null;
  }
}

function secondsUntilEnd({ endsAtMs }: Window, now: number): number {
  return Math.ceil((endsAtMs - now) / 1000);
}
