// Stored approvals, which let a client connect again without asking the user. One for each client,
// redirect URI and resource, kept in the user's object, so that it ends with the access, at once.
// Never for a client that any program can impersonate: one that registered itself, or one on this
// computer, where every program can present the same client id.
import type { ClientInfo } from "@cloudflare/workers-oauth-provider";
import { digestText } from "../../../contracts/rpc/encoding.ts";
import type { UserId } from "../../../contracts/rpc/identity.ts";
import type { RequestContext } from "../../context.ts";
import { userObjectOf } from "../../durable/user-object.ts";
import { type ClientIdentity, destinationOf } from "./client-identity.ts";

/** The part of a connection that an approval depends on. */
export interface ApprovableConnection {
  readonly request: {
    readonly clientId: string;
    readonly redirectUri: string;
    readonly resource: string;
    readonly scope: readonly string[];
  };
  /** Digest from `metaHashOf`. */
  readonly metaHash: string | null;
  /** The client wants the user to be asked in any case (`prompt=consent`). */
  readonly mustAsk: boolean;
}

/**
 * A digest of the name and redirect URIs in the client's document: an approval holds for this
 * document only. `null` if no approval may be stored, which is any redirect other than https on
 * exactly the host that the client id proves.
 */
export async function metaHashOf(
  { clientName, redirectUris }: ClientInfo,
  { domain }: ClientIdentity,
  redirectUri: string,
): Promise<string | null> {
  const isOnDomain = redirectUri.startsWith("https:") && destinationOf(redirectUri).host === domain;
  return isOnDomain ? digestText(JSON.stringify([clientName, redirectUris])) : null;
}

/**
 * The scopes of the user's stored approval if they cover the request; `null` if the user must be
 * asked.
 */
export async function approvedScopes(
  { env }: RequestContext,
  userId: UserId,
  connection: ApprovableConnection,
): Promise<readonly string[] | null> {
  const { request, metaHash, mustAsk } = connection;
  if (metaHash === null || mustAsk) return null;
  const approval = await userObjectOf(env, userId).findApproval(await approvalKey(connection));
  if (approval?.metaHash !== metaHash) return null;
  const { scopes } = approval;
  return request.scope.every((scope) => scopes.includes(scope)) ? scopes : null;
}

/** Stores the user's latest decision: an approval, or `null`, which deletes the previous one. */
export async function storeDecision(
  { env }: RequestContext,
  userId: UserId,
  connection: ApprovableConnection,
  scopes: readonly string[] | null,
): Promise<void> {
  const { request, metaHash } = connection;
  if (metaHash === null) return;
  const approval = scopes && { clientId: request.clientId, scopes, metaHash };
  await userObjectOf(env, userId).storeApproval(await approvalKey(connection), approval);
}

function approvalKey({ request: { clientId, redirectUri, resource } }: ApprovableConnection): Promise<string> {
  return digestText([clientId, redirectUri, resource].join("|"));
}
