// What travels beside the input in every call that acts for somebody: proof of who asks, the trace, the deadline, and the way
// back for progress. Plain data plus at most one function, all of which cross a service binding.
import * as v from "valibot";

/** One step of a long call, on its way to whoever waits. */
export const Progress = v.object({
  /** Grows with every report of one call. */
  progress: v.pipe(v.number(), v.minValue(0)),
  /** Where `progress` ends, in the same unit; absent while unknown. */
  total: v.optional(v.pipe(v.number(), v.minValue(0))),
  /** One short sentence for a person. */
  message: v.optional(v.pipe(v.string(), v.maxLength(200))),
});
export type Progress = v.InferOutput<typeof Progress>;

/** What the caller answers to a report: whether the work is still wanted. The only cancellation that crosses a binding. */
export type ProgressReply = "continue" | "cancel";

/** Receives reports. Over RPC this is a stub: it dies with the call, and calling it may fail. */
export type ProgressCallback = (update: Progress) => ProgressReply | Promise<ProgressReply>;

export const CallContext = v.object({
  /** Signed identity token (see `identity.ts`): who asks, for which tool, with which input, for at most 60 seconds. */
  identity: v.pipe(v.string(), v.maxLength(4096)),
  /** W3C trace context, section 3.2. */
  traceparent: v.pipe(v.string(), v.regex(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/)),
  /** When the caller stops waiting, in milliseconds since the Unix epoch. */
  deadlineMs: v.pipe(v.number(), v.integer()),
  /** The same key twice is the same request twice: the second answers with what the first did. */
  idempotencyKey: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(128))),
  progress: v.optional(v.custom<ProgressCallback>((value) => typeof value === "function")),
});
export type CallContext = v.InferOutput<typeof CallContext>;

/** The trace id inside a `traceparent`: 32 hexadecimal digits. */
export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35);
}
