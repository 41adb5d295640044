// The commit that a deployment names.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { commitOf } from "../../entrypoints/cli/production/commit.ts";
import { PRODUCTION_FILE } from "../../entrypoints/cli/production/settings.ts";

it("a deployment names commit, branch and changes of the code, not those of its settings", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "commit-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  expect(commitOf(folder)).toBeNull();
  const write = (file: string, text: string) => writeFileSync(path.join(folder, file), text);
  const git = (...args: readonly string[]) =>
    execFileSync("git", ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", ...args], { cwd: folder });
  mkdirSync(path.dirname(path.join(folder, PRODUCTION_FILE)));
  for (const file of [PRODUCTION_FILE, "index.ts"]) write(file, "one");
  git("init", "--quiet", "--initial-branch", "release");
  git("add", ".");
  git("commit", "--quiet", "--message", "One");
  expect(commitOf(folder)).toMatch(/^commit [0-9a-f]{8} of release$/);
  write(PRODUCTION_FILE, "two");
  expect(commitOf(folder)).toMatch(/^commit [0-9a-f]{8} of release$/);
  write("new.ts", "two");
  expect(commitOf(folder)).toMatch(/^commit [0-9a-f]{8} of release, with changes that are not committed$/);
  git("checkout", "--quiet", "--detach");
  expect(commitOf(folder)).toMatch(/ of no branch, with changes that are not committed$/);
});
