// A user's grants. The library stores each in KV (`grant:<user>:<id>`); the list of them is in the
// user's object, because lists of KV are up to a minute behind.
import * as v from "valibot";
import type { UserId } from "../../../contracts/rpc/identity.ts";
import type { RequestContext } from "../../context.ts";
import type { GrantName } from "../../durable/grant-object.ts";
import { type GrantRecord, userObjectOf } from "../../durable/user-object.ts";
import type { Env } from "../../env.ts";

/** Metadata of a grant, which the library stores beside it in plain text. Older ones lack times. */
const GrantMetadata = v.object({
  /** Cleaned for display. */
  clientName: v.string(),
  /** Time of the user's decision, in milliseconds since the Unix epoch. */
  atMs: v.optional(v.number()),
  /** Time of the sign-in before it, likewise. */
  signedInAtMs: v.optional(v.number()),
  /** Browser and country of the decision. */
  madeFrom: v.optional(v.nullable(v.string()), null),
});
export type GrantMetadata = v.InferInput<typeof GrantMetadata>;

/** The part of the library's record that its user may see. Instants are seconds. */
const StoredGrant = v.object({
  id: v.string(),
  clientId: v.string(),
  scope: v.array(v.string()),
  redirectUri: v.string(),
  createdAt: v.number(),
  /** Absent until the client has redeemed its code, for which it has ten minutes. */
  expiresAt: v.optional(v.nullable(v.number()), null),
  metadata: v.fallback(GrantMetadata, { clientName: "Unnamed application", madeFrom: null }),
});

const PAGE_SIZE = 20;

/** The grant as the library stores it; `null` if KV does not have it here, or not in this shape. */
export async function readGrant(env: Env, { userId, grantId }: GrantName): Promise<GrantRecord | null> {
  const parsed = v.safeParse(StoredGrant, await env.OAUTH_KV.get(`grant:${userId}:${grantId}`, "json"));
  if (!parsed.success) return null;
  const { id, clientId, scope, redirectUri, createdAt, expiresAt, metadata } = parsed.output;
  const { clientName, atMs = createdAt * 1000, signedInAtMs = atMs, madeFrom } = metadata;
  const redirectOrigin = new URL(redirectUri).origin;
  return { id, clientId, clientName, scope, redirectOrigin, signedInAtMs, createdAtMs: atMs, expiresAt, madeFrom };
}

/**
 * One page of the user's grants, newest first, and the cursor of the next page. An invalid cursor
 * gets the first page.
 */
export async function listUserGrants(
  { env }: RequestContext,
  userId: UserId,
  cursor: string | null,
): Promise<{ readonly grants: readonly GrantRecord[]; readonly next: string | null }> {
  const all = await userObjectOf(env, userId).listGrants();
  const [, atMs, id = ""] = /^(\d{1,15})\.([\w-]{16})$/.exec(cursor ?? "") ?? [];
  const rest = all.filter(
    (grant) => grant.createdAtMs < Number(atMs) || (grant.createdAtMs === Number(atMs) && grant.id > id),
  );
  const left = rest.length > 0 ? rest : all;
  const grants = left.slice(0, PAGE_SIZE);
  const end = left.length > PAGE_SIZE ? grants.at(-1) : undefined;
  return { grants, next: end === undefined ? null : `${end.createdAtMs}.${end.id}` };
}

/**
 * Deletes what KV has of the user's grants and tokens. Their objects have ended them. A list of KV
 * is up to a minute behind, so this is done again later.
 */
export async function deleteStoredGrants({ OAUTH_KV }: Env, userId: UserId): Promise<void> {
  for (const prefix of [`grant:${userId}:`, `token:${userId}:`]) {
    for (let cursor: string | null = null, isComplete = false; !isComplete; ) {
      const listed: KVNamespaceListResult<unknown> = await OAUTH_KV.list({ prefix, cursor });
      await Promise.all(listed.keys.map(({ name }) => OAUTH_KV.delete(name)));
      isComplete = listed.list_complete;
      cursor = listed.list_complete ? null : listed.cursor;
    }
  }
}

/** The user's grant with this id; `null` if there is none. */
export async function findUserGrant(
  { env }: RequestContext,
  userId: UserId,
  grantId: string,
): Promise<GrantRecord | null> {
  const grants = await userObjectOf(env, userId).listGrants();
  return grants.find(({ id }) => id === grantId) ?? null;
}
