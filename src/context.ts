// The context of one request: bindings, settings, the runtime's context and the trace
// (W3C Trace Context). Made once, in the entrypoint, and handed on whole.

import { type LogEvent, type LogFields, logCrash } from "../contracts/log.ts";
import { Deadlines } from "../contracts/rpc/deadlines.ts";
import { type Config, configOf } from "./config.ts";
import type { Env } from "./env.ts";

/** Position of this request in a trace. */
export interface Trace {
  /** 32 hexadecimal digits. Error messages quote it; logs and audit records are searched by it. */
  readonly traceId: string;
  /** For calls to other Workers: the same trace, with this request as the parent. */
  readonly traceparent: string;
}

/** Keeps work alive after the response: the part of the runtime's `ctx` that is used here. */
export type Background = Pick<ExecutionContext, "waitUntil"> & { readonly tracing?: Tracing };

/** The platform's custom spans: the part that is used here. Absent in older runtimes. */
export type Tracing = Pick<ExecutionContext["tracing"], "enterSpan" | "startActiveSpan">;

export interface RequestContext {
  readonly env: Env;
  readonly config: Config;
  readonly ctx: Background;
  readonly trace: Trace;
  /** Of everything that this request waits for. */
  readonly deadlines: Deadlines;
}

/** The context of one request. Throws `ConfigError` where the settings cannot be used. */
export function requestContext(env: Env, ctx: Background, trace: Trace): RequestContext {
  return { env, config: configOf(env), ctx, trace, deadlines: new Deadlines() };
}

const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/;

/** True for a `traceparent` of version 00 that is not all zeros. */
export function isTraceparent(value: unknown): value is string {
  return typeof value === "string" && TRACEPARENT.test(value);
}

/** The trace id in a `traceparent`; absent in any other text. */
export function traceIdIn(traceparent: string | undefined): string | undefined {
  return TRACEPARENT.exec(traceparent ?? "")?.[1];
}

/**
 * Continues the incoming `traceparent`, or starts a trace if it is absent or malformed. Untrusted:
 * an identifier, not evidence.
 */
export function traceFrom(traceparent: string | null | undefined): Trace {
  const [, given, flags] = (traceparent && TRACEPARENT.exec(traceparent)) || [];
  const traceId = given ?? randomHex();
  return { traceId, traceparent: `00-${traceId}-${randomHex().slice(0, 16)}-${flags ?? "01"}` };
}

/** 32 random digits. Two are those of a UUID, so that neither half is all zeros. */
function randomHex(): string {
  return crypto.randomUUID().replaceAll("-", "");
}

/** A trace that continues under this id, outside of any request. */
export function continueTrace(traceId: string): Trace {
  return traceFrom(`00-${traceId}-${traceId.slice(0, 15)}1-01`);
}

/**
 * Runs `work`. If it throws, logs `event` with `details` under the trace and returns
 * `"unavailable"`: storage that fails decides nothing.
 */
export async function orUnavailable<T>(
  { traceId }: Pick<Trace, "traceId">,
  event: LogEvent<"error">,
  details: LogFields,
  work: () => Promise<T>,
): Promise<T | "unavailable"> {
  try {
    return await work();
  } catch (error) {
    logCrash(event, { ...details, traceId }, error);
    return "unavailable";
  }
}
