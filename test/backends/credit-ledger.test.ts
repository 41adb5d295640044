// The ledger of a tenant: its rules with a clock of the test, and sums that hold after any sequence
// of calls.
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import { LEASE_MS } from "../../contracts/auth.ts";
import { Ledger, type Plan, type Sql } from "../../entrypoints/auth/ledger.ts";

const FREE: Plan = { tier: "free", allowance: 25 };
const PRO: Plan = { tier: "pro", allowance: 580 };
const NOW = Date.UTC(2026, 10, 27, 6);
const DECEMBER = Date.UTC(2026, 11, 1);

/** A ledger in a database of its own, and the sum of a period's entries. */
function newLedger() {
  const database = new DatabaseSync(":memory:");
  const sql: Sql = {
    exec: (query, ...values) => ({ toArray: () => database.prepare(query).all(...values) as object[] }),
  };
  // Durable Objects run a statement when it is passed, and not only when it is read.
  const eager: Sql = {
    exec(query, ...values) {
      const rows = sql.exec(query, ...values).toArray();
      return { toArray: () => rows };
    },
  };
  const periods = () => database.prepare("SELECT DISTINCT period FROM entries").all() as { period: string }[];
  const totalOf = (query: string, period: string) => Number(database.prepare(query).get(period)?.total ?? 0);
  const dump = () =>
    JSON.stringify(["entries", "reservations"].map((table) => database.prepare(`SELECT * FROM ${table}`).all()));
  return { ledger: new Ledger(eager), periods, totalOf, dump };
}

const reserve = (ledger: Ledger, id: string, credits: number, at = NOW, plan = FREE) =>
  ledger.reserve({ reservationId: id, tool: "image_generate", credits }, plan, at);
const commit = (ledger: Ledger, id: string, at = NOW) => ledger.settle({ reservationId: id, outcome: "commit" }, at);
const refund = (ledger: Ledger, id: string, at = NOW) => ledger.settle({ reservationId: id, outcome: "refund" }, at);

describe("a ledger", () => {
  it("reserves what is left and no more, and counts what is committed", () => {
    const { ledger } = newLedger();
    expect([reserve(ledger, "a", 20), reserve(ledger, "b", 6), reserve(ledger, "c", 5)]).toEqual([true, false, true]);
    expect(commit(ledger, "a")).toBe("committed");
    expect(refund(ledger, "c")).toBe("refunded");
    expect(ledger.balance(FREE, NOW)).toEqual({
      tier: "free",
      allowance: 25,
      committed: 20,
      reserved: 0,
      available: 5,
      resetsAt: DECEMBER / 1000,
    });
  });

  it("takes nothing more for a reservation that exists, and reserves a refunded one anew", () => {
    const { ledger } = newLedger();
    expect([reserve(ledger, "a", 20), reserve(ledger, "a", 20)]).toEqual([true, true]);
    refund(ledger, "a");
    expect(ledger.balance(FREE, NOW).available).toBe(25);
    expect(reserve(ledger, "a", 20)).toBe(true);
    commit(ledger, "a");
    expect([reserve(ledger, "a", 20), ledger.balance(FREE, NOW).available]).toEqual([true, 5]);
  });

  it("lets the first outcome count", () => {
    const { ledger } = newLedger();
    reserve(ledger, "a", 3);
    expect([commit(ledger, "a"), refund(ledger, "a"), commit(ledger, "a")]).toEqual(Array(3).fill("committed"));
    reserve(ledger, "b", 3);
    expect([refund(ledger, "b"), commit(ledger, "b")]).toEqual(["refunded", "refunded"]);
    expect([ledger.balance(FREE, NOW).committed, commit(ledger, "never made")]).toEqual([3, "unknown"]);
  });

  it("returns credits at the end of a lease, renews a lease, and charges a commit that comes later", () => {
    const { ledger } = newLedger();
    reserve(ledger, "a", 10);
    reserve(ledger, "b", 10);
    reserve(ledger, "b", 10, NOW + LEASE_MS - 1);
    expect(ledger.balance(FREE, NOW + LEASE_MS - 1).reserved).toBe(20);
    expect(ledger.balance(FREE, NOW + LEASE_MS)).toMatchObject({ reserved: 10, available: 15 });
    ledger.lapse(NOW + LEASE_MS);
    expect(ledger.nextLeaseEndMs()).toBe(NOW + 2 * LEASE_MS - 1);
    expect(commit(ledger, "a", NOW + LEASE_MS)).toBe("committed");
    expect(ledger.balance(FREE, NOW + LEASE_MS)).toMatchObject({ committed: 10, reserved: 10, available: 5 });
  });

  it("gives each month its allowance, and settles in the month of the reservation", () => {
    const { ledger } = newLedger();
    const lastMinute = DECEMBER - 60_000;
    reserve(ledger, "a", 20, lastMinute);
    reserve(ledger, "b", 5, lastMinute);
    refund(ledger, "a", DECEMBER);
    commit(ledger, "b", DECEMBER);
    expect(ledger.balance(FREE, DECEMBER)).toMatchObject({ allowance: 25, committed: 0, available: 25 });
    expect(ledger.charges(DECEMBER).map(({ reservationId, state }) => [reservationId, state])).toEqual([
      ["b", "committed"],
      ["a", "refunded"],
    ]);
    expect(ledger.charges(Date.UTC(2027, 0, 1))).toEqual([]);
  });

  it("follows a change of plan in the middle of a month", () => {
    const { ledger } = newLedger();
    reserve(ledger, "a", 25);
    expect([reserve(ledger, "b", 1), reserve(ledger, "b", 100, NOW, PRO)]).toEqual([false, true]);
    expect(ledger.balance(FREE, NOW)).toMatchObject({ allowance: 25, available: -100 });
    expect(reserve(ledger, "c", 1)).toBe(false);
  });

  it("writes nothing for a reader, also of a new plan, of a new month and after a lease", () => {
    const { ledger, dump } = newLedger();
    ledger.balance(FREE, NOW);
    expect(dump()).toBe("[[],[]]");
    reserve(ledger, "a", 20);
    const before = dump();
    expect(ledger.balance(PRO, NOW)).toMatchObject({ allowance: 580, reserved: 20, available: 560 });
    expect(ledger.balance(FREE, NOW + LEASE_MS)).toMatchObject({ reserved: 0, available: 25 });
    expect(ledger.charges(NOW + LEASE_MS)).toMatchObject([{ reservationId: "a", state: "refunded" }]);
    expect(ledger.balance(FREE, DECEMBER)).toMatchObject({ allowance: 25, available: 25 });
    expect(dump()).toBe(before);
  });

  it("lists 50 charges at most, the newest first, with the id of the work", () => {
    const { ledger } = newLedger();
    for (let n = 0; n < 60; n++) reserve(ledger, `call-${n}`, 1, NOW + n * 1000, PRO);
    ledger.settle({ reservationId: "call-59", outcome: "commit", reference: "job-1" }, NOW + 60_000);
    const charges = ledger.charges(NOW + 60_000);
    expect([charges.length, charges[0], charges.at(-1)?.reservationId]).toEqual([
      50,
      {
        reservationId: "call-59",
        tool: "image_generate",
        credits: 1,
        state: "committed",
        reference: "job-1",
        at: NOW / 1000 + 59,
      },
      "call-10",
    ]);
  });
});

describe("after any sequence of calls", () => {
  it.each(Array.from({ length: 40 }, (_, seed) => seed + 1))(
    "the entries of each month add up to allowance - committed - reserved, and nothing is overdrawn: seed %i",
    (seed) => {
      const { ledger, periods, totalOf } = newLedger();
      const random = randomFrom(seed);
      const ids = Array.from({ length: 12 }, (_, n) => `call-${n}`);
      let [at, plan] = [DECEMBER - 3_600_000, FREE];
      for (let step = 0; step < 200; step++) {
        const id = ids[random(ids.length)] ?? "";
        at += random(8) === 0 ? random(30 * 60_000) : random(1000);
        if (random(20) === 0) plan = plan === FREE ? PRO : FREE;
        const left = ledger.balance(plan, at).available;
        const credits = random(8) + 1;
        const action = random(3);
        if (action === 0) {
          const before = ledger.balance(plan, at);
          const isReserved = reserve(ledger, id, credits, at, plan);
          // Brought up to date, the entries say the same as the reader's balance.
          const sum = totalOf("SELECT sum(amount) AS total FROM entries WHERE period = ?", monthOf(at));
          expect(sum, `step ${step}`).toBe(ledger.balance(plan, at).available);
          const taken = before.available - ledger.balance(plan, at).available;
          expect(taken === 0 || (isReserved && taken === credits && left >= credits), `step ${step}`).toBe(true);
        } else ledger.settle({ reservationId: id, outcome: action === 1 ? "commit" : "refund" }, at);
        for (const { period } of periods()) {
          const sumOf = (query: string) => totalOf(query, period);
          const allowance = sumOf("SELECT sum(amount) AS total FROM entries WHERE period = ? AND kind = 'allowance'");
          const held = sumOf(
            "SELECT sum(credits) AS total FROM reservations WHERE period = ? AND state IN ('reserved', 'committed')",
          );
          const sum = sumOf("SELECT sum(amount) AS total FROM entries WHERE period = ?");
          expect(sum, `${period} at step ${step}`).toBe(allowance - held);
        }
      }
    },
  );
});

function monthOf(at: number): string {
  return new Date(at).toISOString().slice(0, 7);
}

/** Pseudo-random whole numbers below a limit (mulberry32). */
function randomFrom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}
