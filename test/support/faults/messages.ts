// Messages between a test (control.ts) and the Workers that it injects faults into (injection.ts).

/** The way in which a call over a binding goes wrong. */
export type FaultKind =
  /** The binding is lost: nothing is done. */
  | "gone"
  /** The call is made, and its answer is lost. */
  | "killed"
  /** Nothing is done, and no answer comes. */
  | "hung"
  /** The call is made, and no answer comes. */
  | "silent"
  /** The answer comes late. */
  | "slow"
  /** The Durable Object's instance ends in the middle of the call. */
  | "aborted"
  /** The call is made, and the answer is another one: `lie` names it, a key of `LIES`. */
  | "lying";

export interface Fault {
  /** Binding and method, e.g. `AUTH_SERVICE.reserveCredits`. Of a Durable Object: its namespace. */
  readonly at: string;
  readonly kind: FaultKind;
  readonly lie?: string;
}

/** The state of a Worker's surroundings. Whatever is absent stays as it is. */
export interface Weather {
  readonly faults?: readonly Fault[];
  /** Milliseconds by which the clock is ahead. */
  readonly aheadMs?: number;
  /**
   * Milliseconds that each deadline of seconds takes instead; one of a minute takes three times
   * as long. `null`: as in the code.
   */
  readonly deadlineMs?: number | null;
}

/** A method to call on Durable Objects, one after the other. */
export interface Question {
  readonly binding: string;
  readonly method: "ring" | "job";
  readonly objects: readonly ({ readonly name: string } | { readonly id: string })[];
}

/**
 * The path at which a Worker takes `Weather`, and returns the number of faults so far; or a
 * `Question`.
 */
export const CONTROL_PATH = "/test/faults";

/** Part of every injected error: it may be in no log, row or answer. */
export const SECRET_OF_ERRORS = "hunter2";
