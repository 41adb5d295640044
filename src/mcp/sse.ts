// A response as server-sent events: notifications about one request, then its answer, then the end. No event ids: a stream that
// breaks is not resumed (MCP 2026-07-28, basic/transports/streamable-http).

/** Sends one JSON message. `false` once the client is gone. */
export type Send = (json: string) => Promise<boolean>;

/** Opens the stream at once, then runs `work`, whose value is the last message. */
export function eventStream(work: (send: Send) => Promise<string>): Response {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const encoder = new TextEncoder();
  let isOpen = true;
  writer.closed.catch(() => {
    isOpen = false;
  });
  const send: Send = async (json) => {
    if (!isOpen) return false;
    try {
      await writer.write(encoder.encode(`event: message\ndata: ${json}\n\n`));
      return true;
    } catch {
      isOpen = false;
      return false;
    }
  };
  const finish = async () => {
    try {
      await send(await work(send));
      await writer.close();
    } catch {
      await writer.abort().catch(() => undefined);
    }
  };
  void finish();
  return new Response(readable, {
    headers: {
      "content-type": "text/event-stream",
      "cache-control": "no-cache, no-transform",
      // Proxies of the nginx family would otherwise hold the events back.
      "x-accel-buffering": "no",
    },
  });
}
