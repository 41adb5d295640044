// The account of a signed-in user, as transactions and sessions keep it.
import * as v from "valibot";
import { TenantId, Tier, UserId } from "../../../contracts/rpc/identity.ts";
import { AUTH_UNAVAILABLE, type AuthUnavailable } from "../../backends/auth.ts";
import type { BrowserRequest } from "./browser-request.ts";

export const Account = v.object({ userId: UserId, tenantId: TenantId, tier: Tier, email: v.string() });
export type Account = Readonly<v.InferOutput<typeof Account>>;

/** The sign-in that a browser session, a decision and its grant come from. */
export const SignInOrigin = v.object({
  /** Milliseconds since the Unix epoch. */
  startedAtMs: v.number(),
  /**
   * The user's session version then; the auth Worker raises it when the user's sessions must end.
   * Older transactions lack it, and sign in again.
   */
  sessionVersion: v.optional(v.number(), -1),
});
export type SignInOrigin = Readonly<v.InferOutput<typeof SignInOrigin>>;

/** The current state of an account. */
export interface CurrentAccount {
  readonly account: Account;
  readonly sessionVersion: number;
  /** A sign-in at or before this instant has ended; milliseconds since the Unix epoch. */
  readonly signedOutAtMs: number;
}

/** Looks up an account. `null` for a user who is disabled or deleted, or who has no tenant. */
export async function currentAccount(
  { auth }: BrowserRequest,
  userId: UserId,
): Promise<CurrentAccount | null | AuthUnavailable> {
  const user = await auth.getUser(userId);
  if (user === AUTH_UNAVAILABLE) return AUTH_UNAVAILABLE;
  if (!user?.isActive) return null;
  const { tenantId, tier, email, sessionVersion, signedOutAtMs } = user;
  return { account: { userId, tenantId, tier, email }, sessionVersion, signedOutAtMs };
}
