// The compiler keeps the floors apart: an import of a higher floor, or of a room that a Worker may not enter, does not compile. Each
// case is one extra file in a copy of the tree.
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ROOT } from "../../entrypoints/cli/workers.ts";

const run = promisify(execFile);
let copy = "";

beforeAll(() => {
  mkdirSync(path.join(ROOT, ".test"), { recursive: true });
  // Inside the repository, so that packages are found by walking up.
  copy = mkdtempSync(path.join(ROOT, ".test/floors-"));
  for (const name of ["tsconfig.json", "package.json", "contracts", "src", "entrypoints"])
    cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true });
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

/** What the compiler says about a project; nothing if it is content. */
async function compile(root: string, project: string): Promise<string> {
  try {
    await run(process.execPath, [path.join(ROOT, "node_modules/typescript/bin/tsc"), "-b", project], { cwd: root });
    return "";
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

/** The same about a project of the copy with one more file in it. */
async function compileWith(project: string, source: string): Promise<string> {
  const file = path.join(copy, project, "upward.ts");
  writeFileSync(file, source);
  try {
    return await compile(copy, project);
  } finally {
    rmSync(file);
  }
}

it.each([
  ["contracts", "src", 'import "../src/context.ts";'],
  ["src", "the gateway's entrypoints", 'import "../entrypoints/gateway/cors.ts";'],
  ["entrypoints/stackbilder", "src", 'import "../../src/context.ts";'],
  ["entrypoints/img-forge", "another backend", 'import "../auth/digest.ts";'],
  ["entrypoints/auth", "the gateway", 'import "../gateway/cors.ts";'],
  ["entrypoints/gateway", "a reference Worker", 'import "../stackbilder/flow.ts";'],
])("%s cannot import %s", async (project, _, source) => {
  expect(await compileWith(project, source)).toMatch(/upward\.ts.*error TS(6059|6307)/);
});

it.each(["src", "entrypoints/gateway", "entrypoints/auth", "entrypoints/stackbilder", "entrypoints/img-forge"])(
  "%s may import contracts",
  async (project) => {
    const up = project.includes("/") ? "../.." : "..";
    expect(await compileWith(project, `import "${up}/contracts/rpc/result.ts";`)).toBe("");
  },
);

it("everything that must not compile does not, and everything else does", async () => {
  expect(await compile(ROOT, "tsconfig.json")).toBe("");
});
