// The breaker of a backend, and the repetition of calls that only read, with bindings that fail.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Identity, TenantId } from "../../../contracts/rpc/identity.ts";
import { AUTH_UNAVAILABLE, AuthService } from "../../../src/backends/auth.ts";
import type { Env } from "../../../src/env.ts";
import { authorizeCall, callTool } from "../../../src/pipeline/call-tool.ts";
import { catalog } from "../../../src/tools/catalog.ts";
import { EVENTUALLY } from "../../support/eventually.ts";
import { newContext } from "../context.ts";
import { AUTH, envWith, quiet } from "../oauth/browser.ts";

const FLOW = { flowId: "f", status: "draft", currentMode: "PRODUCT", progress: 0, estimatedRemainingSeconds: null };
const good = () => ({ ok: true, value: FLOW }) as unknown;
const crash = () => ({ ok: false, error: { code: "internal" } }) as unknown;
const refuse = () => ({ ok: false, error: { code: "flow_not_found" } }) as unknown;
const reject = () => Promise.reject(new Error("gone: hunter2"));
const PAUSED = {
  ok: false,
  error: {
    code: "unavailable",
    message: expect.stringContaining("has failed several times in a row. Nothing was done."),
    retryAfterSeconds: 10,
    traceId: expect.any(String),
  },
};
let tenants = 0;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
});
afterEach(() => void vi.useRealTimers());

const wait = (ms: number) => vi.setSystemTime(Date.now() + ms);

/** A gateway whose backends reply with what `replies` has, and every call that reached them. */
function newGateway() {
  const tenantId = `t_breaker_${++tenants}` as TenantId; // the brand lives in TypeScript only
  const identity: Identity = {
    subject: "u",
    tenantId,
    tier: "enterprise",
    scopes: ["read", "generate"],
    clientId: "c",
  };
  const replies = { flow: good, image: crash };
  const calls: string[] = [];
  const method = (name: string, reply: () => unknown) => async () => {
    calls.push(name);
    return reply();
  };
  const reserveCredits = vi.fn(async (...args: Parameters<typeof AUTH.reserveCredits>) => {
    calls.push("reserve");
    return AUTH.reserveCredits(...args);
  });
  const settleCredits = async (...args: Parameters<typeof AUTH.settleCredits>) => {
    calls.push(args[1].outcome);
    return AUTH.settleCredits(...args);
  };
  const env = envWith({ reserveCredits, settleCredits }, {
    STACKBILDER: {
      getFlowStatus: method("read", () => replies.flow()),
      createFlow: method("create", () => replies.flow()),
    },
    IMG_FORGE: {
      generateImage: method("draw", () => replies.image()),
      listModels: method("models", () => replies.image()),
    },
  } as unknown as Partial<Env>); // called alike
  async function use(name: string, args: object, idempotencyKey?: string) {
    const { context, finish } = newContext(env);
    const call = await authorizeCall(context, { catalog, name, args, identity, channel: "mcp", idempotencyKey });
    if (call.state !== "authorized") throw new Error(call.state);
    const outcome = await callTool(call);
    await finish();
    return outcome.state === "completed" ? outcome.result : outcome.state;
  }
  const read = () => use("flow_status", { flowId: "f" });
  const readTimes = async (times: number) => {
    for (let n = 0; n < times; n++) await read();
  };
  return { identity, replies, calls, env, use, read, readTimes, reserveCredits };
}

describe("a backend that fails", () => {
  it("is not called after five faults in a row, until a probe succeeds 10 seconds later", async () => {
    const log = quiet();
    const info = vi.spyOn(console, "log").mockImplementation(() => undefined);
    const { replies, calls, read, readTimes } = newGateway();
    replies.flow = crash;
    await readTimes(4);
    expect(await read()).toMatchObject({ error: { code: "internal" } });
    expect(await read()).toEqual(PAUSED);
    replies.flow = good;
    wait(9_999);
    expect(await read()).toEqual(PAUSED);
    expect(calls).toHaveLength(5);
    wait(1);
    expect(await read()).toMatchObject({ ok: true });
    expect(await read()).toMatchObject({ ok: true });
    const lines = [...log.mock.calls, ...info.mock.calls].map(([line]) => String(line));
    expect(lines.filter((line) => line.includes('"event":"backend.')).map((line) => JSON.parse(line))).toEqual([
      {
        event: "backend.breaker_opened",
        backend: "STACKBILDER",
        traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
        retryAfterMs: 10_000,
      },
      { event: "backend.breaker_closed", backend: "STACKBILDER", traceId: expect.stringMatching(/^[0-9a-f]{32}$/) },
    ]);
  });

  it("gets one probe at a time: a failed one costs 10 seconds more, and a lost one is followed by another", async () => {
    quiet();
    const { replies, calls, read, readTimes } = newGateway();
    replies.flow = crash;
    await readTimes(5);
    wait(10_000);
    expect(await read()).toMatchObject({ error: { code: "internal" } });
    expect(await read()).toEqual(PAUSED);
    wait(10_000);
    const answer = Promise.withResolvers<unknown>();
    replies.flow = () => answer.promise;
    const probe = read();
    await vi.waitFor(() => expect(calls).toHaveLength(7), EVENTUALLY);
    replies.flow = good;
    expect(await read()).toEqual(PAUSED);
    wait(10_000);
    expect(await read()).toMatchObject({ ok: true });
    answer.resolve(crash());
    expect(await probe).toMatchObject({ error: { code: "internal" } });
    expect(await read()).toMatchObject({ ok: true });
  });

  it.each([
    ["a result", good],
    ["a refusal that the contract lists", refuse],
  ])("is called on if %s was among the faults", async (_, reply) => {
    quiet();
    const { replies, read, readTimes } = newGateway();
    replies.flow = crash;
    await readTimes(4);
    replies.flow = reply;
    await read();
    replies.flow = crash;
    await readTimes(4);
    replies.flow = good;
    expect(await read()).toMatchObject({ ok: true });
  });

  it("is called on after refusals that the contract lists, and after faults that are more than 30 seconds apart", async () => {
    quiet();
    const { replies, read, readTimes } = newGateway();
    replies.flow = refuse;
    await readTimes(6);
    replies.flow = crash;
    for (let n = 0; n < 5; n++) {
      wait(7_501);
      await read();
    }
    replies.flow = good;
    expect(await read()).toMatchObject({ ok: true });
  });

  it("affects no other backend", async () => {
    quiet();
    const { replies, use, readTimes } = newGateway();
    replies.flow = crash;
    await readTimes(6);
    replies.image = () => ({ ok: true, value: { models: [] } });
    expect(await use("image_list_models", {})).toMatchObject({ ok: true });
  });
});

describe("a call that costs credits", () => {
  const DRAW = ["image_generate", { prompt: "a" }] as const;

  it("reserves nothing while its backend is not called", async () => {
    quiet();
    const { calls, use } = newGateway();
    for (let n = 0; n < 5; n++) await use("image_list_models", {});
    expect(await use(...DRAW)).toEqual(PAUSED);
    expect(calls).toEqual(Array(5).fill("models"));
  });

  it("gets its credits and its key back if the faults of others come between reservation and dispatch", async () => {
    quiet();
    const { calls, use, replies, reserveCredits } = newGateway();
    reserveCredits.mockImplementationOnce(async (...args) => {
      for (let n = 0; n < 5; n++) await use("image_list_models", {});
      return AUTH.reserveCredits(...args);
    });
    expect(await use(...DRAW, "key")).toEqual(PAUSED);
    expect(calls).toEqual([...Array(5).fill("models"), "refund"]);
    wait(10_000);
    replies.image = () => ({ ok: false, error: { code: "content_rejected" } });
    const other = await use("image_generate", { prompt: "another input, for which the key is free" }, "key");
    expect(other).toMatchObject({ error: { code: "content_rejected" } });
  });
});

describe("a call that failed", () => {
  it("is repeated once if it only reads and its binding failed", async () => {
    const log = quiet();
    const { replies, calls, read } = newGateway();
    replies.flow = () => (calls.length === 1 ? reject() : good());
    expect(await read()).toMatchObject({ ok: true });
    expect(calls).toEqual(["read", "read"]);
    replies.flow = reject;
    expect(await read()).toMatchObject({ error: { code: "unavailable", retryAfterSeconds: 5 } });
    expect(calls).toHaveLength(4);
    expect(JSON.stringify(log.mock.calls)).not.toContain("hunter2");
  });

  it("counts once for the breaker, also if it was repeated", async () => {
    quiet();
    const { replies, calls, read, readTimes } = newGateway();
    replies.flow = reject;
    await readTimes(4);
    expect(calls).toHaveLength(8);
    replies.flow = good;
    expect(await read()).toMatchObject({ ok: true });
  });

  it.each([
    ["its backend crashed", crash],
    ["its backend refused it", refuse],
    ["the reply breaks the contract", () => ({ ok: true, value: {} })],
  ])("is not repeated if %s", async (_, reply) => {
    quiet();
    const { replies, calls, read } = newGateway();
    replies.flow = reply;
    await read();
    expect(calls).toEqual(["read"]);
  });

  it("is not repeated if it may have changed something", async () => {
    quiet();
    const { replies, calls, use } = newGateway();
    replies.flow = reject;
    await use("flow_create", { projectDescription: "A kiosk" });
    expect(calls).toEqual(["create"]);
  });
});

describe("the auth Worker", () => {
  const validate = (env: Env) => new AuthService(newContext(env).context).validateApiKey("sb_live_k");

  it("is not asked for 10 seconds after five replies that did not come, and is unavailable meanwhile", async () => {
    quiet();
    let isHanging = true;
    const validateApiKey = vi.fn(async () =>
      isHanging ? new Promise<never>(() => undefined) : ({ valid: false, error: "INVALID_KEY" } as const),
    );
    const env = envWith({ validateApiKey } as unknown as Partial<typeof AUTH>);
    expect(await Promise.all(Array.from({ length: 5 }, () => validate(env)))).toEqual(Array(5).fill(AUTH_UNAVAILABLE));
    isHanging = false;
    expect(await validate(env)).toBe(AUTH_UNAVAILABLE);
    expect(validateApiKey).toHaveBeenCalledTimes(5);
    wait(10_000);
    expect(await validate(env)).toMatchObject({ valid: false });
  }, 20_000);

  it("is asked though the ledger of a tenant hangs", async () => {
    quiet();
    const reserveCredits = vi.fn(() => new Promise<never>(() => undefined));
    const validateApiKey = async () => ({ valid: false, error: "INVALID_KEY" }) as const;
    const env = envWith({ reserveCredits, validateApiKey } as unknown as Partial<typeof AUTH>);
    const { identity } = newGateway();
    const reservation = { reservationId: crypto.randomUUID(), tool: "image_generate", credits: 1 };
    const reserve = () => new AuthService(newContext(env).context).call("reserveCredits", identity, reservation);
    for (const reply of await Promise.all(Array.from({ length: 6 }, reserve))) expect(reply.ok).toBe(false);
    expect(reserveCredits).toHaveBeenCalledTimes(6);
    expect(await validate(env)).toMatchObject({ valid: false });
  }, 20_000);

  it("is asked on after errors, which a stranger may cause", async () => {
    quiet();
    let isDown = true;
    const validateApiKey = async () => (isDown ? reject() : { valid: false, error: "INVALID_KEY" });
    const env = envWith({ validateApiKey } as unknown as Partial<typeof AUTH>);
    for (let n = 0; n < 6; n++) expect(await validate(env)).toBe(AUTH_UNAVAILABLE);
    isDown = false;
    expect(await validate(env)).toMatchObject({ valid: false });
  });
});
