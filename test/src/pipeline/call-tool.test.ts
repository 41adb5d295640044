// What costs credits, and who gets it: asked of the pipeline itself, with a backend that counts.
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { CredentialCode } from "../../../contracts/gateway.ts";
import type { Identity, TenantId } from "../../../contracts/rpc/identity.ts";
import type { AuditEvent } from "../../../src/audit/event.ts";
import { traceFrom } from "../../../src/context.ts";
import type { Env } from "../../../src/env.ts";
import { openCall } from "../../../src/pipeline/call-tool.ts";
import { catalog } from "../../../src/tools/catalog.ts";
import { envWith } from "../oauth/browser.ts";

const job = {
  job_id: "0b7e5a52-95a8-4d0e-8a6e-0a9c1a1d3a10",
  status: "completed",
  url: null,
  model: "procedural",
  quality_tier: "draft",
  enhanced_prompt: "a",
  width: 1,
  height: 1,
  size_bytes: null,
};
const generateImage = vi.fn(async () => ({ ok: true, value: job }));
const listModels = vi.fn(async () => ({ ok: true, value: { models: [] } }));
const records: AuditEvent[] = [];
const queue = { send: async (event: AuditEvent) => void records.push(event) };
// Plain objects cannot be bindings' types, but they are called like them.
const env = envWith(
  {},
  { IMG_FORGE: { generateImage, listModels } as unknown as Env["IMG_FORGE"], PLATFORM_EVENTS_QUEUE: queue as never },
);

beforeEach(() => {
  vi.clearAllMocks();
  records.length = 0;
});

const tenant = (text: string) => text as TenantId; // the brand lives in TypeScript only
const ADA: Identity = { subject: "u", tenantId: tenant("t"), tier: "free", scopes: ["generate"], clientId: "c" };

/** Calls a tool as the pipeline's doors do. */
async function use(name: string, args: object, caller: Identity, revalidate?: () => Promise<"good" | CredentialCode>) {
  const ctx = createExecutionContext();
  const opened = openCall(env, ctx, {
    catalog,
    name,
    args,
    caller,
    trace: traceFrom(null),
    channel: "mcp",
    revalidate,
  });
  const { result } = opened.state === "ready" ? await opened.run() : { result: opened.state };
  await waitOnExecutionContext(ctx);
  return { result, told: records.map(({ decision, outcome }) => [decision, outcome]) };
}

describe("a tool that costs credits", () => {
  it("asks once more whether the credential is still good, and then draws", async () => {
    const revalidate = vi.fn(async () => "good" as const);
    expect(await use("image_generate", { prompt: "a" }, ADA, revalidate)).toMatchObject({
      result: { ok: true },
      told: [["allowed", "ok"]],
    });
    expect([revalidate.mock.calls.length, generateImage.mock.calls.length]).toEqual([1, 1]);
  });

  it.each<[CredentialCode, string, number | undefined]>([
    ["unauthenticated", "unauthenticated", undefined],
    ["unavailable", "unauthenticated", 5],
    ["payment_required", "payment_required", undefined],
    ["rate_limited", "rate_limited", 60],
  ])(
    "is not called where the answer is %s, and the refusal is on record",
    async (code, decision, retryAfterSeconds) => {
      const { result, told } = await use("image_generate", { prompt: "a" }, ADA, async () => code);
      const error = {
        code,
        message: expect.stringMatching(/\w/),
        traceId: expect.any(String),
        ...(retryAfterSeconds && { retryAfterSeconds }),
      };
      expect(result).toEqual({ ok: false, error });
      expect(told).toEqual([[decision, code]]);
      expect(generateImage).not.toHaveBeenCalled();
    },
  );

  it("asks nobody where the arguments do not fit", async () => {
    const revalidate = vi.fn(async () => "good" as const);
    expect((await use("image_generate", {}, ADA, revalidate)).told).toEqual([
      ["invalid_arguments", "invalid_arguments"],
    ]);
    expect(revalidate).not.toHaveBeenCalled();
  });

  it("is never called for a test tenant, whatever its scopes and its credential", async () => {
    const tester: Identity = { ...ADA, tenantId: tenant("test:t") };
    const revalidate = vi.fn(async () => "good" as const);
    const { result, told } = await use("image_generate", { prompt: "a" }, tester, revalidate);
    expect(result).toMatchObject({
      ok: false,
      error: { code: "test_key_not_allowed", message: expect.stringContaining("live key") },
    });
    expect(told).toEqual([["test_key_not_allowed", "test_key_not_allowed"]]);
    expect([revalidate.mock.calls.length, generateImage.mock.calls.length]).toEqual([0, 0]);
    expect((await use("image_list_models", {}, tester)).result).toMatchObject({ ok: true });
  });
});

it("a tool that costs nothing takes the caller's word, without asking again", async () => {
  const revalidate = vi.fn(async () => "unauthenticated" as const);
  expect((await use("image_list_models", {}, ADA, revalidate)).result).toMatchObject({ ok: true });
  expect(revalidate).not.toHaveBeenCalled();
});

describe("a call that nobody waits for any more", () => {
  it.each([
    ["cancelled", 50],
    ["ok", 100],
  ])("is on record as %s where its backend hears of it at %i of 100", async (outcome, progress) => {
    const draws = async (context: { progress(update: object): Promise<unknown> }) => {
      expect(await context.progress({ progress, total: 100 })).toBe("cancel");
      return { ok: true, value: job };
    };
    generateImage.mockImplementationOnce(draws as never);
    const ctx = createExecutionContext();
    const args = { prompt: "a" };
    const opened = openCall(env, ctx, {
      catalog,
      name: "image_generate",
      args,
      caller: ADA,
      trace: traceFrom(null),
      channel: "mcp",
    });
    if (opened.state === "ready") await opened.run(() => "cancel");
    await waitOnExecutionContext(ctx);
    expect(records.map(({ decision, outcome: ended }) => [decision, ended])).toEqual([["allowed", outcome]]);
  });
});
