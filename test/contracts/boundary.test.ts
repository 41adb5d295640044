// Both sides of the RPC boundary: `call` and `serve`.
import * as v from "valibot";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { call } from "../../contracts/rpc/call.ts";
import { contract } from "../../contracts/rpc/contract.ts";
import { toBase64url } from "../../contracts/rpc/encoding.ts";
import type { OneTimeToken, TenantId } from "../../contracts/rpc/identity.ts";
import { type IdentityKey, importIdentityKey, signIdentity } from "../../contracts/rpc/identity-token.ts";
import { operation } from "../../contracts/rpc/operation.ts";
import { fail, ok } from "../../contracts/rpc/result.ts";
import { type Guard, type Invocation, serve } from "../../contracts/rpc/serve.ts";
import { EVENTUALLY } from "../support/eventually.ts";

const Draft = operation({
  input: v.strictObject({ customerId: v.string(), copies: v.optional(v.number(), 1) }),
  output: v.object({ invoiceId: v.string(), lines: v.array(v.number()) }),
  errors: { customer_not_found: "There is no such customer." },
  timeoutMs: 60,
});
const Send = operation({ ...Draft, changes: true });
const billing = contract({
  audience: "stackbilder",
  prefix: "billing",
  methods: { draft: Draft, send: Send },
  tools: { billing_draft: "draft", billing_send: "send" },
  internal: [],
});

const raw = crypto.getRandomValues(new Uint8Array(32));
const guard: Guard = {
  identityKeys: `0123abcd:${toBase64url(raw)}`,
  claim: async () => {
    throw new Error("A method that changes nothing claims no token.");
  },
};
const traceId = "b".repeat(32);
const target = { method: "BILLING.draft", traceId };
const input = { customerId: "c1" };
const value = { invoiceId: "i1", lines: [1] };
let key: IdentityKey;

beforeAll(async () => {
  key = await importIdentityKey("0123abcd", raw);
});
afterEach(() => vi.restoreAllMocks());

async function context(overrides: { method?: string; idempotencyKey?: string; progress?: unknown } = {}) {
  const { method = "draft", idempotencyKey } = overrides;
  const scopes = ["generate"] as const;
  const identity = { subject: "u1", tenantId: "t1" as TenantId, tier: "pro", scopes, clientId: "c" } as const;
  const signed = { audience: "stackbilder", method, input, idempotencyKey };
  const token = await signIdentity(key, identity, signed, Math.floor(Date.now() / 1000));
  return {
    identity: token,
    traceparent: `00-${traceId}-${"c".repeat(16)}-01`,
    deadlineMs: Date.now() + 1000,
    ...overrides,
  };
}

describe("the caller side of the RPC boundary", () => {
  it("cancels a stream in a reply that is late, or does not fit the contract", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const reasons: string[] = [];
    const replyWith = (reason: string) =>
      ok({ ...value, lines: "none", body: new ReadableStream({ cancel: () => void reasons.push(reason) }) });
    const late = Promise.withResolvers<unknown>();
    expect(await call(Draft, () => late.promise, target)).toMatchObject({ ok: false, error: { code: "unavailable" } });
    late.resolve(replyWith("late"));
    expect(await call(Draft, async () => replyWith("breach"), target)).toMatchObject({ error: { code: "internal" } });
    const nothing = { ...replyWith("no envelope"), ok: "yes" };
    expect(await call(Draft, async () => nothing, target)).toMatchObject({ error: { code: "internal" } });
    await vi.waitFor(() => expect(reasons.toSorted()).toEqual(["breach", "late", "no envelope"]), EVENTUALLY);
  });

  it("returns well-formed text, also where the backend's is not", async () => {
    const result = await call(Draft, async () => ok({ ...value, invoiceId: "i\ud83d" }), target);
    expect(result).toEqual({ ok: true, value: { ...value, invoiceId: "i\ufffd" } });
  });

  it("returns a value that fits the contract, without fields that the contract does not name", async () => {
    const result = await call(Draft, async () => ok({ ...value, secretField: "x" }), target);
    expect(result).toEqual({ ok: true, value });
  });

  it("adds the contract's sentence to an expected failure, never the backend's", async () => {
    const result = await call(
      Draft,
      async () => ({ ok: false, error: { code: "customer_not_found", message: "SQL: no rows", retryAfterSeconds: 3 } }),
      target,
    );
    expect(result).toEqual({
      ok: false,
      error: { code: "customer_not_found", message: "There is no such customer.", retryAfterSeconds: 3 },
    });
  });

  it.each<[string, () => PromiseLike<unknown>, string]>([
    ["throws", () => Promise.reject(new Error("password=hunter2")), "unavailable"],
    [
      "throws synchronously",
      () => {
        throw new TypeError("x is not a function");
      },
      "unavailable",
    ],
    ["never replies", () => new Promise(() => undefined), "unavailable"],
    ["reports a crash", async () => fail("internal"), "internal"],
    ["refuses the gateway's identity", async () => fail("unauthenticated"), "internal"],
    ["invents a code", async () => fail("teapot"), "internal"],
    ["invents a code that is a property of every object", async () => fail("constructor"), "internal"],
    ["returns nothing", async () => undefined, "internal"],
    ["returns a string", async () => "ok", "internal"],
    ["returns a value of another shape", async () => ok({ invoiceId: 7, lines: [] }), "internal"],
    [
      "asks to wait for a negative time",
      async () => ({ ok: false, error: { code: "customer_not_found", retryAfterSeconds: -1 } }),
      "internal",
    ],
  ])("turns a backend that %s into one clear failure and one log line", async (_, send, code) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const result = await call(Draft, send, target);
    expect(result).toMatchObject({ ok: false, error: { code } });
    expect(log).toHaveBeenCalledOnce();
    const line = String(log.mock.calls[0]?.[0]);
    expect(JSON.parse(line)).toMatchObject({ event: "rpc.fault", traceId, method: "BILLING.draft" });
    expect(line + JSON.stringify(result)).not.toMatch(/hunter2/);
  });

  it.each([
    ["Invalid URL: https://example.com/?token=hunter2", undefined],
    ["hunter2\n    at hunter2 (hunter2:1:1)", undefined],
    ["draw is not a function", "draw is not a function"],
    [
      "Cannot read properties of undefined (reading 'prompt')",
      "Cannot read properties of undefined (reading 'prompt')",
    ],
    [
      'The RPC receiver does not implement the method "draft".',
      'The RPC receiver does not implement the method "draft".',
    ],
  ])("logs a message only if the language runtime writes such: %s", async (message, logged) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await call(Draft, () => Promise.reject(new TypeError(message)), target);
    const line = String(log.mock.calls[0]?.[0]);
    expect((JSON.parse(line) as { message?: string }).message).toBe(logged);
    expect(line).not.toContain("hunter2");
  });

  it.each<[string, () => PromiseLike<unknown>]>([
    ["replies", async () => ok(value)],
    ["refuses", async () => ({ ok: false, error: { code: "customer_not_found" } })],
    ["fails", () => Promise.reject(new Error("down"))],
    [
      "throws",
      () => {
        throw new Error("down");
      },
    ],
  ])("leaves no timer when a backend %s before the deadline", async (_, send) => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    vi.useFakeTimers();
    try {
      const late = call(Draft, () => new Promise(() => undefined), target);
      expect(vi.getTimerCount(), "a deadline is a timer").toBe(1);
      await vi.runAllTimersAsync();
      await late;
      await call(Draft, send, target);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("ignores a backend that fails after the deadline", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    let reject: (reason: Error) => void = () => undefined;
    const late = new Promise((_, fails) => {
      reject = fails;
    });
    expect(await call(Draft, () => late, target)).toMatchObject({ error: { code: "unavailable" } });
    reject(new Error("too late")); // an unhandled rejection would fail this run
    await new Promise((resolve) => setTimeout(resolve, 10));
  });
});

describe("the backend side of the RPC boundary", () => {
  const draft = (
    call: unknown,
    given: unknown,
    handle: Parameters<typeof serve<typeof billing, "draft">>[3] = async () => ok(value),
  ) => serve(billing, "draft", { guard, call, input: given }, handle);

  it("passes a verified identity and a parsed input with defaults to the handler", async () => {
    const seen: unknown[] = [];
    await draft(await context({ idempotencyKey: "k1" }), input, async (parsed, identity, invocation) => {
      const { subject, tenantId } = identity;
      const { traceId, idempotencyKey, hasListener } = invocation;
      seen.push(parsed, subject, tenantId, traceId, idempotencyKey, hasListener);
      return ok(value);
    });
    expect(seen).toEqual([{ customerId: "c1", copies: 1 }, "u1", "t1", traceId, "k1", false]);
  });

  it.each<[string, unknown]>([
    ["no context", undefined],
    ["an empty context", {}],
    ["a malformed token", { identity: "x.y.z", traceparent: `00-${traceId}-${"c".repeat(16)}-01`, deadlineMs: 1 }],
    ["a malformed progress callback", { progress: 7 }],
  ])("refuses %s before the handler runs", async (_, spoilt) => {
    const handle = vi.fn();
    const given =
      typeof spoilt === "object" && spoilt !== null && "progress" in spoilt ? await context(spoilt) : spoilt;
    expect(await draft(given, input, handle)).toEqual(fail("unauthenticated"));
    expect(handle).not.toHaveBeenCalled();
  });

  it("refuses a token that was signed for another input", async () => {
    expect(await draft(await context(), { customerId: "c2" })).toEqual(fail("unauthenticated"));
  });

  it("returns internal if the handler throws, without its message", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const result = await draft(await context(), input, async () => {
      throw new Error("token sb_live_abcdefghijklmnop");
    });
    expect(result).toEqual(fail("internal"));
    expect(String(log.mock.calls[0]?.[0])).toContain(traceId);
    expect(String(log.mock.calls[0]?.[0])).not.toContain("sb_live_");
  });

  it("returns internal if its keys are not configured", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    expect(
      await serve(billing, "draft", { guard: { ...guard, identityKeys: "" }, call: await context(), input }, async () =>
        ok(value),
      ),
    ).toEqual(fail("internal"));
  });

  it("runs a method that changes something once per token, after it has claimed the token", async () => {
    const used = new Map<string, number>();
    const claim = async ({ id, expiresAt }: OneTimeToken) => !used.has(id) && used.set(id, expiresAt) === used;
    const handle = vi.fn(async () => ok(value));
    const send = async (call: unknown, given: unknown) =>
      serve(billing, "send", { guard: { ...guard, claim }, call, input: given }, handle);
    const captured = await context({ method: "send" });
    // A call that is refused for another reason claims nothing.
    expect(await send({ ...captured, identity: "x.y.z" }, input)).toEqual(fail("unauthenticated"));
    expect(await send(captured, { customerId: "c2" })).toEqual(fail("unauthenticated"));
    expect(used.size).toBe(0);
    expect(await send(captured, input)).toEqual(ok(value));
    expect([...used]).toEqual([
      [expect.any(String), expect.toSatisfy((at: number) => Math.abs(at - Date.now() / 1000 - 60) < 10)],
    ]);
    expect(await send(captured, input)).toEqual(fail("unauthenticated"));
    expect(handle).toHaveBeenCalledOnce();
  });

  it("runs no method that changes something if the token cannot be claimed", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const handle = vi.fn(async () => ok(value));
    const claim = () => Promise.reject(new Error("storage is down"));
    expect(
      await serve(
        billing,
        "send",
        { guard: { ...guard, claim }, call: await context({ method: "send" }), input },
        handle,
      ),
    ).toEqual(fail("internal"));
    expect(handle).not.toHaveBeenCalled();
  });

  it("passes the token to a handler without a claim of its own, and fails if no handler reads it", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { identityKeys } = guard;
    const send = async (handle: Parameters<typeof serve<typeof billing, "send">>[3]) =>
      serve(billing, "send", { guard: { identityKeys }, call: await context({ method: "send" }), input }, handle);
    const tokens: OneTimeToken[] = [];
    const reply = await send(async (_, __, { token }) => {
      tokens.push(token);
      return ok(value);
    });
    expect(reply).toEqual(ok(value));
    expect(tokens).toEqual([{ id: expect.any(String), expiresAt: expect.any(Number) }]);
    expect(await send(async () => fail("unauthenticated"))).toEqual(fail("unauthenticated"));
    expect(log).not.toHaveBeenCalled();
    expect(await send(async () => ok(value))).toEqual(fail("internal"));
    expect(String(log.mock.calls[0]?.[0])).toContain("must claim the token");
  });

  it("passes progress to the caller and returns its reply; an unreachable caller means cancel", async () => {
    const replies: string[] = [];
    const reported = async (invocation: Invocation) => {
      replies.push(await invocation.report({ progress: 1 }));
      return ok(value);
    };
    const run = async (progress: unknown) =>
      draft(await context({ progress }), input, (_, __, invocation) => reported(invocation));
    await run(() => "continue");
    await run(async () => "cancel");
    await run(() => Promise.reject(new Error("stub disposed")));
    await draft(await context(), input, (_, __, invocation) => reported(invocation));
    expect(replies).toEqual(["continue", "cancel", "cancel", "continue"]);
  });
});
