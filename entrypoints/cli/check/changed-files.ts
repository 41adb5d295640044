// The files that `npm run check` lints with types: those whose text, or the text of a file that
// they import, has not passed before. `npm run lint` lints all.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { importsOf } from "./imports.ts";

const CACHE = ".tsbuild/linted.json";
const SETTINGS = [".oxlintrc.json", "package-lock.json", "tsconfig.json", "src/env.ts"];
const FOLDERS = ["contracts", "src", "entrypoints", "test", "docs/examples"];
/** The repositories in docs/examples have types of their own, which are not installed here. */
const IGNORED = /[\\/](?:node_modules|dist|\.wrangler|docs[\\/]examples[\\/][^\\/]+)[\\/]/;

export interface ChangedFiles {
  readonly files: readonly string[];
  /** Notes that they have passed. */
  pass(): void;
}

/** The files below `root` that have not passed as they are. */
export function changedFiles(root: string): ChangedFiles {
  const texts = new Map(FOLDERS.flatMap((folder) => codeIn(root, folder)));
  const settings = SETTINGS.map((file) => textIfExists(path.join(root, file))).join("\n");
  const digests = new Map(Array.from(texts, ([file, text]) => [file, digestOf(file, text, texts, settings)]));
  const passed = new Set(readPassed(root));
  return {
    files: Array.from(digests).flatMap(([file, digest]) => (passed.has(digest) ? [] : [file])),
    pass() {
      mkdirSync(path.join(root, path.dirname(CACHE)), { recursive: true });
      writeFileSync(path.join(root, CACHE), JSON.stringify([...digests.values()]));
    },
  };
}

function digestOf(file: string, text: string, texts: ReadonlyMap<string, string>, settings: string): string {
  const imported = importsOf(file, text).map(({ target }) => texts.get(target) ?? target);
  return createHash("sha256")
    .update([settings, file, text, ...imported].join("\0"))
    .digest("base64");
}

function codeIn(root: string, folder: string): [string, string][] {
  return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(?:ts|mjs)$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => !IGNORED.test(file))
    .map((file) => [path.relative(root, file).replaceAll(path.sep, "/"), readFileSync(file, "utf8")]);
}

function readPassed(root: string): readonly string[] {
  try {
    return JSON.parse(textIfExists(path.join(root, CACHE))) as string[]; // written by `pass`
  } catch {
    return [];
  }
}

function textIfExists(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
