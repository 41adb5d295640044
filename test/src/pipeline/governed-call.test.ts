// Calls that change something: intent, reservation, settlement and outcome, with a ledger and a
// backend that fail at each step.
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import type { ToolRefusal } from "../../../contracts/gateway.ts";
import { EVENTUALLY } from "../../support/eventually.ts";
import { quiet } from "../oauth/browser.ts";
import { DRAW, JOB, newTenant, recordsIn } from "./governed-tenant.ts";

describe("a call that costs credits", () => {
  it("reserves the price of its tier, draws under the reservation's id, and is charged", async () => {
    const { calls, keys, use, auth, log } = newTenant();
    expect(await use(...DRAW)).toMatchObject({ ok: true });
    expect(calls).toEqual(["reserve 3", "draw", "commit"]);
    const { reservationId } = auth.reserveCredits.mock.calls[0]?.[1] ?? {};
    expect(keys).toEqual([reservationId]);
    expect(auth.settleCredits.mock.calls[0]?.[1]).toEqual({ reservationId, outcome: "commit", reference: JOB.job_id });
    expect(await recordsIn(log)).toMatchObject([
      { type: "tool.started", callId: reservationId, credits: 3, outcome: "started" },
      { type: "tool.called", callId: reservationId, credits: 3, outcome: "ok", decision: "allowed" },
    ]);
  });

  it.each([
    ["a refusal of the contract", () => ({ ok: false, error: { code: "content_rejected" } })],
    ["an image that failed", () => ({ ok: true, value: { ...JOB, status: "failed" } })],
    ["an image that was cancelled", () => ({ ok: true, value: { ...JOB, status: "cancelled" } })],
  ])("gets its credits back after %s", async (_, generateImage) => {
    const { calls, use } = newTenant({ generateImage });
    await use(...DRAW);
    expect(calls).toEqual(["reserve 3", "draw", "refund"]);
  });

  it("is refused before the dispatch if the credits are used up, and says what is left and until when", async () => {
    const { auth, calls, use, log } = newTenant();
    const resetsAt = Math.floor(Date.now() / 1000) + 3_600;
    const balance = { tier: "free", allowance: 25, committed: 23, reserved: 0, available: 2, resetsAt } as const;
    auth.reserveCredits.mockResolvedValue({ ok: true, value: { isReserved: false, balance } });
    const refused = await use(...DRAW);
    expect(refused).toMatchObject({ ok: false, error: { code: "quota_exceeded" } });
    const { message, retryAfterSeconds, limit } = (refused as { error: ToolRefusal & { retryAfterSeconds: number } })
      .error;
    const reset = new Date(resetsAt * 1000).toISOString();
    expect(message).toBe(
      `This call costs 3 credits, and 2 of 25 credits a month in the plan free are left. They are renewed at ${reset}. ` +
        "Tell the user. A call that costs at most 2 credits still works.",
    );
    expect(limit).toEqual({
      ...{ plan: "free", unit: "credits", allowed: 25, period: "month", left: 2, resetsAt: reset },
    });
    expect(Math.abs(retryAfterSeconds - 3_600)).toBeLessThan(5);
    expect(calls).toEqual([]);
    expect((await recordsIn(log)).at(-1)).toMatchObject({ decision: "quota_exceeded", outcome: "quota_exceeded" });
  });

  it("is refused before the dispatch if the ledger does not answer", async () => {
    quiet();
    const { auth, calls, use } = newTenant();
    auth.reserveCredits.mockRejectedValue(new Error("gone: hunter2"));
    const refused = await use(...DRAW);
    expect(refused).toMatchObject({ ok: false, error: { code: "unavailable", retryAfterSeconds: 5 } });
    expect(JSON.stringify(refused)).not.toContain("hunter2");
    expect(calls).toEqual([]);
  });

  it("is refused before the reservation if its intent cannot be stored", async () => {
    quiet();
    const { env, calls, use } = newTenant();
    const over = {
      ...env,
      AUDIT_LOG: { idFromName: () => "", get: () => ({ begin: () => Promise.reject(new Error("gone")) }) },
    };
    expect(await use(...DRAW, { over: over as never })).toMatchObject({
      ok: false,
      error: { code: "audit_unavailable" },
    });
    expect(calls).toEqual([]);
  });

  it("does the work only once with one key, in parallel and later, and costs no more", async () => {
    const { auth, keys, use } = newTenant();
    const results = await Promise.all([1, 2, 3].map(() => use(...DRAW, { key: "k" })));
    results.push(await use(...DRAW, { key: "k" }));
    for (const result of results) expect(result).toEqual(results[0]);
    expect([
      new Set(keys).size,
      new Set(auth.reserveCredits.mock.calls.map(([, input]) => input.reservationId)).size,
    ]).toEqual([1, 1]);
  });

  it("is another call with another key, another input or no key", async () => {
    const { keys, use } = newTenant();
    await use(...DRAW, { key: "k" });
    await use(...DRAW, { key: "l" });
    await use(...DRAW);
    await use(...DRAW);
    expect(new Set(keys).size).toBe(4);
    const other = await use("image_generate", { prompt: "b", quality_tier: "premium" }, { key: "k" });
    expect(other).toMatchObject({ ok: false, error: { code: "idempotency_conflict" } });
    const { message, key } = (other as { error: ToolRefusal }).error;
    expect(key?.differing).toEqual(["prompt"]);
    expect(Date.parse(key?.until ?? "") - Date.parse(key?.since ?? "")).toBe(86_400_000);
    expect(message).toContain(
      `Since ${key?.since}, this idempotency key belongs to a call with other arguments: prompt`,
    );
    expect(message).toContain(`free again at ${key?.until}`);
    const several = await use("image_generate", { prompt: "a", quality_tier: "draft", wait: false }, { key: "k" });
    expect((several as { error: ToolRefusal }).error.key?.differing).toEqual(["quality_tier", "wait"]);
    expect(keys).toHaveLength(4);
  });

  it("is the same call again, without a key, if the first one lost its isolate before its outcome", async () => {
    const { keys, use, log } = newTenant();
    const lose = (ageMs: number) =>
      runInDurableObject(log as never, (_, { storage }) => {
        storage.sql.exec("UPDATE open_calls SET isFinished = 0, beganAt = beganAt - ?", ageMs);
      });
    await use(...DRAW);
    await lose(200_000);
    for (const _ of [1, 2]) await use(...DRAW);
    expect([keys[0] === keys[1], keys[1] === keys[2]]).toEqual([true, false]);
    const running = newTenant();
    await running.use(...DRAW);
    await runInDurableObject(running.log as never, (_, { storage }) => {
      storage.sql.exec("UPDATE open_calls SET isFinished = 0, beganAt = beganAt - 60000");
    });
    await running.use(...DRAW);
    expect(new Set(running.keys).size).toBe(2);
  });

  it("keeps its key if the ledger fails for a repeated one", async () => {
    quiet();
    const { auth, keys, use } = newTenant();
    await use(...DRAW, { key: "k" });
    auth.reserveCredits.mockRejectedValueOnce(new Error("gone"));
    expect(await use(...DRAW, { key: "k" })).toMatchObject({ ok: false, error: { code: "unavailable" } });
    await use(...DRAW, { key: "k" });
    expect([keys.length, new Set(keys).size]).toEqual([2, 1]);
  });

  it("that failed frees its key for the next attempt", async () => {
    const { keys, use } = newTenant({ generateImage: () => ({ ok: false, error: { code: "content_rejected" } }) });
    for (const _ of [1, 2]) await use(...DRAW, { key: "k" });
    expect(new Set(keys).size).toBe(2);
  });
});

describe("a call whose outcome is unknown, or whose work continues", () => {
  /** Makes the call due, as time would, and runs the alarm. */
  async function settleNow({ log }: ReturnType<typeof newTenant>, ageMs = 0) {
    await runInDurableObject(log as never, (_, { storage }) => {
      storage.sql.exec("UPDATE open_calls SET askAt = 0, beganAt = beganAt - ? WHERE open IS NOT NULL", ageMs);
    });
    await runDurableObjectAlarm(log as never);
  }
  const hang = () => Promise.reject(new Error("The binding is lost."));
  /** Gives the object the fake Workers, which its alarm asks. */
  async function inObject(tenant: ReturnType<typeof newTenant>) {
    await runInDurableObject(tenant.log as never, (instance: object) => {
      Object.assign(instance, { env: { ...tenant.env, PLATFORM_EVENTS_QUEUE: { sendBatch: async () => undefined } } });
    });
  }

  it.each([
    ["completed", "commit", true],
    ["failed", "refund", false],
    ["cancelled", "refund", false],
  ])("is settled without its client once the job is %s: %s", async (status, outcome, isCommitted) => {
    quiet();
    const tenant = newTenant({ generateImage: hang, findJob: () => ({ ok: true, value: { ...JOB, status } }) });
    expect(await tenant.use(...DRAW)).toMatchObject({ ok: false, error: { code: "unavailable" } });
    expect(tenant.calls).toEqual(["reserve 3", "draw"]);
    await inObject(tenant);
    await settleNow(tenant);
    expect(tenant.calls).toEqual(["reserve 3", "draw", "find", outcome]);
    expect(new Set(tenant.keys).size).toBe(1);
    expect((await recordsIn(tenant.log)).at(-1)).toMatchObject({ type: "call.settled", credits: 3, isCommitted });
    await settleNow(tenant);
    expect(tenant.calls).toHaveLength(4);
  });

  it("keeps the key of work that was done, even where the ledger does not charge it", async () => {
    quiet();
    const tenant = newTenant({ generateImage: hang, findJob: () => ({ ok: true, value: JOB }) });
    tenant.auth.settleCredits.mockResolvedValue({ ok: true, value: { state: "refunded" } });
    await tenant.use(...DRAW, { key: "k" });
    await inObject(tenant);
    await settleNow(tenant);
    expect((await recordsIn(tenant.log)).at(-1)).toMatchObject({ type: "call.settled", isCommitted: false });
    await tenant.use(...DRAW, { key: "k" });
    expect(new Set(tenant.keys).size).toBe(1);
  });

  it("stays open while the job runs, and while it may still arrive; then a call that never arrived is refunded", async () => {
    quiet();
    let reply: object = { ok: true, value: { ...JOB, status: "running" } };
    const tenant = newTenant({
      generateImage: () => ({ ok: true, value: { ...JOB, status: "queued" } }),
      findJob: () => reply,
    });
    await tenant.use("image_generate", { ...DRAW[1], wait: false });
    await inObject(tenant);
    await settleNow(tenant);
    reply = { ok: false, error: { code: "job_not_found" } };
    await settleNow(tenant);
    expect(tenant.calls).toEqual(["reserve 3", "draw", "find", "find"]);
    await settleNow(tenant, 130_000);
    expect(tenant.calls.slice(4)).toEqual(["find", "refund"]);
  });

  it("is refunded at once, unasked, if the ledger did not confirm a reservation that exists", async () => {
    quiet();
    const tenant = newTenant();
    tenant.auth.reserveCredits.mockRejectedValueOnce(new Error("gone"));
    await tenant.use(...DRAW);
    await inObject(tenant);
    await settleNow(tenant);
    expect(tenant.calls).toEqual(["refund"]);
    expect((await recordsIn(tenant.log)).at(-1)).toMatchObject({ type: "call.settled", outcome: "not_dispatched" });
    await settleNow(tenant);
    expect(tenant.calls).toHaveLength(1);
  });

  it("stays open for as long as a reservation that the ledger does not know may still arrive", async () => {
    quiet();
    const tenant = newTenant();
    tenant.auth.reserveCredits.mockRejectedValueOnce(new Error("gone"));
    tenant.auth.settleCredits.mockResolvedValue({ ok: true, value: { state: "unknown" } });
    await tenant.use(...DRAW);
    await inObject(tenant);
    for (const ageMs of [0, 0, 130_000, 0]) await settleNow(tenant, ageMs);
    expect(tenant.auth.settleCredits).toHaveBeenCalledTimes(3);
  });

  it("leaves the attempt that repeats it alone if its own reservation fails", async () => {
    quiet();
    const tenant = newTenant();
    const { auth, keys, use } = tenant;
    const failed = Promise.withResolvers<never>();
    auth.reserveCredits.mockReturnValueOnce(failed.promise);
    const first = use(...DRAW, { key: "k" });
    await vi.waitFor(() => expect(auth.reserveCredits).toHaveBeenCalled(), EVENTUALLY);
    expect(await use(...DRAW, { key: "k" })).toMatchObject({ ok: true });
    failed.reject(new Error("gone"));
    expect(await first).toMatchObject({ ok: false, error: { code: "unavailable" } });
    expect(await use(...DRAW, { key: "k" })).toMatchObject({ ok: true });
    expect([keys.length, new Set(keys).size]).toEqual([2, 1]);
  });

  it.each([
    [
      "its tool has left the catalog",
      60_000,
      15 * 60_000,
      "UPDATE open_calls SET open = json_set(open, '$.tool', 'image_of_old')",
    ],
    ["its backend has not answered for a week", 6 * 86_400_000, 86_400_000, "SELECT 1"],
  ])("ends with an unknown outcome, and without a charge, if %s", async (_, stillOpenMs, laterMs, change) => {
    const log = quiet();
    const tenant = newTenant({ generateImage: hang, findJob: hang });
    await tenant.use(...DRAW);
    await inObject(tenant);
    await runInDurableObject(tenant.log as never, (_, { storage }) => void storage.sql.exec(change));
    await settleNow(tenant, stillOpenMs);
    expect(tenant.calls).not.toContain("refund");
    await settleNow(tenant, laterMs);
    expect(tenant.calls.at(-1)).toBe("refund");
    const record = { type: "call.settled", outcome: "unknown", isCommitted: false, credits: 3 };
    expect((await recordsIn(tenant.log)).at(-1)).toMatchObject(record);
    expect(log.mock.calls.map(([line]) => JSON.parse(String(line)).event)).toContain("call.abandoned");
    const { length } = tenant.calls;
    await settleNow(tenant, 86_400_000);
    expect(tenant.calls).toHaveLength(length);
  });

  it("is no longer recognised by an identical one after it was settled as failed", async () => {
    quiet();
    const job = { ...JOB, status: "failed" };
    const tenant = newTenant({ generateImage: hang, findJob: () => ({ ok: true, value: job }) });
    await tenant.use(...DRAW);
    await inObject(tenant);
    await settleNow(tenant);
    const rows = await runInDurableObject(tenant.log as never, (_, { storage }) =>
      storage.sql.exec("SELECT key, request FROM open_calls").toArray(),
    );
    expect(rows).toEqual([{ key: null, request: "" }]);
  });

  it("delays neither the others nor any record while its backend hangs", async () => {
    quiet();
    let asked = 0;
    const findJob = () => (asked++ === 0 ? new Promise(() => undefined) : { ok: true, value: JOB });
    const tenant = newTenant({ generateImage: hang, findJob });
    for (const prompt of ["a", "b", "c", "d"]) await tenant.use(DRAW[0], { ...DRAW[1], prompt });
    await inObject(tenant);
    const startedAtMs = Date.now();
    await settleNow(tenant);
    expect(Date.now() - startedAtMs).toBeLessThan(4_000);
    expect(tenant.calls.filter((name) => name === "commit")).toHaveLength(3);
    await runDurableObjectAlarm(tenant.log as never);
    expect(await recordsIn(tenant.log)).toEqual([]);
  });

  it("has its result a second after its work has ended, although the ledger hangs, and is charged later", async () => {
    quiet();
    const tenant = newTenant({ findJob: () => ({ ok: true, value: JOB }) });
    tenant.auth.settleCredits.mockReturnValueOnce(new Promise(() => undefined));
    const startedAtMs = Date.now();
    expect(await tenant.use(...DRAW)).toMatchObject({ ok: true });
    expect(Date.now() - startedAtMs).toBeLessThan(4_000);
    await inObject(tenant);
    await settleNow(tenant);
    expect(tenant.calls).toEqual(["reserve 3", "draw", "find", "commit"]);
  });

  it("is settled later if the ledger does not confirm", async () => {
    quiet();
    const tenant = newTenant({ findJob: () => ({ ok: true, value: JOB }) });
    tenant.auth.settleCredits.mockRejectedValueOnce(new Error("gone")).mockRejectedValueOnce(new Error("gone"));
    expect(await tenant.use(...DRAW)).toMatchObject({ ok: true });
    await inObject(tenant);
    await settleNow(tenant);
    await settleNow(tenant);
    expect(tenant.calls).toEqual(["reserve 3", "draw", "find", "find", "commit"]);
  });
});

describe("a free call that changes something", () => {
  it("asks no ledger, and has an intent and an outcome", async () => {
    const { calls, use, log } = newTenant();
    expect(await use("flow_create", { projectDescription: "A shop" })).toMatchObject({ ok: true });
    expect(calls).toEqual(["create"]);
    expect((await recordsIn(log)).map(({ type, outcome }) => [type, outcome])).toEqual([
      ["tool.started", "started"],
      ["tool.called", "ok"],
    ]);
  });

  it("proceeds without its intent, but not with a key, which could not be kept", async () => {
    const log = quiet();
    const { env, calls, use } = newTenant();
    const over = {
      ...env,
      AUDIT_LOG: { idFromName: () => "", get: () => ({ begin: () => Promise.reject(new Error("gone")) }) },
    };
    expect(await use("flow_create", { projectDescription: "A shop" }, { over: over as never })).toMatchObject({
      ok: true,
    });
    expect(log.mock.calls.map(([line]) => JSON.parse(String(line)).event)).toContain("audit.unrecorded");
    const keyed = await use("flow_create", { projectDescription: "A shop" }, { over: over as never, key: "k" });
    expect(keyed).toMatchObject({ ok: false, error: { code: "audit_unavailable" } });
    expect(calls).toEqual(["create"]);
  });
});
