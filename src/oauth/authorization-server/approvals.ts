// Stored approvals, which let a client connect again without asking the user. One for each client,
// redirect URI and resource, kept on the server, so that it ends when the user ends the access.
// Never for a client that any program can impersonate: one that registered itself, or one on this
// computer, where every program can present the same client id.
import type { ClientInfo } from "@cloudflare/workers-oauth-provider";
import * as v from "valibot";
import { digestText } from "../../../contracts/rpc/encoding.ts";
import type { UserId } from "../../../contracts/rpc/identity.ts";
import type { RequestContext } from "../../context.ts";
import { revocationsOf } from "../../durable/user-revocations.ts";
import { nowSeconds } from "../clock.ts";
import { type ClientIdentity, destinationOf } from "./client-identity.ts";

const LIFETIME_SECONDS = 90 * 86_400;

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

const Approval = v.object({ scopes: v.array(v.string()), at: v.number(), metaHash: v.string() });
type Approval = v.InferOutput<typeof Approval>;

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
  const parsed = v.safeParse(Approval, await env.OAUTH_KV.get(await approvalKey(userId, connection), "json"));
  if (!parsed.success || parsed.output.metaHash !== metaHash) return null;
  const { scopes, at } = parsed.output;
  if (!request.scope.every((scope) => scopes.includes(scope))) return null;
  // KV can be behind; the object that ends everything of a user is not.
  return (await revocationsOf(env, userId).hasEndedTokens(at)) ? null : scopes;
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
  const key = await approvalKey(userId, connection);
  if (scopes === null) return env.OAUTH_KV.delete(key);
  const approval: Approval = { scopes: [...scopes], at: nowSeconds(), metaHash };
  const options = { expirationTtl: LIFETIME_SECONDS, metadata: { clientId: request.clientId } };
  await env.OAUTH_KV.put(key, JSON.stringify(approval), options);
}

/** Deletes the user's approvals for `clientId`, or for every client if it is `null`. */
export async function deleteApprovals({ env }: RequestContext, userId: UserId, clientId: string | null): Promise<void> {
  const prefix = `approval:${userId}:`;
  let cursor: string | null = null;
  do {
    const page: KVNamespaceListResult<{ clientId: string }, string> = await env.OAUTH_KV.list({ prefix, cursor });
    const matching = page.keys.filter(({ metadata }) => clientId === null || metadata?.clientId === clientId);
    await Promise.all(matching.map(({ name }) => env.OAUTH_KV.delete(name)));
    cursor = page.list_complete ? null : page.cursor;
  } while (cursor !== null);
}

async function approvalKey(userId: UserId, { request }: ApprovableConnection): Promise<string> {
  const { clientId, redirectUri, resource } = request;
  return `approval:${userId}:${await digestText([clientId, redirectUri, resource].join("|"))}`;
}
