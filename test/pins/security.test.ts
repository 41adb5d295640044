// docs/security.md promises a test for every threat: each row of its table names tests that exist.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../entrypoints/cli/workers.ts";

const page = readFileSync(path.join(ROOT, "docs/security.md"), "utf8");
const table = /^## Threats$(?<section>.*?)^## /ms.exec(page)?.groups?.section ?? "";
const rows = table
  .split("\n")
  .filter((line) => line.startsWith("| ") && !/^\| (-|threat \|)/.test(line))
  .map((line) => line.split(" | "));
/** `[the file](../test/…) "part of a test's title"`, as often as a row likes. */
const NAMED = /\[[^\]]+\]\(\.\.\/(test\/[^)]+\.test\.ts)\) "([^"]+)"/g;

describe("the table of threats", () => {
  it("is there, with three columns", () => {
    expect(rows.length).toBeGreaterThan(40);
    expect(rows.filter((cells) => cells.length !== 3)).toEqual([]);
  });

  it.each(rows.map((cells) => [cells[0]?.slice(2) ?? "", cells.at(-1) ?? ""]))("%s: its tests exist", (_, cell) => {
    const named = [...cell.matchAll(NAMED)];
    expect(named.length, "names a test").toBeGreaterThan(0);
    for (const [, file = "", title = ""] of named) {
      expect(existsSync(path.join(ROOT, file)), file).toBe(true);
      const titles = readFileSync(path.join(ROOT, file), "utf8")
        .split("\n")
        .filter((line) => /\b(it|test|describe)(\.\w+)*\(|^\s*\]*\)?\)?\(?["`]|^\s*["`]/.test(line));
      expect(
        titles.some((line) => line.includes(title)),
        `${file} has "${title}"`,
      ).toBe(true);
    }
  });
});
