// Sessions of the MCP revisions with a handshake. One object holds one session, for the requests
// of all isolates. A session id is the sealed name of its object, bound to the user: a guess, or
// the id of another user, is refused before any object is called.
import { DurableObject } from "cloudflare:workers";
import { configOf } from "../config.ts";
import { keyRingOf } from "../crypto/key-ring.ts";
import { seal, unseal } from "../crypto/seal.ts";
import type { Env } from "../env.ts";
import type { RequestId } from "../mcp/json-rpc.ts";
import type { LogLevel } from "../mcp/schema.ts";
import type { Handshake, McpSession, McpSessions } from "../mcp/session.ts";
import { eventStream, type Stream } from "../mcp/sse.ts";

/**
 * The lifetime of a session without a message from its client. An open stream does not extend it:
 * it would keep the object in memory without end.
 */
const IDLE_MS = 3_600_000;
/** The shortest interval between two writes of a session's expiry. */
const REFRESH_MS = 60_000;
/** Timeout of a request to the client, whose response may need the user. */
const RESPONSE_TIMEOUT_MS = 120_000;
/** Streams of one session. Another one closes the oldest. */
const MAX_STREAMS = 4;
/** Pending requests to the client of one session. */
const MAX_PENDING = 100;
/** Stored cancellations, newest first. A call checks for its own within seconds. */
const MAX_CANCELLATIONS = 100;

interface StoredSession extends Handshake {
  readonly level?: LogLevel;
}

/** A request to the client. */
interface PendingRequest {
  /** The id of the client's request that waits for the response. */
  readonly call: RequestId;
  readonly response: Promise<object | null | undefined>;
  resolve(result: object | null | undefined): void;
}

/** A cancellation applies to earlier requests only: a client may use an id again. */
interface Cancellation {
  readonly id: RequestId;
  readonly atMs: number;
}

/**
 * One session. Pending requests and streams are in memory only: they end with the connections that
 * they belong to. The object learns of a client's request only if the request is cancelled.
 */
export class McpSessionObject extends DurableObject {
  readonly #pending = new Map<string, PendingRequest>();
  /** Each stream with the function that closes it, oldest first. */
  readonly #streams = new Map<Stream, () => void>();

  async create(handshake: Handshake): Promise<void> {
    await this.ctx.storage.put<StoredSession>("kept", handshake);
    await this.#extend();
  }

  /** Extends the session. Returns it with the object's time, or `null` if the session has ended. */
  async touch(): Promise<(StoredSession & { readonly nowMs: number }) | null> {
    const { storage } = this.ctx;
    const endsAtMs = (await storage.get<number>("endsAtMs")) ?? 0;
    // An alarm may be late.
    if (endsAtMs <= Date.now()) return null;
    if (endsAtMs < Date.now() + IDLE_MS - REFRESH_MS) await this.#extend();
    const kept = await storage.get<StoredSession>("kept");
    return kept ? { ...kept, nowMs: Date.now() } : null;
  }

  async setLevel(level: LogLevel): Promise<void> {
    const kept = (await this.touch()) && (await this.ctx.storage.get<StoredSession>("kept"));
    if (kept) await this.ctx.storage.put<StoredSession>("kept", { ...kept, level });
  }

  /**
   * Ids for `count` requests to the client, for whose responses `call` waits. `call` arrived at
   * `sinceMs`. Empty if too many requests are pending, or the call is cancelled.
   */
  async expect(count: number, call: RequestId, sinceMs: number): Promise<string[]> {
    if (this.#pending.size + count > MAX_PENDING || (await this.isCancelled(call, sinceMs))) return [];
    return Array.from({ length: count }, () => this.#addPending(call));
  }

  #addPending(call: RequestId): string {
    const id = crypto.randomUUID();
    const { promise, resolve } = Promise.withResolvers<object | null | undefined>();
    const timer = setTimeout(() => {
      // Needed if the call has ended and will never ask for the response.
      this.#pending.delete(id);
      resolve(undefined);
    }, RESPONSE_TIMEOUT_MS);
    this.#pending.set(id, { call, response: promise.finally(() => clearTimeout(timer)), resolve });
    return id;
  }

  /** Ends the requests and returns their results: `null` for an error, `undefined` without one. */
  async responsesTo(ids: readonly string[]): Promise<(object | null | undefined)[]> {
    try {
      return await Promise.all(ids.map(async (id) => this.#pending.get(id)?.response));
    } finally {
      for (const id of ids) this.#pending.delete(id);
    }
  }

  /** Delivers the response to a request. Ignores an unknown id. */
  async resolve(id: string, result: object | null): Promise<void> {
    this.#pending.get(id)?.resolve(result);
  }

  /**
   * Withdraws the requests that a call waits for, at once, and stores the cancellation for a call
   * that works without them and checks for it later.
   */
  async cancel(id: RequestId): Promise<void> {
    const { storage } = this.ctx;
    if (!(await this.touch())) return;
    const others = (await storage.get<readonly Cancellation[]>("cancelled")) ?? [];
    await storage.put("cancelled", [{ id, atMs: Date.now() }, ...others].slice(0, MAX_CANCELLATIONS));
    for (const { call, resolve } of this.#pending.values()) if (call === id) resolve(undefined);
  }

  /** True if the request with this id, which arrived at `sinceMs`, has been cancelled. */
  async isCancelled(id: RequestId, sinceMs: number): Promise<boolean> {
    const cancelled = (await this.ctx.storage.get<readonly Cancellation[]>("cancelled")) ?? [];
    return cancelled.some((one) => one.id === id && one.atMs >= sinceMs);
  }

  /** Sends one message over the newest stream that accepts it. Returns false if none does. */
  async send(json: string): Promise<boolean> {
    for (const [stream, close] of Array.from(this.#streams).toReversed()) {
      if (await stream.notify(json)) return true;
      close();
    }
    return false;
  }

  /** Opens a stream, for any HTTP request. */
  override async fetch(): Promise<Response> {
    const [closeOldest] = this.#streams.values();
    if (closeOldest && this.#streams.size >= MAX_STREAMS) closeOldest();
    return eventStream(async (stream) => {
      const { promise, resolve } = Promise.withResolvers<null>();
      this.#streams.set(stream, () => {
        this.#streams.delete(stream);
        resolve(null);
      });
      await stream.heartbeat();
      return promise;
    });
  }

  /** Ends the session with its pending requests and streams. */
  async end(): Promise<void> {
    for (const { resolve } of this.#pending.values()) resolve(undefined);
    for (const close of this.#streams.values()) close();
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
  }

  override async alarm(): Promise<void> {
    await this.end();
  }

  async #extend(): Promise<void> {
    const endsAtMs = Date.now() + IDLE_MS;
    await this.ctx.storage.put("endsAtMs", endsAtMs);
    await this.ctx.storage.setAlarm(endsAtMs);
  }
}

/** The sessions of one user. */
export function mcpSessionsOf(env: Env, subject: string): McpSessions {
  const context = (issuer: string) => `session|${JSON.stringify([issuer, subject])}`;
  const objectOf = (name: string) => env.MCP_SESSION.get(env.MCP_SESSION.idFromName(name));
  return {
    async create(handshake) {
      const config = configOf(env);
      const name = crypto.randomUUID();
      await objectOf(name).create(handshake);
      return seal(await keyRingOf(config, "mcp-session"), name, context(config.issuer));
    },
    async find(id) {
      const config = configOf(env);
      const name = await unseal(await keyRingOf(config, "mcp-session"), id, context(config.issuer));
      if (name === null) return null;
      const object = objectOf(name);
      // RPC types lose `unknown`, the type of a capability.
      const found = (await object.touch()) as (StoredSession & { readonly nowMs: number }) | null;
      if (!found) return null;
      const { nowMs, ...stored } = found;
      return sessionAt(object, stored, nowMs);
    },
  };
}

function sessionAt(object: DurableObjectStub<McpSessionObject>, stored: StoredSession, sinceMs: number): McpSession {
  return {
    ...stored,
    setLevel: (level) => object.setLevel(level),
    expect: (count, call) => object.expect(count, call, sinceMs),
    responsesTo: (ids) => object.responsesTo(ids),
    resolve: (id, result) => object.resolve(String(id), result),
    cancel: (id) => object.cancel(id),
    isCancelled: (id) => object.isCancelled(id, sinceMs),
    send: (json) => object.send(json),
    stream: () => object.fetch("https://session.invalid/"),
    end: () => object.end(),
  };
}
