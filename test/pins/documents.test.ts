// The documents. Links: each leads to a file and a heading that exist. A link whose text is an
// identifier, such as [`serve`](../contracts/rpc/serve.ts), leads to a file that declares it.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../entrypoints/cli/workers.ts";
import { FILES, textOf } from "./sources.ts";

/** A longer cell makes a table unreadable: write a list below it. */
const CELL = 200;

const DOCUMENTS = FILES.filter((file) => file.endsWith(".md"));

interface Link {
  /** Its position, for messages. */
  readonly at: string;
  readonly text: string;
  /** From the root; the document itself for a link to one of its headings. */
  readonly file: string;
  readonly heading: string | undefined;
}

/** The links of a document to this repository. Code blocks and external links are left out. */
function linksIn(document: string, markdown = textOf(document)): readonly Link[] {
  const prose = markdown.replaceAll(/^( *)```.*?^\1```$/gms, (block) => block.replaceAll(/[^\n]/g, ""));
  return Array.from(
    prose.matchAll(/\[([^\]]+)\](?:\(|: (?=\.))([^)\s]+)/g),
    ({ index, 1: text = "", 2: target = "" }) => {
      const [file = "", heading] = target.split("#");
      const line = prose.slice(0, index).split("\n").length;
      const resolved = file === "" ? document : path.join(path.dirname(document), file);
      return { at: `${document}:${line}`, text, target, file: resolved, heading };
    },
  ).filter(({ target }) => !/^(?:https?|mailto):/.test(target));
}

/** The anchors that GitHub makes from the headings of a document. */
function anchorsOf(document: string): readonly string[] {
  return Array.from(textOf(document).matchAll(/^#+ (.*)$/gm), ([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}

/** The cells that are too long, with their place. A `|` in a cell is escaped. */
function longCells(document: string, markdown = textOf(document)): readonly string[] {
  return markdown.split("\n").flatMap((line, at) => {
    const cells = /^\s*\|/.test(line) ? line.split(/(?<!\\)\|/).map((cell) => cell.trim()) : [];
    return cells.flatMap((cell) =>
      cell.length < CELL
        ? []
        : [`${document}:${at + 1} has a cell of ${cell.length} characters: ${cell.slice(0, 40)}…`],
    );
  });
}

const links = DOCUMENTS.flatMap((document) => linksIn(document));

describe("the links of the documents", () => {
  it("lead to files that exist", () => {
    const broken = links.filter(({ file }) => !existsSync(path.join(ROOT, file)));
    expect(broken.map(({ at, file }) => `${at} links to ${file}, which does not exist.`)).toEqual([]);
  });

  it("lead to headings that exist", () => {
    const broken = links.filter(
      ({ file, heading }) => heading !== undefined && file.endsWith(".md") && !anchorsOf(file).includes(heading),
    );
    expect(broken.map(({ at, file, heading }) => `${at} links to #${heading}, which ${file} does not have.`)).toEqual(
      [],
    );
  });

  it("name identifiers that their files declare", () => {
    const DECLARED = (name: string) => new RegExp(`\\b(?:function\\*?|const|class|interface|type|async)\\s+${name}\\b`);
    const METHOD = (name: string) => new RegExp(`^\\s+(?:async )?${name}\\(`, "m");
    const wrong = links.flatMap(({ at, text, file }) => {
      const name = /^`(\w+)`$/.exec(text)?.[1];
      if (name === undefined || !file.endsWith(".ts")) return [];
      const source = readFileSync(path.join(ROOT, file), "utf8");
      return DECLARED(name).test(source) || METHOD(name).test(source)
        ? []
        : [`${at} says that ${file} declares ${name}.`];
    });
    expect(wrong).toEqual([]);
  });
});

describe("the decisions", () => {
  const list = textOf("docs/decisions/README.md");
  const decisions = DOCUMENTS.filter((file) => /^docs\/decisions\/\d{4}-/.test(file));

  it("have consecutive numbers", () => {
    const numbers = decisions.map((file) => Number(path.basename(file).slice(0, 4)));
    expect(numbers).toEqual(numbers.map((_, at) => at + 1));
  });

  it.each(decisions)("%s has every part and is listed with its title and date", (file) => {
    const text = textOf(file);
    const [, number, title] = /^# (\d{4}) (.+)$/m.exec(text) ?? [];
    const [, date, status] = /^Date: (\d{4}-\d\d-\d\d)\. Status: (.+)\.$/m.exec(text) ?? [];
    const headings = Array.from(text.matchAll(/^## (.+)$/gm), ([, heading]) => heading);
    expect(headings).toEqual(["Context", "Decision", "Alternatives", "Consequences"]);
    expect(list).toContain(`| [${number}](${path.basename(file)}) ${title} | ${date} | ${status} |`);
  });
});

describe("the README", () => {
  it("has the command that runs the system, and the one with which .ci/run tests it", () => {
    const commands = Array.from(textOf("README.md").matchAll(/^```sh\n(.*)\n```$/gm), ([, command]) => command);
    expect(commands).toEqual(expect.arrayContaining(["npm install && npm run dev", "npm test"]));
    const script = readFileSync(path.join(ROOT, ".ci/run"), "utf8");
    expect(script).toContain("npm install");
    expect(script).toMatch(/^tests "tests" npm test$/m);
  });
});

describe("the documents", () => {
  it("name npm scripts that exist, also in commands", () => {
    const { scripts } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as { scripts: object };
    const named = DOCUMENTS.filter((file) => file !== "CHANGELOG.md").flatMap((file) =>
      Array.from(textOf(file).matchAll(/npm run (?:-s )?([\w:]+)/g), ([, script = ""]) => ({ file, script })),
    );
    expect(named.filter(({ script }) => !(script in scripts))).toEqual([]);
  });

  it(`have table cells of less than ${CELL} characters`, () => {
    const long = DOCUMENTS.flatMap((document) => longCells(document));
    expect(long).toEqual([]);
    expect(longCells("docs/any.md", `| ${"a".repeat(CELL)} | b |`)).toHaveLength(1);
  });
});
