// Where audit records go: a log line, and the platform's event queue. Neither delays or fails the call that they are about.
import { describeCrash } from "../../contracts/rpc/crash.ts";
import type { AccessEvent, AuditEvent, ReadEvent, TaskEvent } from "./event.ts";

/** Keeps work alive after the answer: the runtime's own `ctx`. */
export type Background = Pick<ExecutionContext, "waitUntil">;

/** Writes the log line now and sends the message in the background. A message that cannot be sent is logged with its record. */
export function record(
  queue: Queue,
  background: Background,
  event: AuditEvent | ReadEvent | TaskEvent | AccessEvent,
): void {
  console.log(JSON.stringify({ event: "audit", ...event }));
  background.waitUntil(
    queue.send(event).catch((error: unknown) => {
      console.error(JSON.stringify({ event: "audit.undelivered", ...describeCrash(error), record: event }));
    }),
  );
}

/** Records a change of who has access. */
export function recordAccess(
  queue: Queue,
  background: Background,
  traceId: string,
  change: Pick<AccessEvent, "type" | "subject" | "clientId" | "scopes">,
): void {
  record(queue, background, { ...change, at: new Date().toISOString(), traceId });
}
