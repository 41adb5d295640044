// Deadlines of work that may never end. Those of one request share one timer of the runtime, which
// is set for the earliest: most are nested, and setting a timer costs more than all the rest here.

/** The value of work after its deadline. */
export const TIMED_OUT = Symbol("timed out");

interface Wait {
  /** Milliseconds since the Unix epoch. */
  readonly untilMs: number;
  expire(): void;
}

/** The deadlines of one request. A timer belongs to the request in which it was set. */
export class Deadlines {
  readonly #waits = new Set<Wait>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** The time for which the timer is set; infinite without one. */
  #setForMs = Number.POSITIVE_INFINITY;

  /**
   * The value that `send` resolves to, or `TIMED_OUT`. A later reply goes to `discard`, if there is
   * one, and a later rejection does not become an unhandled one.
   */
  within(send: () => PromiseLike<unknown>, timeoutMs: number, discard?: (reply: unknown) => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      let isLate = false;
      const expire = () => {
        isLate = true;
        resolve(TIMED_OUT);
      };
      // Before `send`, so that its own, later deadlines need no timer.
      const wait = this.#add({ untilMs: Date.now() + timeoutMs, expire });
      const onReply = (reply: unknown) => {
        this.#delete(wait);
        if (isLate) discard?.(reply);
        else resolve(reply);
      };
      const onError = (error: unknown) => {
        this.#delete(wait);
        reject(error);
      };
      // An error that `send` throws rejects, too.
      new Promise((begin) => begin(send())).then(onReply, onError);
    });
  }

  /** The value that `send` resolves to. After the deadline, throws an error that says `late`. */
  async inTime<T>(send: () => PromiseLike<T>, timeoutMs: number, late: string): Promise<T> {
    const reply = await this.within(send, timeoutMs);
    if (reply === TIMED_OUT) throw new Error(late);
    return reply as T; // only `TIMED_OUT` is anything else
  }

  #add(wait: Wait): Wait {
    this.#waits.add(wait);
    if (wait.untilMs < this.#setForMs) this.#setFor(wait.untilMs);
    return wait;
  }

  #delete(wait: Wait): void {
    this.#waits.delete(wait);
    if (this.#waits.size === 0) this.#clear();
  }

  #setFor(timeMs: number): void {
    this.#clear();
    this.#setForMs = timeMs;
    this.#timer = setTimeout(() => this.#expire(timeMs), timeMs - Date.now());
  }

  #clear(): void {
    clearTimeout(this.#timer);
    this.#setForMs = Number.POSITIVE_INFINITY;
  }

  /** Ends the waits until `timeMs`, and sets the timer for the next one. */
  #expire(timeMs: number): void {
    for (const wait of this.#waits) {
      if (wait.untilMs > timeMs) continue;
      this.#waits.delete(wait);
      wait.expire();
    }
    this.#clear();
    const next = Math.min(...Array.from(this.#waits, ({ untilMs }) => untilMs));
    if (next < Number.POSITIVE_INFINITY) this.#setFor(next);
  }
}

/** One deadline with a timer of its own; see `Deadlines.within`. */
export function withDeadline(
  send: () => PromiseLike<unknown>,
  timeoutMs: number,
  discard?: (reply: unknown) => void,
): Promise<unknown> {
  return new Deadlines().within(send, timeoutMs, discard);
}
