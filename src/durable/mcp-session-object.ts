// Keeps the sessions of the older revisions of MCP: one object a session, wherever its requests come in. Its id is sealed with the
// object's name inside and bound to the person, so that a guess, or somebody else's id, is turned away before any object is asked.
import { DurableObject } from "cloudflare:workers";
import { configOf } from "../config.ts";
import { keyRingOf } from "../crypto/key-ring.ts";
import { seal, unseal } from "../crypto/seal.ts";
import type { Env } from "../env.ts";
import type { RequestId } from "../mcp/json-rpc.ts";
import type { LogLevel } from "../mcp/port.ts";
import type { Handshake, McpSession, McpSessions } from "../mcp/session.ts";
import { eventStream, type Stream } from "../mcp/sse.ts";

/** How long a session lives without a message of its client. An open stream is no message: it would keep an object awake for good. */
const IDLE_MS = 3_600_000;
/** A session that was used this recently is not written down again. */
const FRESH_MS = 60_000;
/** How long somebody has to answer what a tool asks. */
const ANSWER_MS = 120_000;
/** The most streams of one session; another one closes the oldest. */
const MOST_STREAMS = 4;
/** The most that may wait for an answer in one session at a time. */
const MOST_WAITING = 100;
/** The most cancelled requests that are remembered: a call asks within seconds of being cancelled. */
const MOST_CANCELLED = 100;

interface StoredSession extends Handshake {
  readonly level?: LogLevel;
}

interface Waiting {
  /** The request of the client that waits. */
  readonly call: RequestId;
  readonly answer: Promise<object | null | undefined>;
  resolve(result: object | null | undefined): void;
}

/** A client may use an id again: it is cancelled as of then. */
interface Cancelled {
  readonly id: RequestId;
  readonly atMs: number;
}

/**
 * One session. What waits and what is open lives in memory only: it is gone with the connections that it belongs to. Calls are not
 * known here before they are cancelled.
 */
export class McpSessionObject extends DurableObject {
  readonly #waiting = new Map<string, Waiting>();
  /** Each with what closes it, the oldest first. */
  readonly #streams = new Map<Stream, () => void>();

  /** Begins the session. */
  async begin(handshake: Handshake): Promise<void> {
    await this.ctx.storage.put<StoredSession>("kept", handshake);
    await this.#use();
  }

  /** What is remembered, and the time here; `null` once the session has ended. Counts as use. */
  async touch(): Promise<(StoredSession & { readonly nowMs: number }) | null> {
    const { storage } = this.ctx;
    const endsAtMs = (await storage.get<number>("endsAtMs")) ?? 0;
    // An alarm may be late.
    if (endsAtMs <= Date.now()) return null;
    if (endsAtMs < Date.now() + IDLE_MS - FRESH_MS) await this.#use();
    const kept = await storage.get<StoredSession>("kept");
    return kept ? { ...kept, nowMs: Date.now() } : null;
  }

  async setLevel(level: LogLevel): Promise<void> {
    const kept = (await this.touch()) && (await this.ctx.storage.get<StoredSession>("kept"));
    if (kept) await this.ctx.storage.put<StoredSession>("kept", { ...kept, level });
  }

  /**
   * Names for so many requests, each waited for from now on by `call`, which began at `sinceMs`; none where too many are waited for
   * already, or the call is cancelled.
   */
  async expect(count: number, call: RequestId, sinceMs: number): Promise<string[]> {
    if (this.#waiting.size + count > MOST_WAITING || (await this.isCancelled(call, sinceMs))) return [];
    return Array.from({ length: count }, () => {
      const id = crypto.randomUUID();
      const { promise, resolve } = Promise.withResolvers<object | null | undefined>();
      const late = setTimeout(() => {
        // Also where the call that asked is gone.
        this.#waiting.delete(id);
        resolve(undefined);
      }, ANSWER_MS);
      this.#waiting.set(id, { call, answer: promise.finally(() => clearTimeout(late)), resolve: resolve });
      return id;
    });
  }

  /** The results for these names, `null` for an error, `undefined` where there is no answer. Each is forgotten with that. */
  async responsesTo(ids: readonly string[]): Promise<(object | null | undefined)[]> {
    try {
      return await Promise.all(ids.map(async (id) => this.#waiting.get(id)?.answer));
    } finally {
      for (const id of ids) this.#waiting.delete(id);
    }
  }

  /** The answer to the request with this name; what nobody waits for is dropped. */
  async settle(id: string, result: object | null): Promise<void> {
    this.#waiting.get(id)?.resolve(result);
  }

  /** Withdraws what the request with this id waits for, and remembers that it is cancelled: also for a call that is silent for long. */
  async cancel(id: RequestId): Promise<void> {
    const { storage } = this.ctx;
    if (!(await this.touch())) return;
    const others = (await storage.get<readonly Cancelled[]>("cancelled")) ?? [];
    await storage.put("cancelled", [{ id, atMs: Date.now() }, ...others].slice(0, MOST_CANCELLED));
    for (const { call, resolve } of this.#waiting.values()) if (call === id) resolve(undefined);
  }

  /** Whether the request with this id, which began at `sinceMs`, has been cancelled. */
  async isCancelled(id: RequestId, sinceMs: number): Promise<boolean> {
    const cancelled = (await this.ctx.storage.get<readonly Cancelled[]>("cancelled")) ?? [];
    return cancelled.some((one) => one.id === id && one.atMs >= sinceMs);
  }

  /** Sends one message over the newest stream that takes it. Answers whether any did. */
  async send(json: string): Promise<boolean> {
    for (const [stream, close] of Array.from(this.#streams).toReversed()) {
      if (await stream.notify(json)) return true;
      close();
    }
    return false;
  }

  /** Opens a stream: whatever is sent to this object by HTTP asks for one. */
  override async fetch(): Promise<Response> {
    const [oldest] = this.#streams.values();
    if (oldest && this.#streams.size >= MOST_STREAMS) oldest();
    return eventStream(async (stream) => {
      const { promise, resolve } = Promise.withResolvers<null>();
      this.#streams.set(stream, () => {
        this.#streams.delete(stream);
        resolve(null);
      });
      await stream.beat();
      return promise;
    });
  }

  /** Ends the session, and with it what waits and what is open. */
  async end(): Promise<void> {
    for (const { resolve } of this.#waiting.values()) resolve(undefined);
    for (const close of this.#streams.values()) close();
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
  }

  override async alarm(): Promise<void> {
    await this.end();
  }

  async #use(): Promise<void> {
    const endsAtMs = Date.now() + IDLE_MS;
    await this.ctx.storage.put("endsAtMs", endsAtMs);
    await this.ctx.storage.setAlarm(endsAtMs);
  }
}

/** The sessions of one person. */
export function mcpSessionsOf(env: Env, subject: string): McpSessions {
  const context = (issuer: string) => `session|${JSON.stringify([issuer, subject])}`;
  const objectOf = (name: string) => env.MCP_SESSION.get(env.MCP_SESSION.idFromName(name));
  return {
    async begin(handshake) {
      const config = configOf(env);
      const name = crypto.randomUUID();
      await objectOf(name).begin(handshake);
      return seal(await keyRingOf(config, "mcp-session"), name, context(config.issuer));
    },
    async find(id) {
      const config = configOf(env);
      const name = await unseal(await keyRingOf(config, "mcp-session"), id, context(config.issuer));
      if (name === null) return null;
      const object = objectOf(name);
      const found = (await object.touch()) as (StoredSession & { readonly nowMs: number }) | null; // `unknown` loses its type on the way
      if (!found) return null;
      const { nowMs, ...kept } = found;
      return sessionAt(object, kept, nowMs);
    },
  };
}

function sessionAt(object: DurableObjectStub<McpSessionObject>, kept: StoredSession, sinceMs: number): McpSession {
  return {
    ...kept,
    setLevel: (level) => object.setLevel(level),
    expect: (count, call) => object.expect(count, call, sinceMs),
    responsesTo: (ids) => object.responsesTo(ids),
    resolve: (id, result) => object.settle(String(id), result),
    cancel: (id) => object.cancel(id),
    isCancelled: (id) => object.isCancelled(id, sinceMs),
    send: (json) => object.send(json),
    stream: () => object.fetch("https://session.invalid/"),
    end: () => object.end(),
  };
}
