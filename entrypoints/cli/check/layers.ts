// The import rules: between layers, between the folders of src, and of libraries. A refused import
// is one sentence, found before the compiler reports what follows from it (TS6059, TS6307).
import { type Import, importsOf } from "./imports.ts";
import type { Problem } from "./problem.ts";

/** A folder of the repository, the folders that it may import beside itself, and the way around. */
interface Layer {
  readonly folder: string;
  readonly may: readonly string[];
  readonly advice: string;
}

/** The layers, a folder before the folder around it. Other folders of `entrypoints` are Workers. */
const LAYERS: readonly Layer[] = [
  {
    folder: "contracts/",
    may: [],
    advice: "move what is shared into contracts/, or import it from a higher layer",
  },
  {
    folder: "src/",
    may: ["contracts/"],
    advice: "let entrypoints/gateway/ pass it as an argument, or move what is shared to src/",
  },
  {
    folder: "entrypoints/gateway/",
    may: ["src/", "contracts/"],
    advice: "promise it in contracts/, and call it through a binding",
  },
  { folder: "entrypoints/cli/", may: ["src/", "contracts/"], advice: "move what is shared to src/ or contracts/" },
  { folder: "entrypoints/local/", may: [], advice: "the local router only forwards requests" },
];

/** Anything else in entrypoints: a Worker of its own, which sees the others through bindings. */
function layerOf(file: string): Layer {
  const known = LAYERS.find(({ folder }) => file.startsWith(folder));
  if (known !== undefined) return known;
  const folder = `${file.split("/").slice(0, 2).join("/")}/`;
  const advice = "promise it in contracts/ and call it through a binding, or move what is shared to contracts/";
  return { folder, may: ["contracts/"], advice };
}

/**
 * The folders, and single files, of src that each folder may import. `root`: src/config.ts,
 * context.ts and env.ts.
 */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
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
export const MAY_IMPORT_TYPES: Readonly<Record<string, readonly string[]>> = {
  oauth: ["src/tools/product-texts.ts"],
  pipeline: ["src/mcp/port.ts", "src/mcp/schema.ts"],
  prompts: ["src/mcp/schema.ts"],
  resources: ["src/mcp/schema.ts"],
  tools: ["src/mcp/schema.ts"],
};

/** Advice for imports between folders of src that are refused often. */
const ADVICE: Readonly<Record<string, string>> = {
  mcp: "pass what it needs through the McpServer port of src/mcp/port.ts",
  oauth: "join the two in entrypoints/gateway",
  pipeline: "take the types of the McpServer port, and join the two in entrypoints/gateway",
};

/** The folders that may import a library. valibot is the language of all schemas. */
export const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  "@cloudflare/workers-oauth-provider": ["src/oauth/", "src/durable/"],
  "cloudflare:workers": ["src/durable/", "entrypoints/"],
  "@modelcontextprotocol/client": ["entrypoints/cli/"],
  "better-auth": ["entrypoints/auth/"],
  jose: ["entrypoints/auth/"],
  "@zxcvbn-ts/core": ["entrypoints/auth/"],
  "@zxcvbn-ts/language-common": ["entrypoints/auth/"],
  "@zxcvbn-ts/language-en": ["entrypoints/auth/"],
  valibot: ["contracts/", "src/", "entrypoints/"],
  "node:crypto": ["entrypoints/audit/", "entrypoints/cli/"],
  "node:url": ["entrypoints/auth/", "entrypoints/cli/"],
  wrangler: ["entrypoints/cli/"],
  esbuild: ["entrypoints/cli/"],
  "smol-toml": ["entrypoints/cli/"],
};

/** The folder of `file` within src, or `root`. */
export function folderOf(file: string): string {
  const [, folder = "", inner] = file.split("/");
  return inner === undefined ? "root" : folder;
}

/** One problem for each import in `sources` that a rule refuses. */
export function refusedImports(sources: ReadonlyMap<string, string>): Problem[] {
  return Array.from(sources, ([file, source]) =>
    importsOf(file, source).flatMap((imported) => refusal(file, imported) ?? []),
  ).flat();
}

/** The problem with one import of `file`; `null` if the rules permit it. */
export function refusal(file: string, imported: Import): Problem | null {
  const { target, line } = imported;
  const because =
    libraryRefusal(file, target) ??
    layerRefusal(file, target) ??
    (file.startsWith("src/") ? folderRefusal(file, imported) : null);
  return because === null ? null : { file, line, sentence: `imports ${target}: ${because}.` };
}

function layerRefusal(file: string, target: string): string | null {
  const { folder, may, advice } = layerOf(file);
  if (isPackage(target) || [folder, ...may].some((allowed) => target.startsWith(allowed))) return null;
  return `${folder} may import ${may.length > 0 ? `only ${may.join(" and ")}` : "nothing outside itself"}; ${advice}`;
}

function folderRefusal(file: string, { target, isType }: Import): string | null {
  const folder = folderOf(file);
  if (!target.startsWith("src/") || folderOf(target) === folder) return null;
  const may = MAY_IMPORT[folder] ?? [];
  const types = MAY_IMPORT_TYPES[folder] ?? [];
  if (may.includes(folderOf(target)) || may.includes(target) || (isType && types.includes(target))) return null;
  const allowed = [...may, ...types.map((type) => `types of ${type}`)].join(", ") || "no other folder";
  return `src/${folder} may import ${allowed}; ${ADVICE[folder] ?? "move the shared code to a folder that both may import"}`;
}

/** A library, one of Node's own modules, or package.json, in which Workers find their version. */
function isPackage(target: string): boolean {
  return !/^(?:\.|(?:src|contracts|entrypoints|test|docs)\/)/.test(target);
}

function libraryRefusal(file: string, target: string): string | null {
  const isOfNode = target.startsWith("node:");
  if (!isPackage(target) || /^(?:node_modules\/|package\.json$)/.test(target)) return null;
  if (isOfNode && file.startsWith("entrypoints/cli/")) return null;
  const library = Object.keys(LIBRARIES).find((name) => target === name || target.startsWith(`${name}/`));
  const folders = library === undefined ? [] : (LIBRARIES[library] ?? []);
  if (folders.some((folder) => file.startsWith(folder))) return null;
  if (file.startsWith("contracts/"))
    return "contracts/ may import valibot only, without environment or I/O; use the library in a higher layer";
  if (isOfNode)
    return `every isolate would load it at its start; use what the web has, or process.getBuiltinModule("${target}") where it is needed`;
  return library === undefined
    ? "this library is not in LIBRARIES of entrypoints/cli/check/layers.ts; a new one needs a decision in docs/decisions/"
    : `only ${folders.join(" and ")} may import this library; call a function there, or pass its result`;
}
