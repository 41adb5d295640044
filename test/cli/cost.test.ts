// The calculator of costs, and the page that shows its output.
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, it, vi } from "vitest";
import { PLAN_DOLLARS } from "../../entrypoints/cli/cost/prices.ts";
import { ROWS_A_RECORD, trafficOf } from "../../entrypoints/cli/cost/usage.ts";
import { bill, report, run, totalOf } from "../../entrypoints/cli/cost.ts";
import { ROOT } from "../../entrypoints/cli/workers.ts";

const textOf = (file: string) => readFileSync(path.join(ROOT, file), "utf8");

it.each([10, 10_000, 10_000_000])("docs/scaling.md shows the lines of %i calls a day that cost something", (calls) => {
  const [, block = ""] =
    new RegExp(`cost -- --calls ${calls}\n\`\`\`\n\n\`\`\`text\n([^\`]*)\`\`\``).exec(textOf("docs/scaling.md")) ?? [];
  const shown = block
    .trimEnd()
    .split("\n")
    .filter((line) => line !== "…");
  expect(shown.at(-1)).toMatch(/^total /);
  const printed = report(trafficOf(calls)).split("\n");
  expect(printed).toEqual(expect.arrayContaining(shown));
  const free = /\s0\.00$/;
  expect(printed.filter((line) => !free.test(line) && !shown.includes(line))).toEqual([]);
});

it("the plan's price is all that few calls cost, and ten times the calls never cost less", () => {
  expect(totalOf(trafficOf(10))).toBe(PLAN_DOLLARS);
  const totals = [10, 100, 1e3, 1e4, 1e5, 1e6, 1e7].map((calls) => totalOf(trafficOf(calls)));
  expect(totals).toEqual(totals.toSorted((a, b) => a - b));
});

it("images, look-ups, users and longer retention each cost more", () => {
  const traffic = trafficOf(10e6);
  for (const more of [{ images: 6 }, { lookUps: 51 }, { users: 600_000 }, { recordDays: 401 }, { imageMb: 1 }])
    expect(totalOf({ ...traffic, ...more }), JSON.stringify(more)).toBeGreaterThan(totalOf(traffic));
  const without = bill({ ...traffic, images: 0, users: 0, lookUps: 0 });
  expect(without.filter(({ units, resource }) => units > 0 && /^(kv|object|r2)/.test(resource))).toEqual([]);
});

it("a record writes and deletes itself and an entry of each index, and the state of its chain", () => {
  const sql = textOf("entrypoints/audit/migrations/0001_records.sql");
  const indexes = sql.match(/^CREATE (UNIQUE )?INDEX \w+ ON records/gm)?.length ?? 0;
  const [record, key, state] = [1, 1, 1];
  expect((record + key + indexes) * 2 + state).toBe(ROWS_A_RECORD);
});

it("refuses a number that is none, and prints the usage", async () => {
  for (const args of [["--calls", "many"], ["--images", "101"], ["--users=-1"], ["--image-mb", ""], ["--days", "1"]])
    await expect(run(args), args.join(" ")).rejects.toThrow(/Usage: npm run cost/);
  const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
  await run(["--calls", "500", "--images", "0"]);
  await run(["--help"]);
  expect(log.mock.calls.map(([text]) => String(text).split("\n")[0])).toEqual([
    expect.stringMatching(/^a month of 30 days/),
    "Usage: npm run cost [-- options]",
  ]);
  log.mockRestore();
});
