// The ledger of one tenant: an append-only list of entries, and the reservations that they are
// about. In each period, a calendar month in UTC, the sum of the entries is what is left: allowance
// less committed less reserved. Every method is synchronous, so that nothing runs between a check
// and a write.
import { type Balance, type Charge, LEASE_MS } from "../../contracts/auth.ts";
import type { Tier } from "../../contracts/rpc/identity.ts";

/** The part of a Durable Object's SQL storage that the ledger uses. */
export interface Sql {
  exec(query: string, ...values: readonly (string | number | null)[]): { toArray(): object[] };
}

/** Charges that are listed at most. */
const MAX_CHARGES = 50;

/** `lapsed`: returned at the end of its lease, and still charged if it is committed later. */
type State = "reserved" | "committed" | "refunded" | "lapsed";

interface Reservation {
  readonly reservation_id: string;
  readonly period: string;
  readonly credits: number;
  readonly state: State;
}

const OPEN = "SELECT reservation_id, period, credits, state FROM reservations WHERE state = 'reserved'";

/** A plan, and the credits that it includes a month. */
export interface Plan {
  readonly tier: Tier;
  readonly allowance: number;
}

export class Ledger {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
    sql.exec(`CREATE TABLE IF NOT EXISTS entries (
      entry INTEGER PRIMARY KEY AUTOINCREMENT, period TEXT NOT NULL, kind TEXT NOT NULL, amount INTEGER NOT NULL,
      reservation_id TEXT, at_ms INTEGER NOT NULL) STRICT`);
    sql.exec(`CREATE TABLE IF NOT EXISTS reservations (
      reservation_id TEXT NOT NULL PRIMARY KEY, period TEXT NOT NULL, tool TEXT NOT NULL, credits INTEGER NOT NULL,
      state TEXT NOT NULL, reference TEXT, at_ms INTEGER NOT NULL, lease_ends_at_ms INTEGER NOT NULL) STRICT`);
  }

  /**
   * Reserves credits, or renews the lease of this reservation. `false` if less is left; nothing is
   * taken then.
   */
  reserve(request: { reservationId: string; tool: string; credits: number }, plan: Plan, nowMs: number): boolean {
    this.#bringUpToDate(plan, nowMs);
    const { reservationId, tool, credits } = request;
    const known = this.#find(reservationId);
    if (known?.state === "committed") return true;
    if (known?.state === "reserved") {
      this.#sql.exec(
        "UPDATE reservations SET lease_ends_at_ms = ? WHERE reservation_id = ?",
        nowMs + LEASE_MS,
        reservationId,
      );
      return true;
    }
    const period = periodOf(nowMs);
    if (this.#left(period) < credits) return false;
    this.#sql.exec(
      `INSERT OR REPLACE INTO reservations (reservation_id, period, tool, credits, state, reference, at_ms, lease_ends_at_ms)
       VALUES (?, ?, ?, ?, 'reserved', NULL, ?, ?)`,
      ...[reservationId, period, tool, credits, nowMs, nowMs + LEASE_MS],
    );
    this.#append({ period, kind: "reserve", amount: -credits, reservationId }, nowMs);
    return true;
  }

  /**
   * Commits or refunds a reservation, in the period that it was made in. The first of the two
   * counts, except that a commit also charges a reservation whose lease has ended.
   */
  settle(
    request: { reservationId: string; outcome: "commit" | "refund"; reference?: string | undefined },
    nowMs: number,
  ): "committed" | "refunded" | "unknown" {
    this.lapse(nowMs);
    const { reservationId, outcome, reference = null } = request;
    const known = this.#find(reservationId);
    if (!known) return "unknown";
    const { period, credits, state } = known;
    const isOpen = state === "reserved";
    if (outcome === "commit" && (isOpen || state === "lapsed")) {
      this.#append({ period, kind: "commit", amount: isOpen ? 0 : -credits, reservationId }, nowMs);
      this.#setState(reservationId, "committed", reference);
      return "committed";
    }
    if (outcome === "refund" && (isOpen || state === "lapsed")) {
      if (isOpen) this.#append({ period, kind: "refund", amount: credits, reservationId }, nowMs);
      this.#setState(reservationId, "refunded", reference);
      return "refunded";
    }
    return state === "committed" ? "committed" : "refunded";
  }

  /** Returns the credits of reservations whose lease has ended. */
  lapse(nowMs: number): void {
    const ended = this.#rows<Reservation>(
      "SELECT reservation_id, period, credits, state FROM reservations WHERE state = 'reserved' AND lease_ends_at_ms <= ?",
      nowMs,
    );
    for (const { reservation_id, period, credits } of ended) {
      this.#append({ period, kind: "lapse", amount: credits, reservationId: reservation_id }, nowMs);
      this.#setState(reservation_id, "lapsed", null);
    }
  }

  /** The end of the next lease, in milliseconds since the Unix epoch; `null` if there is none. */
  nextLeaseEndMs(): number | null {
    const [row] = this.#rows<{ at: number | null }>(
      "SELECT min(lease_ends_at_ms) AS at FROM reservations WHERE state = 'reserved'",
    );
    return row?.at ?? null;
  }

  /** The balance of the current period under this plan. Writes nothing. */
  balance({ tier, allowance }: Plan, nowMs: number): Balance {
    const total = (condition: string, value: string | number) =>
      this.#sum(
        `SELECT sum(credits) AS total FROM reservations WHERE period = ? AND ${condition}`,
        ...[periodOf(nowMs), value],
      );
    const committed = total("state = ?", "committed");
    const reserved = total("state = 'reserved' AND lease_ends_at_ms > ?", nowMs);
    return {
      ...{ tier, allowance, committed, reserved },
      available: allowance - committed - reserved,
      resetsAt: resetOf(nowMs),
    };
  }

  /** The charges of this period and the last one, newest first. Writes nothing. */
  charges(nowMs: number): Charge[] {
    const rows = this.#rows<{ id: string; tool: string; credits: number; state: State; reference: string; at: number }>(
      `SELECT reservation_id AS id, tool, credits, reference, at_ms AS at,
         iif(state = 'reserved' AND lease_ends_at_ms <= ?, 'lapsed', state) AS state
       FROM reservations WHERE period >= ? ORDER BY at_ms DESC, rowid DESC LIMIT ?`,
      ...[nowMs, lastPeriodOf(nowMs), MAX_CHARGES],
    );
    return rows.map(({ id, state, at, ...charge }) => ({
      ...charge,
      reservationId: id,
      state: state === "lapsed" ? "refunded" : state,
      at: Math.floor(at / 1000),
    }));
  }

  /**
   * Returns the credits of open reservations, and keeps the sums of each period without the calls
   * that they are of.
   */
  erase(nowMs: number): void {
    for (const { reservation_id } of this.#rows<Reservation>(OPEN)) {
      this.settle({ reservationId: reservation_id, outcome: "refund" }, nowMs);
    }
    const entries = this.#rows<{ period: string; kind: string; total: number }>(
      "SELECT period, kind, sum(amount) AS total FROM entries GROUP BY period, kind",
    );
    const committed = this.#rows<{ period: string; total: number }>(
      "SELECT period, sum(credits) AS total FROM reservations WHERE state = 'committed' GROUP BY period",
    );
    this.#sql.exec("DELETE FROM entries");
    this.#sql.exec("DELETE FROM reservations");
    for (const { period, kind, total } of entries)
      this.#append({ period, kind, amount: total, reservationId: null }, startOf(period));
    for (const { period, total } of committed)
      this.#sql.exec(
        `INSERT INTO reservations (reservation_id, period, tool, credits, state, reference, at_ms, lease_ends_at_ms)
         VALUES (?, ?, '', ?, 'committed', NULL, ?, 0)`,
        ...[`sum/${period}`, period, total, startOf(period)],
      );
  }

  /** The reservations after the row `after`, oldest first, each with its row. */
  exported(after: number, limit: number) {
    return this.#rows<{
      row: number;
      tool: string;
      credits: number;
      state: State;
      reference: string | null;
      at: number;
    }>(
      "SELECT rowid AS row, tool, credits, state, reference, at_ms AS at FROM reservations WHERE rowid > ? ORDER BY rowid LIMIT ?",
      ...[after, limit],
    );
  }

  /** Ends leases, and gives the period the allowance of the plan, which may have changed. */
  #bringUpToDate({ allowance }: Plan, nowMs: number): void {
    this.lapse(nowMs);
    const period = periodOf(nowMs);
    const amount = allowance - this.#allowance(period);
    if (amount !== 0) this.#append({ period, kind: "allowance", amount, reservationId: null }, nowMs);
  }

  #allowance(period: string): number {
    return this.#sum("SELECT sum(amount) AS total FROM entries WHERE period = ? AND kind = 'allowance'", period);
  }

  #left(period: string): number {
    return this.#sum("SELECT sum(amount) AS total FROM entries WHERE period = ?", period);
  }

  #find(reservationId: string): Reservation | undefined {
    const query = "SELECT reservation_id, period, credits, state FROM reservations WHERE reservation_id = ?";
    return this.#rows<Reservation>(query, reservationId)[0];
  }

  #setState(reservationId: string, state: State, reference: string | null): void {
    this.#sql.exec(
      "UPDATE reservations SET state = ?, reference = coalesce(?, reference) WHERE reservation_id = ?",
      ...[state, reference, reservationId],
    );
  }

  #append(entry: { period: string; kind: string; amount: number; reservationId: string | null }, nowMs: number): void {
    const { period, kind, amount, reservationId } = entry;
    this.#sql.exec(
      "INSERT INTO entries (period, kind, amount, reservation_id, at_ms) VALUES (?, ?, ?, ?, ?)",
      ...[period, kind, amount, reservationId, nowMs],
    );
  }

  #sum(query: string, ...values: readonly (string | number)[]): number {
    return this.#rows<{ total: number | null }>(query, ...values)[0]?.total ?? 0;
  }

  /** The queries name the columns of `Row`. */
  #rows<Row>(query: string, ...values: readonly (string | number | null)[]): Row[] {
    return this.#sql.exec(query, ...values).toArray() as Row[];
  }
}

/** The calendar month in UTC, e.g. `2026-11`. */
function periodOf(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 7);
}

/** The start of a period, in milliseconds since the Unix epoch. */
function startOf(period: string): number {
  return Date.parse(`${period}-01T00:00:00Z`);
}

function lastPeriodOf(nowMs: number): string {
  const now = new Date(nowMs);
  return periodOf(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1, 1));
}

/** The start of the next period, in seconds since the Unix epoch. */
function resetOf(nowMs: number): number {
  const now = new Date(nowMs);
  return Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1) / 1000;
}
