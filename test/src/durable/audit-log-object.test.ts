// The audit log of a tenant: records in a chain, sent to the queue until it has them, with signed
// checkpoints. Only the queue is not real, so that it can fail.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env as bound } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  type ChainedRecord,
  type Checkpoint,
  chainIdOf,
  chainNameOf,
  EMPTY_CHAIN,
  verifyCheckpoint,
  verifyRecords,
} from "../../../contracts/audit-record.ts";
import { sha256 } from "../../../src/audit/chain.ts";
import type { AccessEvent } from "../../../src/audit/event.ts";
import { configOf } from "../../../src/config.ts";
import { checkpointKeysOf } from "../../../src/crypto/key-ring.ts";
import type { AuditLogObject } from "../../../src/durable/audit-log-object.ts";
import type { Env } from "../../../src/env.ts";

const env = bound as unknown as Env; // the pool types its bindings by another interface

type Message = ChainedRecord | Checkpoint;
/** The queue's batches, as arrived. */
let batches: Message[][] = [];
let answer: () => Promise<void> = async () => undefined;
/** A queue for one test: an object of an earlier one, whose alarm comes late, keeps its own. */
function newQueue() {
  const own = batches;
  return {
    async sendBatch(messages: Iterable<{ readonly body: Message }>) {
      const bodies = Array.from(messages, ({ body }) => body);
      await answer();
      own.push(bodies);
    },
  };
}

const isCheckpoint = (message: Message): message is Checkpoint => message.type === "audit.checkpoint";
const arrived = () => batches.flat().filter((message): message is ChainedRecord => !isCheckpoint(message));
const checkpoints = () => batches.flat().filter(isCheckpoint);

/** The log of a new tenant. */
async function newLog() {
  const name = chainNameOf(crypto.randomUUID());
  const stub = env.AUDIT_LOG.get(env.AUDIT_LOG.idFromName(name));
  await useQueue(stub);
  return { stub, id: chainIdOf(name, sha256) };
}

/** Connects an instance of the object, which may have been started just now, to a new queue. */
async function useQueue(stub: DurableObjectStub<AuditLogObject>): Promise<void> {
  await runInDurableObject(stub, (instance) => {
    Object.defineProperty(instance, "env", {
      value: { ...env, PLATFORM_EVENTS_QUEUE: newQueue() },
      configurable: true,
    });
  });
}

async function restart(stub: DurableObjectStub<AuditLogObject>): Promise<void> {
  await evictDurableObject(stub);
  await useQueue(stub);
}

const stored = (stub: DurableObjectStub<AuditLogObject>) =>
  runInDurableObject(stub, async (_, { storage }) => ({
    waiting: storage.sql.exec("SELECT * FROM outbox").toArray().length,
    head: storage.sql.exec<{ sequence: number; hash: string }>("SELECT sequence, hash FROM chain").one(),
    alarmInMs: ((await storage.getAlarm()) ?? Number.NaN) - Date.now(),
  }));

let count = 0;
function newEvent(): AccessEvent {
  const traceId = (++count).toString(16).padStart(32, "0");
  return { type: "key.created", at: new Date().toISOString(), traceId, subject: "u1", tenantId: "t1", clientId: null };
}

const append = (stub: DurableObjectStub<AuditLogObject>, times: number) =>
  Promise.all(Array.from({ length: times }, () => stub.append(newEvent())));

/** Moves the object's clock, and runs its alarm. */
async function alarmAfter(stub: DurableObjectStub<AuditLogObject>, ms: number): Promise<void> {
  vi.setSystemTime(Date.now() + ms);
  await runDurableObjectAlarm(stub);
}

beforeEach(() => {
  batches = [];
  answer = async () => undefined;
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("the audit log of a tenant", () => {
  it("numbers and chains records from parallel requests, and sends each once, in order", async () => {
    const { stub, id } = await newLog();
    await append(stub, 250);
    await alarmAfter(stub, 1_000);
    await alarmAfter(stub, 1_000);
    const { waiting, head } = await stored(stub);
    expect([waiting, head.sequence]).toEqual([0, 250]);
    expect(arrived().map(({ chain }) => chain.sequence)).toEqual(Array.from({ length: 250 }, (_, n) => n + 1));
    expect(verifyRecords(arrived(), { id, head }, sha256)).toEqual([]);
    expect(new Set(arrived().map(({ chain }) => chain.salt)).size).toBe(250);
    expect(batches.map((batch) => batch.length)).toEqual([100, 100, 50]);
  });

  it("keeps batches below the queue's size", async () => {
    const { stub } = await newLog();
    for (let n = 0; n < 12; n++) await stub.append({ ...newEvent(), clientId: "x".repeat(60_000) });
    await alarmAfter(stub, 1_000);
    expect(batches.map((batch) => batch.length)).toEqual([3, 3, 3, 3]);
  });

  it("stores nothing of an event that cannot be stored, and continues", async () => {
    const { stub, id } = await newLog();
    await append(stub, 1);
    // Called inside the object, because the pool reports what an object throws at a caller.
    await runInDurableObject(stub, async (instance, { storage: { sql } }) => {
      await expect(instance.append({ ...newEvent(), clientId: 1n as never })).rejects.toThrow(TypeError);
      sql.exec("CREATE TRIGGER full BEFORE UPDATE OF hash ON chain BEGIN SELECT RAISE(ABORT, 'full'); END");
      await expect(instance.append(newEvent()), "after the row of the outbox").rejects.toThrow("full");
      sql.exec("DROP TRIGGER full");
    });
    await append(stub, 1);
    await alarmAfter(stub, 1_000);
    expect(verifyRecords(arrived(), { id, head: (await stored(stub)).head }, sha256)).toEqual([]);
    expect(arrived()).toHaveLength(2);
  });

  it("loses nothing while the queue is down and the object restarts, and sends all in order later", async () => {
    const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { stub, id } = await newLog();
    answer = () => Promise.reject(new Error("the queue is full of secrets"));
    const waits: number[] = [];
    for (let round = 0; round < 11; round++) {
      await append(stub, 10);
      await alarmAfter(stub, 300_000);
      waits.push((await stored(stub)).alarmInMs);
      await restart(stub);
    }
    expect(waits.map((ms) => Math.round(ms / 1_000))).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    expect([(await stored(stub)).waiting, batches.length]).toEqual([110, 0]);
    answer = async () => undefined;
    await alarmAfter(stub, 300_000);
    const { waiting, head } = await stored(stub);
    expect([waiting, head.sequence]).toEqual([0, 110]);
    expect(verifyRecords(arrived(), { id, head }, sha256)).toEqual([]);
    const lines = errors.mock.calls.map(([line]) => String(line));
    expect(lines).toContainEqual(expect.stringContaining('"event":"audit.outbox_delayed"'));
    expect(lines.join()).not.toContain("full of secrets");
  });

  it("does not ask a queue that is down more often because records come in", async () => {
    const { stub } = await newLog();
    answer = vi.fn(() => Promise.reject(new Error("down")));
    await append(stub, 1);
    for (let round = 0; round < 4; round++) await alarmAfter(stub, 300_000);
    await append(stub, 5);
    await alarmAfter(stub, 1);
    expect(answer).toHaveBeenCalledTimes(4);
    expect((await stored(stub)).alarmInMs).toBeGreaterThan(5_000);
  });

  it("sends again what the queue did not confirm, under the same numbers", async () => {
    const { stub } = await newLog();
    await append(stub, 3);
    answer = async () => {
      batches.push([]);
      throw new Error("the answer was lost");
    };
    await alarmAfter(stub, 1_000);
    expect((await stored(stub)).waiting).toBe(3);
    answer = async () => undefined;
    await alarmAfter(stub, 300_000);
    expect(arrived().map(({ chain }) => chain.sequence)).toEqual([1, 2, 3]);
  });

  it("gives up a batch that the queue does not answer within half a minute, and sends it again", async () => {
    const { stub } = await newLog();
    await append(stub, 2);
    vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"] });
    answer = () => new Promise(() => undefined);
    await runInDurableObject(stub, async (instance) => {
      vi.setSystemTime(Date.now() + 1_000);
      const alarm = instance.alarm();
      await vi.advanceTimersByTimeAsync(31_000);
      await alarm;
    });
    vi.useFakeTimers({ toFake: ["Date"] });
    expect((await stored(stub)).waiting).toBe(2);
    answer = async () => undefined;
    await alarmAfter(stub, 60_000);
    expect(arrived().map(({ chain }) => chain.sequence)).toEqual([1, 2]);
  });

  it("has an alarm as soon as a record is stored, also after a restart", async () => {
    const { stub } = await newLog();
    expect((await stored(stub)).alarmInMs).toBeNaN();
    await append(stub, 1);
    expect((await stored(stub)).alarmInMs).toBeLessThanOrEqual(250);
    await restart(stub);
    expect((await stored(stub)).alarmInMs).toBeLessThanOrEqual(250);
  });
});

describe("a checkpoint of the audit log", () => {
  const verdict = async (checkpoint: Checkpoint) => {
    const keys = await checkpointKeysOf(configOf(env));
    return verifyCheckpoint(
      checkpoint,
      keys.map(({ published }) => published),
    );
  };

  it("is signed an hour after the first record since the last one, and not without records", async () => {
    const { stub, id } = await newLog();
    await append(stub, 3);
    await alarmAfter(stub, 1_000);
    expect([arrived().length, checkpoints().length]).toEqual([3, 0]);
    await alarmAfter(stub, 3_600_000);
    await alarmAfter(stub, 1_000);
    expect(checkpoints()).toEqual([expect.objectContaining({ chainId: id, ...(await stored(stub)).head })]);
    expect(await verdict(checkpoints()[0] as Checkpoint)).toBe("valid");
    expect((await stored(stub)).alarmInMs).toBeNaN();
    await append(stub, 1);
    await alarmAfter(stub, 3_600_000);
    await alarmAfter(stub, 1_000);
    expect(checkpoints().map(({ sequence }) => sequence)).toEqual([3, 4]);
  });

  it("is signed after 1,000 records, and is true of the chain that arrived", async () => {
    const { stub, id } = await newLog();
    await append(stub, 1_000);
    // The real alarm may have begun: one that is rung meanwhile does nothing.
    for (let rings = 0; rings < 100 && checkpoints().length === 0; rings++) {
      await alarmAfter(stub, 1_000);
      await scheduler.wait(20);
    }
    const [checkpoint] = checkpoints();
    expect(checkpoint?.sequence).toBe(1_000);
    expect(verifyRecords(arrived(), { id, checkpoints: checkpoints() }, sha256)).toEqual([]);
    const others = arrived().map((record) => (record.chain.sequence === 1_000 ? { ...record, at: "x" } : record));
    expect(verifyRecords(others, { id, checkpoints: checkpoints() }, sha256)).not.toEqual([]);
  }, 60_000);

  it("waits where it cannot be signed, and records are sent all the same", async () => {
    const { stub } = await newLog();
    await append(stub, 2);
    await runInDurableObject(stub, (instance) => {
      Object.defineProperty(instance, "env", { value: { PLATFORM_EVENTS_QUEUE: newQueue() }, configurable: true });
    });
    await alarmAfter(stub, 3_600_001);
    expect([arrived().length, checkpoints().length]).toEqual([2, 0]);
    expect((await stored(stub)).alarmInMs).toBeGreaterThan(3_000_000);
    await restart(stub);
    await alarmAfter(stub, 3_600_001);
    await alarmAfter(stub, 1_000);
    expect(checkpoints().map(({ sequence }) => sequence)).toEqual([2]);
  });
});

it("the head of a log without records is that of an empty chain", async () => {
  const { stub } = await newLog();
  expect((await stored(stub)).head).toEqual(EMPTY_CHAIN);
});
