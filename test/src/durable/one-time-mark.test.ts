// Marks that are set once, and the answers that they keep for a minute.
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env as bound } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { oneTimeMarkOf } from "../../../src/durable/one-time-mark.ts";
import type { Env } from "../../../src/env.ts";
import { Browser, envWith, register } from "../oauth/browser.ts";

const env = bound as unknown as Env; // the pool types its bindings by another interface

afterEach(() => {
  vi.useRealTimers();
});

function later(seconds: number): void {
  vi.useFakeTimers({ now: Date.now() + seconds * 1000, toFake: ["Date"] });
}

const newMark = () => oneTimeMarkOf(env, crypto.randomUUID());

describe("a one-time mark", () => {
  it("is claimed by one of ten requests in parallel", async () => {
    const mark = newMark();
    const claims = await Promise.all(Array.from({ length: 10 }, () => mark.claim(600)));
    expect(claims.filter(Boolean)).toHaveLength(1);
  });

  it("hands the answer to those who wait for it, and to those who come within a minute", async () => {
    const mark = newMark();
    await mark.claim(600);
    const waiting = mark.answer();
    await mark.settle("the answer", false);
    expect([await waiting, await mark.answer(), await mark.claim(600)]).toEqual(["the answer", "the answer", false]);
    later(61);
    expect([await mark.answer(), await mark.claim(600)]).toEqual([null, false]);
  });

  it("tells those who wait that no answer was made", async () => {
    const mark = newMark();
    await mark.claim(600);
    const waiting = mark.answer();
    await mark.settle(null, false);
    expect([await waiting, await mark.answer(), await mark.claim(600)]).toEqual([null, null, false]);
  });

  it("can be claimed again after it was released, and keeps no answer", async () => {
    const mark = newMark();
    await mark.claim(600);
    const waiting = mark.answer();
    await mark.settle("the answer", true);
    expect([await waiting, await mark.answer(), await mark.claim(600)]).toEqual(["the answer", null, true]);
  });

  it("deletes the answer after a minute, and itself at the end of its life", async () => {
    const mark = newMark();
    const keys = () =>
      runInDurableObject(mark, async (_, { storage }) => [...(await storage.list()).keys(), await storage.getAlarm()]);
    await mark.claim(600);
    await mark.settle("the answer", false);
    expect(await keys()).toEqual(["answer", "claimed", "endsAtMs", expect.any(Number)]);
    later(61);
    expect(await runDurableObjectAlarm(mark)).toBe(true);
    expect(await keys()).toEqual(["claimed", "endsAtMs", expect.any(Number)]);
    later(600);
    expect(await runDurableObjectAlarm(mark)).toBe(true);
    expect(await keys()).toEqual([null]);
  });
});

it("an answer that contains a code is kept sealed", async () => {
  const put = vi.fn();
  const recording = new Proxy(env.ONE_TIME, {
    get(target, key) {
      if (key !== "get") return Reflect.get(target, key).bind(target);
      return (id: DurableObjectId) => {
        const mark = target.get(id);
        return {
          claim: (seconds: number) => mark.claim(seconds),
          answer: () => mark.answer(),
          settle(answer: string | null, isReleased: boolean) {
            put(answer);
            return mark.settle(answer, isReleased);
          },
        };
      };
    },
  });
  const over = envWith({}, { ONE_TIME: recording });
  const browser = new Browser(over);
  const { next } = await browser.connect(await register(over));
  const code = new URL(next).searchParams.get("code") ?? "";
  expect(code.length).toBeGreaterThan(20);
  for (const [answer] of put.mock.calls) expect(answer).toMatch(/^[0-9a-f]{8}\.[\w-]{16}\.[\w-]+$/);
  expect(JSON.stringify(put.mock.calls)).not.toContain(code);
});
