// Props of a grant. The library seals them together with each token, so that a request to `/mcp`
// needs no other look-up.
import * as v from "valibot";
import { TenantId, Tier, UserId } from "../../../contracts/rpc/identity.ts";

/** `authTime`: when the user last signed in, in seconds since the Unix epoch. */
export const GrantProps = v.object({
  userId: UserId,
  tenantId: TenantId,
  tier: Tier,
  authTime: v.pipe(v.number(), v.integer()),
  /** Version of this shape. */
  v: v.literal(1),
});
export type GrantProps = Readonly<v.InferOutput<typeof GrantProps>>;
