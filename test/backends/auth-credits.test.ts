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
    await creditsOf(upgraded);
    await settle(tenant, id, "commit");
    const { charges } = await unwrap(worker.backend.call("listCharges", {}, tenant));
    expect(charges).toMatchObject([{ state: "committed" }]);
    const storage = await worker.backend.worker.getDurableObjectStorage("LedgerObject", { name: tenant.tenant ?? "" });
    expect(await storage.exec("SELECT sum(amount) AS left FROM entries")).toEqual([{ left: 577 }]);
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
