// API keys: a user creates, lists and revokes their own keys; the gateway validates any key. A key
// is 256 random bits behind `sb_live_` or `sb_test_`. The database holds only its SHA-256, so a
// copy of the database gives no access, and one read returns everything about a key.
import * as v from "valibot";
import {
  API_KEY_PATTERN,
  API_KEYS_MAX,
  type ApiKey,
  type ApiKeyValidation,
  type AuthError,
  type CreateApiKey,
  KeyEnvironment,
  type ListApiKeys,
  type RevokeApiKey,
} from "../../contracts/auth.ts";
import { type Identity, Scope, TenantId, Tier, UserId } from "../../contracts/rpc/identity.ts";
import type { CodeOf, OutputOf, ParsedInputOf } from "../../contracts/rpc/operation.ts";
import { type Failure, fail, ok, type Result } from "../../contracts/rpc/result.ts";
import { KeyName } from "./account-fields.ts";
import { logCrash } from "./crash-log.ts";
import { randomToken, sha256 } from "./digest.ts";
import type { Env } from "./settings.ts";
import { OWN_TENANT } from "./tenants.ts";

const DAY_SECONDS = 86_400;
/** Characters of a key that its list shows: `sb_live_` and 4 of 43. */
const PREFIX_LENGTH = 12;
/** A use is stored if the last one is older, so that a busy key writes little. Seconds. */
const USE_INTERVAL_SECONDS = 600;

/** The columns of a key that its owner may see. */
const OwnKeyRow = v.object({
  id: v.string(),
  name: v.string(),
  environment: KeyEnvironment,
  scopes: v.string(),
  created_at: v.number(),
  expires_at: v.nullable(v.number()),
  prefix: v.nullable(v.string()),
  last_used_at: v.nullable(v.number()),
});
const OWN_KEY_COLUMNS = Object.keys(OwnKeyRow.entries).join(", ");

/**
 * Creates a key for the calling user. One statement counts and inserts, so that parallel calls
 * cannot exceed `API_KEYS_MAX`.
 */
export async function createApiKey(
  env: Env,
  { tenantId, subject }: Identity,
  input: ParsedInputOf<typeof CreateApiKey>,
  nowSeconds: number,
): Promise<Result<OutputOf<typeof CreateApiKey>, Failure<CodeOf<typeof CreateApiKey>>>> {
  const name = v.safeParse(KeyName, input.name);
  if (!name.success) return fail("name_not_usable");
  const key = `sb_${input.environment}_${randomToken()}`;
  const id = crypto.randomUUID().replaceAll("-", "");
  const expiresAt = input.expiresInDays === null ? null : nowSeconds + input.expiresInDays * DAY_SECONDS;
  const texts = [id, await sha256(key), name.output, input.environment, scopeText(input.scopes)];
  const row = [...texts, nowSeconds, expiresAt, key.slice(0, PREFIX_LENGTH)];
  const [owner, created] = await env.DB.batch([
    env.DB.prepare(OWN_TENANT).bind(tenantId, subject),
    env.DB.prepare(
      `INSERT INTO api_keys (tenant_id, id, key_hash, name, environment, scopes, created_at, expires_at, prefix)
       SELECT own.id, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 FROM (${OWN_TENANT}) own
       WHERE (SELECT count(*) FROM api_keys WHERE tenant_id = own.id AND revoked_at IS NULL) < ${API_KEYS_MAX}
       RETURNING ${OWN_KEY_COLUMNS}`,
    ).bind(tenantId, subject, ...row),
  ]);
  if (owner?.results.length !== 1) return fail("user_not_found");
  return created?.results.length === 1 ? ok({ key, ...ownKey(created.results[0]) }) : fail("too_many_keys");
}

/**
 * Lists the keys of the calling user; empty for an unknown one. An expired key is listed until it
 * is revoked.
 */
export async function listApiKeys(
  env: Env,
  { tenantId, subject }: Identity,
): Promise<Result<OutputOf<typeof ListApiKeys>, never>> {
  const { results } = await env.DB.prepare(
    `SELECT ${OWN_KEY_COLUMNS} FROM api_keys WHERE tenant_id = (${OWN_TENANT}) AND revoked_at IS NULL ORDER BY created_at DESC, rowid DESC`,
  )
    .bind(tenantId, subject)
    .all();
  return ok({ keys: results.map(ownKey) });
}

/**
 * Revokes a key of the calling user. `key_not_found` also for another user's key and for a revoked
 * one.
 */
export async function revokeApiKey(
  env: Env,
  { tenantId, subject }: Identity,
  keyId: string,
  nowSeconds: number,
): Promise<Result<OutputOf<typeof RevokeApiKey>, Failure<CodeOf<typeof RevokeApiKey>>>> {
  const revoked = await env.DB.prepare(
    `UPDATE api_keys SET revoked_at = ?4 WHERE id = ?3 AND revoked_at IS NULL AND tenant_id = (${OWN_TENANT}) RETURNING id`,
  )
    .bind(tenantId, subject, keyId, nowSeconds)
    .first();
  return revoked === null ? fail("key_not_found") : ok({ keyId });
}

const KeyRow = v.object({
  id: v.string(),
  scopes: v.string(),
  expires_at: v.nullable(v.number()),
  revoked_at: v.nullable(v.number()),
  last_used_at: v.nullable(v.number()),
  tenant_id: TenantId,
  tier: Tier,
  is_delinquent: v.number(),
  user_id: UserId,
  disabledAt: v.nullable(v.string()),
});

/**
 * Returns the tenant, scopes and user of a key. `INVALID_TOKEN` for an unknown or malformed key,
 * `KEY_REVOKED` also if its user is disabled, `KEY_EXPIRED`, `PAYMENT_DELINQUENT`. A valid key has
 * been used, which is stored without a wait.
 */
export async function validateApiKey(
  env: Env,
  ctx: Pick<ExecutionContext, "waitUntil">,
  rawKey: unknown,
  nowSeconds: number,
): Promise<ApiKeyValidation> {
  if (typeof rawKey !== "string" || !API_KEY_PATTERN.test(rawKey)) return refused("INVALID_TOKEN");
  const row = await env.DB.prepare(
    `SELECT k.id, k.scopes, k.expires_at, k.revoked_at, k.last_used_at, t.id AS tenant_id, t.tier, t.is_delinquent, u.id AS user_id, u.disabledAt
     FROM api_keys k JOIN tenants t ON t.id = k.tenant_id JOIN user u ON u.id = t.user_id WHERE k.key_hash = ?1`,
  )
    .bind(await sha256(rawKey))
    .first();
  if (row === null) return refused("INVALID_TOKEN");
  const key = v.parse(KeyRow, row);
  if (key.revoked_at !== null || key.disabledAt !== null) return refused("KEY_REVOKED");
  if (key.expires_at !== null && key.expires_at <= nowSeconds) return refused("KEY_EXPIRED");
  if (key.is_delinquent !== 0) return refused("PAYMENT_DELINQUENT");
  if ((key.last_used_at ?? 0) <= nowSeconds - USE_INTERVAL_SECONDS) ctx.waitUntil(storeUse(env, key.id, nowSeconds));
  return {
    valid: true,
    tenant_id: key.tenant_id,
    tier: key.tier,
    scopes: key.scopes.split(" ").filter((scope) => scope !== ""),
    key_id: key.id,
    user_id: key.user_id,
  };
}

/** Never throws: a key is as valid if its use cannot be stored. */
async function storeUse({ DB }: Env, keyId: string, nowSeconds: number): Promise<void> {
  try {
    await DB.prepare("UPDATE api_keys SET last_used_at = ?2 WHERE id = ?1").bind(keyId, nowSeconds).run();
  } catch (error) {
    logCrash("storeUse", error);
  }
}

function ownKey(row: unknown): ApiKey {
  const { id, name, environment, scopes, created_at, expires_at, prefix, last_used_at } = v.parse(OwnKeyRow, row);
  return {
    keyId: id,
    name,
    environment,
    scopes: v.parse(v.array(Scope), scopes.split(" ")),
    createdAt: created_at,
    expiresAt: expires_at,
    prefix,
    lastUsedAt: last_used_at,
  };
}

/** The scopes without duplicates, separated by spaces (RFC 6749 section 3.3). */
export function scopeText(scopes: readonly Scope[]): string {
  return [...new Set(scopes)].join(" ");
}

function refused(error: AuthError): ApiKeyValidation {
  return { valid: false, error };
}
