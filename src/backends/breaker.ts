// Circuit breakers: after faults in a row, a backend is not called for some seconds. A call then
// ends at once in place of at its deadline, and a backend in trouble gets no load.
import { logError, logInfo } from "../../contracts/log.ts";
import type { Refusal } from "../../contracts/rpc/call.ts";

/** Faults in a row that open a breaker. */
const FAULTS_TO_OPEN = 5;
/** The longest time between the first and the last of them, in milliseconds. */
const WINDOW_MS = 30_000;
/** Time for which a breaker stays open, in milliseconds. */
const OPEN_MS = 10_000;

/** The refusal of a call that was not made. One object: it is recognized by its identity. */
export const PAUSED: Refusal<"unavailable"> = {
  code: "unavailable",
  message: "The service behind this tool has failed several times in a row. Nothing was done. Try again shortly.",
  retryAfterSeconds: OPEN_MS / 1000,
};

/** A call that may be made. `isProbe`: its outcome closes the breaker, or keeps it open. */
export interface Admission {
  readonly isProbe: boolean;
}

/** Names a breaker in the log. */
interface Guarded {
  readonly backend: string;
  readonly traceId: string;
}

/** The breaker of one backend in one isolate. */
export class Breaker {
  /** Times of the latest faults in a row, in milliseconds. */
  #faults: readonly number[] = [];
  /** `null` while it is closed. */
  #openUntilMs: number | null = null;

  /** True if a call would be refused just now. */
  get isOpen(): boolean {
    return this.#openUntilMs !== null && Date.now() < this.#openUntilMs;
  }

  /**
   * Admits a call, which reports its end to `leave`; `null` if the breaker is open. A probe can end
   * late, or never, if its own request is aborted: `OPEN_MS` later there is another one.
   */
  enter(): Admission | null {
    if (this.isOpen) return null;
    const isProbe = this.#openUntilMs !== null;
    if (isProbe) this.#openUntilMs = Date.now() + OPEN_MS;
    return { isProbe };
  }

  /** Notes the end of a call. While the breaker is open, only that of a probe counts. */
  leave({ isProbe }: Admission, isFault: boolean, { backend, traceId }: Guarded): void {
    const wasOpen = this.#openUntilMs !== null;
    if (wasOpen && !isProbe) return;
    if (!isFault) {
      this.#faults = [];
      this.#openUntilMs = null;
      if (wasOpen) logInfo("backend.breaker_closed", { backend, traceId });
      return;
    }
    const now = Date.now();
    this.#faults = [...this.#faults, now].slice(-FAULTS_TO_OPEN);
    const areTooMany = this.#faults.length === FAULTS_TO_OPEN && now - (this.#faults[0] ?? now) <= WINDOW_MS;
    if (!wasOpen && !areTooMany) return;
    this.#openUntilMs = now + OPEN_MS;
    if (!wasOpen) logError("backend.breaker_opened", { backend, traceId, retryAfterMs: OPEN_MS });
  }
}

/** Breakers by binding, which is the same object for all requests of an isolate. */
const breakers = new WeakMap<object, Breaker>();

/** The breaker of the backend behind this binding. A binding that is missing has a new one. */
export function breakerOf(binding: object | undefined): Breaker {
  const known = binding && breakers.get(binding);
  if (known) return known;
  const breaker = new Breaker();
  if (binding) breakers.set(binding, breaker);
  return breaker;
}
