// A response as server-sent events: notifications about one request, then its answer, then the end. No event ids: a stream that
// breaks is not resumed (MCP 2026-07-28, basic/transports/streamable-http).
import { withDeadline } from "../../contracts/rpc/call.ts";

/** An open response, for whoever does the work. */
export interface Stream {
  /** `false` once the client is gone. */
  readonly isOpen: boolean;
  /** Sends one JSON message that may be lost. Answers `isOpen`. */
  notify(json: string): Promise<boolean>;
  /** Sends a comment, which says to a proxy that there is life and shows whether anybody reads. Answers `isOpen`. */
  beat(): Promise<boolean>;
}

/** How long a client may leave a notification unread before it counts as gone, in milliseconds. */
const PATIENCE_MS = 2_000;
/** How long a stream may be silent, in milliseconds: proxies close what looks dead. */
const HEARTBEAT_MS = 15_000;

/** Opens the stream at once, then runs `work`, whose value is the last message, where there is one. */
export function eventStream(work: (stream: Stream) => Promise<string | null>): Response {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const encoder = new TextEncoder();
  let isOpen = true;
  let heartbeat: ReturnType<typeof setTimeout> | null = null;
  writer.closed.catch(() => {
    isOpen = false;
  });
  const write = async (text: string) => {
    try {
      await writer.write(encoder.encode(text));
      return true;
    } catch {
      return false;
    }
  };
  const send = async (text: string) => {
    clearTimeout(heartbeat);
    // A client that hung up may fail a write, or leave it unread for ever.
    if (isOpen && (await withDeadline(() => write(text), PATIENCE_MS)) !== true) isOpen = false;
    if (isOpen) beatLater();
    return isOpen;
  };
  const beatLater = () => {
    clearTimeout(heartbeat); // of another send, meanwhile
    heartbeat = setTimeout(() => {
      void stream.beat(); // never rejects
    }, HEARTBEAT_MS);
  };
  const stream: Stream = {
    get isOpen() {
      return isOpen;
    },
    notify: (json) => send(messageEvent(json)),
    beat: () => send(": still working\n\n"),
  };
  /** Nothing may follow the answer. */
  const end = () => {
    isOpen = false;
    clearTimeout(heartbeat);
  };
  const finish = async () => {
    beatLater();
    try {
      // Written also to a client that seemed gone: it may only have been slow, and an answer is not to be lost for that.
      const last = await work(stream);
      end();
      if (last !== null) await write(messageEvent(last));
    } finally {
      end();
    }
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

function messageEvent(json: string): string {
  return `event: message\ndata: ${json}\n\n`;
}
