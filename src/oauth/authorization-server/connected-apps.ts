// The apps that a person has connected: their grants, as the library keeps them (`grant:<user>:<id>`). The library lists grants in
// the order of their ids, which are random, and reads every one; a key's own expiry tells its age, so that the newest come first and
// only those on the page are read.
import * as v from "valibot";
import type { UserId } from "../../../contracts/rpc/identity.ts";
import { grantObjectOf } from "../../durable/grant-object.ts";
import type { Env } from "../../env.ts";

/** What its owner may see of a grant. Instants are seconds since the Unix epoch. */
const ConnectedApp = v.object({
  /** Id of the grant. */
  id: v.string(),
  clientId: v.string(),
  scope: v.array(v.string()),
  redirectUri: v.string(),
  createdAt: v.number(),
  /** `null` until the app has redeemed its code, for which it has ten minutes. */
  expiresAt: v.optional(v.nullable(v.number()), null),
  /** `clientName` was cleaned for display when it was stored. */
  metadata: v.fallback(v.object({ clientName: v.string() }), { clientName: "Unnamed application" }),
});
export type ConnectedApp = Readonly<v.InferOutput<typeof ConnectedApp>>;

interface GrantKey {
  readonly id: string;
  /** When storage drops it, in seconds since the Unix epoch. Every grant lives equally long, so the newest ends last. */
  readonly endsAt: number;
}

const GRANT_ID = /^[\w-]{16}$/;
const PAGE_SIZE = 20;

/** One page of the user's apps, newest first, and the cursor of the next page. A cursor that means nothing gets the first page. */
export async function listConnectedApps(
  env: Env,
  userId: UserId,
  cursor: string | null,
): Promise<{ readonly apps: readonly ConnectedApp[]; readonly next: string | null }> {
  const keys = (await listGrants(env, userId)).toSorted(newestFirst);
  const last = cursorKey(cursor);
  const rest = last === null ? [] : keys.filter((key) => newestFirst(key, last) > 0);
  const left = rest.length > 0 ? rest : keys;
  const shown = left.slice(0, PAGE_SIZE);
  const end = left.length > PAGE_SIZE ? shown.at(-1) : undefined;
  const apps = await Promise.all(shown.map(({ id }) => findConnectedApp(env, userId, id)));
  return {
    apps: apps.filter((app) => app !== null).toSorted((a, b) => b.createdAt - a.createdAt),
    next: end === undefined ? null : `${end.endsAt}.${end.id}`,
  };
}

/** The user's app with this grant. `null`: none such, also where storage in this location has not heard of its end yet. */
export async function findConnectedApp(env: Env, userId: UserId, grantId: string): Promise<ConnectedApp | null> {
  if (!GRANT_ID.test(grantId)) return null;
  const [stored, hasEnded] = await Promise.all([
    env.OAUTH_KV.get(`grant:${userId}:${grantId}`, "json"),
    grantObjectOf(env, { userId, grantId }).hasEnded(),
  ]);
  const parsed = v.safeParse(ConnectedApp, stored);
  return parsed.success && !hasEnded ? parsed.output : null;
}

/** Every grant of the user, without reading any. */
export async function listGrants(env: Env, userId: UserId): Promise<readonly GrantKey[]> {
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

function cursorKey(cursor: string | null): GrantKey | null {
  const [, endsAt, id] = /^(\d{1,12})\.([\w-]{16})$/.exec(cursor ?? "") ?? [];
  return endsAt === undefined || id === undefined ? null : { id, endsAt: Number(endsAt) };
}
