// The form of comments and documents: a comment opens with a noun or a verb, and prose is at most
// 100 columns wide. The formatter wraps code, but neither comments nor Markdown.
import { describe, expect, it } from "vitest";
import { commentsOf, FILES, textOf } from "./sources.ts";

const CODE = /\.(?:ts|mjs|toml|sql)$|(?:^|\/)run$/;
const WIDTH = 100;
/** Directives of tools, which must be one line. */
const DIRECTIVE = /biome-ignore|oxlint-disable|#:schema|@ts-expect-error|prettier-ignore/;

/** True if the line has a space at which it could be wrapped. */
function canBreak(line: string): boolean {
  const [prefix = ""] = /^\s*(?:(?:\/\/|#|--|\/?\*+|[-*+>]|\d+\.)\s+)*/.exec(line) ?? [];
  return line.slice(prefix.length).trimEnd().lastIndexOf(" ", WIDTH) > 0;
}

const isTooWide = (line: string) => Array.from(line).length > WIDTH && canBreak(line) && !DIRECTIVE.test(line);

const tooWide = (file: string, at: number, line: string) =>
  `${file}:${at} is ${Array.from(line).length} columns wide: wrap it at ${WIDTH}.`;

/** The comment lines that are too wide. A comment at the end of code has the width of code. */
function wideComments(file: string, source = textOf(file)): string[] {
  const lines = source.split("\n");
  return commentsOf(file, source).flatMap((comment) =>
    comment.lines.flatMap((_, offset) => {
      const line = lines[comment.line - 1 + offset] ?? "";
      const isOwnLine = /^\s*(?:\/\/|#|--|\/?\*)/.test(line);
      return isOwnLine && isTooWide(line) ? [tooWide(file, comment.line + offset, line)] : [];
    }),
  );
}

/** The lines of a Markdown document that are too wide, without its tables and code blocks. */
function wideProse(file: string, source = textOf(file)): string[] {
  let isCode = false;
  return source.split("\n").flatMap((line, at) => {
    if (/^\s*(?:```|~~~)/.test(line)) isCode = !isCode;
    return !isCode && !/^\s*\|/.test(line) && isTooWide(line) ? [tooWide(file, at + 1, line)] : [];
  });
}

/** The comments of `file` that open with a question word. */
function questionOpenings(file: string, source = textOf(file)): string[] {
  return commentsOf(file, source).flatMap(({ line, lines }) => {
    const opening = /^(?:What|Who|Whose|Whom|Whether|Where|How)\b/.exec(lines.find((words) => words.trim()) ?? "");
    return opening ? [`${file}:${line} opens with "${opening[0]}": start with a noun or a verb.`] : [];
  });
}

describe("comments", () => {
  // The examples of this file are comments that must be found.
  const files = FILES.filter((file) => CODE.test(file) && file !== "test/pins/english.test.ts");

  it("open with a noun or a verb", () => {
    expect(files.flatMap((file) => questionOpenings(file))).toEqual([]);
  });

  it(`are at most ${WIDTH} columns wide`, () => {
    expect(files.flatMap((file) => wideComments(file))).toEqual([]);
  });
});

describe("documents", () => {
  it(`have prose of at most ${WIDTH} columns`, () => {
    expect(FILES.filter((file) => file.endsWith(".md")).flatMap((file) => wideProse(file))).toEqual([]);
  });
});

describe("the checks themselves", () => {
  const wide = "word ".repeat(25);

  it.each([
    ["a line comment", "// Whether it ended.\n"],
    ["a second line after an empty one", "/**\n * What it is.\n */\n"],
    ["the end of a line of code", "const a = 1; // How often\n"],
  ])("find a question word in %s", (_, source) => {
    expect(questionOpenings("src/any.ts", source)).toHaveLength(1);
  });

  it.each([
    ["a line comment", `// ${wide}\n`],
    ["a block", `/**\n * ${wide}\n */\n`],
  ])("find a wide line in %s", (_, source) => {
    expect(wideComments("src/any.ts", source)).toHaveLength(1);
  });

  it("find wide prose, but not wide tables, code and URLs", () => {
    const url = `https://example.com/${"a".repeat(100)}`;
    expect(wideProse("any.md", `${wide}\n| ${wide} |\n\`\`\`\n${wide}\n\`\`\`\n- ${url}\n`)).toEqual([
      "any.md:1 is 125 columns wide: wrap it at 100.",
    ]);
  });
});
