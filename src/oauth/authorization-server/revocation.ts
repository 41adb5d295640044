// Revocation of one grant, or of everything that a user has. A grant ends in its own object, so
// that no refresh in parallel can survive it.
import type { UserId } from "../../../contracts/rpc/identity.ts";
import { recordAccess } from "../../audit/recorder.ts";
import type { RequestContext } from "../../context.ts";
import { grantObjectOf } from "../../durable/grant-object.ts";
import { revocationsOf } from "../../durable/user-revocations.ts";
import { deleteGrantCredentials, deleteUserCredentials } from "../resource-server/credential-cache.ts";
import { deleteApprovals } from "./approvals.ts";
import { listGrantKeys, type UserGrant } from "./grants.ts";

/** Ends one grant of this user, and the stored approvals of its client. */
export async function revokeGrant(
  context: RequestContext,
  userId: UserId,
  { id: grantId, clientId }: Pick<UserGrant, "id" | "clientId">,
): Promise<void> {
  // Approvals first: a client that has lost its access must not get it back unasked, even if a
  // later step fails.
  await deleteApprovals(context, userId, clientId);
  await grantObjectOf(context.env, { userId, grantId }).revoke({ userId, grantId });
  deleteGrantCredentials(context.config, { userId, grantId });
  recordAccess(context, { type: "grant.revoked", subject: userId, clientId });
}

/**
 * Ends every grant, token and browser session of this user and returns the number of grants ended.
 * The marks come first and hold everywhere at once: an earlier sign-in can then neither refresh nor
 * call a tool that costs credits.
 */
export async function revokeUser(context: RequestContext, userId: UserId): Promise<number> {
  const { env, config } = context;
  const revocations = revocationsOf(env, userId);
  await revocations.endTokens();
  await revocations.endSessions();
  deleteUserCredentials(config, userId);
  recordAccess(context, { type: "user.revoked", subject: userId, clientId: null });
  await deleteApprovals(context, userId, null);
  const keys = await listGrantKeys(context, userId);
  await Promise.all(keys.map(({ id }) => grantObjectOf(env, { userId, grantId: id }).revoke({ userId, grantId: id })));
  return keys.length;
}
