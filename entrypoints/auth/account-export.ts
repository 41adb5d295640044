// The user's own copy of the account: profile, keys and charges. No password hash, no digest of a
// key, no token of a provider: only the columns that are named here.
import type { ExportedItem } from "../../contracts/rpc/export.ts";
import { type Identity, isTestTenant } from "../../contracts/rpc/identity.ts";
import type { Ledger } from "./ledger.ts";
import type { Env } from "./settings.ts";
import { OWN_TENANT } from "./tenants.ts";

/** Keys that are exported at most, newest first: 20 work, the others were revoked. */
const MAX_KEYS = 80;

/** Profile and keys of the calling user. */
export async function exportAccount({ DB }: Env, { tenantId, subject }: Identity): Promise<ExportedItem[]> {
  if (isTestTenant(tenantId)) return [];
  const of = (sql: string) => DB.prepare(sql).bind(tenantId, subject);
  const [profiles, methods, keys] = await DB.batch<Record<string, unknown>>([
    of(
      `SELECT u.id AS userId, t.id AS tenantId, u.name, u.email, u.emailVerified, u.createdAt, t.tier AS plan
       FROM user u JOIN tenants t ON t.user_id = u.id WHERE t.id = ?1 AND u.id = ?2`,
    ),
    of(`SELECT providerId AS provider, createdAt FROM account WHERE userId = ?2 AND EXISTS (${OWN_TENANT})`),
    of(
      `SELECT id AS keyId, name, coalesce(prefix, 'sb_' || environment || '_') AS prefix, scopes, created_at AS createdAt,
       expires_at AS expiresAt, revoked_at AS revokedAt, last_used_at AS lastUsedAt
       FROM api_keys WHERE tenant_id = (${OWN_TENANT}) ORDER BY created_at DESC LIMIT ${MAX_KEYS}`,
    ),
  ]);
  return [...items("profile", profiles), ...items("sign_in_method", methods), ...items("api_key", keys)];
}

function items(kind: string, rows: D1Result<Record<string, unknown>> | undefined): ExportedItem[] {
  return (rows?.results ?? []).map((row) => ({ kind, json: JSON.stringify(row) }));
}

/** A page of charges. `atOnce`: the size of a full page, after which there may be more. */
export function exportedCharges(charges: ReturnType<Ledger["exported"]>, atOnce: number) {
  const last = charges.length < atOnce ? undefined : charges.at(-1);
  return {
    items: charges.map(({ row: _, at, ...charge }) => {
      const json = JSON.stringify({ ...charge, at: new Date(at).toISOString() });
      return { kind: "charge", json };
    }),
    next: last ? `${last.row}` : null,
  };
}
