// One trace id for everything that one request causes (W3C Trace Context). A caller's trace is gone on with; it proves nothing.

/** Where in a trace this request stands. */
export interface Trace {
  /** 32 hexadecimal digits: what a person quotes and a log is searched for. */
  readonly traceId: string;
  /** To be handed on: the same trace, with this request as the parent. */
  readonly traceparent: string;
}

const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/;

/** Whether this can be gone on with. */
export function isTraceparent(value: unknown): value is string {
  return typeof value === "string" && TRACEPARENT.test(value);
}

/** Goes on with the caller's `traceparent`, or starts a new trace where it is absent or malformed. */
export function traceFrom(traceparent: string | null | undefined): Trace {
  const [, given, flags] = TRACEPARENT.exec(traceparent ?? "") ?? [];
  const random = crypto.randomUUID().replaceAll("-", "");
  const traceId = given ?? random;
  return {
    traceId,
    traceparent: `00-${traceId}-${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}-${flags ?? "01"}`,
  };
}
