// The account of a signed-in user, as transactions and sessions keep it.
import * as v from "valibot";
import { TenantId, Tier, UserId } from "../../../contracts/rpc/identity.ts";
import { AUTH_UNAVAILABLE, type AuthUnavailable } from "../../backends/auth.ts";
import type { BrowserRequest } from "./browser-request.ts";

/** `authTime`: when the user signed in, in seconds since the Unix epoch. */
export const Account = v.object({
  userId: UserId,
  tenantId: TenantId,
  tier: Tier,
  email: v.string(),
  authTime: v.number(),
});
export type Account = Readonly<v.InferOutput<typeof Account>>;

/** The current state of an account. */
export interface CurrentAccount {
  readonly account: Account;
  /** Raised by the auth Worker when the user's sessions must end. */
  readonly sessionVersion: number;
}

/**
 * Looks up the account of a user who signed in at `authTime`. `null` for a user who is disabled or
 * deleted, or who has no tenant.
 */
export async function currentAccount(
  { auth }: BrowserRequest,
  userId: UserId,
  authTime: number,
): Promise<CurrentAccount | null | AuthUnavailable> {
  const user = await auth.getUser(userId);
  if (user === AUTH_UNAVAILABLE) return AUTH_UNAVAILABLE;
  if (!user?.isActive) return null;
  const { tenantId, tier, email, sessionVersion } = user;
  return { account: { userId, tenantId, tier, email, authTime }, sessionVersion };
}
