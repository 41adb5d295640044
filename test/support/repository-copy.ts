// Copies of the repository, in which a test may run commands that write files.
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";
import { ROOT } from "../../entrypoints/cli/workers.ts";

const COPIED = [
  ".biome.json",
  ".gitignore",
  ".oxlintrc.json",
  "README.md",
  "contracts",
  "docs",
  "entrypoints",
  "package.json",
  "src",
  "test",
  "tsconfig.json",
  "wrangler.toml",
];

/** The path of a new copy, with the dependencies linked. The caller removes it. */
export function copyRepository(): string {
  mkdirSync(path.join(ROOT, ".test"), { recursive: true });
  // Within the repository, whose node_modules the compiler must find in a parent folder.
  const copy = mkdtempSync(path.join(ROOT, ".test/copy-"));
  const isSource = (file: string) => !/\.dev\.vars$|\.generated\.toml$/.test(file);
  for (const name of COPIED)
    cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true, filter: isSource });
  symlinkSync(path.join(ROOT, "node_modules"), path.join(copy, "node_modules"));
  mkdirSync(path.join(copy, ".git")); // the ignore files of the repository end here
  return copy;
}

/** Removes a copy whose programs may be ending. */
export function removeCopy(copy: string): void {
  rmSync(copy, { recursive: true, force: true, maxRetries: 5 });
}
