// Plans: each plan with each quality tier and each model, and with none, through the pipeline.
// The backend chooses the model as the reference Worker does.
import { describe, expect, it } from "vitest";
import { GenerateImage, type QualityTier } from "../../../contracts/img-forge.ts";
import type { Identity, TenantId, Tier } from "../../../contracts/rpc/identity.ts";
import { chooseModel } from "../../../entrypoints/img-forge/models.ts";
import type { ToolCallEvent } from "../../../src/audit/event.ts";
import type { Env } from "../../../src/env.ts";
import { authorizeCall, callTool } from "../../../src/pipeline/call-tool.ts";
import { catalog } from "../../../src/tools/catalog.ts";
import { auditLogWith, newContext } from "../context.ts";
import { AUTH, envWith } from "../oauth/browser.ts";

const PLANS = { free: false, hobby: false, pro: true, enterprise: true };
const TIERS = {
  draft: { credits: 1, model: "sdxl", isLarge: false },
  standard: { credits: 1, model: "flux-klein", isLarge: false },
  premium: { credits: 3, model: "flux-dev", isLarge: true },
  ultra: { credits: 5, model: "gemini-2.5-flash-image", isLarge: true },
  ultra_plus: { credits: 8, model: "gemini-3.1-flash-image", isLarge: true },
};
const OWN = Object.values(TIERS).map(({ model }) => model);
const COMBINATIONS = Object.entries(PLANS).flatMap(([plan, isLarge]) =>
  Object.entries(TIERS).flatMap(([tier, facts]) =>
    [undefined, "procedural", "no-such-model", ...OWN].map((model) => ({ plan, isLarge, tier, facts, model })),
  ),
);

/** One call of `plan`, and what reached ledger and backend. */
async function draw(plan: string, args: { readonly quality_tier?: string; readonly model?: string }) {
  const calls: string[] = [];
  const records: ToolCallEvent[] = [];
  const auth: Partial<Record<"reserveCredits" | "settleCredits", unknown>> = {
    reserveCredits: async (...request: Parameters<typeof AUTH.reserveCredits>) => {
      calls.push(`reserve ${request[1].credits}`);
      return AUTH.reserveCredits(...request);
    },
    settleCredits: async (...request: Parameters<typeof AUTH.settleCredits>) => {
      calls.push(request[1].outcome);
      return AUTH.settleCredits(...request);
    },
  };
  const identity: Identity = {
    ...{ subject: `u_${crypto.randomUUID()}`, tenantId: "t_plans" as TenantId }, // the brand lives in TypeScript only
    ...{ tier: plan as Tier, scopes: ["generate"], clientId: "c" },
  };
  const generateImage = async (_: unknown, input: { quality_tier: QualityTier; model?: string }) => {
    calls.push("draw");
    const model = chooseModel(input.quality_tier, input.model, { plan: identity.tier, hasAi: true });
    const size = { width: 1, height: 1, size_bytes: null };
    const job = { job_id: crypto.randomUUID(), status: "completed", url: null, enhanced_prompt: "a", ...size };
    return model.ok ? { ok: true, value: { ...job, model: model.value, quality_tier: input.quality_tier } } : model;
  };
  const env = envWith(auth as never, {
    IMG_FORGE: { generateImage } as unknown as Env["IMG_FORGE"], // called alike
    AUDIT_LOG: auditLogWith((event) => records.push(event)),
    PLATFORM_EVENTS_QUEUE: { send: async (event: ToolCallEvent) => void records.push(event) } as never,
  });
  const { context, finish } = newContext(env);
  const request = {
    catalog,
    name: "image_generate",
    args: { prompt: "a", ...args },
    identity,
    channel: "mcp",
  } as const;
  const call = await authorizeCall(context, request);
  const outcome = call.state === "authorized" ? await callTool(call) : call;
  await finish();
  return { result: "result" in outcome ? outcome.result : outcome.state, calls, records };
}

describe("an image of a quality tier", () => {
  it.each(COMBINATIONS)(
    "is drawn and charged, or refused, by its tier: plan $plan, $tier, model $model",
    async ({ plan, isLarge, tier, facts, model }) => {
      const { result, calls } = await draw(plan, { quality_tier: tier, ...(model && { model }) });
      const { credits } = facts;
      const refused = (code: keyof typeof GenerateImage.errors) => ({
        ok: false,
        error: { code, message: GenerateImage.errors[code] },
      });
      if (facts.isLarge && !isLarge) {
        expect([result, calls]).toMatchObject([refused("tier_not_in_plan"), []]);
        return;
      }
      const isUnknown = model === "no-such-model";
      const isOther = model !== undefined && OWN.includes(model) && model !== facts.model;
      const isOff = model === facts.model && model.startsWith("gemini");
      const code =
        (isUnknown && "model_unknown") || (isOther && "model_of_other_tier") || (isOff && "model_switched_off");
      expect(calls).toEqual([`reserve ${credits}`, "draw", code ? "refund" : "commit"]);
      if (code) expect(result).toMatchObject(refused(code));
      else expect(result).toMatchObject({ ok: true, value: { quality_tier: tier } });
    },
  );

  it("that the plan does not include is refused with its sentence, and recorded once", async () => {
    const { result, records } = await draw("free", { quality_tier: "premium" });
    expect(result).toMatchObject({ ok: false, error: { code: "tier_not_in_plan", traceId: expect.any(String) } });
    expect(records).toMatchObject([{ type: "tool.called", decision: "not_in_plan", outcome: "tier_not_in_plan" }]);
  });
});
