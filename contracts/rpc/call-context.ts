// Call context: the argument that accompanies the input of each operation. It carries the identity
// token, the trace, the deadline and a callback for progress. All of it can cross a service
// binding.
import * as v from "valibot";

/** A progress report of a long call. */
export const Progress = v.object({
  /** Increases with each report of one call. */
  progress: v.pipe(v.number(), v.minValue(0)),
  /** Final value of `progress`, in the same unit; absent if unknown. */
  total: v.optional(v.pipe(v.number(), v.minValue(0))),
  /** One short sentence for the user. */
  message: v.optional(v.pipe(v.string(), v.maxLength(200))),
});
export type Progress = v.InferOutput<typeof Progress>;

/** The caller's reply to a report. `"cancel"` is the only cancellation that crosses a binding. */
export type ProgressReply = "continue" | "cancel";

/**
 * Receives reports. Over RPC it is a stub: it is disposed with the call, and calling it may fail.
 */
export type ProgressCallback = (update: Progress) => ProgressReply | Promise<ProgressReply>;

export const CallContext = v.object({
  /** Signed identity token (see `identity-token.ts`), valid for at most 60 seconds. */
  identity: v.pipe(v.string(), v.maxLength(4096)),
  /** W3C trace context, section 3.2. */
  traceparent: v.pipe(v.string(), v.regex(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/)),
  /** The time at which the caller stops waiting, in milliseconds since the Unix epoch. */
  deadlineMs: v.pipe(v.number(), v.integer()),
  /** Calls with the same key are one request: a repeated call returns the first result. */
  idempotencyKey: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(128))),
  progress: v.optional(v.custom<ProgressCallback>((value) => typeof value === "function")),
});
export type CallContext = v.InferOutput<typeof CallContext>;

/** The trace id of a `traceparent`: 32 hexadecimal digits. */
export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35);
}
