// Tool calls through the pipeline, with a backend that counts: paid tools, and cancelled calls.
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { CredentialCode } from "../../../contracts/gateway.ts";
import type { Identity, TenantId } from "../../../contracts/rpc/identity.ts";
import type { ToolCallEvent } from "../../../src/audit/event.ts";
import type { Env } from "../../../src/env.ts";
import { authorizeCall, callTool } from "../../../src/pipeline/call-tool.ts";
import { catalog } from "../../../src/tools/catalog.ts";
import { auditLogWith, newContext } from "../context.ts";
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
const records: ToolCallEvent[] = [];
const queue = { send: async (event: ToolCallEvent) => void records.push(event) };
// Plain objects do not have the bindings' types, but are called alike.
const env = envWith(
  {},
  {
    IMG_FORGE: { generateImage, listModels } as unknown as Env["IMG_FORGE"],
    AUDIT_LOG: auditLogWith((event) => records.push(event)),
    PLATFORM_EVENTS_QUEUE: queue as never,
  },
);

beforeEach(() => {
  vi.clearAllMocks();
  records.length = 0;
});

const tenant = (text: string) => text as TenantId; // the brand lives in TypeScript only
const ADA: Identity = { subject: "u", tenantId: tenant("t"), tier: "enterprise", scopes: ["generate"], clientId: "c" };

/** Calls a tool as the entrypoints do. */
async function use(
  name: string,
  args: object,
  identity: Identity,
  revalidate?: () => Promise<"good" | CredentialCode>,
) {
  const { context, finish } = newContext(env);
  const call = await authorizeCall(context, { catalog, name, args, identity, channel: "mcp", revalidate });
  const outcome = call.state === "authorized" ? await callTool(call) : call;
  await finish();
  const result = outcome.state === "completed" ? outcome.result : outcome.state;
  return { result, recorded: records.map(({ decision, outcome: ended }) => [decision, ended]) };
}

describe("a tool that costs credits", () => {
  it("revalidates the credential once, then calls the backend", async () => {
    const revalidate = vi.fn(async () => "good" as const);
    expect(await use("image_generate", { prompt: "a" }, ADA, revalidate)).toMatchObject({
      result: { ok: true },
      recorded: [["allowed", "ok"]],
    });
    expect([revalidate.mock.calls.length, generateImage.mock.calls.length]).toEqual([1, 1]);
  });

  it.each<[CredentialCode, string, number | undefined]>([
    ["unauthenticated", "unauthenticated", undefined],
    ["unavailable", "unauthenticated", 5],
    ["payment_required", "payment_required", undefined],
    ["rate_limited", "rate_limited", 60],
  ])(
    "is not called if revalidation returns %s, and the refusal is recorded",
    async (code, decision, retryAfterSeconds) => {
      const { result, recorded } = await use("image_generate", { prompt: "a" }, ADA, async () => code);
      const error = {
        code,
        message: expect.stringMatching(/\w/),
        traceId: expect.any(String),
        ...(retryAfterSeconds && { retryAfterSeconds }),
      };
      expect(result).toEqual({ ok: false, error });
      expect(recorded).toEqual([[decision, code]]);
      expect(generateImage).not.toHaveBeenCalled();
    },
  );

  it("does not revalidate if the arguments are invalid", async () => {
    const revalidate = vi.fn(async () => "good" as const);
    expect((await use("image_generate", {}, ADA, revalidate)).recorded).toEqual([
      ["invalid_arguments", "invalid_arguments"],
    ]);
    expect(revalidate).not.toHaveBeenCalled();
  });

  it("is never called for a test tenant, with any scopes and credential", async () => {
    const tester: Identity = { ...ADA, tenantId: tenant("test:t") };
    const revalidate = vi.fn(async () => "good" as const);
    const { result, recorded } = await use("image_generate", { prompt: "a" }, tester, revalidate);
    expect(result).toMatchObject({
      ok: false,
      error: { code: "test_key_not_allowed", message: expect.stringContaining("live key") },
    });
    expect(recorded).toEqual([["test_key_not_allowed", "test_key_not_allowed"]]);
    expect([revalidate.mock.calls.length, generateImage.mock.calls.length]).toEqual([0, 0]);
    expect((await use("image_list_models", {}, tester)).result).toMatchObject({ ok: true });
  });
});

it("calls a free tool without revalidating the credential", async () => {
  const revalidate = vi.fn(async () => "unauthenticated" as const);
  expect((await use("image_list_models", {}, ADA, revalidate)).result).toMatchObject({ ok: true });
  expect(revalidate).not.toHaveBeenCalled();
});

describe("a call whose client is gone", () => {
  it.each([
    ["cancelled", 50],
    ["ok", 100],
  ])("is recorded as %s if the backend learns of it at progress %i of 100", async (outcome, progress) => {
    const draws = async (context: { progress(update: object): Promise<unknown> }) => {
      expect(await context.progress({ progress, total: 100 })).toBe("cancel");
      return { ok: true, value: job };
    };
    generateImage.mockImplementationOnce(draws as never);
    const { context, finish } = newContext(env);
    const request = { catalog, name: "image_generate", args: { prompt: "a" }, identity: ADA, channel: "mcp" } as const;
    const call = await authorizeCall(context, request);
    if (call.state === "authorized") await callTool(call, () => "cancel");
    await finish();
    expect(records.map(({ decision, outcome: ended }) => [decision, ended])).toEqual([["allowed", outcome]]);
  });
});
