// Erasure: the records of a tenant lose their fields about a person. Both chains keep the digests
// of what is gone, so they still verify; what arrives later is stored without those fields.
import * as v from "valibot";
import { ChainedRecord, eraseRecord, PERSONAL_FIELDS } from "../../contracts/audit-record.ts";
import { linkedPart, type StoredRow } from "../../contracts/audit-store.ts";
import type { Identity } from "../../contracts/rpc/identity.ts";
import { chainOf, sha256 } from "./messages.ts";

/** Rows that one call erases. */
const ERASED_AT_ONCE = 500;

/** Rows of a chain that still have fields about a person, or the salt of their digest. */
const UNERASED = `(json_extract(record, '$.chain.salt') IS NOT NULL
  OR (sequence IS NULL AND json_extract(link, '$.salt') IS NOT NULL)
  OR ${PERSONAL_FIELDS.map((name) => `json_type(record, '$.${name}') IS NOT NULL`).join(" OR ")})`;

type ErasedRow = Pick<StoredRow, "record" | "link">;

/** A row without the fields about a person. It verifies if it did before. */
export function eraseRow({ record, link, received_at }: Omit<StoredRow, "position">): ErasedRow {
  const stored = JSON.parse(record) as object;
  const isNumbered = "chain" in stored;
  const [erased, place] = isNumbered ? [withoutPerson(stored), link] : eraseUnnumbered(stored, link, received_at);
  return { record: JSON.stringify(erased), link: place };
}

/** The store's own link covers a record without a number. */
function eraseUnnumbered(record: object, link: string, receivedAt: string): readonly [object, string] {
  const { chain, ...erased } = withoutPerson({ ...linkedPart(record, receivedAt), chain: JSON.parse(link) });
  return [erased, JSON.stringify(chain)];
}

/** The record without them. One that was altered loses them all the same, and stays altered. */
export function withoutPerson(record: object): object & { readonly chain?: unknown } {
  const erased = v.is(ChainedRecord, record) ? eraseRecord(record, sha256) : record;
  return Object.fromEntries(
    Object.entries(erased).filter(([name]) => !(PERSONAL_FIELDS as readonly string[]).includes(name)),
  );
}

/**
 * Erases the records of a tenant, and those about its user in the chain of events without a tenant.
 * False: there is more than one call erases.
 */
export async function eraseTenant(db: D1Database, { tenantId, subject }: Identity): Promise<boolean> {
  if (tenantId === null) return true;
  const chainId = chainOf(tenantId);
  await db.batch([
    db
      .prepare(
        `INSERT INTO chains (chain_id, position, link_hash, sequence, hash, erased_at) VALUES (?1, 0, '', 0, '', ?2)
        ON CONFLICT (chain_id) DO UPDATE SET erased_at = coalesce(erased_at, ?2)`,
      )
      .bind(chainId, new Date().toISOString()),
    db.prepare("DELETE FROM rejected WHERE instr(message, ?1) > 0 OR instr(message, ?2) > 0").bind(tenantId, subject),
  ]);
  const own = await eraseRows(db, chainId, UNERASED);
  const others = await eraseRows(db, chainOf(null), `json_extract(record, '$.subject') = ?3 AND ${UNERASED}`, subject);
  return own + others < ERASED_AT_ONCE;
}

/** Erases the first rows for which `condition` holds. Returns their number. */
async function eraseRows(db: D1Database, chainId: string, condition: string, ...values: string[]): Promise<number> {
  const { results } = await db
    .prepare(
      `SELECT position, received_at, record, link FROM records WHERE chain_id = ?1 AND ${condition} ORDER BY position LIMIT ?2`,
    )
    .bind(chainId, ERASED_AT_ONCE, ...values)
    .all<StoredRow>();
  const writes = results.map((row) => {
    const { record, link } = eraseRow(row);
    return db
      .prepare("UPDATE records SET record = ?3, link = ?4 WHERE chain_id = ?1 AND position = ?2")
      .bind(chainId, row.position, record, link);
  });
  if (writes.length > 0) await db.batch(writes);
  return results.length;
}
