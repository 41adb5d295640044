// What every method across a service binding answers: a plain value, because a thrown error loses its class (and, for an older
// callee, its fields) on the way. Expected refusals are returned; only bugs are thrown, and they stop at the nearest wall.

/** One expected refusal. `code` is snake_case and names the state; the sentence that a person reads stands in the contract. */
export interface Failure<Code extends string = string> {
  readonly code: Code;
  /** Whole seconds, at least 1. Absent where waiting does not help. */
  readonly retryAfterSeconds?: number;
}

/** A value or a refusal, as plain data. */
export type Result<Value, Refusal = Failure> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: Refusal };

/** Wraps a value that was produced as asked. */
export function ok<const Value>(value: Value): { readonly ok: true; readonly value: Value } {
  return { ok: true, value };
}

/** Refuses with a code of the operation's own list. */
export function fail<const Code extends string>(
  code: Code,
  retryAfterSeconds?: number,
): { readonly ok: false; readonly error: Failure<Code> } {
  return { ok: false, error: retryAfterSeconds === undefined ? { code } : { code, retryAfterSeconds } };
}
