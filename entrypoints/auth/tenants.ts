// Tenants: what is billed. A user has exactly one, made on first need.
import * as v from "valibot";
import type { GetUser, Tenant } from "../../contracts/auth.ts";
import { TenantId, Tier, UserId } from "../../contracts/rpc/identity.ts";
import type { OutputOf } from "../../contracts/rpc/operation.ts";
import { fail, ok, type Result } from "../../contracts/rpc/result.ts";
import type { Env } from "./settings.ts";

/** Arguments of `provisionTenant`, as anybody may send them. */
export const ProvisionRequest = v.object({
  userId: UserId,
  source: v.picklist(["oauth", "api_key", "service_binding"]),
});

/**
 * The tenant ?1 of the user ?2, for statements about what is theirs: no row where the two do not belong together (what a test key or a
 * sibling Worker brings), nor for a user who is disabled.
 */
export const OWN_TENANT =
  "SELECT t.id FROM tenants t JOIN user u ON u.id = t.user_id WHERE t.id = ?1 AND u.id = ?2 AND u.disabledAt IS NULL";

const TenantRow = v.object({ id: TenantId, tier: Tier, is_delinquent: v.number(), created_at: v.number() });
const UserRow = v.object({
  id: UserId,
  email: v.string(),
  name: v.string(),
  disabledAt: v.nullable(v.string()),
  sessionVersion: v.number(),
});

/** Insert or nothing, then read: two at once make one tenant. Throws for a user who does not exist. */
export async function provision(
  env: Env,
  request: v.InferOutput<typeof ProvisionRequest>,
  nowSeconds: number,
): Promise<Tenant> {
  const { userId, source } = request;
  const id = crypto.randomUUID().replaceAll("-", "");
  const [, read] = await env.DB.batch([
    env.DB.prepare(
      "INSERT INTO tenants (id, user_id, tier, source, created_at) VALUES (?1, ?2, 'free', ?3, ?4) ON CONFLICT (user_id) DO NOTHING",
    ).bind(id, userId, source, nowSeconds),
    env.DB.prepare("SELECT id, tier, is_delinquent, created_at FROM tenants WHERE user_id = ?1").bind(userId),
  ]);
  const row = v.parse(TenantRow, read?.results[0]);
  return {
    tenantId: row.id,
    userId,
    tier: row.tier,
    delinquent: row.is_delinquent !== 0,
    createdAt: row.created_at * 1000,
  };
}

/** The user as of now. The gateway may ask about anybody, anybody else only about themselves. */
export async function findUser(
  env: Env,
  subject: string,
  userId: UserId,
  nowSeconds: number,
): Promise<Result<OutputOf<typeof GetUser>, { code: "user_not_found" }>> {
  if (subject !== "gateway" && subject !== userId) return fail("user_not_found");
  const read = await env.DB.prepare("SELECT id, email, name, disabledAt, sessionVersion FROM user WHERE id = ?1")
    .bind(userId)
    .first();
  if (read === null) return fail("user_not_found");
  const { email, name, disabledAt, sessionVersion } = v.parse(UserRow, read);
  const { tenantId, tier } = await provision(env, { userId, source: "oauth" }, nowSeconds);
  return ok({ userId, tenantId, email, name, tier, isActive: disabledAt === null, sessionVersion });
}
