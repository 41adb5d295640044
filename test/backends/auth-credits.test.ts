// Credits over RPC: each tenant has a ledger, named by the identity token alone.
import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { settingsOf } from "../../entrypoints/auth/settings.ts";
import { SECRET, useAuth } from "../support/auth-worker.ts";
import { type CallOptions, unwrap } from "../support/backend.ts";

const worker = useAuth();
const newTenant = (tier: "free" | "pro" = "free"): CallOptions => ({ tenant: `tenant-${randomUUID()}`, tier });
const reserve = (options: CallOptions, credits: number, reservationId: string = randomUUID()) =>
  unwrap(worker.backend.call("reserveCredits", { reservationId, tool: "image_generate", credits }, options));
const settle = (options: CallOptions, reservationId: string, outcome: "commit" | "refund", reference?: string) =>
  unwrap(worker.backend.call("settleCredits", { reservationId, outcome, reference }, options));
const storageOf = (options: CallOptions) =>
  worker.backend.worker.getDurableObjectStorage("LedgerObject", { name: options.tenant ?? "" });
/** The sum of the tenant's entries. */
const sumOf = async (options: CallOptions) =>
  Number((await (await storageOf(options)).exec("SELECT sum(amount) AS total FROM entries"))[0]?.total);
const creditsOf = (options: CallOptions) => unwrap(worker.backend.call("getCredits", {}, options));

describe("the credits of a tenant", () => {
  it("are those of the plan until calls are charged, and each charge names its work", async () => {
    const tenant = newTenant();
    expect(await creditsOf(tenant)).toMatchObject({ tier: "free", allowance: 25, committed: 0, available: 25 });
    const id = randomUUID();
    expect(await reserve(tenant, 3, id)).toMatchObject({ isReserved: true, balance: { reserved: 3, available: 22 } });
    expect(await settle(tenant, id, "commit", "job-1")).toEqual({ state: "committed" });
    expect(await creditsOf(tenant)).toMatchObject({ committed: 3, reserved: 0, available: 22 });
    const { charges } = await unwrap(worker.backend.call("listCharges", {}, tenant));
    expect(charges).toMatchObject([{ reservationId: id, credits: 3, state: "committed", reference: "job-1" }]);
    expect(await creditsOf(newTenant("pro"))).toMatchObject({ allowance: 580, available: 580 });
  });

  it("are never overdrawn by parallel calls, and one reservation is taken once", async () => {
    const tenant = newTenant();
    const replies = await Promise.all(Array.from({ length: 30 }, () => reserve(tenant, 1)));
    expect(replies.filter(({ isReserved }) => isReserved)).toHaveLength(25);
    const other = newTenant();
    const id = randomUUID();
    await Promise.all(Array.from({ length: 10 }, () => reserve(other, 5, id)));
    expect(await creditsOf(other)).toMatchObject({ reserved: 5, available: 20 });
  });

  it("add up after parallel calls of every kind", async () => {
    const tenant = newTenant();
    const ids = Array.from({ length: 40 }, () => randomUUID());
    const credits = (at: number) => 1 + (at % 3);
    const admitted = new Map<string, number>();
    await Promise.all(
      ids.map(async (id, at) => {
        if ((await reserve(tenant, credits(at), id)).isReserved) admitted.set(id, credits(at));
        await creditsOf(tenant);
      }),
    );
    const taken = [...admitted.values()].reduce((sum, one) => sum + one, 0);
    expect(taken, "a call of 1 fits as long as anything is left").toBe(25);
    const isCharged = (at: number) => at % 2 === 0;
    const settleAll = () =>
      [...admitted.keys()].map((id, at) => settle(tenant, id, isCharged(at) ? "commit" : "refund"));
    await Promise.all([...settleAll(), ...settleAll()]);
    const committed = [...admitted.values()].filter((_, at) => isCharged(at)).reduce((sum, one) => sum + one, 0);
    expect(await creditsOf(tenant)).toMatchObject({ committed, reserved: 0, available: 25 - committed });
    expect(await sumOf(tenant)).toBe(25 - committed);
  });

  it("come back at the end of a lease though no call asks for them", async () => {
    const tenant = newTenant();
    const lost = randomUUID();
    await reserve(tenant, 20, lost);
    const storage = await storageOf(tenant);
    await storage.exec(
      `UPDATE reservations SET lease_ends_at_ms = ${Date.now() + 1_000} WHERE reservation_id = '${lost}'`,
    );
    await reserve(tenant, 1); // sets the alarm for the end of the first lease
    const state = () => storage.exec(`SELECT state FROM reservations WHERE reservation_id = '${lost}'`);
    await expect.poll(state).toEqual([{ state: "lapsed" }]);
    expect(await sumOf(tenant)).toBe(24);
  });

  it("are the tenant's alone", async () => {
    const [one, other] = [newTenant(), newTenant()];
    const id = randomUUID();
    await reserve(one, 5, id);
    expect((await settle(other, id, "commit")).state).toBe("unknown");
    expect(await creditsOf(other)).toMatchObject({ available: 25 });
    expect((await unwrap(worker.backend.call("listCharges", {}, other))).charges).toEqual([]);
  });

  it("stay those of the new plan if a call of the old one is settled after the change", async () => {
    const tenant = newTenant();
    const id = randomUUID();
    await reserve(tenant, 3, id);
    const upgraded = { ...tenant, tier: "pro" as const };
    await reserve(upgraded, 1);
    await settle(tenant, id, "commit");
    const { charges } = await unwrap(worker.backend.call("listCharges", {}, tenant));
    expect(charges).toContainEqual(expect.objectContaining({ reservationId: id, state: "committed" }));
    expect(await sumOf(tenant)).toBe(576);
  });

  it("are none for a tenant of test keys", async () => {
    const tenant = { ...newTenant("pro"), tenant: `test:${randomUUID()}` };
    expect(await reserve(tenant, 1)).toMatchObject({ isReserved: false, balance: { allowance: 0, available: 0 } });
  });

  it("cannot be changed by a captured call, nor by one without a tenant", async () => {
    const tenant = newTenant();
    const input = { reservationId: randomUUID(), tool: "image_generate", credits: 1 };
    const context = await worker.backend.context("reserveCredits", input, tenant);
    const send = () => worker.backend.invoke("reserveCredits", context, input);
    expect([await send(), await send()]).toMatchObject([
      { ok: true },
      { ok: false, error: { code: "unauthenticated" } },
    ]);
    const gateway = { identity: { subject: "gateway", tenantId: null } };
    expect(await worker.backend.call("reserveCredits", input, gateway)).toMatchObject({ ok: false });
    expect(await worker.backend.call("getCredits", {}, gateway)).toMatchObject({ ok: false });
  });

  it.each([
    { credits: 0 },
    { credits: -1 },
    { credits: 1.5 },
    { credits: 1001 },
    { reservationId: "a b" },
    { tenantId: "t" },
  ])("are not reserved with the input %j", async (change) => {
    const input = { reservationId: randomUUID(), tool: "image_generate", credits: 1, ...change };
    expect(await worker.backend.call("reserveCredits", input, newTenant())).toEqual({
      ok: false,
      error: { code: "invalid_input" },
    });
  });
});

it.each(["free:25", "free:25,hobby:65,pro:580,enterprise:-1", "free:25,hobby:65,pro:580,enterprise:1,free:2", "many"])(
  "the setting CREDIT_ALLOWANCES cannot be %j",
  async (CREDIT_ALLOWANCES) => {
    const env = await worker.backend.worker.getEnv();
    const over = { ...env, CREDIT_ALLOWANCES, BETTER_AUTH_SECRET: SECRET };
    expect(() => settingsOf(over as never)).toThrow(/CREDIT_ALLOWANCES must name each plan once/); // the handle has no type for its bindings
  },
);
