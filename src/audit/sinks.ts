// Destinations of audit records: a log line and the platform's event queue. Neither delays nor
// fails the request that the record is about.
import { describeCrash } from "../../contracts/rpc/crash.ts";
import type { RequestContext } from "../context.ts";
import type { AuditEvent } from "./event.ts";

/**
 * Writes the log line now and sends the queue message in the background. A message that cannot be
 * sent is logged together with its record.
 */
export function deliver({ env, ctx }: RequestContext, event: AuditEvent): void {
  console.log(JSON.stringify({ event: "audit", ...event }));
  ctx.waitUntil(
    env.PLATFORM_EVENTS_QUEUE.send(event).catch((error: unknown) => {
      console.error(JSON.stringify({ event: "audit.undelivered", ...describeCrash(error), record: event }));
    }),
  );
}
