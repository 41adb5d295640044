// Counts exactly, over hours and days: what the runtime's own rate limits, a minute long and approximate, cannot.
import { DurableObject } from "cloudflare:workers";

interface Window {
  readonly count: number;
  readonly endsAtMs: number;
}

/** One object a counter, named after what it counts. It deletes itself when its window ends. */
export class RateCounter extends DurableObject {
  /**
   * Counts one more within a window that begins with the first. Answers 0 where that is within `limit`, otherwise the whole seconds
   * until the window ends; what is refused is not counted.
   */
  async count(limit: number, windowSeconds: number): Promise<number> {
    const now = Date.now();
    const known = await this.ctx.storage.get<Window>("window");
    const window = known && known.endsAtMs > now ? known : { count: 0, endsAtMs: now + windowSeconds * 1000 };
    if (window.count >= limit) return Math.ceil((window.endsAtMs - now) / 1000);
    await this.ctx.storage.put("window", { ...window, count: window.count + 1 });
    if (window.count === 0) await this.ctx.storage.setAlarm(window.endsAtMs);
    return 0;
  }

  override async alarm(): Promise<void> {
    await this.ctx.storage.deleteAll();
  }
}
