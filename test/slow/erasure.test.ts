// Erasure of a tenant at each backend, over real RPC and on its real storage: nothing of the tenant
// is left or returns, and other tenants keep theirs.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SignIn, Tenant } from "../../contracts/auth.ts";
import { imgForge } from "../../contracts/img-forge.ts";
import { stackbilder } from "../../contracts/stackbilder.ts";
import { CONFIGS } from "../../entrypoints/cli/workers.ts";
import { newEmail, PASSWORD, useAuth } from "../support/auth-worker.ts";
import { type Backend, type CallOptions, startBackends, unwrap } from "../support/backend.ts";

const UNAUTHENTICATED = { ok: false, error: { code: "unauthenticated" } };
const newTenant = (): CallOptions => ({ tenant: `tenant-${randomUUID()}` });

let product: Backend<typeof stackbilder>;
let images: Backend<typeof imgForge>;
beforeAll(async () => {
  [product, images] = await startBackends(
    { contract: stackbilder, configPath: CONFIGS.stackbilder, entrypoint: "StackbilderEntrypoint" },
    { contract: imgForge, configPath: CONFIGS["img-forge"], entrypoint: "ImgForgeEntrypoint" },
  );
});
afterAll(() => product?.stop());

describe("Stackbilder's eraseTenant", () => {
  const create = (options: CallOptions, projectId = "tea") =>
    product.call("createFlow", { projectDescription: "A shop for tea.", projectId }, options);
  const newFlow = async (options: CallOptions) => (await unwrap(create(options))).flowId;
  const status = (flowId: string, options: CallOptions) => product.call("getFlowStatus", { flowId }, options);
  const erase = (options: CallOptions) => product.call("eraseTenant", {}, options);

  it("deletes every flow, of another tenant none, and may be repeated", async () => {
    const [tenant, other] = [newTenant(), newTenant()];
    const flows = await Promise.all(Array.from({ length: 103 }, () => newFlow(tenant)));
    const kept = await newFlow(other);
    await unwrap(product.call("advanceFlow", { flowId: flows[0] }, tenant));
    for (let again = 0; again < 2; again++) {
      expect(await unwrap(erase(tenant))).toEqual({ isErased: true });
      for (const flowId of flows)
        expect(await status(flowId, tenant)).toEqual({ ok: false, error: { code: "flow_not_found" } });
      expect(await unwrap(product.call("listFlows", {}, tenant))).toEqual({ flows: [] });
    }
    expect(await unwrap(status(kept, other))).toMatchObject({ status: "draft" });
    expect((await unwrap(product.call("listFlows", {}, other))).flows).toHaveLength(1);
  });

  it("ends a mode that runs, and refuses a flow whose creation was on its way", async () => {
    const tenant = newTenant();
    const flowId = await newFlow(tenant);
    const running = product.call("advanceFlow", { flowId }, tenant);
    const late = Array.from({ length: 20 }, () => create(tenant));
    expect(await unwrap(erase(tenant))).toEqual({ isErased: true });
    await running;
    const made = (await Promise.all(late)).flatMap((reply) => (reply.ok ? [reply.value.flowId] : []));
    for (const id of [flowId, ...made])
      expect(await status(id, tenant)).toEqual({ ok: false, error: { code: "flow_not_found" } });
    expect(await unwrap(product.call("listFlows", {}, tenant))).toEqual({ flows: [] });
    expect(await create(tenant)).toEqual(UNAUTHENTICATED);
  });

  it("is refused without a tenant", async () => {
    expect(await erase({ identity: { tenantId: null } })).toEqual(UNAUTHENTICATED);
  });
});

describe("img-forge's eraseTenant", () => {
  const generate = (options: CallOptions, wait = true) =>
    images.call("generateImage", { prompt: "my own hills", quality_tier: "draft", wait }, options);
  const newJob = async (options: CallOptions, wait = true) => (await unwrap(generate(options, wait))).job_id;
  const check = (job_id: string, options: CallOptions) => images.call("checkJob", { job_id }, options);
  const erase = (options: CallOptions) => images.call("eraseTenant", {}, options);
  const isServed = async (job_id: string) => (await images.fetch(`/images/${job_id}.png`)).status === 200;
  const GONE = { ok: false, error: { code: "job_not_found" } };

  it("deletes each picture and its job, of another tenant none, and may be repeated", async () => {
    const [tenant, other] = [newTenant(), newTenant()];
    const [job, kept] = [await newJob(tenant), await newJob(other)];
    expect([await isServed(job), await isServed(kept)]).toEqual([true, true]);
    for (let again = 0; again < 2; again++) {
      expect(await unwrap(erase(tenant))).toEqual({ isErased: true });
      expect(await check(job, tenant)).toEqual(GONE);
      expect([await isServed(job), await isServed(kept)]).toEqual([false, true]);
      expect(await unwrap(images.call("listImages", {}, tenant))).toEqual({ images: [] });
    }
    expect(await unwrap(check(kept, other))).toMatchObject({ status: "completed" });
  });

  it("leaves no picture of a job at any step of its run, nor of a call that was on its way", async () => {
    await Promise.all(
      [0, 20, 80, 160, 240, 320, 400, 480, 560].map(async (delayMs) => {
        const tenant = newTenant();
        const queued = await newJob(tenant, false);
        const waiting = generate(tenant);
        await new Promise((resolve) => setTimeout(resolve, delayMs));
        const late = generate(tenant, false);
        expect(await unwrap(erase(tenant))).toEqual({ isErased: true });
        const made = (await Promise.all([waiting, late])).flatMap((reply) => (reply.ok ? [reply.value.job_id] : []));
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        for (const id of [queued, ...made]) {
          expect(await check(id, tenant)).toEqual(GONE);
          expect(await isServed(id)).toBe(false);
        }
        expect(await unwrap(images.call("listImages", {}, tenant))).toEqual({ images: [] });
        expect(await generate(tenant, false)).toEqual(UNAUTHENTICATED);
      }),
    );
    const { IMAGES } = (await images.worker.getEnv()) as { IMAGES: R2Bucket };
    expect((await IMAGES.list()).objects).toHaveLength(1); // that of the other tenant above
  });
});

describe("the auth Worker's eraseTenant", () => {
  const worker = useAuth();
  const call = (method: "closeAccount" | "eraseTenant", options: CallOptions) =>
    worker.backend.call(method, {}, options);

  async function newUser(email = newEmail()) {
    const signIn = (await worker.backend.invoke("registerUser", "Ada", email, PASSWORD)) as SignIn & { valid: true };
    const request = { userId: signIn.userId, source: "oauth" };
    const { tenantId } = (await worker.backend.invoke("provisionTenant", request)) as Tenant;
    const options: CallOptions = { tenant: tenantId, tier: "free", identity: { subject: signIn.userId } };
    const input = { name: "CI", environment: "live", scopes: ["read"], expiresInDays: null };
    const { key } = await unwrap(worker.backend.call("createApiKey", input, options));
    return { email, userId: signIn.userId, options, key };
  }
  const rows = async (sql: string) => (await (await worker.backend.worker.getEnv()).DB.prepare(sql).all()).results;
  const signIn = (email: string) => worker.backend.invoke("authenticateUser", email, PASSWORD);

  it("deletes the user with everything that belongs to them, and leaves the address free", async () => {
    const [user, other] = [await newUser(), await newUser()];
    for (let again = 0; again < 2; again++)
      expect(await unwrap(call("eraseTenant", user.options))).toEqual({ isErased: true });
    expect(await signIn(user.email)).toEqual({ valid: false, error: "INVALID_CREDENTIALS" });
    expect(await worker.backend.invoke("validateApiKey", user.key)).toEqual({ valid: false, error: "INVALID_TOKEN" });
    for (const table of ["user", "account", "tenants", "api_keys", "social_codes", "revocations", "sign_in_attempts"]) {
      const stored = JSON.stringify(await rows(`SELECT * FROM ${table}`));
      for (const trace of [user.email, user.userId, user.options.tenant]) expect(stored, table).not.toContain(trace);
    }
    expect(await signIn(other.email)).toMatchObject({ valid: true });
    expect(await worker.backend.invoke("validateApiKey", other.key)).toMatchObject({ valid: true });
    const again = await newUser(user.email);
    expect(again.userId).not.toBe(user.userId);
    expect(again.options.tenant).not.toBe(user.options.tenant);
  });

  it("keeps the sums of the ledger without the calls, returns what was reserved, and takes nothing more", async () => {
    const { options } = await newUser();
    const reserve = (reservationId: string) =>
      worker.backend.call("reserveCredits", { reservationId, tool: "image_generate", credits: 3 }, options);
    const [charged, open] = [randomUUID(), randomUUID()];
    await unwrap(reserve(charged));
    await unwrap(reserve(open));
    const settle = (reservationId: string) =>
      worker.backend.call("settleCredits", { reservationId, outcome: "commit", reference: "job-1" }, options);
    await unwrap(settle(charged));
    for (let again = 0; again < 2; again++) await unwrap(call("eraseTenant", options));
    const ledger = await worker.backend.worker.getDurableObjectStorage("LedgerObject", { name: options.tenant ?? "" });
    expect(await ledger.exec("SELECT sum(amount) AS left FROM entries")).toEqual([{ left: 22 }]);
    expect(await ledger.exec("SELECT sum(credits) AS n, state FROM reservations")).toEqual([
      { n: 3, state: "committed" },
    ]);
    const stored = JSON.stringify([
      await ledger.exec("SELECT * FROM entries"),
      await ledger.exec("SELECT * FROM reservations"),
    ]);
    for (const trace of [charged, open, "job-1", "image_generate"]) expect(stored).not.toContain(trace);
    expect(await reserve(randomUUID())).toEqual(UNAUTHENTICATED);
    expect(await unwrap(settle(open))).toEqual({ state: "unknown" });
    expect(await ledger.exec("SELECT sum(amount) AS left FROM entries")).toEqual([{ left: 22 }]);
  });

  it("deletes no user of another tenant", async () => {
    const [user, other] = [await newUser(), await newUser()];
    const mixed = { ...user.options, identity: { subject: other.userId } };
    await unwrap(call("closeAccount", mixed));
    await unwrap(call("eraseTenant", mixed));
    for (const { email, key } of [user, other]) {
      expect(await signIn(email)).toMatchObject({ valid: true });
      expect(await worker.backend.invoke("validateApiKey", key)).toMatchObject({ valid: true });
    }
  });

  it("comes after closeAccount, which ends keys and sign-ins at once and may be repeated", async () => {
    const user = await newUser();
    expect(await unwrap(worker.backend.call("getSignInMethods", {}, user.options))).toEqual({ methods: ["password"] });
    for (let again = 0; again < 2; again++)
      expect(await unwrap(call("closeAccount", user.options))).toEqual({ isClosed: true });
    expect(await signIn(user.email)).toEqual({ valid: false, error: "INVALID_CREDENTIALS" });
    expect(await worker.backend.invoke("validateApiKey", user.key)).toEqual({ valid: false, error: "KEY_REVOKED" });
    expect(await rows(`SELECT * FROM revocations WHERE user_id = '${user.userId}'`)).toEqual([]);
    await unwrap(call("eraseTenant", user.options));
    expect(await unwrap(call("closeAccount", user.options))).toEqual({ isClosed: true });
  });
});
