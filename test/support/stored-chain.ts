// Chains of audit records, as the audit store of a running system has them.
import { createHash } from "node:crypto";
import { chainIdOf, chainNameOf } from "../../contracts/audit-record.ts";
import { type ChainState, type StoredRow, verifyStored } from "../../contracts/audit-store.ts";
import type { System } from "./system.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("base64url");
const chainOf = (tenantId: string | null) => chainIdOf(chainNameOf(tenantId), sha256);

/** The database of a Worker. */
export async function databaseOf(system: System, worker: "auth" | "audit"): Promise<D1Database> {
  return ((await system.worker(worker).getEnv()) as { DB: D1Database }).DB;
}

/** Records of a chain in the audit store, and its problems. */
export async function storedChain(system: System, tenantId: string | null) {
  const DB = await databaseOf(system, "audit");
  const of = (sql: string) => DB.prepare(sql).bind(chainOf(tenantId));
  const [states, rows] = await DB.batch([
    of("SELECT * FROM chains WHERE chain_id = ?"),
    of("SELECT position, received_at, record, link FROM records WHERE chain_id = ? ORDER BY position"),
  ]);
  const state = states?.results[0] as ChainState | undefined;
  const stored = rows?.results as StoredRow[];
  const types = stored.map(({ record }) => (JSON.parse(record) as { type: string }).type);
  return { text: JSON.stringify(stored), types, problems: state ? verifyStored(stored, state, [], sha256) : [] };
}
