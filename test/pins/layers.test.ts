// Import rules that the compiler does not check: between folders of src, of libraries, and cycles.
// Imports between layers are checked by the compiler; see test/types/layers.test.ts.
import { describe, expect, it } from "vitest";
import { FILES, type Import, importsOf, textOf } from "./sources.ts";

const files = FILES.filter((file) => /^(?:contracts|src|entrypoints)\/.*\.ts$/.test(file));
const imports = new Map(files.map((file) => [file, importsOf(file)]));

/**
 * The folders, and single files, of src that each folder may import. `root`: src/config.ts,
 * context.ts and env.ts.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  root: ["durable", "tools"],
  audit: ["root", "tools"],
  backends: ["root", "crypto", "tools"],
  crypto: ["root"],
  discovery: [],
  durable: ["root", "audit", "backends", "crypto", "limits", "mcp", "oauth"],
  limits: ["root"],
  mcp: ["root", "limits"],
  oauth: ["root", "audit", "backends", "crypto", "discovery", "durable", "limits"],
  pipeline: [
    ...["root", "audit", "backends", "crypto", "durable", "limits", "prompts", "resources", "tools"],
    "src/mcp/elicitation.ts",
  ],
  prompts: [],
  resources: [],
  tools: ["limits", "resources"],
};

/**
 * Files from which a folder may import types, beside `MAY_IMPORT`. The MCP port has one definition.
 */
const MAY_IMPORT_TYPES: Readonly<Record<string, readonly string[]>> = {
  oauth: ["src/tools/product-texts.ts"],
  pipeline: ["src/mcp/port.ts", "src/mcp/schema.ts"],
  prompts: ["src/mcp/schema.ts"],
  resources: ["src/mcp/schema.ts"],
  tools: ["src/mcp/schema.ts"],
};

/** Advice for imports that are refused often. */
const ADVICE: Readonly<Record<string, string>> = {
  mcp: "pass what it needs through the McpServer port of src/mcp/port.ts",
  oauth: "join the two in entrypoints/gateway",
  pipeline: "take the types of the McpServer port, and join the two in entrypoints/gateway",
};

/** The folders that may import a library. valibot is the language of all schemas. */
const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  "@cloudflare/workers-oauth-provider": ["src/oauth/", "src/durable/"],
  "cloudflare:workers": ["src/durable/", "entrypoints/"],
  "@modelcontextprotocol/client": ["entrypoints/cli/"],
  "better-auth": ["entrypoints/auth/"],
  jose: ["entrypoints/auth/"],
  "@zxcvbn-ts/core": ["entrypoints/auth/"],
  "@zxcvbn-ts/language-common": ["entrypoints/auth/"],
  "@zxcvbn-ts/language-en": ["entrypoints/auth/"],
  valibot: ["contracts/", "src/", "entrypoints/"],
  wrangler: ["entrypoints/cli/"],
  esbuild: ["entrypoints/cli/"],
  "smol-toml": ["entrypoints/cli/"],
};

/** The folder of `file` within src, or `root`. */
function folderOf(file: string): string {
  const [, folder = "", inner] = file.split("/");
  return inner === undefined ? "root" : folder;
}

/** One sentence for each import of `file` that the tables do not allow. */
function refusedImports(file: string, imported: readonly Pick<Import, "target" | "isType">[]): string[] {
  const folder = folderOf(file);
  const may = MAY_IMPORT[folder] ?? [];
  const types = MAY_IMPORT_TYPES[folder] ?? [];
  const advice = ADVICE[folder] ?? "move the shared code to a folder that both may import";
  return imported
    .filter(({ target }) => target.startsWith("src/") && folderOf(target) !== folder)
    .filter(
      ({ target, isType }) =>
        !may.includes(folderOf(target)) && !may.includes(target) && !(isType && types.includes(target)),
    )
    .map(
      ({ target }) =>
        `${file} imports ${target}: src/${folder} may import ${[...may, ...types.map((type) => `types of ${type}`)].join(", ") || "no other folder"}; ${advice}.`,
    );
}

/** A cycle of imports among `among`, as a list of files; `null` if there is none. */
function cycleIn(among: ReadonlyMap<string, readonly string[]>): readonly string[] | null {
  const done = new Set<string>();
  const path: string[] = [];
  const search = (file: string): readonly string[] | null => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return null;
    path.push(file);
    for (const target of among.get(file) ?? []) {
      const cycle = search(target);
      if (cycle) return cycle;
    }
    path.pop();
    done.add(file);
    return null;
  };
  for (const file of among.keys()) {
    const cycle = search(file);
    if (cycle) return cycle;
  }
  return null;
}

/** The imports of the files below `folder`, with or without those of types only. */
function graphOf(folder: string, withTypes: boolean): ReadonlyMap<string, readonly string[]> {
  const inside = files.filter((file) => file.startsWith(folder));
  return new Map(
    inside.map((file) => {
      const followed = (imports.get(file) ?? []).filter(({ isType }) => withTypes || !isType);
      return [file, followed.map(({ target }) => target)];
    }),
  );
}

describe("the folders of src", () => {
  it("import only the folders that the table lists", () => {
    const inside = files.filter((file) => file.startsWith("src/"));
    expect(inside.flatMap((file) => refusedImports(file, imports.get(file) ?? []))).toEqual([]);
  });

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

  it("a refused import is one sentence that says what may be imported", () => {
    const refused = [{ target: "src/oauth/router.ts", isType: true }];
    expect(refusedImports("src/mcp/any.ts", refused)).toEqual([
      "src/mcp/any.ts imports src/oauth/router.ts: src/mcp may import root, limits; pass what it needs through the McpServer port of src/mcp/port.ts.",
    ]);
    const value = [{ target: "src/mcp/port.ts", isType: false }];
    expect(refusedImports("src/pipeline/any.ts", value)).toHaveLength(1);
    expect(refusedImports("src/pipeline/any.ts", [{ target: "src/mcp/port.ts", isType: true }])).toEqual([]);
  });
});

describe("contracts", () => {
  it("import valibot and each other only", () => {
    const inside = files.filter((file) => file.startsWith("contracts/"));
    const refused = inside.flatMap((file) =>
      (imports.get(file) ?? [])
        .filter(({ target }) => target !== "valibot" && !target.startsWith("contracts/"))
        .map(({ target }) => `${file} imports ${target}: a contract may import valibot and other contracts.`),
    );
    expect(refused).toEqual([]);
  });
});

describe("a library", () => {
  it.each(Object.entries(LIBRARIES))("%s is imported in %s only", (library, folders) => {
    const importers = files.filter((file) =>
      imports.get(file)?.some(({ target }) => target === library || target.startsWith(`${library}/`)),
    );
    expect(importers.filter((file) => !folders.some((folder) => file.startsWith(folder)))).toEqual([]);
  });

  it("is in the table if it is imported", () => {
    const packages = new Set(
      files.flatMap((file) =>
        (imports.get(file) ?? [])
          .map(({ target }) => target)
          .filter(
            (target) => !/^(?:src|contracts|entrypoints|test|node_modules)\/|^node:|^package\.json$/.test(target),
          ),
      ),
    );
    const unknown = [...packages].filter(
      (name) => !Object.keys(LIBRARIES).some((library) => name === library || name.startsWith(`${library}/`)),
    );
    expect(unknown).toEqual([]);
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
    const users = inside.filter((file) => /\benv\.(?:AUTH_SERVICE|STACKBILDER|IMG_FORGE)\b/.test(textOf(file)));
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
  it.each(["contracts/", "src/", "entrypoints/"])("of value imports does not exist in %s", (folder) => {
    expect(cycleIn(graphOf(folder, false))?.join(" imports ")).toBeUndefined();
  });

  it("of any imports does not exist in src/mcp/", () => {
    expect(cycleIn(graphOf("src/mcp/", true))?.join(" imports ")).toBeUndefined();
  });

  it("is found where there is one", () => {
    const graph = new Map([
      ["a", ["b"]],
      ["b", ["c"]],
      ["c", ["b"]],
    ]);
    expect(cycleIn(graph)).toEqual(["b", "c", "b"]);
    expect(cycleIn(new Map([["a", ["b"]]]))).toBeNull();
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
    expect(importsOf("src/mcp/any.ts", source)).toMatchObject([{ target: "src/mcp/a.ts", isType }]);
  });
});
