// What a grant says about its user. The library seals it together with each token, so that a request at `/mcp` needs no other look-up.
import * as v from "valibot";
import { TenantId, Tier, UserId } from "../../../contracts/rpc/identity.ts";

/** Props of every grant. `authTime`: when the user last proved who they are, in seconds since the Unix epoch. */
export const GrantProps = v.object({
  userId: UserId,
  tenantId: TenantId,
  tier: Tier,
  authTime: v.pipe(v.number(), v.integer()),
  /** Version of this shape. */
  v: v.literal(1),
});
export type GrantProps = Readonly<v.InferOutput<typeof GrantProps>>;

/** The scopes that can be granted, in the order in which people read them. `offline_access` only says that a refresh token is wanted. */
export const GRANT_SCOPES = ["read", "generate", "offline_access"] as const;
export type GrantScope = (typeof GRANT_SCOPES)[number];

/** What a client may get at most: what it asked for and we know. `read` is always part of it, every other scope needs it. */
export function grantableScopes(requested: readonly string[]): readonly GrantScope[] {
  return GRANT_SCOPES.filter((scope) => scope === "read" || requested.includes(scope));
}

/** What a person granted: never more than was asked for. Only `generate` is theirs to leave out. */
export function grantedScopes(requested: readonly string[], ticked: readonly string[]): readonly GrantScope[] {
  return grantableScopes(requested).filter((scope) => scope !== "generate" || ticked.includes(scope));
}
