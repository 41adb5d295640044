// Contexts of requests for tests of the pipeline.
import { createExecutionContext, runInDurableObject, waitOnExecutionContext } from "cloudflare:test";
import type { ToolCallEvent } from "../../src/audit/event.ts";
import { auditLogOf } from "../../src/audit/sinks.ts";
import { type RequestContext, requestContext, traceFrom } from "../../src/context.ts";
import type { Env } from "../../src/env.ts";

/** A context with a trace of its own. `finish` waits for background work, such as audit records. */
export function newContext(env: Env, trace = traceFrom(null)): { context: RequestContext; finish(): Promise<void> } {
  const ctx = createExecutionContext();
  return { context: requestContext(env, ctx, trace), finish: () => waitOnExecutionContext(ctx) };
}

/** An audit log that passes the outcome of each call to `record`. */
export function auditLogWith(record: (event: ToolCallEvent) => void): Env["AUDIT_LOG"] {
  const log = {
    begin: async ({ callId }: { readonly callId: string }) => ({ state: "new", callId }),
    finish: async (_callId: string, event: ToolCallEvent) => record(event),
  };
  // A plain object cannot have the type of a namespace, but it is called like one.
  return { idFromName: (name: string) => name, get: () => log } as unknown as Env["AUDIT_LOG"];
}

/**
 * The records that the audit log of this tenant still has, oldest first; `null`: the platform's.
 */
export function recordsOf(env: Env, tenantId: string | null): Promise<Record<string, unknown>[]> {
  return runInDurableObject(auditLogOf(env, tenantId) as never, (_, { storage }) =>
    storage.sql
      .exec<{ message: string }>("SELECT message FROM outbox ORDER BY position")
      .toArray()
      .map(({ message }) => JSON.parse(message)),
  );
}
