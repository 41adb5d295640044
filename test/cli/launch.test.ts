// The door of every npm script: what it says when it cannot go on.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../../entrypoints/cli/workers.ts";

const LAUNCH = "entrypoints/cli/launch.mjs";

function launch(args: readonly string[], { flags = [], cwd = ROOT }: { flags?: readonly string[]; cwd?: string } = {}) {
  const { status, stderr } = spawnSync(process.execPath, [...flags, LAUNCH, ...args], { cwd, encoding: "utf8" });
  return { status, said: stderr.trim() };
}

test("without a command it says which there are", () => {
  expect(launch([])).toEqual({
    status: 1,
    said: "Say what to do: node entrypoints/cli/launch.mjs dev|deploy|catalog|keys|test|bench [arguments].",
  });
});

test("a Node that is too old is named, with what to do", () => {
  const pretend = `data:text/javascript,Object.defineProperty(process.versions, "node", { value: "20.19.0" })`;
  const { status, said } = launch(["dev"], { flags: ["--import", pretend] });
  expect(status).toBe(1);
  expect(said).toMatch(/^Node 20\.19\.0 is too old: install Node 22\.6 or newer/);
});

test("without its dependencies it asks for npm install", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "launch-"));
  try {
    cpSync(path.join(ROOT, LAUNCH), path.join(folder, LAUNCH));
    expect(launch(["dev"], { cwd: folder })).toEqual({
      status: 1,
      said: "The dependencies are not installed: run `npm install` first.",
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("an unknown switch is named, and the usage is shown", () => {
  const { status, said } = launch(["dev", "--frsh"]);
  expect(status).toBe(1);
  expect(said).toContain("--frsh");
  expect(said).toContain("Usage: npm run dev");
});
