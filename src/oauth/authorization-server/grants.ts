// A user's grants, as the library stores them (`grant:<user>:<id>`). The library lists grants in
// the order of their ids, which are random, and reads every one. Here the expiry of a key tells its
// age, so that the newest come first and only those on the page are read.
import * as v from "valibot";
import type { UserId } from "../../../contracts/rpc/identity.ts";
import type { RequestContext } from "../../context.ts";
import { grantObjectOf } from "../../durable/grant-object.ts";

/** The part of a grant that its user may see. Instants are seconds since the Unix epoch. */
const UserGrant = v.object({
  /** Id of the grant. */
  id: v.string(),
  clientId: v.string(),
  scope: v.array(v.string()),
  redirectUri: v.string(),
  createdAt: v.number(),
  /** `null` until the client has redeemed its code, for which it has ten minutes. */
  expiresAt: v.optional(v.nullable(v.number()), null),
  /** `clientName` was cleaned for display when it was stored. */
  metadata: v.fallback(v.object({ clientName: v.string() }), { clientName: "Unnamed application" }),
});
export type UserGrant = Readonly<v.InferOutput<typeof UserGrant>>;

interface GrantKey {
  readonly id: string;
  /**
   * Expiry in storage, in seconds since the Unix epoch. All grants live equally long, so the newest
   * ends last.
   */
  readonly endsAt: number;
}

const GRANT_ID = /^[\w-]{16}$/;
const PAGE_SIZE = 20;

/**
 * One page of the user's grants, newest first, and the cursor of the next page. An invalid cursor
 * gets the first page.
 */
export async function listUserGrants(
  context: RequestContext,
  userId: UserId,
  cursor: string | null,
): Promise<{ readonly grants: readonly UserGrant[]; readonly next: string | null }> {
  const keys = (await listGrantKeys(context, userId)).toSorted(newestFirst);
  const last = parseCursor(cursor);
  const rest = last === null ? [] : keys.filter((key) => newestFirst(key, last) > 0);
  const left = rest.length > 0 ? rest : keys;
  const shown = left.slice(0, PAGE_SIZE);
  const end = left.length > PAGE_SIZE ? shown.at(-1) : undefined;
  const grants = await Promise.all(shown.map(({ id }) => findUserGrant(context, userId, id)));
  return {
    grants: grants.filter((grant) => grant !== null).toSorted((a, b) => b.createdAt - a.createdAt),
    next: end === undefined ? null : `${end.endsAt}.${end.id}`,
  };
}

/**
 * The user's grant with this id. `null` if there is none, also if only KV in this location still
 * has it.
 */
export async function findUserGrant(
  { env }: RequestContext,
  userId: UserId,
  grantId: string,
): Promise<UserGrant | null> {
  if (!GRANT_ID.test(grantId)) return null;
  const [stored, hasEnded] = await Promise.all([
    env.OAUTH_KV.get(`grant:${userId}:${grantId}`, "json"),
    grantObjectOf(env, { userId, grantId }).hasEnded(),
  ]);
  const parsed = v.safeParse(UserGrant, stored);
  return parsed.success && !hasEnded ? parsed.output : null;
}

/** The keys of all grants of the user. Reads no grant. */
export async function listGrantKeys({ env }: RequestContext, userId: UserId): Promise<readonly GrantKey[]> {
  const prefix = `grant:${userId}:`;
  const found: GrantKey[] = [];
  let cursor: string | null = null;
  do {
    const page: KVNamespaceListResult<unknown, string> = await env.OAUTH_KV.list({ prefix, cursor });
    const keys = page.keys.map(({ name, expiration }) => ({ id: name.slice(prefix.length), endsAt: expiration ?? 0 }));
    found.push(...keys.filter(({ id }) => GRANT_ID.test(id)));
    cursor = page.list_complete ? null : page.cursor;
  } while (cursor !== null);
  return found;
}

function newestFirst(a: GrantKey, b: GrantKey): number {
  return b.endsAt - a.endsAt || Number(a.id > b.id) - Number(a.id < b.id);
}

function parseCursor(cursor: string | null): GrantKey | null {
  const [, endsAt, id] = /^(\d{1,12})\.([\w-]{16})$/.exec(cursor ?? "") ?? [];
  return endsAt === undefined || id === undefined ? null : { id, endsAt: Number(endsAt) };
}
