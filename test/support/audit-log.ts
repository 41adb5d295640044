// Audit events, read from the Workers' logs.
import type { AuditEvent } from "../../src/audit/event.ts";

/** The audit events in log lines, oldest first. */
export function auditEventsIn(lines: readonly string[]): readonly AuditEvent[] {
  return lines
    .filter((line) => line.includes('"event":"audit"'))
    .map((line) => JSON.parse(line.slice(line.indexOf("{"))) as AuditEvent);
}
