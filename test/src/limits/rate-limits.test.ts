// Rate limits: the client that an address stands for, the privacy of a counter's key, failing
// counters, and the exact counter of a day.
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env as bound } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { traceFrom } from "../../../src/context.ts";
import type { RateCounter } from "../../../src/durable/rate-counter.ts";
import type { Env } from "../../../src/env.ts";
import { addressOf, consume } from "../../../src/limits/rate-limits.ts";
import { ADDRESS_HEADER, newAddress } from "../../support/address.ts";
import { newContext } from "../context.ts";

const env = bound as unknown as Env; // the bindings of wrangler.toml, which the runtime types as unknown
const DAY_SECONDS = 86_400;

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("an address", () => {
  const of = (address: string) => addressOf(new Request("http://a.test", { headers: { [ADDRESS_HEADER]: address } }));

  it("of IPv4 is one client", () => {
    expect(of("203.0.113.7")).toBe("203.0.113.7");
    expect(of("203.0.113.8")).not.toBe(of("203.0.113.7"));
  });

  it("of IPv6 is one client with all of its /64, however it is written", () => {
    const home = of("2001:db8:1:2::1");
    expect([of("2001:db8:1:2:ffff::9"), of("2001:0DB8:0001:0002:0:0:0:3"), of("2001:db8:1:2::")]).toEqual([
      home,
      home,
      home,
    ]);
    for (const other of ["2001:db8:1:3::1", "2001:db8::1:2:0:1", "2001:db8:2:2::1", "::1", "1:2::"])
      expect(of(other)).not.toBe(home);
    expect(of("::1:2:3:4:5")).toBe(of("0:0:0:1:9:9:9:9"));
  });

  it("of IPv4-mapped IPv6 is the IPv4 address (RFC 4291 section 2.5.5.2)", () => {
    expect([of("::ffff:203.0.113.7"), of("::ffff:cb00:7107"), of("0:0:0:0:0:FFFF:203.0.113.7")]).toEqual(
      Array(3).fill("203.0.113.7"),
    );
  });

  it("is read from Cloudflare's header, never from a header that a client can set", () => {
    const headers = { "X-Forwarded-For": "198.51.100.1", "X-Real-IP": "198.51.100.1", Forwarded: "for=198.51.100.1" };
    const unknown = addressOf(new Request("http://a.test"));
    expect(addressOf(new Request("http://a.test", { headers }))).toBe(unknown);
    expect(unknown).toBe("");
  });
});

describe("a counter's key", () => {
  it("reveals neither an address nor an e-mail address, and differs by limit and by key", async () => {
    const keys: string[] = [];
    const recorder = { limit: async ({ key }: { key: string }) => ({ success: keys.push(key) > 0 }) };
    const names: string[] = [];
    const counters = {
      idFromName: (name: string) => names.push(name),
      get: () => ({ count: async () => 0 }),
    };
    const recording = {
      ...env,
      LIMIT_5: recorder,
      LIMIT_60: recorder,
      LIMIT_20: recorder,
      RATE_COUNTER: counters,
    } as unknown as Env; // the members that are called
    const { context } = newContext(recording);
    await consume(context, "login", "203.0.113.7");
    await consume(context, "registration", "203.0.113.7");
    await consume(context, "loginEmail", "ada@example.com");
    await consume(context, "account", "203.0.113.7");
    await consume(context, "account", "203.0.113.8");
    expect(new Set([...keys, ...names]).size).toBe(5);
    for (const key of [...keys, ...names]) expect(key).toMatch(/^[A-Za-z]+:[\w-]{43}$/);
    expect(names[0]).toBe(keys[1]);
  });
});

describe("a counter that fails", () => {
  const failing = () => {
    throw new Error("a secret of the platform");
  };

  it.each([
    ["throws", { LIMIT_60: { limit: failing } }],
    ["returns a malformed reply", { LIMIT_60: { limit: async () => undefined } }],
    ["has no Durable Object", { RATE_COUNTER: { idFromName: failing } }],
    [
      "loses its Durable Object",
      { RATE_COUNTER: { idFromName: String, get: () => ({ count: async () => failing() }) } },
    ],
  ])("because it %s lets the request pass, and is logged once per request", async (_, broken) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const without = { ...env, ...broken } as unknown as Env; // the members that are called
    const trace = traceFrom(null);
    const { context } = newContext(without, trace);
    expect([await consume(context, "registration", newAddress()), await consume(context, "registration", "b")]).toEqual(
      [0, 0],
    );
    expect(log).toHaveBeenCalledOnce();
    const line = String(log.mock.calls[0]?.[0]);
    expect(JSON.parse(line)).toMatchObject({
      event: "limits.uncounted",
      limit: "registration",
      traceId: trace.traceId,
    });
    expect(line).not.toContain("secret");
    await consume(newContext(without).context, "registration", newAddress());
    expect(log).toHaveBeenCalledTimes(2);
  });
});

describe("the counter of a day", () => {
  const newCounter = () => env.RATE_COUNTER.get(env.RATE_COUNTER.newUniqueId()) as DurableObjectStub<RateCounter>;

  it("passes exactly the allowed number, also if all arrive in parallel", async () => {
    const stub = newCounter();
    const waits = await Promise.all(Array.from({ length: 40 }, () => stub.count(25, DAY_SECONDS)));
    expect(waits.filter((wait) => wait === 0)).toHaveLength(25);
    for (const wait of waits.filter((seconds) => seconds > 0)) {
      expect(Number.isInteger(wait)).toBe(true);
      expect(wait).toBeGreaterThan(DAY_SECONDS - 60);
      expect(wait).toBeLessThanOrEqual(DAY_SECONDS);
    }
  });

  it("starts over when its window has ended, whatever was refused in between", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const stub = newCounter();
    const start = Date.now();
    expect([await stub.count(2, 100), await stub.count(2, 100), await stub.count(2, 100)]).toEqual([0, 0, 100]);
    vi.setSystemTime(start + 99_001);
    expect(await stub.count(2, 100)).toBe(1);
    vi.setSystemTime(start + 100_000);
    expect([await stub.count(2, 100), await stub.count(2, 100), await stub.count(2, 100)]).toEqual([0, 0, 100]);
  });

  it("deletes all its data when its window has ended", async () => {
    const stub = newCounter();
    await stub.count(1, 60);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await runInDurableObject(stub, (_, state) => state.storage.list())).toEqual(new Map());
    expect(await stub.count(1, 60)).toBe(0);
  });
});
