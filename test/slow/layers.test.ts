// The compiler separates the layers: an import of a higher layer, or of another Worker, does not
// compile. Each case is one more file in a copy of the tree.
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { AUDIENCES, ROOT } from "../../entrypoints/cli/workers.ts";

const run = promisify(execFile);
let copy = "";

beforeAll(() => {
  mkdirSync(path.join(ROOT, ".test"), { recursive: true });
  // Within the repository, so that node_modules is found in a parent folder.
  copy = mkdtempSync(path.join(ROOT, ".test/layers-"));
  for (const name of ["tsconfig.json", "package.json", "contracts", "src", "entrypoints"])
    cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true });
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

/** The compiler's errors in a project; empty if there are none. */
async function compile(root: string, project: string): Promise<string> {
  try {
    await run(process.execPath, [path.join(ROOT, "node_modules/typescript/bin/tsc"), "-b", project], { cwd: root });
    return "";
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

/** The compiler's errors in a project of the copy that has one more file. */
async function compileWith(project: string, source: string): Promise<string> {
  const file = path.join(copy, project, "upward.ts");
  writeFileSync(file, source);
  try {
    return await compile(copy, project);
  } finally {
    rmSync(file);
  }
}

const backends = AUDIENCES.map((audience) => `entrypoints/${audience}`);

it.each([
  ["contracts", "src", 'import "../src/context.ts";'],
  ["src", "the gateway's entrypoints", 'import "../entrypoints/gateway/cors.ts";'],
  ["entrypoints/gateway", "a reference Worker", 'import "../stackbilder/flow.ts";'],
  ...backends.map((backend): [string, string, string] => [backend, "src", 'import "../../src/context.ts";']),
  ...backends.map((backend): [string, string, string] => [backend, "the gateway", 'import "../gateway/cors.ts";']),
  ["entrypoints/img-forge", "another backend", 'import "../auth/digest.ts";'],
])("%s cannot import %s", async (project, _, source) => {
  expect(await compileWith(project, source)).toMatch(/upward\.ts.*error TS(6059|6307)/);
});

it.each(["src", "entrypoints/gateway", ...backends])("%s can import contracts", async (project) => {
  const up = project.includes("/") ? "../.." : "..";
  expect(await compileWith(project, `import "${up}/contracts/rpc/result.ts";`)).toBe("");
});

it("a wrong import leaves no file among the sources", () => {
  const files = readdirSync(copy, { recursive: true, encoding: "utf8" }).filter((file) => !file.startsWith(".tsbuild"));
  const declarations = files.filter((file) => file.endsWith(".d.ts") && !/node-(?:crypto|url)\.d\.ts$/.test(file));
  expect(declarations).toEqual([]);
});

it("the whole tree compiles, with an error for each mistake in contracts.ts and tools.ts", async () => {
  expect(await compile(ROOT, "tsconfig.json")).toBe("");
});
