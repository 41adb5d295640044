// A call without a key that is repeated because its answer was lost: recognised for ten minutes,
// for the same user, client, tool and input.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import type { ProgressCallback } from "../../../contracts/rpc/call-context.ts";
import { EVENTUALLY } from "../../support/eventually.ts";
import { quiet } from "../oauth/browser.ts";
import { DRAW, FLOW, JOB, newTenant } from "./governed-tenant.ts";

type Tenant = ReturnType<typeof newTenant>;
const CREATE = ["flow_create", { projectDescription: "A shop" }] as const;
const LOST = AbortSignal.abort();

/** Ids of the calls that reached a backend or the ledger. */
const distinct = (values: readonly unknown[]) => new Set(values).size;

/** Moves the calls of the tenant into the past. */
function age({ log }: Tenant, ms: number): Promise<void> {
  return runInDurableObject(log as never, (_, { storage }) => {
    const change = "UPDATE open_calls SET undeliveredAt = undeliveredAt - ?1, expiresAt = expiresAt - ?1";
    storage.sql.exec(change, ms);
  });
}

describe.each([
  ["image_generate", DRAW],
  ["flow_create", CREATE],
] as const)("a call of %s whose answer was not delivered", (_, [tool, args]) => {
  it("is the same call for the next identical one, and no longer once an answer is delivered", async () => {
    const { use, keys, auth } = newTenant();
    const first = await use(tool, args, { lost: LOST });
    expect(await use(tool, args, { lost: new AbortController().signal })).toEqual(first);
    expect(distinct(keys)).toBe(1);
    await use(tool, args);
    await use(tool, args);
    expect(distinct(keys)).toBe(3);
    const reservations = auth.reserveCredits.mock.calls.map(([, { reservationId }]) => reservationId);
    if (tool === "image_generate") expect(reservations).toEqual(keys);
  });

  it("is the same call again if the repetition's answer is lost, too", async () => {
    const { use, keys } = newTenant();
    for (const lost of [LOST, LOST, LOST, undefined]) await use(tool, args, { lost });
    expect(distinct(keys)).toBe(1);
  });

  it("is another call for another user, client, tenant, input or tool, and with a key", async () => {
    const { use, keys } = newTenant();
    const other = newTenant();
    await use(tool, args, { lost: LOST });
    await use(tool, args, { by: { subject: "v" } });
    await use(tool, args, { by: { clientId: "d" } });
    await other.use(tool, args);
    await use(tool, { ...args, ...(tool === "flow_create" ? { projectDescription: "B" } : { prompt: "b" }) });
    await (tool === "flow_create" ? use(...DRAW) : use(...CREATE));
    await use(tool, args, { key: "k" });
    expect(distinct([...keys, ...other.keys])).toBe(7);
    await use(tool, args);
    expect(distinct(keys)).toBe(6);
  });

  it("is recognised for ten minutes", async () => {
    const early = newTenant();
    const late = newTenant();
    for (const [tenant, ms] of [
      [early, 590_000],
      [late, 600_001],
    ] as const) {
      await tenant.use(tool, args, { lost: LOST });
      await age(tenant, ms);
      await tenant.use(tool, args);
    }
    expect([distinct(early.keys), distinct(late.keys)]).toEqual([1, 2]);
  });

  it("is recognised although its answer was lost after its end, and while it runs", async () => {
    for (const isEnded of [true, false]) {
      const work = Promise.withResolvers<object>();
      const tenant = newTenant(isEnded ? {} : { generateImage: () => work.promise, createFlow: () => work.promise });
      const lost = new AbortController();
      const first = tenant.use(tool, args, { lost: lost.signal });
      await vi.waitUntil(() => tenant.keys.length === 1, EVENTUALLY);
      if (isEnded) await first;
      lost.abort();
      await vi.waitUntil(() => isMarked(tenant), EVENTUALLY);
      const second = tenant.use(tool, args);
      await vi.waitUntil(() => tenant.keys.length === 2, EVENTUALLY);
      work.resolve({ ok: true, value: tool === "flow_create" ? FLOW : JOB });
      await Promise.all([first, second]);
      expect(distinct(tenant.keys)).toBe(1);
    }
  });
});

async function isMarked({ log }: Tenant): Promise<boolean> {
  const rows = await runInDurableObject(log as never, (_, { storage }) =>
    storage.sql.exec("SELECT * FROM open_calls WHERE undeliveredAt IS NOT NULL").toArray(),
  );
  return rows.length > 0;
}

describe("a call that costs credits", () => {
  it("is a new call after a failure that the contract lists", async () => {
    const { use, keys } = newTenant({ generateImage: () => ({ ok: false, error: { code: "content_rejected" } }) });
    for (const lost of [LOST, undefined]) expect(await use(...DRAW, { lost })).toMatchObject({ ok: false });
    expect(distinct(keys)).toBe(2);
  });

  it("is the same call again if its client was only told that the outcome is unknown", async () => {
    quiet();
    let reply = (): unknown => Promise.reject(new Error("The binding is lost."));
    const { use, keys, calls } = newTenant({ generateImage: () => reply() });
    expect(await use(...DRAW)).toMatchObject({ ok: false, error: { code: "unavailable" } });
    reply = () => ({ ok: true, value: JOB });
    expect(await use(...DRAW)).toMatchObject({ ok: true });
    await use(...DRAW);
    expect([keys[0] === keys[1], keys[1] === keys[2]]).toEqual([true, false]);
    expect(calls.filter((name) => name === "commit")).toHaveLength(2);
  });

  it("is a new call if its backend has failed for the repetition as well", async () => {
    quiet();
    const { use, keys } = newTenant({ generateImage: () => "no result" });
    for (const _ of [1, 2, 3]) expect(await use(...DRAW)).toMatchObject({ ok: false, error: { code: "internal" } });
    expect([keys[0] === keys[1], keys[1] === keys[2]]).toEqual([true, false]);
  });

  it("is still the same call if the ledger fails for the repetition", async () => {
    quiet();
    const { use, keys, auth } = newTenant();
    await use(...DRAW, { lost: LOST });
    auth.reserveCredits.mockRejectedValueOnce(new Error("gone"));
    expect(await use(...DRAW)).toMatchObject({ ok: false, error: { code: "unavailable" } });
    await use(...DRAW);
    expect([keys.length, distinct(keys)]).toEqual([2, 1]);
  });
});

describe("work whose client has left", () => {
  /** Draws until a test ends it, and reports progress when a test says so. */
  function heldTenant() {
    const reports: ((update: object) => Promise<unknown>)[] = [];
    const jobs: ((reply: object) => void)[] = [];
    const tenant = newTenant({
      generateImage: (context) => {
        const { promise, resolve } = Promise.withResolvers<object>();
        jobs.push(resolve);
        reports.push(async (update) => (context as { progress?: ProgressCallback }).progress?.(update as never));
        return promise;
      },
    });
    return { tenant, reports, jobs };
  }
  const cancel = async () => "cancel" as const;
  const STEP = { progress: 1, total: 9 };

  it("is cancelled at its next report, and done anew for an identical call", async () => {
    const { tenant, reports, jobs } = heldTenant();
    const first = tenant.use(...DRAW, { lost: LOST, progress: cancel });
    await vi.waitUntil(() => jobs.length === 1, EVENTUALLY);
    expect(await reports[0]?.(STEP)).toBe("cancel");
    const second = tenant.use(...DRAW);
    await vi.waitUntil(() => jobs.length === 2, EVENTUALLY);
    jobs[0]?.({ ok: true, value: { ...JOB, status: "cancelled" } });
    jobs[1]?.({ ok: true, value: JOB });
    await Promise.all([first, second]);
    expect(distinct(tenant.keys)).toBe(2);
    expect(tenant.calls.slice(-2).toSorted()).toEqual(["commit", "refund"]);
  });

  it("is not cancelled while a repeated call waits for it", async () => {
    const { tenant, reports, jobs } = heldTenant();
    const first = tenant.use(...DRAW, { lost: LOST, progress: cancel });
    await vi.waitUntil(() => jobs.length === 1 && isMarked(tenant), EVENTUALLY);
    const second = tenant.use(...DRAW);
    await vi.waitUntil(() => jobs.length === 2, EVENTUALLY);
    expect(await reports[0]?.(STEP)).toBe("continue");
    for (const end of jobs) end({ ok: true, value: JOB });
    expect(await second).toEqual(await first);
    expect(distinct(tenant.keys)).toBe(1);
  });

  it("that was cancelled is done anew by a tool that cannot tell its state", async () => {
    const { use, keys } = newTenant({
      createFlow: async (context) => {
        await (context as { progress?: ProgressCallback }).progress?.(STEP);
        return { ok: true, value: FLOW };
      },
    });
    const lost = new AbortController();
    await use(...CREATE, { lost: lost.signal, progress: cancel });
    lost.abort();
    await use(...CREATE);
    expect(distinct(keys)).toBe(2);
  });

  it("that ends although it was cancelled is the same call for an identical one", async () => {
    const { tenant, reports, jobs } = heldTenant();
    const first = tenant.use(...DRAW, { lost: LOST, progress: cancel });
    await vi.waitUntil(() => jobs.length === 1, EVENTUALLY);
    expect(await reports[0]?.(STEP)).toBe("cancel");
    jobs[0]?.({ ok: true, value: JOB });
    await first;
    const second = tenant.use(...DRAW);
    await vi.waitUntil(() => jobs.length === 2, EVENTUALLY);
    jobs[1]?.({ ok: true, value: JOB });
    await second;
    expect(distinct(tenant.keys)).toBe(1);
  });
});

it("a tenant's log of before is completed when it is next opened", async () => {
  const tenant = newTenant();
  await tenant.use(...DRAW);
  await runInDurableObject(tenant.log as never, (_, { storage }) => {
    storage.sql.exec("ALTER TABLE open_calls DROP COLUMN undeliveredAt");
  });
  await evictDurableObject(tenant.log as never);
  for (const lost of [LOST, undefined]) await tenant.use(...DRAW, { lost });
  expect([tenant.keys.length, distinct(tenant.keys)]).toEqual([3, 2]);
});
