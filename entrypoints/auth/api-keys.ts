// Judges API keys. A key is 256 random bits behind `sb_live_` or `sb_test_`; the database holds its SHA-256, so a copy of the
// database is no key ring, and one read tells everything about a key.
import * as v from "valibot";
import { API_KEY_PATTERN, type ApiKeyVerdict, type AuthError } from "../../contracts/auth.ts";
import { TenantId, Tier, UserId } from "../../contracts/rpc/identity.ts";
import { sha256 } from "./digest.ts";
import type { Env } from "./settings.ts";

const KeyRow = v.object({
  id: v.string(),
  scopes: v.string(),
  expires_at: v.nullable(v.number()),
  revoked_at: v.nullable(v.number()),
  tenant_id: TenantId,
  tier: Tier,
  is_delinquent: v.number(),
  user_id: UserId,
  disabledAt: v.nullable(v.string()),
});

/** `INVALID_TOKEN` for no key at all, `KEY_REVOKED` also where its user is disabled, `KEY_EXPIRED`, `PAYMENT_DELINQUENT`. */
export async function judgeApiKey(env: Env, rawKey: unknown, nowSeconds: number): Promise<ApiKeyVerdict> {
  if (typeof rawKey !== "string" || !API_KEY_PATTERN.test(rawKey)) return refused("INVALID_TOKEN");
  const read = await env.DB.prepare(
    `SELECT k.id, k.scopes, k.expires_at, k.revoked_at, t.id AS tenant_id, t.tier, t.is_delinquent, u.id AS user_id, u.disabledAt
     FROM api_keys k JOIN tenants t ON t.id = k.tenant_id JOIN user u ON u.id = t.user_id WHERE k.key_hash = ?1`,
  )
    .bind(await sha256(rawKey))
    .first();
  if (read === null) return refused("INVALID_TOKEN");
  const key = v.parse(KeyRow, read);
  if (key.revoked_at !== null || key.disabledAt !== null) return refused("KEY_REVOKED");
  if (key.expires_at !== null && key.expires_at <= nowSeconds) return refused("KEY_EXPIRED");
  if (key.is_delinquent !== 0) return refused("PAYMENT_DELINQUENT");
  return {
    valid: true,
    tenant_id: key.tenant_id,
    tier: key.tier,
    scopes: key.scopes.split(" ").filter((scope) => scope !== ""),
    key_id: key.id,
    user_id: key.user_id,
  };
}

function refused(error: AuthError): ApiKeyVerdict {
  return { valid: false, error };
}
