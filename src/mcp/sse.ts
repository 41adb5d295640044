// A response as server-sent events: notifications about one request, then its answer, then the end. No event ids: a stream that
// breaks is not resumed (MCP 2026-07-28, basic/transports/streamable-http).
import { withDeadline } from "../../contracts/rpc/call.ts";

/** Sends one JSON message that may be lost. `false` once the client is gone. */
export type Notify = (json: string) => Promise<boolean>;

/** How long a client may leave a notification unread before it counts as gone, in milliseconds. */
const PATIENCE_MS = 2_000;

/** Opens the stream at once, then runs `work`, whose value is the last message. */
export function eventStream(work: (notify: Notify) => Promise<string>): Response {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const encoder = new TextEncoder();
  let isOpen = true;
  const write = async (json: string) => {
    try {
      await writer.write(encoder.encode(`event: message\ndata: ${json}\n\n`));
      return true;
    } catch {
      return false;
    }
  };
  const notify: Notify = async (json) => {
    // A client that hung up may fail a write, or leave it unread for ever.
    if (isOpen) isOpen = (await withDeadline(() => write(json), PATIENCE_MS)) === true;
    return isOpen;
  };
  const finish = async () => {
    const last = await work(notify);
    if (isOpen) await write(last);
    await writer.close();
  };
  finish().catch(() => writer.abort().catch(() => undefined));
  return new Response(readable, {
    headers: {
      "content-type": "text/event-stream",
      "cache-control": "no-cache, no-transform",
      // Proxies of the nginx family would otherwise hold the events back.
      "x-accel-buffering": "no",
    },
  });
}
