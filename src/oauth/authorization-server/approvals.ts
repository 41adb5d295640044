// Approvals that a person asked to be remembered: kept on the server, one for each client, redirect and resource, so that they end
// when the person takes the access away. Never for an app that anybody could pretend to be: one that registered itself, or one on
// this computer, where any program can present the same client id.
import type { ClientInfo } from "@cloudflare/workers-oauth-provider";
import * as v from "valibot";
import { digestText } from "../../../contracts/rpc/encoding.ts";
import type { UserId } from "../../../contracts/rpc/identity.ts";
import { revocationsOf } from "../../durable/user-revocations.ts";
import type { Env } from "../../env.ts";
import { nowSeconds } from "../browser/browser-request.ts";
import type { Connection } from "../browser/transaction.ts";
import type { ClientIdentity } from "./client-identity.ts";

const LIFETIME_SECONDS = 90 * 86_400;

const Approval = v.object({ scopes: v.array(v.string()), at: v.number(), metaHash: v.string() });
type Approval = v.InferOutput<typeof Approval>;

/**
 * A digest of what the client's own document says of its name and addresses: an approval of one document is none of another. `null`
 * where approvals may not be remembered, which is everywhere but for https on the very host that the client id proves.
 */
export async function metaHashOf(
  { clientName, redirectUris }: ClientInfo,
  { domain }: ClientIdentity,
  redirectUri: string,
): Promise<string | null> {
  const { protocol, host } = new URL(redirectUri);
  return protocol === "https:" && host === domain ? digestText(JSON.stringify([clientName, redirectUris])) : null;
}

/** The scopes that this user has approved for good where they cover everything that this request asks for; `null`: ask. */
export async function approvedScopes(
  env: Env,
  userId: UserId,
  connection: Connection,
): Promise<readonly string[] | null> {
  const { request, metaHash, mustAsk } = connection;
  if (metaHash === null || mustAsk) return null;
  const parsed = v.safeParse(Approval, await env.OAUTH_KV.get(await approvalKey(userId, connection), "json"));
  if (!parsed.success || parsed.output.metaHash !== metaHash) return null;
  const { scopes, at } = parsed.output;
  if (!request.scope.every((scope) => scopes.includes(scope))) return null;
  // Storage can be behind; what has ended everything of this user's is not.
  return (await revocationsOf(env, userId).hasEndedTokens(at)) ? null : scopes;
}

/** Keeps the person's newest decision: an approval to be remembered, or `null`, which forgets the one before. */
export async function rememberDecision(
  env: Env,
  userId: UserId,
  connection: Connection,
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

/** Forgets what this user approved for `clientId`, or for every client where that is `null`. */
export async function forgetApprovals(env: Env, userId: UserId, clientId: string | null): Promise<void> {
  const prefix = `approval:${userId}:`;
  let cursor: string | null = null;
  do {
    const page: KVNamespaceListResult<{ clientId: string }, string> = await env.OAUTH_KV.list({ prefix, cursor });
    const doomed = page.keys.filter(({ metadata }) => clientId === null || metadata?.clientId === clientId);
    await Promise.all(doomed.map(({ name }) => env.OAUTH_KV.delete(name)));
    cursor = page.list_complete ? null : page.cursor;
  } while (cursor !== null);
}

async function approvalKey(userId: UserId, { request }: Connection): Promise<string> {
  const { clientId, redirectUri, resource } = request;
  return `approval:${userId}:${await digestText([clientId, redirectUri, resource].join("|"))}`;
}
