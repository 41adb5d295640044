// Contexts of requests for tests of the pipeline.
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { type RequestContext, requestContext, traceFrom } from "../../src/context.ts";
import type { Env } from "../../src/env.ts";

/** A context with a trace of its own. `finish` waits for background work, such as audit records. */
export function newContext(env: Env, trace = traceFrom(null)): { context: RequestContext; finish(): Promise<void> } {
  const ctx = createExecutionContext();
  return { context: requestContext(env, ctx, trace), finish: () => waitOnExecutionContext(ctx) };
}
