// The audit log of one tenant in the storage of its object: the head of the hash chain, the outbox
// of records that the queue does not have yet, and the time of the next checkpoint. All writes are
// synchronous: nothing can come between reading the head and writing it.
import * as v from "valibot";
import { ChainedRecord, type Checkpoint, eraseRecord, linkRecord } from "../../contracts/audit-record.ts";
import { logCrash } from "../../contracts/log.ts";
import { Deadlines } from "../../contracts/rpc/deadlines.ts";
import { toBase64url } from "../../contracts/rpc/encoding.ts";
import type { AuditEvent } from "./event.ts";

/** Time for which a first record waits for others, which then share its alarm. */
const COLLECT_MS = 250;
/** A checkpoint is due this long after the first record since the last one, ... */
const CHECKPOINT_INTERVAL_MS = 3_600_000;
/** ... or after this many records. */
const CHECKPOINT_RECORDS = 1_000;
/** Limits of one batch of the queue: 100 messages, 256 KB less their envelopes. */
const BATCH_MESSAGES = 100;
const BATCH_BYTES = 200_000;
/** Batches of one alarm. */
const MAX_BATCHES = 20;
/** A batch without an answer for this long counts as failed. It may still arrive: at least once. */
const SEND_TIMEOUT_MS = 30_000;
/** Wait after the first failure, which doubles with each further one, and the longest wait. */
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 300_000;

const TABLES = `
  CREATE TABLE IF NOT EXISTS chain (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    sequence INTEGER NOT NULL,
    hash TEXT NOT NULL,
    checkpoint_sequence INTEGER NOT NULL,
    checkpoint_at_ms INTEGER,
    send_at_ms INTEGER NOT NULL,
    failures INTEGER NOT NULL
  );
  INSERT OR IGNORE INTO chain VALUES (1, 0, '', 0, NULL, 0, 0);
  CREATE TABLE IF NOT EXISTS outbox (position INTEGER PRIMARY KEY, message TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS erased (only_row INTEGER PRIMARY KEY CHECK (only_row = 1));
`;

interface ChainRow extends Record<string, SqlStorageValue> {
  readonly sequence: number;
  readonly hash: string;
  readonly checkpoint_sequence: number;
  /** When the next checkpoint is due; `null` without a record since the last one. */
  readonly checkpoint_at_ms: number | null;
  /** When the outbox is sent next. Without meaning while it is empty. */
  readonly send_at_ms: number;
  /** Failures in a row. */
  readonly failures: number;
}

interface OutboxRow extends Record<string, SqlStorageValue> {
  readonly position: number;
  readonly message: string;
  readonly bytes: number;
}

export class AuditChain {
  readonly #sql: SqlStorage;
  readonly #id: string;

  /** `id`: the chain's. Creates the tables where they do not exist. */
  constructor(sql: SqlStorage, id: string) {
    this.#sql = sql;
    this.#id = id;
    sql.exec(TABLES);
  }

  /** Numbers, chains and stores one event. The caller holds the transaction. */
  append(event: AuditEvent): void {
    const { sequence, hash, checkpoint_sequence, checkpoint_at_ms } = this.#row();
    const salt = toBase64url(crypto.getRandomValues(new Uint8Array(16)));
    const record = linkRecord(event, { id: this.#id, head: { sequence, hash }, salt }, sha256);
    const { chain } = record;
    const now = Date.now();
    this.#put(this.isErased() ? eraseRecord({ ...record }, sha256) : record, now);
    const isFull = chain.sequence - checkpoint_sequence >= CHECKPOINT_RECORDS;
    const checkpointAtMs = isFull ? now : (checkpoint_at_ms ?? now + CHECKPOINT_INTERVAL_MS);
    const update = "UPDATE chain SET sequence = ?, hash = ?, checkpoint_at_ms = ?";
    this.#sql.exec(update, chain.sequence, chain.hash, checkpointAtMs);
  }

  /**
   * Removes the fields about a person from the records that the queue does not have, and from each
   * later one. The head stays.
   */
  erase(): void {
    this.#sql.exec("INSERT OR IGNORE INTO erased VALUES (1)");
    this.#eraseOutbox("true");
  }

  /** Removes them from the records about this subject that the queue does not have. */
  eraseSubject(subject: string): void {
    this.#eraseOutbox("json_extract(message, '$.subject') = ?", subject);
  }

  isErased(): boolean {
    return this.#sql.exec("SELECT 1 FROM erased").toArray().length > 0;
  }

  #eraseOutbox(condition: string, ...values: string[]): void {
    const rows = this.#sql.exec<OutboxRow>(`SELECT position, message FROM outbox WHERE ${condition}`, ...values);
    for (const { position, message } of rows.toArray()) {
      const record: unknown = JSON.parse(message);
      if (!v.is(ChainedRecord, record)) continue; // a checkpoint
      const erased = JSON.stringify(eraseRecord(record, sha256));
      this.#sql.exec("UPDATE outbox SET message = ? WHERE position = ?", erased, position);
    }
  }

  /** When `alarm` work is due next, in milliseconds since the Unix epoch; `null`: there is none. */
  dueAtMs(): number | null {
    const { checkpoint_at_ms, send_at_ms } = this.#row();
    const due = [checkpoint_at_ms, this.#isEmpty() ? null : send_at_ms].filter((atMs) => atMs !== null);
    return due.length > 0 ? Math.min(...due) : null;
  }

  /** The statement of the checkpoint that is due; `null` if none is. */
  dueCheckpoint(): Pick<Checkpoint, "chainId" | "sequence" | "hash" | "at"> | null {
    const { sequence, hash, checkpoint_at_ms } = this.#row();
    const now = Date.now();
    if (checkpoint_at_ms === null || checkpoint_at_ms > now) return null;
    return { chainId: this.#id, sequence, hash, at: new Date(now).toISOString() };
  }

  /** Adds a signed checkpoint to the outbox. Records that came in the meantime are for the next. */
  addCheckpoint(checkpoint: Checkpoint): void {
    const now = Date.now();
    this.#put(checkpoint, now);
    const next = this.#row().sequence > checkpoint.sequence ? now + CHECKPOINT_INTERVAL_MS : null;
    this.#sql.exec("UPDATE chain SET checkpoint_sequence = ?, checkpoint_at_ms = ?", checkpoint.sequence, next);
  }

  /** Tries the checkpoint again after an hour, because it could not be signed. */
  postponeCheckpoint(): void {
    this.#sql.exec("UPDATE chain SET checkpoint_at_ms = ?", Date.now() + CHECKPOINT_INTERVAL_MS);
  }

  /**
   * Sends the outbox in order, if it is due, and deletes what the queue has. A failure is logged,
   * and postpones the rest. Never throws.
   */
  async deliver(queue: Queue): Promise<void> {
    for (let batch = 0; batch < MAX_BATCHES && !this.#isEmpty() && this.#row().send_at_ms <= Date.now(); batch++) {
      const rows = this.#nextBatch();
      try {
        await sendInTime(queue, rows);
      } catch (error) {
        this.#postpone(error);
        return;
      }
      this.#sql.exec("DELETE FROM outbox WHERE position <= ?", rows.at(-1)?.position ?? 0);
      this.#sql.exec("UPDATE chain SET failures = 0");
    }
  }

  #put(message: object, now: number): void {
    if (this.#isEmpty()) this.#sql.exec("UPDATE chain SET send_at_ms = ?, failures = 0", now + COLLECT_MS);
    this.#sql.exec("INSERT INTO outbox (message) VALUES (?)", JSON.stringify(message));
  }

  #postpone(error: unknown): void {
    const failures = this.#row().failures + 1;
    const waitMs = Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), LONGEST_RETRY_MS);
    this.#sql.exec("UPDATE chain SET send_at_ms = ?, failures = ?", Date.now() + waitMs, failures);
    const count = this.#sql.exec<{ n: number }>("SELECT count(*) AS n FROM outbox").one().n;
    const details = { chainId: this.#id, waiting: count, failures, retryAfterMs: waitMs };
    logCrash("audit.outbox_delayed", { ...details }, error);
  }

  /** The oldest rows that one batch may hold: at least one. */
  #nextBatch(): readonly OutboxRow[] {
    const rows = this.#sql
      .exec<OutboxRow>(
        "SELECT position, message, length(CAST(message AS BLOB)) AS bytes FROM outbox ORDER BY position LIMIT ?",
        BATCH_MESSAGES,
      )
      .toArray();
    let bytes = 0;
    const end = rows.findIndex((row) => {
      bytes += row.bytes;
      return bytes > BATCH_BYTES;
    });
    return end === -1 ? rows : rows.slice(0, Math.max(end, 1));
  }

  #isEmpty(): boolean {
    return this.#sql.exec("SELECT 1 FROM outbox LIMIT 1").toArray().length === 0;
  }

  #row(): ChainRow {
    return this.#sql.exec<ChainRow>("SELECT * FROM chain").one();
  }
}

/**
 * SHA-256, base64url. That of Web Crypto is asynchronous: two appends would read the same head. An
 * import of `node:crypto` would delay the start of every isolate.
 */
export function sha256(text: string): string {
  return process.getBuiltinModule("node:crypto").createHash("sha256").update(text).digest("base64url");
}

async function sendInTime(queue: Queue, rows: readonly OutboxRow[]): Promise<void> {
  const send = () => queue.sendBatch(rows.map(({ message }) => ({ body: JSON.parse(message) })));
  await new Deadlines().inTime(send, SEND_TIMEOUT_MS, "The queue did not answer in time.");
}
