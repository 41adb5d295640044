// Who counts as one caller, what a counter's key gives away, what happens without counters, and the exact counter of a day.
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env as bound } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { traceFrom } from "../../../src/context.ts";
import type { RateCounter } from "../../../src/durable/rate-counter.ts";
import type { Env } from "../../../src/env.ts";
import { addressOf, consume } from "../../../src/limits/rate-limits.ts";
import { ADDRESS_HEADER, newAddress } from "../../support/address.ts";

const env = bound as unknown as Env; // the bindings of wrangler.toml, which the runtime types as unknown
const DAY_SECONDS = 86_400;

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("an address", () => {
  const of = (address: string) => addressOf(new Request("http://a.test", { headers: { [ADDRESS_HEADER]: address } }));

  it("of IPv4 is one caller", () => {
    expect(of("203.0.113.7")).toBe("203.0.113.7");
    expect(of("203.0.113.8")).not.toBe(of("203.0.113.7"));
  });

  it("of IPv6 is one caller with all of its /64, however it is written", () => {
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

  it("of IPv4 is the same one in the clothes of IPv6", () => {
    expect([of("::ffff:203.0.113.7"), of("::ffff:cb00:7107"), of("0:0:0:0:0:FFFF:203.0.113.7")]).toEqual(
      Array(3).fill("203.0.113.7"),
    );
  });

  it("is what Cloudflare says, never what a client says", () => {
    const headers = { "X-Forwarded-For": "198.51.100.1", "X-Real-IP": "198.51.100.1", Forwarded: "for=198.51.100.1" };
    const unsaid = addressOf(new Request("http://a.test"));
    expect(addressOf(new Request("http://a.test", { headers }))).toBe(unsaid);
    expect(unsaid).toBe("");
  });
});

describe("a counter's key", () => {
  it("gives away neither an address nor an e-mail, and differs for what is limited and for whom", async () => {
    const keys: string[] = [];
    const noting = { limit: async ({ key }: { key: string }) => ({ success: keys.push(key) > 0 }) };
    const names: string[] = [];
    const counters = {
      idFromName: (name: string) => names.push(name),
      get: () => ({ count: async () => 0 }),
    };
    const watched = {
      ...env,
      LIMIT_5: noting,
      LIMIT_10: noting,
      LIMIT_20: noting,
      RATE_COUNTER: counters,
    } as unknown as Env; // what is called of them
    const trace = traceFrom(null);
    await consume(watched, trace, "login", "203.0.113.7");
    await consume(watched, trace, "registration", "203.0.113.7");
    await consume(watched, trace, "loginEmail", "ada@example.com");
    await consume(watched, trace, "accountEmail", "ada@example.com");
    await consume(watched, trace, "accountEmail", "eve@example.com");
    expect(new Set([...keys, ...names]).size).toBe(5);
    for (const key of [...keys, ...names]) expect(key).toMatch(/^[A-Za-z]+:[\w-]{43}$/);
    expect(names[0]).toBe(keys[1]);
  });
});

describe("where nothing can be counted", () => {
  const failing = () => {
    throw new Error("a secret of the platform");
  };

  it.each([
    ["throws", { LIMIT_10: { limit: failing } }],
    ["answers nonsense", { LIMIT_10: { limit: async () => undefined } }],
    ["has no Durable Object", { RATE_COUNTER: { idFromName: failing } }],
    [
      "loses its Durable Object",
      { RATE_COUNTER: { idFromName: String, get: () => ({ count: async () => failing() }) } },
    ],
  ])("because the platform %s, everybody may go on, and the log says so once a request", async (_, broken) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const without = { ...env, ...broken } as unknown as Env; // what is called of them
    const trace = traceFrom(null);
    expect([
      await consume(without, trace, "registration", newAddress()),
      await consume(without, trace, "registration", "b"),
    ]).toEqual([0, 0]);
    expect(log).toHaveBeenCalledOnce();
    const line = String(log.mock.calls[0]?.[0]);
    expect(JSON.parse(line)).toMatchObject({ event: "limits.uncounted", what: "registration", traceId: trace.traceId });
    expect(line).not.toContain("secret");
    await consume(without, traceFrom(null), "registration", newAddress());
    expect(log).toHaveBeenCalledTimes(2);
  });
});

describe("the counter of a day", () => {
  const counter = () => env.RATE_COUNTER.get(env.RATE_COUNTER.newUniqueId()) as DurableObjectStub<RateCounter>;

  it("lets exactly as many through as it may, also when all come at once", async () => {
    const stub = counter();
    const waits = await Promise.all(Array.from({ length: 40 }, () => stub.count(25, DAY_SECONDS)));
    expect(waits.filter((wait) => wait === 0)).toHaveLength(25);
    for (const wait of waits.filter((seconds) => seconds > 0)) {
      expect(Number.isInteger(wait)).toBe(true);
      expect(wait).toBeGreaterThan(DAY_SECONDS - 60);
      expect(wait).toBeLessThanOrEqual(DAY_SECONDS);
    }
  });

  it("begins again when its window has ended, whatever was refused in between", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const stub = counter();
    const start = Date.now();
    expect([await stub.count(2, 100), await stub.count(2, 100), await stub.count(2, 100)]).toEqual([0, 0, 100]);
    vi.setSystemTime(start + 99_001);
    expect(await stub.count(2, 100)).toBe(1);
    vi.setSystemTime(start + 100_000);
    expect([await stub.count(2, 100), await stub.count(2, 100), await stub.count(2, 100)]).toEqual([0, 0, 100]);
  });

  it("leaves nothing behind", async () => {
    const stub = counter();
    await stub.count(1, 60);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await runInDurableObject(stub, (_, state) => state.storage.list())).toEqual(new Map());
    expect(await stub.count(1, 60)).toBe(0);
  });
});
