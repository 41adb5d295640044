// Taking access away: one grant, or everything that a user has. A grant ends in its own gate, so that no refresh can pass it by.
import type { UserId } from "../../../contracts/rpc/identity.ts";
import { type Background, recordAccess } from "../../audit/sinks.ts";
import type { Trace } from "../../context.ts";
import { grantObjectOf } from "../../durable/grant-object.ts";
import { revocationsOf } from "../../durable/user-revocations.ts";
import type { Env } from "../../env.ts";
import { deleteGrantCredentials, deleteUserCredentials } from "../resource-server/credential-cache.ts";
import { forgetApprovals } from "./approvals.ts";
import { type ConnectedApp, listGrants } from "./connected-apps.ts";

/** Ends one grant of this user, and forgets that its client may connect without asking. */
export async function revokeGrant(
  env: Env,
  background: Background,
  userId: UserId,
  { id: grantId, clientId }: Pick<ConnectedApp, "id" | "clientId">,
  trace: Trace,
): Promise<void> {
  // In this order: an app that has lost its access must not get it back unasked, whatever fails in between.
  await forgetApprovals(env, userId, clientId);
  await grantObjectOf(env, { userId, grantId }).revoke({ userId, grantId });
  deleteGrantCredentials(env, { userId, grantId });
  recordAccess(env.PLATFORM_EVENTS_QUEUE, background, trace.traceId, {
    type: "grant.revoked",
    subject: userId,
    clientId,
  });
}

/**
 * Ends every grant, token and browser session of this user. What is marked first holds everywhere at once: a sign-in from before can
 * neither refresh nor use a paid tool. Answers how many grants were ended.
 */
export async function revokeUser(env: Env, background: Background, userId: UserId, trace: Trace): Promise<number> {
  const revocations = revocationsOf(env, userId);
  await revocations.endTokens();
  await revocations.endSessions();
  deleteUserCredentials(env, userId);
  recordAccess(env.PLATFORM_EVENTS_QUEUE, background, trace.traceId, {
    type: "user.revoked",
    subject: userId,
    clientId: null,
  });
  await forgetApprovals(env, userId, null);
  const grants = await listGrants(env, userId);
  await Promise.all(
    grants.map(({ id }) => grantObjectOf(env, { userId, grantId: id }).revoke({ userId, grantId: id })),
  );
  return grants.length;
}
