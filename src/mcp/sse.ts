// A response as server-sent events: notifications, then the response to one request, then the end.
// Events have no ids: a broken stream is not resumed (MCP 2026-07-28,
// basic/transports/streamable-http). A response that is one JSON text can be a stream, too.
import { withDeadline } from "../../contracts/rpc/deadlines.ts";

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
/**
 * The first silence of a stream whose client must be seen to leave: only a write shows that. Later
 * ones are a part of the time that the stream is open.
 */
const FIRST_HEARTBEAT_MS = 10;
const HEARTBEAT_PART = 0.1;

/** The messages of a stream as bytes of its body. */
interface Framing {
  readonly type: string;
  readonly cacheControl: string;
  message(json: string): string;
  readonly heartbeat: string;
}

const EVENTS: Framing = {
  type: "text/event-stream",
  cacheControl: "no-cache, no-transform",
  message: (json) => `event: message\ndata: ${json}\n\n`,
  heartbeat: ": still working\n\n",
};

/** White space before a JSON text has no meaning (RFC 8259 section 2). */
const JSON_TEXT: Framing = {
  type: "application/json",
  cacheControl: "no-store, no-transform",
  message: (json) => json,
  heartbeat: " ",
};

/** Runs on an open stream. Its value, if any, is the last message. */
type Work = (stream: Stream) => Promise<string | null>;

/**
 * Opens a stream at once, then runs `work`. Aborts `lost`, if given, as soon as the stream cannot
 * reach its client. A notification is expected within `quietMs`, and no heartbeat is sent before.
 */
export function eventStream(work: Work, lost?: AbortController, quietMs?: number): Response {
  return open(work, EVENTS, lost, quietMs);
}

/** The same with a body that is the last message alone. Notifications must not be sent on it. */
export function jsonStream(work: Work, lost: AbortController): Response {
  return open(work, JSON_TEXT, lost);
}

function open(work: Work, framing: Framing, lost?: AbortController, quietMs = FIRST_HEARTBEAT_MS): Response {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const stream = new EventStream(writable, framing, lost, quietMs);
  stream.run(work).catch(() => stream.abort());
  return new Response(readable, {
    headers: {
      "content-type": framing.type,
      "cache-control": framing.cacheControl,
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
  readonly #framing: Framing;
  #lost: AbortController | undefined;
  readonly #openedAtMs = Date.now();
  #isOpen = true;
  #heartbeat: ReturnType<typeof setTimeout> | null = null;
  #leastSilenceMs: number;

  constructor(
    writable: WritableStream<Uint8Array>,
    framing: Framing,
    lost: AbortController | undefined,
    quietMs: number,
  ) {
    this.#leastSilenceMs = quietMs;
    this.#writer = writable.getWriter();
    this.#framing = framing;
    this.#lost = lost;
    this.#writer.closed.catch(() => this.#lose());
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  notify(json: string): Promise<boolean> {
    return this.#send(this.#framing.message(json));
  }

  heartbeat(): Promise<boolean> {
    return this.#send(this.#framing.heartbeat);
  }

  async run(work: (stream: Stream) => Promise<string | null>): Promise<void> {
    this.#scheduleHeartbeat();
    try {
      const last = await work(this);
      this.#end();
      // Also for a client that seemed gone: it may only be slow, and the response must not be lost.
      if (last === null) this.#lost = undefined;
      else await this.#writeLast(last);
    } finally {
      this.#end();
    }
    await this.#writer.close();
  }

  async abort(): Promise<void> {
    this.#lose();
    await this.#writer.abort().catch(() => undefined);
  }

  async #send(text: string): Promise<boolean> {
    clearTimeout(this.#heartbeat);
    this.#leastSilenceMs = FIRST_HEARTBEAT_MS;
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

  /** Writes the last message. If it took time, a heartbeat before it shows a client that left. */
  async #writeLast(json: string): Promise<void> {
    if (this.#lost && Date.now() - this.#openedAtMs > FIRST_HEARTBEAT_MS) await this.#write(this.#framing.heartbeat);
    await this.#write(this.#framing.message(json));
  }

  #scheduleHeartbeat(): void {
    clearTimeout(this.#heartbeat); // a concurrent send may have set it
    this.#heartbeat = setTimeout(() => {
      void this.heartbeat(); // never rejects
    }, this.#silenceMs());
  }

  #silenceMs(): number {
    if (!this.#lost) return HEARTBEAT_MS;
    const part = HEARTBEAT_PART * (Date.now() - this.#openedAtMs);
    return Math.min(Math.max(this.#leastSilenceMs, part), HEARTBEAT_MS);
  }

  #lose(): void {
    this.#isOpen = false;
    this.#lost?.abort();
  }

  /** Stops notifications and heartbeats: the response is the last event. */
  #end(): void {
    this.#isOpen = false;
    clearTimeout(this.#heartbeat);
  }
}
