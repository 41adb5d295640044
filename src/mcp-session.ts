// Keeps the sessions of the older revisions of MCP: one object a session, wherever its requests come in. Its id is sealed with the
// object's name inside and bound to the person, so that a guess, or somebody else's id, is turned away before any object is asked.
import { DurableObject } from "cloudflare:workers";
import { configOf } from "./config.ts";
import type { Env } from "./env.ts";
import { keyRingOf } from "./key-ring.ts";
import type { LogLevel } from "./mcp/host.ts";
import type { Handshake, Session, Sessions } from "./mcp/session.ts";
import { eventStream, type Stream } from "./mcp/sse.ts";
import { seal, unseal } from "./seal.ts";

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

interface Kept extends Handshake {
  readonly level?: LogLevel;
}

interface Waiting {
  readonly answer: Promise<object | null>;
  settle(result: object | null): void;
}

/** One session. What waits and what is open lives in memory only: it is gone with the connections that it belongs to. */
export class McpSession extends DurableObject {
  readonly #waiting = new Map<string, Waiting>();
  /** Each with what closes it, the oldest first. */
  readonly #streams = new Map<Stream, () => void>();

  /** Begins the session. */
  async begin(handshake: Handshake): Promise<void> {
    await this.ctx.storage.put<Kept>("kept", handshake);
    await this.#use();
  }

  /** What is remembered, `null` once the session has ended. Counts as use. */
  async touch(): Promise<Kept | null> {
    const { storage } = this.ctx;
    const endsAtMs = (await storage.get<number>("endsAtMs")) ?? 0;
    // An alarm may be late.
    if (endsAtMs <= Date.now()) return null;
    if (endsAtMs < Date.now() + IDLE_MS - FRESH_MS) await this.#use();
    return (await storage.get<Kept>("kept")) ?? null;
  }

  async setLevel(level: LogLevel): Promise<void> {
    const kept = await this.touch();
    if (kept) await this.ctx.storage.put<Kept>("kept", { ...kept, level });
  }

  /** Names for so many requests, each waited for from now on; none where too many are waited for already. */
  async expect(count: number): Promise<string[]> {
    if (this.#waiting.size + count > MOST_WAITING) return [];
    return Array.from({ length: count }, () => {
      const id = crypto.randomUUID();
      const { promise, resolve } = Promise.withResolvers<object | null>();
      const late = setTimeout(() => {
        // Also where the call that asked is gone.
        this.#waiting.delete(id);
        resolve(null);
      }, ANSWER_MS);
      this.#waiting.set(id, { answer: promise.finally(() => clearTimeout(late)), settle: resolve });
      return id;
    });
  }

  /** The results for these names; `null` where there is none. Each is forgotten with that. */
  async answersTo(ids: readonly string[]): Promise<(object | null)[]> {
    try {
      return await Promise.all(ids.map(async (id) => (await this.#waiting.get(id)?.answer) ?? null));
    } finally {
      for (const id of ids) this.#waiting.delete(id);
    }
  }

  /** The answer to the request with this name; what nobody waits for is dropped. */
  async settle(id: string, result: object | null): Promise<void> {
    this.#waiting.get(id)?.settle(result);
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
    for (const { settle } of this.#waiting.values()) settle(null);
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
export function sessionsOf(env: Env, subject: string): Sessions {
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
      const kept = await object.touch();
      return kept && sessionAt(object, kept);
    },
  };
}

function sessionAt(object: DurableObjectStub<McpSession>, kept: Kept): Session {
  return {
    ...kept,
    setLevel: (level) => object.setLevel(level),
    expect: (count) => object.expect(count),
    answersTo: (ids) => object.answersTo(ids),
    settle: (id, result) => object.settle(String(id), result),
    send: (json) => object.send(json),
    stream: () => object.fetch("https://session.invalid/"),
    end: () => object.end(),
  };
}
