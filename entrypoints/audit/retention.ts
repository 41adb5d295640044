// Retention: deletes records from the start of each chain, and keeps the hash of the last one that
// is deleted, so that the rest still verifies.
import type { ChainedRecord } from "../../contracts/audit-record.ts";

/** Chains of one run. The others follow in the next one. */
const MAX_CHAINS = 400;

/** Deletes what was received before this instant, ISO 8601. */
export async function deleteBefore(db: D1Database, instant: string): Promise<void> {
  const { results } = await db
    .prepare("SELECT DISTINCT chain_id FROM records WHERE received_at < ?1 LIMIT ?2")
    .bind(instant, MAX_CHAINS)
    .all<{ chain_id: string }>();
  for (const { chain_id } of results) await cutChain(db, chain_id, instant);
  await db.prepare("DELETE FROM rejected WHERE received_at < ?1").bind(instant).run();
}

async function cutChain(db: D1Database, chainId: string, instant: string): Promise<void> {
  const old =
    "chain_id = ?1 AND position < coalesce((SELECT min(position) FROM records WHERE chain_id = ?1 AND received_at >= ?2), 9e15)";
  const select = (order: string) =>
    db.prepare(`SELECT record, link FROM records WHERE ${old} ORDER BY ${order} DESC LIMIT 1`).bind(chainId, instant);
  const last = await select("position").first<{ link: string }>();
  const highest = await select("sequence").first<{ record: string }>();
  if (!last || !highest) return;
  const link = JSON.parse(last.link) as ChainedRecord["chain"];
  const { chain } = JSON.parse(highest.record) as Partial<ChainedRecord>;
  await db.batch([
    db
      .prepare("UPDATE chains SET cut_position = ?2, cut_link_hash = ?3 WHERE chain_id = ?1")
      .bind(chainId, link.sequence, link.hash),
    db
      .prepare("UPDATE chains SET cut_sequence = ?2, cut_hash = ?3 WHERE chain_id = ?1 AND cut_sequence < ?2")
      .bind(chainId, chain?.sequence ?? 0, chain?.hash ?? ""),
    db.prepare("DELETE FROM records WHERE chain_id = ?1 AND position <= ?2").bind(chainId, link.sequence),
    db.prepare("DELETE FROM checkpoints WHERE chain_id = ?1 AND sequence < ?2").bind(chainId, chain?.sequence ?? 0),
  ]);
}
