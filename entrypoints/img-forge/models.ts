// The table of quality tiers: the model of each, and its picture size.
import { PLANS_BY_TIER, QUALITY_TIERS, type QualityTier } from "../../contracts/img-forge.ts";
import type { Tier } from "../../contracts/rpc/identity.ts";
import { fail, ok } from "../../contracts/rpc/result.ts";

/**
 * The name of this Worker's own drawing, which belongs to every tier and is used if no model is
 * enabled.
 */
export const PROCEDURAL = "procedural";

interface TierPlan {
  readonly model: string;
  readonly title: string;
  /** The name of the model in Workers AI; `null` if Workers AI does not have it. */
  readonly workersAi:
    | "@cf/stabilityai/stable-diffusion-xl-base-1.0"
    | `@cf/black-forest-labs/flux-2-${"klein-9b" | "dev"}`
    | null;
  /** Width and height, in pixels. */
  readonly size: number;
}

export const TIER_PLANS: Readonly<Record<QualityTier, TierPlan>> = {
  draft: {
    model: "sdxl",
    title: "SDXL",
    workersAi: "@cf/stabilityai/stable-diffusion-xl-base-1.0",
    size: 256,
  },
  standard: {
    model: "flux-klein",
    title: "FLUX Klein",
    workersAi: "@cf/black-forest-labs/flux-2-klein-9b",
    size: 512,
  },
  premium: {
    model: "flux-dev",
    title: "FLUX Dev",
    workersAi: "@cf/black-forest-labs/flux-2-dev",
    size: 768,
  },
  ultra: {
    model: "gemini-2.5-flash-image",
    title: "Gemini 2.5 Flash Image",
    workersAi: null,
    size: 1024,
  },
  ultra_plus: {
    model: "gemini-3.1-flash-image",
    title: "Gemini 3.1 Flash Image",
    workersAi: null,
    size: 1280,
  },
};

/** The caller's plan, and the capabilities of this deployment. */
export interface Availability {
  readonly plan: Tier;
  /** True if a Workers AI binding is configured. */
  readonly hasAi: boolean;
}

/** Lists every model of every tier. A model that is not enabled is listed as not available. */
export function listModels(availability: Availability) {
  return QUALITY_TIERS.flatMap((quality_tier) => {
    const { model, title, size } = TIER_PLANS[quality_tier];
    const entry = { quality_tier, width: size, height: size };
    return [
      {
        ...entry,
        name: model,
        title,
        is_available: isInPlan(quality_tier, availability) && isEnabled(quality_tier, availability),
      },
      { ...entry, name: PROCEDURAL, title: titleOf(PROCEDURAL), is_available: isInPlan(quality_tier, availability) },
    ];
  });
}

/** The model's name in words; that of a model that is not listed any more is its own name. */
export function titleOf(model: string): string {
  if (model === PROCEDURAL) return "Procedural drawing";
  return Object.values(TIER_PLANS).find((plan) => plan.model === model)?.title ?? model;
}

/**
 * Returns the model for a job of this tier: the requested one, else the tier's own, else this
 * Worker's own drawing. Fails with the first reason that the request cannot be changed without.
 */
export function chooseModel(tier: QualityTier, requested: string | undefined, availability: Availability) {
  const tiers = QUALITY_TIERS.filter((one) => requested === PROCEDURAL || TIER_PLANS[one].model === requested);
  if (requested !== undefined && tiers.length === 0) return fail("model_unknown");
  if (requested !== undefined && !tiers.includes(tier)) return fail("model_of_other_tier");
  if (!isInPlan(tier, availability)) return fail("tier_not_in_plan");
  const own = isEnabled(tier, availability) ? TIER_PLANS[tier].model : PROCEDURAL;
  if (requested === undefined || requested === own) return ok(own);
  return requested === PROCEDURAL ? ok(PROCEDURAL) : fail("model_switched_off");
}

function isInPlan(tier: QualityTier, { plan }: Availability): boolean {
  return PLANS_BY_TIER[tier].includes(plan);
}

function isEnabled(tier: QualityTier, { hasAi }: Availability): boolean {
  return hasAi && TIER_PLANS[tier].workersAi !== null;
}
