// What a flow may run with: the profile that its policy asks for, held to what the caller's plan includes. Pure.
import type { Tier } from "../../contracts/rpc/identity.ts";
import { PROFILES, type Profile } from "../../contracts/stackbilder.ts";

/** A profile asked for and the one granted. `capReason` is `null` where both are the same. */
export interface Grant {
  readonly requested: Profile;
  readonly effective: Profile;
  readonly capReason: string | null;
}

/** Alternatives are a paid feature: the free plan's flows are held to `balanced`. */
const PROFILES_OF_TIER: Readonly<Record<Tier, readonly Profile[]>> = {
  free: ["balanced", "strict"],
  hobby: PROFILES,
  pro: PROFILES,
  enterprise: PROFILES,
};

/** What `tier` grants of `requested`. It is decided when the flow is made and stays, whatever the plan becomes. */
export function grantProfile(requested: Profile, tier: Tier): Grant {
  if (PROFILES_OF_TIER[tier].includes(requested)) return { requested, effective: requested, capReason: null };
  return { requested, effective: "balanced", capReason: `The ${requested} profile is not part of the ${tier} plan.` };
}

/**
 * How far a profile lets the artifacts go beyond the brief. `fixed`: only what the brief says. `bounded`: also what usually follows
 * from it. `open`: also alternatives and open questions. None of them draws anything at random.
 */
export const DETERMINISM = { strict: "fixed", balanced: "bounded", exploratory: "open" } as const satisfies Record<
  Profile,
  string
>;
