// Credits of real calls: a charge for each image, through both entrances, and none for what failed.
import { describe, expect, it } from "vitest";
import { GenerateImage } from "../../contracts/img-forge.ts";
import { type Owner, useIssuer } from "../support/issuer.ts";
import { postRequest } from "../support/mcp-requests.ts";
import type { SiblingCall } from "../support/sibling-worker.ts";

const issuer = useIssuer({
  vars: { auth: { CREDIT_ALLOWANCES: "free:3,hobby:65,pro:580,enterprise:2320" } },
});
const { system } = issuer;

type Fields = Record<string, unknown>;
interface Result {
  readonly structuredContent?: Fields;
  readonly _meta?: Record<string, Fields>;
}
const DRAFT = { prompt: "a kite", quality_tier: "draft" };

/** A new user of the plan free, and an API key with all scopes. */
async function newUser(): Promise<{ owner: Owner; key: string }> {
  const owner = await issuer.addOwner("free");
  return { owner, key: (await issuer.createKey(owner, ["read", "generate"])).key };
}

async function call(bearer: string, name: string, args: object, idempotencyKey?: unknown): Promise<Result> {
  const _meta = idempotencyKey === undefined ? {} : { "com.stackbilt/idempotencyKey": idempotencyKey };
  const response = await postRequest(system, bearer, {
    method: "tools/call",
    params: { name, arguments: args, _meta },
  });
  return ((await response.json()) as { result: Result }).result;
}

async function callOverRpc(apiKey: string, tool: string, input: Fields, idempotencyKey?: string) {
  const options = { credential: { apiKey }, ...(idempotencyKey && { idempotencyKey }) };
  const request: SiblingCall = { through: "GATEWAY", tool, input, options };
  const response = await system.worker("sibling").fetch("/", { method: "POST", body: JSON.stringify(request) });
  return (await response.json()) as { ok: boolean; value: Fields; error: Fields };
}

const codeOf = (result: Result) => result._meta?.["com.stackbilt/error"]?.code;

/** State and credits of the tenant's reservations, oldest first, and the sum of all entries. */
async function ledgerOf({ tenantId }: Owner) {
  const storage = await system.worker("auth").getDurableObjectStorage("LedgerObject", { name: tenantId });
  const rows = (await storage.exec("SELECT state, credits, reference FROM reservations ORDER BY rowid")) as Fields[];
  const [sum] = (await storage.exec("SELECT sum(amount) AS left FROM entries")) as { left: number }[];
  return { charges: rows.map(({ state, credits }) => [state, credits]), left: sum?.left, rows };
}

describe("the credits of a user", () => {
  it("pay for each image, whichever entrance it came through, until they are used up", async () => {
    const { owner, key } = await newUser();
    const job = (await call(key, "image_generate", DRAFT)).structuredContent;
    expect((await callOverRpc(key, "image_generate", DRAFT)).ok).toBe(true);
    const { charges, left, rows } = await ledgerOf(owner);
    expect([charges, left, rows[0]?.reference]).toEqual([
      [
        ["committed", 1],
        ["committed", 1],
      ],
      1,
      job?.job_id,
    ]);
    await call(key, "image_generate", DRAFT);
    for (const refused of [
      (await call(key, "image_generate", DRAFT))._meta?.["com.stackbilt/error"],
      (await callOverRpc(key, "image_generate", DRAFT)).error,
    ]) {
      expect(refused).toMatchObject({ code: "quota_exceeded", retryAfterSeconds: expect.any(Number) });
      expect(refused?.message).toContain("costs 1 credit, and 0 of 3 credits a month in the plan free are left");
      expect(refused?.limit).toMatchObject({ plan: "free", unit: "credits", allowed: 3, period: "month", left: 0 });
    }
    expect((await call(key, "flow_create", { projectDescription: "A kiosk" })).structuredContent).toBeDefined();
    expect((await ledgerOf(owner)).left).toBe(0);
  });

  it("are not overdrawn by parallel calls", async () => {
    const { owner, key } = await newUser();
    const results = await Promise.all(Array.from({ length: 6 }, () => call(key, "image_generate", DRAFT)));
    expect(results.filter((result) => codeOf(result) === "quota_exceeded")).toHaveLength(3);
    expect(await ledgerOf(owner)).toMatchObject({ charges: Array(3).fill(["committed", 1]), left: 0 });
  });

  it("come back after a call that was refused by the backend", async () => {
    const { owner, key } = await newUser();
    expect(codeOf(await call(key, "image_generate", { ...DRAFT, model: "no-such-model" }))).toBe("model_unknown");
    expect(await ledgerOf(owner)).toMatchObject({ charges: [["refunded", 1]], left: 3 });
  });

  it("are not touched by a quality tier that the plan does not include, whichever entrance asks for it", async () => {
    const { owner, key } = await newUser();
    const premium = { ...DRAFT, quality_tier: "premium", model: "flux-dev" };
    const { message } = (await callOverRpc(key, "image_generate", premium)).error;
    expect(message).toBe(GenerateImage.errors.tier_not_in_plan);
    const refused = await call(key, "image_generate", premium);
    expect(refused._meta?.["com.stackbilt/error"]).toMatchObject({ code: "tier_not_in_plan", message });
    expect((await ledgerOf(owner)).charges).toEqual([]);
  });

  it("pay for an image that its client never asks about again", async () => {
    const { owner, key } = await newUser();
    await call(key, "image_generate", { ...DRAFT, wait: false });
    await expect.poll(async () => (await ledgerOf(owner)).charges, { interval: 500 }).toEqual([["committed", 1]]);
  });
});

describe("calls with one idempotency key", () => {
  it("draw one image for one charge, in parallel and later", async () => {
    const { owner, key } = await newUser();
    const draw = () => call(key, "image_generate", DRAFT, "order 17");
    const results = [...(await Promise.all([draw(), draw(), draw()])), await draw()];
    expect(new Set(results.map(({ structuredContent }) => structuredContent?.job_id)).size).toBe(1);
    expect(await ledgerOf(owner)).toMatchObject({ charges: [["committed", 1]], left: 2 });
    const other = await call(key, "image_generate", { ...DRAFT, prompt: "a boat" }, "order 17");
    expect(codeOf(other)).toBe("idempotency_conflict");
    const overRpc = () => callOverRpc(key, "image_generate", DRAFT, "order 18");
    const [first, again] = [await overRpc(), await overRpc()];
    expect(again.value).toEqual(first.value);
    expect((await ledgerOf(owner)).left).toBe(1);
  });

  it("create one flow, and run one mode", async () => {
    const { key } = await newUser();
    const create = () => call(key, "flow_create", { projectDescription: "A kiosk" }, "flow 1");
    const [first, again] = [await create(), await create()];
    expect(again.structuredContent?.flowId).toBe(first.structuredContent?.flowId);
    const { flowId } = first.structuredContent ?? {};
    const advance = () => call(key, "flow_advance", { flowId }, "step 1");
    const [one, same] = await Promise.all([advance(), advance()]);
    expect(one.structuredContent).toMatchObject({ mode: "PRODUCT" });
    expect(same.structuredContent).toEqual(one.structuredContent);
  });

  it.each([7, "", "x".repeat(129)])("are refused if the key is %j", async (idempotencyKey) => {
    const { key } = await newUser();
    const params = {
      name: "image_generate",
      arguments: DRAFT,
      _meta: { "com.stackbilt/idempotencyKey": idempotencyKey },
    };
    const response = await postRequest(system, key, { method: "tools/call", params });
    expect(await response.json()).toMatchObject({
      error: { code: -32602, message: expect.stringContaining("com.stackbilt/idempotencyKey") },
    });
  });
});
