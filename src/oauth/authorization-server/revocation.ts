// Revocation of one grant, or of everything that a user has. A grant ends in its own object, so
// that no refresh in parallel can survive it.
import type { TenantId, UserId } from "../../../contracts/rpc/identity.ts";
import { recordAccess } from "../../audit/recorder.ts";
import { AuthService } from "../../backends/auth.ts";
import type { RequestContext } from "../../context.ts";
import { grantObjectOf } from "../../durable/grant-object.ts";
import { type GrantRecord, userObjectOf } from "../../durable/user-object.ts";
import { deleteGrantCredentials, deleteUserCredentials } from "../resource-server/credential-cache.ts";

/** Ends one grant of this user, and the stored approvals of its client. */
export async function revokeGrant(
  context: RequestContext,
  { userId, tenantId }: { readonly userId: UserId; readonly tenantId: TenantId },
  { id: grantId, clientId }: Pick<GrantRecord, "id" | "clientId">,
): Promise<void> {
  // Approvals first: a client that has lost its access must not get it back unasked, even if a
  // later step fails.
  await userObjectOf(context.env, userId).deleteApprovals(clientId);
  await grantObjectOf(context.env, { userId, grantId }).revoke({ userId, grantId });
  deleteGrantCredentials(context.config, { userId, grantId });
  await recordAccess(context, { type: "grant.revoked", subject: userId, tenantId, clientId });
}

/**
 * Ends every grant, token and browser session of the user's sign-ins up to `untilMs` (milliseconds
 * since the Unix epoch; default: now), and returns the number of grants ended. One step in the
 * user's object ends all of them everywhere at once; the objects of the grants then follow.
 * `tenantId`: the user's; `null`: the auth Worker is asked.
 */
export async function revokeUser(
  context: RequestContext,
  userId: UserId,
  tenantId: TenantId | null,
  untilMs = Date.now(),
): Promise<number> {
  const { env, config } = context;
  const grantIds = await userObjectOf(env, userId).endEverything(untilMs);
  deleteUserCredentials(config, userId);
  const revoke = (grantId: string) => grantObjectOf(env, { userId, grantId }).revoke({ userId, grantId });
  await Promise.all([...grantIds.map(revoke), nextSecond(untilMs), recordRevoked(context, userId, tenantId)]);
  return grantIds.length;
}

async function recordRevoked(context: RequestContext, userId: UserId, known: TenantId | null): Promise<void> {
  const tenantId = known ?? (await new AuthService(context).tenantOf(userId));
  await recordAccess(context, { type: "user.revoked", subject: userId, tenantId, clientId: null });
}

/**
 * Waits for the second after `instantMs`. A JWT tells its second only, and one of this second has
 * ended: one that the user creates after the revocation is of a later second.
 */
async function nextSecond(instantMs: number): Promise<void> {
  const waitMs = (Math.floor(instantMs / 1000) + 1) * 1000 - Date.now();
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(waitMs, 1000)));
}
