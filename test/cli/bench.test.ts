// The report of the benchmark. Its measurements are not tested here: the benchmark checks each
// response itself.
import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { ROOT } from "../../entrypoints/cli/workers.ts";
import { evaluate, tableOf } from "../bench/goals.ts";
import { type Costs, median } from "../bench/series.ts";

const ONE = { kvReads: 1, kvWrites: 0, calls: 2, messages: 1 };

/** A run in which every request costs the same, in three rounds with different noise. */
const findings = {
  costs: new Proxy({}, { get: () => [100, 300, 200] }) as Costs,
  operations: { known: { ...ONE, kvReads: 0, calls: 1 }, fresh: ONE },
  statusBeforeBody: 413,
  coldStartsUs: [5_000, 90_000, 6_000],
  gatewayGzipBytes: 60_000,
};

const missed = (changes: Partial<typeof findings>) =>
  evaluate({ ...findings, ...changes }).flatMap(({ what, isMet }) => (isMet === false ? what : []));

it("meets a goal up to its limit", () => {
  // Only a list with a known token must cost less than one RPC.
  expect(missed({})).toEqual(["tools/list, token seen before"]);
  expect(tableOf(evaluate(findings))).toMatch(/^1 +tools\/call, token seen before +200 µs = 1\.00 x b +≤ 2\.1 +met$/m);
});

it.each([
  [
    "a second KV read",
    { operations: { known: findings.operations.known, fresh: { ...ONE, kvReads: 2 } } },
    "new token",
  ],
  [
    "a KV write",
    { operations: { known: { ...ONE, kvReads: 0, calls: 1, kvWrites: 1 }, fresh: ONE } },
    "token seen before",
  ],
  [
    "a record that is sometimes lost",
    { operations: { known: findings.operations.known, fresh: { ...ONE, messages: 0.95 } } },
    "new token",
  ],
  ["a response that waits for the body", { statusBeforeBody: null }, "2 MiB announced"],
  ["a slow start", { coldStartsUs: [6_100] }, "cold start"],
  ["a large bundle", { gatewayGzipBytes: 60_100 }, "bundle"],
])("misses a goal with %s", (_, changes, named) => {
  expect(missed(changes as Partial<typeof findings>).join("; ")).toContain(named);
});

it("reports the median of the ratios of each round", () => {
  const costs = new Proxy({}, { get: (_, series) => (series === "call" ? [200, 900, 400] : [100, 300, 200]) }) as Costs;
  expect(tableOf(evaluate({ ...findings, costs }))).toContain("400 µs = 2.00 x b");
  expect(median([4, 1, 3, 2])).toBe(2.5);
});

it("refuses too few rounds and prints the usage", () => {
  const { status, stderr } = spawnSync(process.execPath, ["entrypoints/cli/launch.mjs", "bench", "--rounds", "2"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(/^--rounds takes a number, at least 10\.\n\nUsage: npm run bench/);
});
