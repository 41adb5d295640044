// `npm run check`: each mistake is one sentence with its place and the remedy. The mistakes are
// made in one copy of the repository; the compiler's errors are given as text.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { changedFiles } from "../../entrypoints/cli/check/changed-files.ts";
import { readableErrors } from "../../entrypoints/cli/check/compiler.ts";
import { copyRepository, removeCopy } from "../support/repository-copy.ts";

let copy = "";
beforeAll(() => {
  copy = copyRepository();
});
afterAll(() => removeCopy(copy));

type Edit = readonly [file: string, before: string | RegExp, after: string];

/** Runs `task` while the copy has these edits. */
function withEdits<T>(edits: readonly Edit[], task: () => T): T {
  const files = edits.map(([file]) => path.join(copy, file));
  const originals = new Map(files.map((file) => [file, readFileSync(file, "utf8")]));
  try {
    for (const [file, before, after] of edits) {
      const text = readFileSync(path.join(copy, file), "utf8");
      const edited = text.replace(before, after);
      if (edited === text) throw new Error(`${file} has no ${before}.`);
      writeFileSync(path.join(copy, file), edited);
    }
    return task();
  } finally {
    for (const [file, text] of originals) writeFileSync(file, text);
  }
}

/** The lines that a command of the copy prints when it refuses. */
function refusalOf(...args: string[]): string[] {
  const launch = path.join(copy, "entrypoints/cli/launch.mjs");
  const { status, stderr } = spawnSync(process.execPath, ["--no-warnings", launch, ...args], { encoding: "utf8" });
  return [`exit ${status}`, ...stderr.trim().split("\n")];
}

const NOTHING_ELSE = ["", "Nothing else was checked."];
const IMAGE_TOOLS = "src/tools/img-forge.ts";
const IMAGE_CONTRACT = "contracts/img-forge.ts";

describe("a broken rule is one sentence, and nothing else is checked", () => {
  it("for each wrong import", () => {
    const edits: Edit[] = [
      ["contracts/text.ts", /^/, "import '../src/config.ts';\n"],
      ["src/context.ts", /^/, 'import "../entrypoints/gateway/cors.ts";\n'],
      ["src/mcp/era.ts", /^/, 'import "../oauth/router.ts";\n'],
      ["entrypoints/auth/digest.ts", /^/, 'import "../stackbilder/flow.ts";\nimport "../../src/env.ts";\n'],
    ];
    const places = withEdits(edits, () => refusalOf("check")).map((line) => line.split(":", 2).join(":"));
    expect(places).toEqual([
      "exit 1",
      "contracts/text.ts:1 imports src/config.ts",
      "entrypoints/auth/digest.ts:1 imports entrypoints/stackbilder/flow.ts",
      "entrypoints/auth/digest.ts:2 imports src/env.ts",
      "src/context.ts:1 imports entrypoints/gateway/cors.ts",
      "src/mcp/era.ts:1 imports src/oauth/router.ts",
      ...NOTHING_ELSE,
    ]);
  });

  it.each<[string, Edit[], string]>([
    [
      "a tool without a risk",
      [[IMAGE_TOOLS, 'risk: "EXTERNAL_MUTATION",', ""]],
      "src/tools/img-forge.ts:N Tool image_generate: it declares no risk: set `risk` to READ_ONLY, LOCAL_MUTATION,",
    ],
    [
      "a tool without a price",
      [[IMAGE_TOOLS, "price: 0,", ""]],
      "src/tools/img-forge.ts:N Tool image_list_models: its price is not a whole number of credits: set `price` to 0",
    ],
    [
      "a tool's bad name",
      [[IMAGE_CONTRACT, "image_check_job:", "imageCheckJob:"]],
      "contracts/img-forge.ts:N Tool imageCheckJob: its name must be image, or begin with image_, in at most 40",
    ],
    [
      "two tools of one name",
      [
        [IMAGE_CONTRACT, 'prefix: "image"', 'prefix: "flow"'],
        [IMAGE_CONTRACT, "image_generate:", "flow_create:"],
        [IMAGE_CONTRACT, "image_list_models:", "flow_models:"],
        [IMAGE_CONTRACT, "image_check_job:", "flow_job:"],
        [IMAGE_TOOLS, "image_generate: {", "flow_create: {"],
        [IMAGE_TOOLS, "image_list_models: {", "flow_models: {"],
        [IMAGE_TOOLS, "image_check_job: {", "flow_job: {"],
      ],
      "contracts/img-forge.ts:N Tool flow_create: two tools have this name: rename one of them in its contract.",
    ],
    [
      "a method that is neither a tool nor internal",
      [[IMAGE_CONTRACT, '"findJob", ', ""]],
      "contracts/img-forge.ts:N Method findJob: it is neither a tool of img-forge nor internal: list it in `tools`",
    ],
    [
      "a tool that is not declared",
      [[IMAGE_CONTRACT, "image_check_job:", 'image_job: "checkJob",\n    image_check_job:']],
      "contracts/img-forge.ts:N Tool image_job: declare it in the tools file of IMG_FORGE, as the contract has it.",
    ],
    [
      "a backend without a product",
      [["src/tools/catalog.ts", "  IMG_FORGE: imgForge,\n", ""]],
      "src/tools/catalog.ts:N has no product for IMG_FORGE of contracts/backends.ts: add it to PRODUCTS.",
    ],
  ])("for %s", (_, edits, sentence) => {
    const [exit, first = "", ...rest] = withEdits(edits, () => refusalOf("check"));
    expect([exit, first.replace(/:\d+ /, ":N ").slice(0, sentence.length)]).toEqual(["exit 1", sentence]);
    expect(Number(/:(\d+) /.exec(first)?.[1])).toBeGreaterThan(1);
    expect(rest).toEqual(NOTHING_ELSE);
  });

  it("for each difference between a wrangler.toml and the code", () => {
    const edits: Edit[] = [
      ["wrangler.toml", 'binding = "STACKBILDER"', 'binding = "STACKBUILDER"'],
      ["wrangler.toml", 'entrypoint = "ImgForgeEntrypoint"', 'entrypoint = "ImageEntrypoint"'],
      ["wrangler.toml", 'new_sqlite_classes = ["ErasureObject"]', "new_sqlite_classes = []"],
      ["wrangler.toml", "[vars]", '[vars]\nCOLOUR = "red"'],
      ["wrangler.toml", /^\[\[kv_namespaces\]\]\n.*\n.*\n/m, ""],
      ["entrypoints/gateway/index.ts", /^export \{ GrantObject.*\n/m, ""],
      ["entrypoints/img-forge/wrangler.toml", /^IMAGE_BASE_URL.*\n/m, ""],
    ];
    const lines = withEdits(edits, () => refusalOf("check")).map((line) => line.replace(/:\d+ /, ":N "));
    expect(lines.filter((line) => line !== "").toSorted()).toEqual(
      [
        "Nothing else was checked.",
        "entrypoints/img-forge/env.ts:N requires the variable IMAGE_BASE_URL, which [vars] in entrypoints/img-forge/wrangler.toml does not set: add it there, make it optional, or end the name of a secret with _SECRET, _KEY or _TOKEN.",
        "exit 1",
        "src/env.ts:N requires the binding OAUTH_KV, which wrangler.toml does not have: add it there, or make it optional.",
        "wrangler.toml:N binds STACKBUILDER, which contracts/backends.ts does not list: add it there, or remove the block.",
        'wrangler.toml:N binds the Durable Object class ErasureObject, which no migration creates: add [[migrations]] with a new tag and new_sqlite_classes = ["ErasureObject"] at the end of the others.',
        "wrangler.toml:N binds the Durable Object class GrantObject, which entrypoints/gateway/index.ts does not export: export it there.",
        'wrangler.toml:N has no [[services]] block with binding = "STACKBILDER", which contracts/backends.ts lists: add one, with the service and entrypoint of that backend.',
        'wrangler.toml:N names the entrypoint "ImageEntrypoint", which entrypoints/img-forge/worker.ts does not export: use ImgForgeEntrypoint.',
        "wrangler.toml:N sets COLOUR, which Env in src/env.ts does not have: add the field there, or remove it here.",
      ].toSorted(),
    );
  });

  it("and every other command that needs the tools says the same", () => {
    const edit: Edit = [IMAGE_TOOLS, 'risk: "EXTERNAL_MUTATION",', ""];
    const refusal = withEdits([edit], () => refusalOf("catalog"));
    expect(refusal).toHaveLength(2);
    expect(refusal[1]).toMatch(/^src\/tools\/img-forge\.ts:\d+ Tool image_generate: it declares no risk/);
  });
});

describe("an error of the compiler", () => {
  it.each([
    [
      "src/tools/ledger.ts(7,5): error TS2741: Property 'title' is missing in type '{ description: string; }' but required in type 'ToolDeclaration<Contract<{ readonly a: Operation<x",
      "src/tools/ledger.ts:7 lacks `title`: every declaration of this kind has it.",
    ],
    [
      "entrypoints/auth/worker.ts(42,14): error TS2420: Class 'AuthEntrypoint' incorrectly implements interface 'ContractOf<Contract<...>>'.\n  Property 'findUser' is missing in type 'AuthEntrypoint' but required in type 'ContractOf<...>'.",
      "entrypoints/auth/worker.ts:42 AuthEntrypoint lacks findUser of its contract, or has it with other types: implement it with serve().",
    ],
    [
      "src/a.ts(1,20): error TS2307: Cannot find module './b.ts' or its corresponding type declarations.",
      "src/a.ts:1 imports ./b.ts, which does not exist: correct the path, which ends in .ts.",
    ],
    [
      "contracts/a.ts(3,5): error TS1117: An object literal cannot have multiple properties with the same name.",
      "contracts/a.ts:3 repeats a name of the lines above: of two tools or fields with one name, only the last would count.",
    ],
    [
      "src/a.ts(1,1): error TS2322: Type 'string' is not assignable to type 'number'.",
      "src/a.ts:1 Type 'string' is not assignable to type 'number'. (TS2322)",
    ],
  ])("%s", (error, sentence) => {
    expect(readableErrors(`${error}\n${error}\n`)).toEqual([sentence]);
  });

  it("leaves out projects that lack the declarations of one with an error", () => {
    const missing = "Output file '.tsbuild/contracts/a.d.ts' has not been built from source file 'contracts/a.ts'.";
    const output = [
      "contracts/a.ts(2,1): error TS2322: Type 'string' is not assignable to type 'number'.",
      `src/b.ts(1,1): error TS6305: ${missing}`,
      "src/c.ts(1,1): error TS7006: Parameter 'x' implicitly has an 'any' type.",
      `entrypoints/auth/d.ts(1,1): error TS6305: ${missing}`,
      "entrypoints/local/e.ts(1,1): error TS2304: Cannot find name 'y'.",
    ];
    expect(readableErrors(output.join("\n"))).toEqual([
      "contracts/a.ts:2 Type 'string' is not assignable to type 'number'. (TS2322)",
      "entrypoints/local/e.ts:1 Cannot find name 'y'. (TS2304)",
    ]);
    expect(readableErrors(output[1] ?? "")).toHaveLength(1);
  });

  it("quotes the beginning of a long type", () => {
    const type = `{ ${"readonly a: string; ".repeat(20)}}`;
    const [text] = readableErrors(`src/a.ts(1,1): error TS2322: Type '${type}' is not assignable to type 'number'.`);
    expect(text?.length).toBeLessThan(150);
    expect(text).toMatch(/^src\/a\.ts:1 Type '\{ readonly a: .*…' is not assignable to type 'number'\. \(TS2322\)$/);
  });
});

it("a wrong format ends with the command that repairs it", () => {
  const lines = withEdits([["src/tools/count.ts", "  return", "      return"]], () => refusalOf("check", "format"));
  expect(lines.slice(0, 3)).toEqual(["exit 1", "format:", expect.stringContaining("src/tools/count.ts format")]);
  expect(lines.at(-1)).toBe("(npm run format repairs what it can.)");
});

describe("the lint with types", () => {
  it("covers the files that changed since it passed, and those that import them", () => {
    changedFiles(copy).pass();
    expect(changedFiles(copy).files).toEqual([]);
    const files = withEdits([["contracts/audit-store.ts", /$/, "\n"]], () => changedFiles(copy).files);
    expect(files).toContain("contracts/audit-store.ts");
    expect(files).toContain("entrypoints/audit/store.ts");
    expect(files).not.toContain("src/mcp/era.ts");
  });
});
