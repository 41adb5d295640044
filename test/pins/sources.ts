// The repository as text, for the pins: its files and their comments.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { ROOT } from "../../entrypoints/cli/workers.ts";

const FOLDERS = ["contracts", "src", "entrypoints", "test", "docs", ".ci"];
const IGNORED = /(?:^|\/)(?:node_modules|dist|\.wrangler|\.dev\.vars|[^/]*\.lock\.json|[^/]*\.generated\.toml)(?:$|\/)/;
const TEXT = /\.(?:ts|mjs|md|toml|json|sql|svg|example)$|(?:^|\/)run$/;

/** Every text file that a contributor writes, as paths from the root, sorted. */
export const FILES: readonly string[] = [
  ...readdirSync(ROOT).filter((name) => TEXT.test(name) && name !== "package-lock.json"),
  ...FOLDERS.flatMap((folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)))
      .filter((file) => TEXT.test(file)),
  ),
]
  .filter((file) => !IGNORED.test(file))
  .toSorted();

/** The text of a file of `FILES`. */
export function textOf(file: string): string {
  return readFileSync(path.join(ROOT, file), "utf8");
}

/** A comment: a run of `//` or `#` lines, a block, or the end of a line of code. */
export interface Comment {
  /** Its first line in the file, from 1. */
  readonly line: number;
  /** Without the marks, one entry a line. */
  readonly lines: readonly string[];
}

/** The comments of `source`. Text in a string that looks like a comment counts as one. */
export function commentsOf(file: string, source: string = textOf(file)): readonly Comment[] {
  const mark = /\.(?:ts|mjs)$/.test(file) ? "//" : file.endsWith(".sql") ? "--" : "#";
  const own = new RegExp(`^\\s*${mark}(?!!)\\s?(.*)$`);
  const trailing = new RegExp(`[\\s;,{(\\[]${mark}\\s(.*)$`);
  const comments: { line: number; lines: string[]; isOpen: boolean }[] = [];
  let isBlock = false;
  for (const [at, text] of source.split("\n").entries()) {
    const last = comments.at(-1);
    const start = mark === "//" && /^\s*\/\*+\s?(.*)$/.exec(text);
    if (isBlock) last?.lines.push(text.replace(/^\s*\*?\s?|\s*\*\/\s*$/g, "").replace(/\s*\*\/\s*$/, ""));
    if (isBlock) isBlock = !text.includes("*/");
    else if (start) {
      comments.push({ line: at + 1, lines: [(start[1] ?? "").replace(/\s*\*\/.*$/, "")], isOpen: false });
      isBlock = !text.includes("*/");
    } else if (own.test(text)) {
      const words = own.exec(text)?.[1] ?? "";
      if (last?.isOpen && last.line + last.lines.length === at + 1) last.lines.push(words);
      else comments.push({ line: at + 1, lines: [words], isOpen: true });
    } else if (trailing.test(text)) {
      comments.push({ line: at + 1, lines: [trailing.exec(text)?.[1] ?? ""], isOpen: false });
    }
  }
  return comments;
}
