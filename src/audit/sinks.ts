// Destinations of audit records: a log line, and either the platform's event queue, which neither
// delays nor fails the request, or the audit log of the tenant, which the request waits for.
import { chainNameOf } from "../../contracts/audit-record.ts";
import { describeCrash } from "../../contracts/rpc/crash.ts";
import type { RequestContext } from "../context.ts";
import type { Env } from "../env.ts";
import type { AuditEvent } from "./event.ts";

/**
 * Writes the log line now and sends the queue message in the background. A message that cannot be
 * sent is logged together with its record.
 */
export function deliver({ env, ctx }: RequestContext, event: AuditEvent): void {
  logRecord(event);
  ctx.waitUntil(
    env.PLATFORM_EVENTS_QUEUE.send(event).catch((error: unknown) => {
      console.error(JSON.stringify({ event: "audit.undelivered", ...describeCrash(error), record: event }));
    }),
  );
}

/** Writes the log line of a record. */
export function logRecord(event: AuditEvent): void {
  console.log(JSON.stringify({ event: "audit", ...event }));
}

/** The audit log of this tenant; `null`: the one of events without a tenant. */
export function auditLogOf({ AUDIT_LOG }: Env, tenantId: string | null): ReturnType<Env["AUDIT_LOG"]["get"]> {
  return AUDIT_LOG.get(AUDIT_LOG.idFromName(chainNameOf(tenantId)));
}
