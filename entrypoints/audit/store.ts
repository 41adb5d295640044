// Writes to the audit database. A tenant's records of one batch are stored in one transaction, each
// with the next place in the store's chain; the key of the table refuses a place that is taken.
import { type ChainedRecord, type Checkpoint, linkRecord } from "../../contracts/audit-record.ts";
import { type ChainState, emptyState, linkedPart, storeIdOf } from "../../contracts/audit-store.ts";
import { logInfo, logWarning } from "../../contracts/log.ts";
import { toBase64url } from "../../contracts/rpc/encoding.ts";
import { eraseRow, withoutPerson } from "./erasure.ts";
import { type Message, sha256 } from "./messages.ts";

/** A message of one chain, and its id at the queue. */
export interface Arrived {
  readonly messageId: string;
  readonly message: Extract<Message, { readonly kind: "record" | "checkpoint" }>;
}

type Record = Extract<Message, { readonly kind: "record" }>["record"];

async function stateOf(db: D1Database, chainId: string): Promise<ChainState> {
  const state = await db.prepare("SELECT * FROM chains WHERE chain_id = ?1").bind(chainId).first<ChainState>();
  return state ?? emptyState(chainId);
}

/**
 * Stores what arrived for one chain. Duplicates are dropped; another record of a number that is
 * taken is kept apart, as evidence. All or nothing.
 */
export async function storeArrived(db: D1Database, chainId: string, arrived: readonly Arrived[]): Promise<void> {
  const state = await stateOf(db, chainId);
  const known = await knownOf(db, chainId, arrived);
  const receivedAt = new Date().toISOString();
  const writes: D1PreparedStatement[] = [];
  let next = state;
  for (const { messageId, message } of arrived) {
    if (message.kind === "checkpoint") {
      writes.push(insertCheckpoint(db, message.checkpoint));
      continue;
    }
    const { record } = message;
    const { chain } = record as Partial<ChainedRecord>;
    const taken = chain && known.hashes.get(chain.sequence);
    if (chain && taken !== undefined && taken !== chain.hash) {
      const body = state.erased_at ? withoutPerson(record) : record;
      writes.push(insertRejected(db, { messageId, receivedAt, reason: "number_taken", body }));
      logWarning("audit.record_rejected", { chainId, sequence: chain.sequence, reason: "number_taken" });
      continue;
    }
    const isExpired = chain !== undefined && chain.sequence <= state.cut_sequence;
    if (known.messageIds.has(messageId) || taken !== undefined || isExpired) continue;
    known.messageIds.add(messageId);
    if (chain) known.hashes.set(chain.sequence, chain.hash);
    const { statement, head } = insertRecord(db, next, { messageId, receivedAt, record });
    writes.push(statement);
    next = withNumber({ ...next, ...head }, chain);
  }
  if (next !== state) writes.push(upsertState(db, next));
  if (writes.length > 0) await db.batch(writes);
}

/** Keeps a message that is no record. */
export async function storeRejected(db: D1Database, messageId: string, reason: string, body: unknown): Promise<void> {
  await insertRejected(db, { messageId, receivedAt: new Date().toISOString(), reason, body }).run();
}

/** Numbers and message ids of `arrived` that are stored. */
async function knownOf(db: D1Database, chainId: string, arrived: readonly Arrived[]) {
  const sequences = arrived.flatMap(({ message }) =>
    message.kind === "record" && "chain" in message.record ? [message.record.chain?.sequence] : [],
  );
  const { results } = await db
    .prepare(
      `SELECT sequence, json_extract(record, '$.chain.hash') AS hash, message_id FROM records WHERE chain_id = ?1
      AND (sequence IN (SELECT value FROM json_each(?2)) OR message_id IN (SELECT value FROM json_each(?3)))`,
    )
    .bind(chainId, JSON.stringify(sequences), JSON.stringify(arrived.map(({ messageId }) => messageId)))
    .all<{ sequence: number | null; hash: string; message_id: string }>();
  const hashes = new Map(results.flatMap(({ sequence, hash }) => (sequence === null ? [] : [[sequence, hash]])));
  return { hashes, messageIds: new Set(results.map(({ message_id }) => message_id)) };
}

/** The state with this number, and a log line for a gap before it. */
function withNumber(state: ChainState, chain: ChainedRecord["chain"] | undefined): ChainState {
  if (!chain) return state;
  const { chain_id: chainId, sequence } = state;
  if (chain.sequence < sequence) logInfo("audit.gap_closed", { chainId, sequence: chain.sequence });
  if (chain.sequence < sequence) return state;
  if (chain.sequence > sequence + 1)
    logWarning("audit.gap", { chainId, first: sequence + 1, last: chain.sequence - 1 });
  return { ...state, sequence: chain.sequence, hash: chain.hash };
}

function insertRecord(
  db: D1Database,
  state: ChainState,
  { messageId, receivedAt, record }: { messageId: string; receivedAt: string; record: Record },
) {
  const salt = toBase64url(crypto.getRandomValues(new Uint8Array(16)));
  const head = { sequence: state.position, hash: state.link_hash };
  const id = storeIdOf(state.chain_id, sha256);
  const { chain: link } = linkRecord(linkedPart(record, receivedAt), { id, head, salt }, sha256);
  const row = { received_at: receivedAt, record: JSON.stringify(record), link: JSON.stringify(link) };
  const erased = eraseRow(row);
  // The transaction decides: the tenant may be erased after its state was read.
  const statement = db
    .prepare(
      `INSERT INTO records (chain_id, position, received_at, message_id, record, link)
      SELECT ?1, ?2, ?3, ?4, iif(is_erased, ?7, ?5), iif(is_erased, ?8, ?6)
      FROM (SELECT EXISTS (SELECT 1 FROM chains WHERE chain_id = ?1 AND erased_at IS NOT NULL) AS is_erased)`,
    )
    .bind(state.chain_id, link.sequence, receivedAt, messageId, row.record, row.link, erased.record, erased.link);
  return { statement, head: { position: link.sequence, link_hash: link.hash } };
}

function upsertState(db: D1Database, { chain_id, position, link_hash, sequence, hash }: ChainState) {
  return db
    .prepare(
      `INSERT INTO chains (chain_id, position, link_hash, sequence, hash) VALUES (?1, ?2, ?3, ?4, ?5)
      ON CONFLICT (chain_id) DO UPDATE SET position = ?2, link_hash = ?3, sequence = ?4, hash = ?5`,
    )
    .bind(chain_id, position, link_hash, sequence, hash);
}

function insertCheckpoint(db: D1Database, checkpoint: Checkpoint) {
  const { chainId, sequence, hash } = checkpoint;
  return db
    .prepare("INSERT INTO checkpoints VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")
    .bind(chainId, sequence, hash, JSON.stringify(checkpoint));
}

interface Rejected {
  readonly messageId: string;
  readonly receivedAt: string;
  readonly reason: string;
  readonly body: unknown;
}

function insertRejected(db: D1Database, { messageId, receivedAt, reason, body }: Rejected) {
  return db
    .prepare("INSERT INTO rejected VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")
    .bind(messageId, receivedAt, reason, textOf(body));
}

function textOf(body: unknown): string {
  try {
    return JSON.stringify(body) ?? "";
  } catch {
    return "";
  }
}
