// The tier table: which model draws which tier, how large, and who may ask for it. Everything about tiers stands here.
import { QUALITY_TIERS, type QualityTier } from "../../contracts/img-forge.ts";
import type { Tier } from "../../contracts/rpc/identity.ts";

/** What draws where no model is switched on: this Worker itself. It is of every tier. */
export const PROCEDURAL = "procedural";

interface TierPlan {
  readonly model: string;
  readonly title: string;
  /** The model's name at Workers AI; `null` where Workers AI does not offer it. */
  readonly workersAi:
    | "@cf/stabilityai/stable-diffusion-xl-base-1.0"
    | `@cf/black-forest-labs/flux-2-${"klein-9b" | "dev"}`
    | null;
  /** Width and height, in pixels. */
  readonly size: number;
  /** Only on the plans pro and enterprise. */
  readonly isPaid: boolean;
}

export const TIER_PLANS: Readonly<Record<QualityTier, TierPlan>> = {
  draft: {
    model: "sdxl",
    title: "SDXL",
    workersAi: "@cf/stabilityai/stable-diffusion-xl-base-1.0",
    size: 256,
    isPaid: false,
  },
  standard: {
    model: "flux-klein",
    title: "FLUX Klein",
    workersAi: "@cf/black-forest-labs/flux-2-klein-9b",
    size: 512,
    isPaid: false,
  },
  premium: {
    model: "flux-dev",
    title: "FLUX Dev",
    workersAi: "@cf/black-forest-labs/flux-2-dev",
    size: 768,
    isPaid: true,
  },
  ultra: {
    model: "gemini-2.5-flash-image",
    title: "Gemini 2.5 Flash Image",
    workersAi: null,
    size: 1024,
    isPaid: true,
  },
  ultra_plus: {
    model: "gemini-3.1-flash-image",
    title: "Gemini 3.1 Flash Image",
    workersAi: null,
    size: 1280,
    isPaid: true,
  },
};

/** Who asks, and what this deployment can do. */
export interface Means {
  readonly plan: Tier;
  /** Whether a Workers AI binding is configured. */
  readonly hasAi: boolean;
}

/** Every model of every tier. One that is not switched on is listed, but not available. */
export function listModels(means: Means) {
  return QUALITY_TIERS.flatMap((quality_tier) => {
    const { model, title, size } = TIER_PLANS[quality_tier];
    const entry = { quality_tier, width: size, height: size };
    return [
      { ...entry, name: model, title, is_available: mayUse(quality_tier, means) && isOn(quality_tier, means) },
      { ...entry, name: PROCEDURAL, title: "Procedural drawing", is_available: mayUse(quality_tier, means) },
    ];
  });
}

/**
 * The model that draws a job of this tier: the one that was named, else the tier's own, else this Worker itself. `null` where it
 * cannot be used: not in the plan, of another tier, switched off, unknown.
 */
export function chooseModel(tier: QualityTier, named: string | undefined, means: Means): string | null {
  if (!mayUse(tier, means)) return null;
  const own = isOn(tier, means) ? TIER_PLANS[tier].model : null;
  if (named === undefined) return own ?? PROCEDURAL;
  return named === own || named === PROCEDURAL ? named : null;
}

function mayUse(tier: QualityTier, { plan }: Means): boolean {
  return !TIER_PLANS[tier].isPaid || plan === "pro" || plan === "enterprise";
}

function isOn(tier: QualityTier, { hasAi }: Means): boolean {
  return hasAi && TIER_PLANS[tier].workersAi !== null;
}
