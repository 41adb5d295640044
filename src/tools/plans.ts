// Plans that a tool needs. Data beside its price: the gateway refuses a call that the caller's plan
// does not include before anything is reserved or dispatched.
import type { Tier } from "../../contracts/rpc/identity.ts";
import type { Choices } from "./price.ts";

/** The plans that include each choice of the argument `by`. */
export interface ChoicePlans {
  readonly by: string;
  readonly plans: Readonly<Record<string, readonly Tier[]>>;
  /** The code of the contract for a choice that the plan does not include. */
  readonly code: string;
}

/** The plans that a tool of this parsed input, whose contract has these codes, may need. */
export type PlansOf<Input, Code extends string> = {
  [Name in keyof Input & string]: [Choices<Input[Name]>] extends [never]
    ? never
    : {
        readonly by: Name;
        readonly plans: { readonly [Choice in Choices<Input[Name]>]: readonly Tier[] };
        readonly code: Code;
      };
}[keyof Input & string];

/** True if the plan `tier` includes a call with this parsed input. */
export function isInPlan({ by, plans }: ChoicePlans, input: object, tier: Tier): boolean {
  const choice = String((input as Readonly<Record<string, unknown>>)[by]);
  return Object.hasOwn(plans, choice) && plans[choice]?.includes(tier) === true;
}
