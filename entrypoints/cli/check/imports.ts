// The imports of TypeScript files, read from their text: fast, and also where the compiler stops.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** One import of a TypeScript file. */
export interface Import {
  /** A package by its name; a file by its path from the root. */
  readonly target: string;
  /** Of the module's name, from 1. */
  readonly line: number;
  /** True if the compiler removes the import: `import type`, or only names with `type`. */
  readonly isType: boolean;
  /** The names between braces that are imported as values. */
  readonly values: readonly string[];
}

const IMPORT = /^(?:import|export)\b(?:(?<what>[^;"'`=()]*?)\bfrom)?\s*["'](?<target>[^"']+)["']/gm;
const DYNAMIC_IMPORT = /\bimport\(\s*["'](?<target>[^"']+)["']/g;

/** The imports and re-exports in `source`, which is the text of `file`. */
export function importsOf(file: string, source: string): readonly Import[] {
  const resolve = (target = "") =>
    target.startsWith(".") ? path.posix.join(path.posix.dirname(file), target) : target;
  const lineAt = (index: number) => source.slice(0, index).split("\n").length;
  const imports = Array.from(source.matchAll(IMPORT), (match) => {
    const what = match.groups?.what ?? "";
    const names = (/\{(.*)\}/s.exec(what)?.[1] ?? "").split(",").map((name) => name.trim());
    const values = /^\s*type\b/.test(what) ? [] : names.filter((name) => name !== "" && !name.startsWith("type "));
    const isType = /^\s*type\b/.test(what) || (/^\s*\{.*\}\s*$/s.test(what) && values.length === 0);
    return { target: resolve(match.groups?.target), line: lineAt(match.index + match[0].length), isType, values };
  });
  const dynamic = Array.from(source.matchAll(DYNAMIC_IMPORT), (match) => ({
    target: resolve(match.groups?.target),
    line: lineAt(match.index + match[0].length),
    isType: false,
    values: [],
  }));
  return [...imports, ...dynamic];
}

/** The TypeScript files of the layers below `root`, with their text, sorted by path. */
export function sourcesOf(root: string): ReadonlyMap<string, string> {
  const files = ["contracts", "src", "entrypoints"].flatMap((layer) =>
    readdirSync(path.join(root, layer), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
      .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, "/"))
      .filter((file) => !/(?:^|\/)(?:node_modules|dist|\.wrangler)\//.test(file)),
  );
  return new Map(files.toSorted().map((file) => [file, readFileSync(path.join(root, file), "utf8")]));
}
