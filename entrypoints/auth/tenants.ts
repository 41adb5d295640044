// Tenants, the unit of billing. A user has exactly one, created on first use.
import * as v from "valibot";
import type { GetUser, Tenant } from "../../contracts/auth.ts";
import { TenantId, Tier, UserId } from "../../contracts/rpc/identity.ts";
import type { OutputOf } from "../../contracts/rpc/operation.ts";
import { fail, ok, type Result } from "../../contracts/rpc/result.ts";
import { readableEmail } from "./email-spellings.ts";
import type { Env } from "./settings.ts";

/** Argument of `provisionTenant`, unverified. */
export const ProvisionRequest = v.object({
  userId: UserId,
  source: v.picklist(["oauth", "api_key", "service_binding"]),
});

/**
 * Selects the tenant ?1 of the user ?2, for statements about the user's own data. No row if the two
 * do not belong together, as with a test key or a sibling Worker, or if the user is disabled.
 */
export const OWN_TENANT =
  "SELECT t.id FROM tenants t JOIN user u ON u.id = t.user_id WHERE t.id = ?1 AND u.id = ?2 AND u.disabledAt IS NULL";

const TenantRow = v.object({ id: TenantId, tier: Tier, is_delinquent: v.number(), created_at: v.number() });
const UserRow = v.object({
  email: v.string(),
  name: v.string(),
  disabledAt: v.nullable(v.string()),
  sessionVersion: v.number(),
  signedOutAt: v.nullable(v.string()),
  tenantId: TenantId,
  tier: Tier,
  isDelinquent: v.number(),
});

/**
 * Inserts unless there is a row, then reads: parallel calls create one tenant. Throws if there is
 * no such user.
 */
export async function provision(
  env: Env,
  request: v.InferOutput<typeof ProvisionRequest>,
  nowSeconds: number,
): Promise<Tenant> {
  const { userId, source } = request;
  const id = crypto.randomUUID().replaceAll("-", "");
  const [, tenants] = await env.DB.batch([
    env.DB.prepare(
      "INSERT INTO tenants (id, user_id, tier, source, created_at) VALUES (?1, ?2, 'free', ?3, ?4) ON CONFLICT (user_id) DO NOTHING",
    ).bind(id, userId, source, nowSeconds),
    env.DB.prepare("SELECT id, tier, is_delinquent, created_at FROM tenants WHERE user_id = ?1").bind(userId),
  ]);
  const row = v.parse(TenantRow, tenants?.results[0]);
  return {
    tenantId: row.id,
    userId,
    tier: row.tier,
    delinquent: row.is_delinquent !== 0,
    createdAt: row.created_at * 1000,
  };
}

/**
 * Returns the current state of a user, and writes nothing. The gateway may read every user, a user
 * only themselves.
 */
export async function findUser(
  env: Env,
  subject: string,
  userId: UserId,
): Promise<Result<OutputOf<typeof GetUser>, { code: "user_not_found" }>> {
  if (subject !== "gateway" && subject !== userId) return fail("user_not_found");
  const found = await env.DB.prepare(
    `SELECT u.email, u.name, u.disabledAt, u.sessionVersion, u.signedOutAt, t.id AS tenantId, t.tier, t.is_delinquent AS isDelinquent
     FROM user u JOIN tenants t ON t.user_id = u.id WHERE u.id = ?1`,
  )
    .bind(userId)
    .first();
  if (found === null) return fail("user_not_found");
  const { disabledAt, signedOutAt, isDelinquent, ...user } = v.parse(UserRow, found);
  return ok({
    ...user,
    email: readableEmail(user.email),
    userId,
    isActive: disabledAt === null,
    isDelinquent: isDelinquent !== 0,
    signedOutAtMs: signedOutAt === null ? 0 : Date.parse(signedOutAt),
  });
}
