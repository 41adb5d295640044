// Results. Each method across a service binding returns a plain value: a thrown error loses its
// class, and with an older callee its fields. Expected failures are returned; only defects are
// thrown, and they stop at the nearest RPC boundary.

/** An expected failure. `code` is snake_case and names the state; the contract has its sentence. */
export interface Failure<Code extends string = string> {
  readonly code: Code;
  /** Whole seconds, at least 1. Absent if waiting does not help. */
  readonly retryAfterSeconds?: number;
}

/** A value or a failure, as plain data. */
export type Result<Value, Reason = Failure> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: Reason };

/** A successful result. */
export function ok<const Value>(value: Value): { readonly ok: true; readonly value: Value } {
  return { ok: true, value };
}

/** A failed result, with a code from the operation's list. */
export function fail<const Code extends string>(
  code: Code,
  retryAfterSeconds?: number,
): { readonly ok: false; readonly error: Failure<Code> } {
  return { ok: false, error: retryAfterSeconds === undefined ? { code } : { code, retryAfterSeconds } };
}
