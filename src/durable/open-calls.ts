// The open calls of one tenant: the call that a repeated one belongs to, and the reservations of
// credits that are not settled. A table in the storage of the tenant's audit log, so that intent,
// key and reservation are one write. It holds digests, and the identity of a call until it is
// settled.
import type { Identity } from "../../contracts/rpc/identity.ts";

/** The data with which a call is settled later, without its client. */
export interface OpenCall {
  readonly tool: string;
  /** Signed anew for each question to the backend and the ledger. */
  readonly identity: Identity;
  readonly credits: number;
  /** Of the call: its late settlement is recorded under the same trace. */
  readonly traceId: string;
  /** False if it ended before its dispatch. */
  readonly isDispatched?: boolean;
}

/** A call before its dispatch. All digests are SHA-256, base64url. */
export interface BeginningCall {
  /** A fresh UUID. */
  readonly callId: string;
  /** Digest of client, tool and the client's idempotency key; `null` without a key. */
  readonly key: string | null;
  /** Digest of subject, client, tool and input: recognises a repeated call. */
  readonly request: string;
  /**
   * With a key, the JSON of the arguments' digests by name, sorted: the same key with another input
   * is a conflict. Otherwise the digest of the input.
   */
  readonly input: string;
  /** `null` for a call that costs nothing. */
  readonly open: OpenCall | null;
}

/** `callId` is that of the first call: reservation and backend know it. */
export interface KnownCall {
  readonly state: "new" | "repeated" | "conflict";
  readonly callId: string;
  /** Identifies this attempt of the call, for its end. */
  readonly beganAtMs: number;
  /** With the state `conflict`. */
  readonly conflict?: KeyConflict;
}

/** The key belongs to a call with another input. */
export interface KeyConflict {
  /** Names of the arguments that differ. */
  readonly differing: readonly string[];
  /** From then on the key belonged to that call, and until then it does. */
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** The end of a call, as far as it is known. */
export interface CallEnd {
  readonly beganAtMs: number;
  /** False: the backend was not asked, so only a reservation that may exist must be settled. */
  readonly isDispatched: boolean;
  /** False: the outcome is unknown, or the work continues. The alarm settles the call. */
  readonly isSettled: boolean;
  /** True: the attempt failed, so the next one with this key is a new call. */
  readonly isKeyFreed: boolean;
  /** True: the client has left, or has only heard that the outcome is unknown. */
  readonly isUndelivered: boolean;
}

/** An open call that is due. */
export interface DueCall extends OpenCall {
  readonly callId: string;
  /** Milliseconds since the Unix epoch, as every time here. */
  readonly beganAtMs: number;
}

/** Time for which a key names its call. */
const KEY_MS = 86_400_000;
/** Time for which an identical call is the repetition of one without a delivered answer. */
const REPEATED_MS = 600_000;
/** Longer than any call: one that did not finish by then has lost its isolate, and its answer. */
const LOST_AFTER_MS = 100_000;
/** Time from `begin` to the first question about a call that has not finished. */
const FIRST_QUESTION_MS = 10_000;
/** Time from an end that left the call open to the next question; doubles with each. */
const NEXT_QUESTION_MS = 2_000;
const LONGEST_PAUSE_MS = 3_600_000;

/** `open` is the JSON of `OpenCall`; `askAt` is null exactly if `open` is. */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS open_calls (
    callId TEXT PRIMARY KEY,
    key TEXT,
    request TEXT NOT NULL,
    input TEXT NOT NULL,
    beganAt INTEGER NOT NULL,
    isFinished INTEGER NOT NULL DEFAULT 0,
    expiresAt INTEGER NOT NULL,
    open TEXT,
    askAt INTEGER,
    questions INTEGER NOT NULL DEFAULT 0,
    undeliveredAt INTEGER
  );
  CREATE UNIQUE INDEX IF NOT EXISTS open_calls_key ON open_calls (key) WHERE key IS NOT NULL;
  CREATE INDEX IF NOT EXISTS open_calls_request ON open_calls (request);
  CREATE INDEX IF NOT EXISTS open_calls_ask ON open_calls (askAt) WHERE askAt IS NOT NULL;
  CREATE INDEX IF NOT EXISTS open_calls_expiry ON open_calls (expiresAt);
`;

type Row = Readonly<Record<string, SqlStorageValue>>;

/** The table. Every method is synchronous, so that the caller can join it to other writes. */
export class OpenCalls {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(SCHEMA);
    // Tables of the first version lack this column.
    const columns = this.#all("PRAGMA table_info(open_calls)").map(({ name }) => name);
    if (!columns.includes("undeliveredAt")) sql.exec("ALTER TABLE open_calls ADD COLUMN undeliveredAt INTEGER");
  }

  /** Opens the call, or finds the one that it repeats. */
  begin(call: BeginningCall, nowMs: number): KnownCall {
    const { callId, key, request, input, open } = call;
    this.deleteExpired(nowMs);
    if (key !== null) this.#sql.exec("UPDATE open_calls SET key = NULL WHERE key = ? AND expiresAt <= ?", key, nowMs);
    const first = key === null ? this.#unanswered(request, nowMs) : this.#ofKey(key);
    if (key !== null && first && first.input !== input) return conflictWith(first, input);
    const expiresAt = nowMs + (key === null ? LOST_AFTER_MS + REPEATED_MS : KEY_MS);
    const work = open && JSON.stringify(open);
    const askAt = open && nowMs + FIRST_QUESTION_MS;
    if (first) {
      const beganAtMs = Math.max(nowMs, first.beganAtMs + 1);
      // The key keeps its first day.
      this.#sql.exec(
        `UPDATE open_calls SET beganAt = ?, isFinished = 0, undeliveredAt = NULL, open = ?, askAt = ?,
          questions = 0, expiresAt = MAX(expiresAt, ?) WHERE callId = ?`,
        ...[beganAtMs, work, askAt, key === null ? expiresAt : 0, first.callId],
      );
      return { state: "repeated", callId: first.callId, beganAtMs };
    }
    this.#sql.exec(
      "INSERT INTO open_calls (callId, key, request, input, beganAt, expiresAt, open, askAt) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      ...[callId, key, request, input, nowMs, expiresAt, work, askAt],
    );
    return { state: "new", callId, beganAtMs: nowMs };
  }

  /** Ends an attempt. A later one with the same key, which is still under way, is left alone. */
  finish(callId: string, end: CallEnd, nowMs: number): void {
    const { beganAtMs, isDispatched, isSettled, isKeyFreed, isUndelivered } = end;
    const ended = this.#all(
      "UPDATE open_calls SET isFinished = 1 WHERE callId = ? AND beganAt = ? RETURNING callId",
      ...[callId, beganAtMs],
    );
    if (ended.length === 0) return;
    if (!isDispatched)
      this.#sql.exec(
        "UPDATE open_calls SET open = json_set(open, '$.isDispatched', json('false')) WHERE callId = ?",
        callId,
      );
    if (isSettled) this.#sql.exec("UPDATE open_calls SET open = NULL, askAt = NULL WHERE callId = ?", callId);
    else
      this.#sql.exec(
        "UPDATE open_calls SET askAt = ? WHERE callId = ? AND open IS NOT NULL",
        nowMs + NEXT_QUESTION_MS,
        callId,
      );
    if (isKeyFreed) this.#sql.exec("UPDATE open_calls SET key = NULL, request = '' WHERE callId = ?", callId);
    if (isUndelivered) this.undelivered(callId, beganAtMs, nowMs);
  }

  /**
   * Notes that the client of an attempt does not get its answer: for ten minutes an identical call
   * is its repetition. Has no effect once another attempt has begun.
   */
  undelivered(callId: string, beganAtMs: number, nowMs: number): void {
    this.#sql.exec(
      "UPDATE open_calls SET undeliveredAt = ?, expiresAt = MAX(expiresAt, ?) WHERE callId = ? AND beganAt = ?",
      ...[nowMs, nowMs + REPEATED_MS, callId, beganAtMs],
    );
  }

  /**
   * True if an attempt may cancel its work: no later one waits for it, and from here on none joins.
   */
  beginCancel(callId: string, beganAtMs: number): boolean {
    const query = "UPDATE open_calls SET undeliveredAt = NULL WHERE callId = ? AND beganAt = ? RETURNING callId";
    return this.#all(query, callId, beganAtMs).length > 0;
  }

  /**
   * At most `limit` open calls to ask about. Each is postponed, so that a crash of the caller
   * repeats none at once.
   */
  due(nowMs: number, limit: number): readonly DueCall[] {
    const rows = this.#all("SELECT * FROM open_calls WHERE askAt <= ? ORDER BY askAt LIMIT ?", nowMs, limit);
    return rows.map((row) => {
      const { callId, questions } = row;
      const pause = Math.min(NEXT_QUESTION_MS * 2 ** Number(questions), LONGEST_PAUSE_MS);
      this.#sql.exec(
        "UPDATE open_calls SET askAt = ?, questions = questions + 1 WHERE callId = ?",
        ...[nowMs + pause, callId],
      );
      return dueCallOf(row);
    });
  }

  /**
   * Closes a call that was settled; a failed one frees its key, and is not repeated by an identical
   * one. False if it was settled or begun again meanwhile.
   */
  settled({ callId, beganAtMs }: Pick<DueCall, "callId" | "beganAtMs">, isKeyFreed: boolean): boolean {
    const closed = this.#all(
      `UPDATE open_calls SET open = NULL, askAt = NULL, isFinished = 1,
        key = iif(?1, NULL, key), request = iif(?1, '', request)
       WHERE callId = ?2 AND beganAt = ?3 AND open IS NOT NULL RETURNING callId`,
      ...[Number(isKeyFreed), callId, beganAtMs],
    );
    return closed.length > 0;
  }

  /** Deletes every call, open or not. */
  clear(): void {
    this.#sql.exec("DELETE FROM open_calls");
  }

  /** The open calls, whether due or not. */
  open(): readonly DueCall[] {
    return this.#all("SELECT callId, open, beganAt FROM open_calls WHERE open IS NOT NULL").map(dueCallOf);
  }

  /** Time at which the table next needs an alarm; `null` if never. */
  nextAlarmMs(): number | null {
    const [row] = this.#all(
      `SELECT MIN(at) AS at FROM (SELECT MIN(askAt) AS at FROM open_calls WHERE askAt IS NOT NULL
        UNION ALL SELECT MIN(expiresAt) FROM open_calls WHERE open IS NULL)`,
    );
    return row?.at === null || row === undefined ? null : Number(row.at);
  }

  /** Deletes what no call can repeat any more. */
  deleteExpired(nowMs: number): void {
    this.#sql.exec("DELETE FROM open_calls WHERE expiresAt <= ? AND open IS NULL", nowMs);
  }

  #ofKey(key: string): FirstCall | undefined {
    return firstOf(this.#all("SELECT callId, input, beganAt, expiresAt FROM open_calls WHERE key = ?", key));
  }

  /** The latest identical call whose answer was not delivered, or whose isolate is gone. */
  #unanswered(request: string, nowMs: number): FirstCall | undefined {
    const rows = this.#all(
      `SELECT callId, input, beganAt, expiresAt FROM open_calls WHERE request = ? AND (undeliveredAt > ? OR
        isFinished = 0 AND beganAt BETWEEN ? AND ?) ORDER BY beganAt DESC LIMIT 1`,
      ...[request, nowMs - REPEATED_MS, nowMs - LOST_AFTER_MS - REPEATED_MS, nowMs - LOST_AFTER_MS],
    );
    return firstOf(rows);
  }

  #all(query: string, ...bindings: SqlStorageValue[]): readonly Row[] {
    return this.#sql.exec(query, ...bindings).toArray();
  }
}

interface FirstCall {
  readonly callId: string;
  readonly input: string;
  readonly beganAtMs: number;
  readonly expiresAtMs: number;
}

function dueCallOf({ callId, open, beganAt }: Row): DueCall {
  const work = JSON.parse(String(open)) as OpenCall; // written by `begin`
  return { ...work, callId: String(callId), beganAtMs: Number(beganAt) };
}

function firstOf([row]: readonly Row[]): FirstCall | undefined {
  if (!row) return undefined;
  const { callId, input, beganAt, expiresAt } = row;
  return { callId: String(callId), input: String(input), beganAtMs: Number(beganAt), expiresAtMs: Number(expiresAt) };
}

/** A key keeps its first day, so its end tells its begin. */
function conflictWith({ callId, beganAtMs, input: first, expiresAtMs }: FirstCall, input: string): KnownCall {
  const [before, after] = [first, input].map((json) => JSON.parse(json) as Record<string, string>); // of `begin`
  const names = new Set(Object.keys({ ...before, ...after }));
  const differing = [...names].filter((name) => before?.[name] !== after?.[name]).toSorted();
  const conflict = { differing, sinceMs: expiresAtMs - KEY_MS, untilMs: expiresAtMs };
  return { state: "conflict", callId, beganAtMs, conflict };
}
