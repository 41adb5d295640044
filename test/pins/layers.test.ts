// Import rules: between layers, between folders of src, of libraries, and cycles. The compiler
// separates the layers too; see test/slow/layers.test.ts.
import { describe, expect, it } from "vitest";
import { importCycle } from "../../entrypoints/cli/check/cycles.ts";
import { type Import, importsOf, sourcesOf } from "../../entrypoints/cli/check/imports.ts";
import { folderOf, MAY_IMPORT, MAY_IMPORT_TYPES, refusal, refusedImports } from "../../entrypoints/cli/check/layers.ts";
import { problemLine } from "../../entrypoints/cli/check/problem.ts";
import { ROOT } from "../../entrypoints/cli/workers.ts";

const sources = sourcesOf(ROOT);
const files = [...sources.keys()];
const imports = new Map(Array.from(sources, ([file, text]) => [file, importsOf(file, text)]));

/** The sentence about one import of `file`; `null` if it is permitted. */
function refused(file: string, target: string, isType = false): string | null {
  const problem = refusal(file, { target, line: 7, isType, values: [] });
  return problem && problemLine(problem);
}

it("no import is refused", () => {
  expect(refusedImports(sources).map(problemLine)).toEqual([]);
});

describe("a refused import is one sentence: the place, the rule, the way around", () => {
  it.each([
    ["contracts/auth.ts", "src/config.ts", "contracts/ may import nothing outside itself; move what is shared into"],
    [
      "src/config.ts",
      "entrypoints/gateway/cors.ts",
      "src/ may import only contracts/; let entrypoints/gateway/ pass it",
    ],
    ["src/config.ts", "test/support/user.ts", "src/ may import only contracts/; let"],
    [
      "entrypoints/gateway/http.ts",
      "entrypoints/auth/digest.ts",
      "entrypoints/gateway/ may import only src/ and contracts/",
    ],
    ["entrypoints/auth/worker.ts", "src/crypto/csrf.ts", "entrypoints/auth/ may import only contracts/; promise it in"],
    [
      "entrypoints/auth/worker.ts",
      "entrypoints/stackbilder/flow.ts",
      "entrypoints/auth/ may import only contracts/; promise",
    ],
    [
      "entrypoints/auth/worker.ts",
      "entrypoints/gateway/cors.ts",
      "entrypoints/auth/ may import only contracts/; promise",
    ],
    ["entrypoints/local/worker.ts", "contracts/auth.ts", "entrypoints/local/ may import nothing outside itself; the"],
    [
      "entrypoints/cli/dev.ts",
      "entrypoints/gateway/cors.ts",
      "entrypoints/cli/ may import only src/ and contracts/; move",
    ],
    [
      "src/mcp/any.ts",
      "src/oauth/router.ts",
      "src/mcp may import root, limits; pass what it needs through the McpServer port",
    ],
    ["src/mcp/any.ts", "jose", "only entrypoints/auth/ may import this library; call a function there"],
    ["src/mcp/any.ts", "node:fs", "every isolate would load it at its start; use what the web has, or process.getB"],
    ["entrypoints/auth/any.ts", "node:crypto", "every isolate would load it at its start; use what the web has"],
    ["contracts/auth.ts", "node:fs", "contracts/ may import valibot only, without environment or I/O"],
    ["contracts/auth.ts", "cloudflare:workers", "contracts/ may import valibot only, without environment"],
    [
      "src/config.ts",
      "hono/cors",
      "this library is not in LIBRARIES of entrypoints/cli/check/layers.ts; a new one needs",
    ],
  ])("%s to %s", (file, target, rule) => {
    const sentence = refused(file, target);
    expect(sentence?.startsWith(`${file}:7 imports ${target}: ${rule}`), sentence ?? "not refused").toBe(true);
    expect(sentence).toMatch(/^[^\n]+\.$/);
  });

  it("and an import of types only where the table lists the file", () => {
    expect(refused("src/pipeline/any.ts", "src/mcp/port.ts")).toContain("src/pipeline may import");
    expect(refused("src/pipeline/any.ts", "src/mcp/port.ts", true)).toBeNull();
  });
});

describe("the folders of src", () => {
  it("are all in the table, with at most three files beside them", () => {
    const inside = files.filter((file) => file.startsWith("src/"));
    expect([...new Set(inside.map(folderOf))].toSorted()).toEqual(Object.keys(MAY_IMPORT).toSorted());
    expect(inside.filter((file) => folderOf(file) === "root")).toEqual([
      "src/config.ts",
      "src/context.ts",
      "src/env.ts",
    ]);
  });

  it.each(["mcp", "oauth"])("%s does not import the other protocol", (folder) => {
    const other = folder === "mcp" ? "oauth" : "mcp";
    expect([...(MAY_IMPORT[folder] ?? []), ...(MAY_IMPORT_TYPES[folder] ?? [])].join()).not.toContain(other);
  });
});

describe("RPC calls", () => {
  it("are made in src/backends only", () => {
    const inside = files.filter((file) => file.startsWith("src/"));
    const isCall = ({ target, values }: Import) =>
      target === "contracts/rpc/call.ts" && values.some((name) => /^(?:call|invoke)\b/.test(name));
    const callers = inside.filter((file) => imports.get(file)?.some(isCall));
    expect(callers.length).toBeGreaterThan(0);
    expect(callers.filter((file) => !file.startsWith("src/backends/"))).toEqual([]);
    const users = inside.filter((file) =>
      /\benv\.(?:AUTH_SERVICE|STACKBILDER|IMG_FORGE)\b/.test(sources.get(file) ?? ""),
    );
    expect(users.filter((file) => !file.startsWith("src/backends/"))).toEqual([]);
  });
});

describe("the local sign-in provider", () => {
  it("is imported by the development entrypoint only", () => {
    const importers = files.filter((file) =>
      imports.get(file)?.some(({ target }) => target === "entrypoints/auth/local-provider.ts"),
    );
    expect(importers).toEqual(["entrypoints/auth/local.ts"]);
  });
});

describe("a cycle", () => {
  const between = (entries: Readonly<Record<string, string>>) => importCycle(new Map(Object.entries(entries)));

  it("does not exist", () => {
    expect(importCycle(sources)).toBeNull();
  });

  it("is one sentence, with the files of which it consists", () => {
    const a = 'import { b } from "./b.ts";\n';
    const b = '\nexport { c } from "./c.ts";\n';
    const c = 'import { b } from "./b.ts";\n';
    expect(between({ "src/tools/a.ts": a, "src/tools/b.ts": b, "src/tools/c.ts": c })).toEqual({
      file: "src/tools/b.ts",
      line: 2,
      sentence:
        "imports src/tools/c.ts, which imports src/tools/b.ts: a cycle; move what both need to a file of its own.",
    });
    expect(between({ "src/tools/a.ts": a, "src/tools/b.ts": b })).toBeNull();
  });

  it("may consist of imports of types, except in src/mcp/", () => {
    const [a, b] = ['import type { b } from "./b.ts";', 'import type { a } from "./a.ts";'];
    expect(between({ "src/tools/a.ts": a, "src/tools/b.ts": b })).toBeNull();
    expect(between({ "src/mcp/a.ts": a, "src/mcp/b.ts": b })).toMatchObject({ file: "src/mcp/a.ts", line: 1 });
  });
});

describe("the imports that are read", () => {
  it.each([
    ['import { a } from "./a.ts";', false],
    ['import type { a } from "./a.ts";', true],
    ['import { type a, type b } from "./a.ts";', true],
    ['import { type a, b } from "./a.ts";', false],
    ['export { a } from "./a.ts";', false],
    ['export type { a } from "./a.ts";', true],
    ['import "./a.ts";', false],
    ['const a = await import("./a.ts");', false],
    ['import {\n  type a,\n  type b,\n} from "./a.ts";', true],
  ])("are those of %s", (source, isType) => {
    const [found] = importsOf("src/mcp/any.ts", source);
    expect(found).toMatchObject({ target: "src/mcp/a.ts", isType, line: source.split("\n").length });
  });
});
