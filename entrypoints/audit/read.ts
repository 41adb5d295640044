// Reads of the audit database, each of one tenant's chain.

import { type Activity, MAX_TRACE_RECORDS } from "../../contracts/audit.ts";
import type { StoredRow } from "../../contracts/audit-store.ts";

/** An intent is listed as the call's outcome, which follows it. */
const LISTED = "json_extract(record, '$.type') <> 'tool.started'";

/** The tenant's latest records, newest first. */
export async function listActivity(db: D1Database, chainId: string, limit: number): Promise<Activity[]> {
  const { results } = await db
    .prepare(`SELECT record FROM records WHERE chain_id = ?1 AND ${LISTED} ORDER BY at DESC, position DESC LIMIT ?2`)
    .bind(chainId, limit)
    .all<Pick<StoredRow, "record">>();
  return results.map(activityOf);
}

/** The tenant's records of a trace, in the order of arrival. */
export async function findTrace(db: D1Database, chainId: string, traceId: string): Promise<Activity[]> {
  const { results } = await db
    .prepare("SELECT record FROM records WHERE chain_id = ?1 AND trace_id = ?2 ORDER BY position LIMIT ?3")
    .bind(chainId, traceId, MAX_TRACE_RECORDS)
    .all<Pick<StoredRow, "record">>();
  return results.map(activityOf);
}

/** Records of one page of `exportTenant`. */
const EXPORTED_AT_ONCE = 100;

/** A page of the tenant's records, oldest first, without their places in the chains. */
export async function exportRecords(db: D1Database, chainId: string, cursor: string | null) {
  const { results } = await db
    .prepare(
      "SELECT position, json_remove(record, '$.chain') AS json FROM records WHERE chain_id = ?1 AND position > ?2 ORDER BY position LIMIT ?3",
    )
    .bind(chainId, Number(cursor) || 0, EXPORTED_AT_ONCE)
    .all<{ position: number; json: string }>();
  const last = results.length < EXPORTED_AT_ONCE ? undefined : results.at(-1);
  return { items: results.map(({ json }) => ({ kind: "record", json })), next: last ? `${last.position}` : null };
}

/** The record of a row for its reader. */
export function activityOf({ record }: Pick<StoredRow, "record">): Activity {
  const fields = fieldsOf(record);
  const text = (name: string) => (typeof fields[name] === "string" ? fields[name] : null);
  return {
    ...{ at: text("at") ?? "", type: text("type") ?? "", traceId: text("traceId"), clientId: text("clientId") },
    ...{ tool: text("tool"), outcome: text("outcome") },
    credits: typeof fields.credits === "number" ? fields.credits : null,
  };
}

/** A row that was altered may hold anything. */
function fieldsOf(record: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(record)) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}
