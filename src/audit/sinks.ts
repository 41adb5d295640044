// Destinations of audit records: a log line, and either the platform's event queue, which neither
// delays nor fails the request, or the audit log of the tenant, which the request waits for.
import { chainNameOf } from "../../contracts/audit-record.ts";
import { logAuditRecord, logCrash, logError } from "../../contracts/log.ts";
import { describeCrash } from "../../contracts/rpc/crash.ts";
import type { RequestContext } from "../context.ts";
import type { Env } from "../env.ts";
import type { AccessEvent, AuditEvent } from "./event.ts";

/**
 * Writes the log line now and sends the queue message in the background. A message that cannot be
 * sent is logged together with its record.
 */
export function deliver(context: RequestContext, event: AuditEvent): void {
  logRecord(event);
  send(context, event);
}

function send({ env, ctx }: RequestContext, event: AuditEvent): void {
  ctx.waitUntil(
    env.PLATFORM_EVENTS_QUEUE.send(event).catch((error: unknown) => {
      logError("audit.undelivered", { ...describeCrash(error), record: event });
    }),
  );
}

/** The longest wait for the audit log, in milliseconds. */
const STORE_TIMEOUT_MS = 5_000;

/**
 * Writes the log line, and stores the record in the tenant's audit log. Where that fails, the
 * record goes to the queue, outside of the chain. A record without a tenant is kept for longer than
 * the user, so only its log line names the user. Never throws.
 */
export async function store(context: RequestContext, event: AccessEvent): Promise<void> {
  const kept = event.tenantId === null ? { ...event, subject: null, clientId: null } : event;
  const append = () => auditLogOf(context.env, event.tenantId).append(kept);
  try {
    await context.deadlines.inTime(append, STORE_TIMEOUT_MS, "The audit log did not answer in time.");
  } catch (error) {
    const { traceId } = context.trace;
    logCrash("audit.unchained", { type: event.type, traceId }, error);
    send(context, kept);
  }
  logRecord(event);
}

/** Writes the log line of a record. */
export function logRecord(event: AuditEvent): void {
  logAuditRecord(event);
}

/** The audit log of this tenant; `null`: the one of events without a tenant. */
export function auditLogOf({ AUDIT_LOG }: Env, tenantId: string | null): ReturnType<Env["AUDIT_LOG"]["get"]> {
  return AUDIT_LOG.get(AUDIT_LOG.idFromName(chainNameOf(tenantId)));
}
