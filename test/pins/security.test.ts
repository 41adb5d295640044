// docs/threats.md promises a test for every threat: each row names tests that exist, by the name of
// a file, which is a link that the end of the page defines, and a part of a title.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../entrypoints/cli/workers.ts";
import { textOf } from "./sources.ts";

const page = textOf("docs/threats.md");
const files = new Map(Array.from(page.matchAll(/^\[(.+)\]: \.\.\/(test\/\S+)$/gm), ([, name, file]) => [name, file]));
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| ") && !/^\| (?:---|threat \|)/.test(line))
  .map((line) => line.slice(2, -2).split(" | "));

/** The tests of a cell: `[file] "part of a title", "another"; [another file] "…"`. */
function testsIn(cell: string): readonly { file: string; title: string }[] {
  return cell.split("; ").flatMap((part) => {
    const [, name, titles = ""] = /^\[([^\]]+)\]((?:,? "[^"]+")+)$/.exec(part) ?? [];
    const file = files.get(name) ?? `no file is defined for: ${part}`;
    return Array.from(titles.matchAll(/"([^"]+)"/g), ([, title = ""]) => ({ file, title }));
  });
}

/** True if the file has a test, or a case of one, with this part of its title. */
function hasTest({ file, title }: { file: string; title: string }): boolean {
  const source = path.join(ROOT, file);
  if (!existsSync(source)) return false;
  return readFileSync(source, "utf8")
    .split("\n")
    .filter((line) => /\b(it|test|describe)(\.\w+)*\(|^\s*\]*\)?\)?\(?["`]|^\s*["`]/.test(line))
    .some((line) => line.includes(title));
}

describe("the table of threats", () => {
  it("is there, with three columns", () => {
    expect(rows.length).toBeGreaterThan(100);
    expect(rows.filter((cells) => cells.length !== 3)).toEqual([]);
  });

  it.each(rows.map((cells) => [cells[0] ?? "", cells.at(-1) ?? ""]))("%s: its tests exist", (_, cell) => {
    const tests = testsIn(cell);
    expect(tests.length, `names tests as [file] "title": ${cell}`).toBeGreaterThanOrEqual(cell.split("; ").length);
    expect(tests.filter((test) => !hasTest(test))).toEqual([]);
  });

  it("uses each file that it defines", () => {
    const used = rows.flatMap((cells) => testsIn(cells.at(-1) ?? "").map(({ file }) => file));
    expect([...files.values()].filter((file) => file === undefined || !used.includes(file))).toEqual([]);
  });
});
