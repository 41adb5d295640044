// A response as server-sent events: notifications, then the response to one request, then the end.
// Events have no ids: a broken stream is not resumed (MCP 2026-07-28,
// basic/transports/streamable-http).
import { withDeadline } from "../../contracts/rpc/call.ts";

/** An open event stream, as the work behind it sees it. */
export interface Stream {
  /** False once the client has left. */
  readonly isOpen: boolean;
  /** Sends one JSON message, which may be lost. Returns `isOpen`. */
  notify(json: string): Promise<boolean>;
  /**
   * Sends a comment, which keeps proxies from closing the stream and detects a client that left.
   * Returns `isOpen`.
   */
  heartbeat(): Promise<boolean>;
}

/** A client that leaves an event unread for longer counts as gone. In milliseconds. */
const WRITE_TIMEOUT_MS = 2_000;
/** The longest silence, in milliseconds: proxies close idle streams. */
const HEARTBEAT_MS = 15_000;

/** Opens a stream at once, then runs `work`. Its value, if any, is the last message. */
export function eventStream(work: (stream: Stream) => Promise<string | null>): Response {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const stream = new EventStream(writable);
  stream.run(work).catch(() => stream.abort());
  return new Response(readable, {
    headers: {
      "content-type": "text/event-stream",
      "cache-control": "no-cache, no-transform",
      // Disables response buffering in nginx and compatible proxies.
      "x-accel-buffering": "no",
    },
  });
}

/** The longest time that a stream outlives the right to it, in milliseconds. */
const REVALIDATE_MS = 30_000;

/** A stream that ends early once `isAllowed`, which is asked at intervals, returns false. */
export function whileAllowed(stream: Response, isAllowed: () => Promise<boolean>): Response {
  if (stream.body === null) return stream;
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  void relay(stream.body, writable, isAllowed); // never rejects
  return new Response(readable, stream);
}

const END = { done: true } as const;

async function relay(
  from: ReadableStream<Uint8Array>,
  to: WritableStream<Uint8Array>,
  isAllowed: () => Promise<boolean>,
): Promise<void> {
  const [reader, writer] = [from.getReader(), to.getWriter()];
  const ended = Promise.withResolvers<typeof END>();
  async function endIfRefused(): Promise<void> {
    if (!(await isAllowed())) ended.resolve(END);
  }
  const timer = setInterval(() => void endIfRefused(), REVALIDATE_MS);
  writer.closed.catch(() => ended.resolve(END)); // the client left
  let isWritten = true;
  try {
    for (;;) {
      const next = await Promise.race([reader.read(), ended.promise]);
      if (next.done) break;
      isWritten = false;
      const written = await Promise.race([writer.write(next.value), ended.promise]);
      if (written === END) break;
      isWritten = true;
    }
  } catch {
    // The source or the client is gone; both are closed below.
  } finally {
    clearInterval(timer);
    // A client that does not read would delay a regular end for ever.
    await Promise.allSettled([reader.cancel(), isWritten ? writer.close() : writer.abort()]);
  }
}

class EventStream implements Stream {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #encoder = new TextEncoder();
  #isOpen = true;
  #heartbeat: ReturnType<typeof setTimeout> | null = null;

  constructor(writable: WritableStream<Uint8Array>) {
    this.#writer = writable.getWriter();
    this.#writer.closed.catch(() => {
      this.#isOpen = false;
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  notify(json: string): Promise<boolean> {
    return this.#send(messageEvent(json));
  }

  heartbeat(): Promise<boolean> {
    return this.#send(": still working\n\n");
  }

  async run(work: (stream: Stream) => Promise<string | null>): Promise<void> {
    this.#scheduleHeartbeat();
    try {
      const last = await work(this);
      this.#end();
      // Also for a client that seemed gone: it may only be slow, and the response must not be lost.
      if (last !== null) await this.#write(messageEvent(last));
    } finally {
      this.#end();
    }
    await this.#writer.close();
  }

  async abort(): Promise<void> {
    await this.#writer.abort().catch(() => undefined);
  }

  async #send(text: string): Promise<boolean> {
    clearTimeout(this.#heartbeat);
    // A client that left may fail a write, or leave it pending for ever.
    if (this.#isOpen && (await withDeadline(() => this.#write(text), WRITE_TIMEOUT_MS)) !== true) this.#isOpen = false;
    if (this.#isOpen) this.#scheduleHeartbeat();
    return this.#isOpen;
  }

  async #write(text: string): Promise<boolean> {
    try {
      await this.#writer.write(this.#encoder.encode(text));
      return true;
    } catch {
      return false;
    }
  }

  #scheduleHeartbeat(): void {
    clearTimeout(this.#heartbeat); // a concurrent send may have set it
    this.#heartbeat = setTimeout(() => {
      void this.heartbeat(); // never rejects
    }, HEARTBEAT_MS);
  }

  /** Stops notifications and heartbeats: the response is the last event. */
  #end(): void {
    this.#isOpen = false;
    clearTimeout(this.#heartbeat);
  }
}

function messageEvent(json: string): string {
  return `event: message\ndata: ${json}\n\n`;
}
