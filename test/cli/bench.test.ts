// The report of the benchmark. Its system is tested in test/slow.
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it } from "vitest";
import { ROOT } from "../../entrypoints/cli/workers.ts";
import { budgetTable, checkBudgets } from "../bench/budgets.ts";
import { type Start, startTable } from "../bench/cold-start.ts";
import { evaluate, tableOf } from "../bench/goals.ts";
import { buildWithout, partTable } from "../bench/parts.ts";
import { type Costs, median } from "../bench/series.ts";
import { OPERATIONS, READ } from "../support/bench-operations.ts";

/** A start of which the first response takes a tenth. */
const startIn = (ms: number): Start => ({ readyUs: ms * 900, responseUs: ms * 100 });

/** A run in which every request costs the same, in three rounds with different noise. */
const findings = {
  costs: new Proxy({}, { get: () => [100, 300, 200] }) as Costs,
  operations: OPERATIONS,
  statusBeforeBody: 413,
  coldStarts: { empty: [100, 100, 100].map(startIn), gateway: [105, 190, 106].map(startIn) },
  gatewayGzipBytes: 60_000,
};

const missed = (changes: Partial<typeof findings>) =>
  evaluate({ ...findings, ...changes }).flatMap(({ what, isMet }) => (isMet === false ? what : []));

it("meets a goal up to its limit", () => {
  // Only a list with a known token must cost less than one RPC.
  expect(missed({})).toEqual(["tools/list, token seen before"]);
  expect(tableOf(evaluate(findings))).toMatch(/^1 +tools\/call, token seen before +200 µs = 1\.00 x b +≤ 2\.1 +met$/m);
  expect(tableOf(evaluate(findings))).toMatch(
    /^10 +cold start above an empty Worker +6\.0 ms = 1\.06 x in all +≤ 8 ms +met$/m,
  );
});

it.each([
  ["a second KV read", { operations: { ...OPERATIONS, fresh: { ...OPERATIONS.fresh, kvReads: 2 } } }, "new token"],
  ["a KV write", { operations: { ...OPERATIONS, known: { ...READ, kvWrites: 1 } } }, "token seen before"],
  ["an object on the way of a read", { operations: { ...OPERATIONS, known: { ...READ, objects: 1 } } }, "a read"],
  [
    "a third question to the ledger",
    { operations: { ...OPERATIONS, paid: { ...OPERATIONS.paid, ledger: 3 } } },
    "paid",
  ],
  [
    "a record that is sometimes lost",
    { operations: { ...OPERATIONS, fresh: { ...OPERATIONS.fresh, messages: 0.95 } } },
    "new token",
  ],
  ["a response that waits for the body", { statusBeforeBody: null }, "2 MiB announced"],
  ["a slow start", { coldStarts: { empty: [startIn(100)], gateway: [startIn(108.1)] } }, "cold start"],
  ["a large bundle", { gatewayGzipBytes: 60_100 }, "bundle"],
])("misses a goal with %s", (_, changes, named) => {
  expect(missed(changes as Partial<typeof findings>).join("; ")).toContain(named);
});

it("reports the median of the ratios of each round", () => {
  const costs = new Proxy({}, { get: (_, series) => (series === "call" ? [200, 900, 400] : [100, 300, 200]) }) as Costs;
  expect(tableOf(evaluate({ ...findings, costs }))).toContain("400 µs = 2.00 x b");
  expect(median([4, 1, 3, 2])).toBe(2.5);
});

it("shows the cost of a step as the median of the differences of each round", () => {
  const cost = { baseline: [100, 300, 200], governedCall: [150, 900, 500], fewCall: [50, 300, 200] };
  const costs = new Proxy({}, { get: (_, series) => cost[series as keyof typeof cost] ?? [0, 0, 0] }) as Costs;
  expect(tableOf(evaluate({ ...findings, costs }))).toMatch(
    /intent and outcome in the audit log +300 µs = 1\.50 x b$/m,
  );
});

it("exceeds a budget by more than the noise of the run, and not by less", () => {
  const budget = [{ what: "tools/call", of: "call", over: "baseline", limit: 2 }] as const;
  const costsOf = (...call: number[]) =>
    new Proxy({}, { get: (_, series) => (series === "call" ? call : call.map(() => 100)) }) as Costs;
  const isKept = (...call: number[]) => checkBudgets(costsOf(...call), budget).every((line) => line.isKept);
  expect([isKept(200, 200, 200), isKept(201, 201, 201), isKept(190, 201, 220), isKept(290, 300, 320)]).toEqual([
    ...[true, false, true, false],
  ]);
  expect(budgetTable(checkBudgets(costsOf(300, 300, 300), budget))).toBe("tools/call  3.00 ± 0.00  ≤ 2     exceeded");
});

it("shows what the removal of a part saves, with its error", () => {
  const cost = { "without-2 call": [60, 180, 120], "without-3 list": [100, 330, 170] };
  const costs = new Proxy({}, { get: (_, series) => cost[series as keyof typeof cost] ?? [100, 300, 200] });
  const table = partTable(costs as Parameters<typeof partTable>[0]);
  expect(table).toMatch(/^audit record.* 40\.0 ± 0\.0 % +0\.0 ± 0\.0 % +0\.60 b +1\.00 b$/m);
  expect(table).toMatch(/^identity token.* 0\.0 ± 0\.0 % +0\.0 ± 10\.7 % +1\.00 b +1\.00 b$/m);
});

it("shows what each part of a start adds to that of an empty Worker", () => {
  const startsIn = (...ms: number[]) => ms.map(startIn);
  const table = startTable({
    empty: startsIn(50, 50, 50),
    bound: startsIn(60, 90, 61),
    unevaluated: startsIn(70, 70, 99),
    gateway: startsIn(90, 90, 190),
  });
  const [, ...lines] = table.split("\n").map((line) => line.replace(/ +/g, " "));
  expect(lines).toEqual([
    "bindings and classes of Durable Objects 9.9",
    "loading the code 9.0",
    "evaluating it 18.0",
    "the first response 4.0",
    "all, above an empty Worker 40.0",
  ]);
});

it("does not measure a part whose module the gateway no longer imports", async () => {
  const building = buildWithout(["src/mcp/gone.ts"], path.join(tmpdir(), "bench-unbuilt.js"));
  await expect(building).rejects.toThrow("The gateway does not import src/mcp/gone.ts.");
});

it("refuses too few rounds and prints the usage", () => {
  const { status, stderr } = spawnSync(process.execPath, ["entrypoints/cli/launch.mjs", "bench", "--rounds", "2"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(/^--rounds takes a number, at least 10\.\n\nUsage: npm run bench/);
});
