// The profile of a flow: the one that its policy requests, limited to those of the caller's plan.
import type { Tier } from "../../contracts/rpc/identity.ts";
import { PROFILES, type Profile } from "../../contracts/stackbilder.ts";

/** The requested and the effective profile. `capReason` is `null` if both are equal. */
export interface Grant {
  readonly requested: Profile;
  readonly effective: Profile;
  readonly capReason: string | null;
}

/**
 * Alternatives are a paid feature: a flow of the free plan gets `balanced` instead of
 * `exploratory`.
 */
const PROFILES_OF_TIER: Readonly<Record<Tier, readonly Profile[]>> = {
  free: ["balanced", "strict"],
  hobby: PROFILES,
  pro: PROFILES,
  enterprise: PROFILES,
};

/**
 * Limits `requested` to the plan. Decided when the flow is created; a later change of plan does not
 * affect it.
 */
export function grantProfile(requested: Profile, tier: Tier): Grant {
  if (PROFILES_OF_TIER[tier].includes(requested)) return { requested, effective: requested, capReason: null };
  return { requested, effective: "balanced", capReason: `The ${requested} profile is not part of the ${tier} plan.` };
}

/**
 * The freedom of the artifacts under a profile. `fixed`: the content of the brief only. `bounded`:
 * also its usual consequences. `open`: also alternatives and open questions. None of them uses
 * randomness.
 */
export const DETERMINISM = { strict: "fixed", balanced: "bounded", exploratory: "open" } as const satisfies Record<
  Profile,
  string
>;
