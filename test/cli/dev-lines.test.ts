// The output of `npm run dev`: lines for requests and events, thrown errors in their sources, and a
// developer's mistakes. From functions, without a system.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { build } from "esbuild";
import { afterAll, describe, expect, it } from "vitest";
import { type LogChoice, type LogStyle, logLines, type WorkerLog } from "../../entrypoints/cli/dev/log-lines.ts";
import { planMistake } from "../../entrypoints/cli/dev/make-plan.ts";
import { describeMistakes, mistakesIn, stuckMistake } from "../../entrypoints/cli/dev/mistakes.ts";
import { SourceMaps } from "../../entrypoints/cli/dev/source-maps.ts";
import { summary } from "../../entrypoints/cli/dev.ts";
import { ROOT } from "../../entrypoints/cli/root.ts";

const root = mkdtempSync(path.join(tmpdir(), "dev-lines-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function write(file: string, text: string): void {
  mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
  writeFileSync(path.join(root, file), text);
}

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const AT = new Date(2026, 0, 2, 3, 4, 5);
const maps = new SourceMaps(root);

const style = (change: Partial<LogStyle> = {}): LogStyle => ({
  ...{ choice: "all" as LogChoice, hasColours: false, workers: ["local", "gateway", "auth", "img-forge"], maps },
  ...change,
});
const log = (event: object, level: WorkerLog["level"] = "info", worker = "gateway"): WorkerLog => ({
  ...{ worker, level, text: JSON.stringify(event) },
});

const REQUEST = log(
  {
    ...{ event: "request", worker: "auth", method: "POST", path: "/mcp", rpc: "tools/call" },
    ...{ status: 200, ms: 12, traceId: TRACE },
  },
  "info",
  "local",
);
const CALL = log({
  ...{ event: "audit", type: "tool.called", tool: "flow_status", outcome: "flow_not_found", durationMs: 7.6 },
  ...{ traceId: TRACE, subject: "user-1", tenantId: "tenant-1", clientId: "client-1", input: { flowId: "<4>" } },
});
const REFUSED = log({ event: "oauth.refused", reason: "invalid_grant", status: 400 }, "warn");
const CRASHED = log({ event: "rpc.crashed", method: "getFlow", error: "Error", traceId: TRACE }, "error");

it("the README shows what a system that has started prints", () => {
  const printed = summary({ port: 8790, stateFolder: "/home/.wrangler/state", inspectorPort: null }, "4.0");
  expect(readFileSync(path.join(ROOT, "README.md"), "utf8")).toContain(printed.replace("=/home/", "=/…/"));
});

describe("a line", () => {
  it("has the time, the Worker, the request, the outcome, the duration and the start of the trace", () => {
    expect(logLines(REQUEST, AT, style())).toEqual([
      "03:04:05  auth       POST /mcp tools/call                      200     12 ms  0af76519",
    ]);
  });

  it("of a tool call names no user, tenant or client, and no input", () => {
    expect(logLines(CALL, AT, style())).toEqual([
      "03:04:05  gateway    tool.called flow_status                   flow_not_found      8 ms  0af76519",
    ]);
  });

  it("of an error has the whole trace id, which the client has, too", () => {
    expect(logLines(CRASHED, AT, style())).toEqual([
      `03:04:05  gateway    rpc.crashed method=getFlow error=Error  trace ${TRACE}`,
    ]);
  });

  it("has one colour a Worker, and none without colours", () => {
    const colourOf = (worker: string) => {
      const [line = ""] = logLines({ worker, level: "info", text: "x" }, AT, style({ hasColours: true }));
      return new RegExp(`\\[(\\d+)m${worker}`).exec(line)?.[1];
    };
    const colours = ["local", "gateway", "auth", "img-forge"].map(colourOf);
    expect(new Set(colours).size).toBe(4);
    expect(colours).not.toContain(undefined);
    expect(logLines(REFUSED, AT, style()).join()).not.toContain("\u001b");
  });
});

describe("--logs", () => {
  const shown = (choice: LogChoice) =>
    [REQUEST, CALL, REFUSED, CRASHED].map((one) => logLines(one, AT, style({ choice })).length);

  it("all prints requests, records, warnings and errors", () => expect(shown("all")).toEqual([1, 1, 1, 1]));
  it("requests leaves out audit records", () => expect(shown("requests")).toEqual([1, 0, 1, 1]));
  it("off prints errors only", () => expect(shown("off")).toEqual([0, 0, 0, 1]));

  it("json prints one object a line, with the Worker, the level and the whole event", () => {
    const [line = ""] = logLines(CALL, AT, style({ choice: "json" }));
    expect(JSON.parse(line)).toMatchObject({ at: AT.toISOString(), worker: "gateway", level: "info", traceId: TRACE });
  });
});

describe("a thrown error", () => {
  it("is shown with its message, its causes, and the frames of the sources", async () => {
    write("src/thrower.ts", "// a comment\n\nexport function thrower(): never {\n  throw new TypeError('mine');\n}\n");
    write("src/index.ts", 'import { thrower } from "./thrower.ts";\nthrower();\n');
    const bundle = path.join(root, ".wrangler/tmp/dev-abc/index.js");
    const options = { bundle: true, sourcemap: true, format: "esm", logLevel: "silent" } as const;
    await build({ ...options, entryPoints: [path.join(root, "src/index.ts")], outfile: bundle });
    const lines = readFileSync(bundle, "utf8").split("\n");
    const frame = (name: string, text: string) => {
      const row = lines.findIndex((line) => line.includes(text));
      return `    at ${name} (file://${bundle}:${row + 1}:${(lines[row]?.indexOf(text) ?? 0) + 1})`;
    };
    const library = `    at handle (file://${root}/node_modules/library/index.js:1:1)`;
    const frames = [frame("thrower", "new TypeError"), library, frame("null.<anonymous>", "thrower();")];
    const stack = ["TypeError: mine", ...frames].join("\n");
    const event = { event: "rpc.crashed", error: "TypeError", message: "mine", at: "x", traceId: TRACE };
    const stacks = `${stack}\nCaused by: Error: deeper`;
    expect(logLines(log({ ...event, stack: stacks }, "error"), AT, style())).toEqual([
      `03:04:05  gateway    rpc.crashed  trace ${TRACE}`,
      "  TypeError: mine",
      "      at thrower (src/thrower.ts:4:9)",
      "      at src/index.ts:2:1",
      "  Caused by: Error: deeper",
    ]);
  });
});

describe("a mistake", () => {
  write("wrangler.toml", '[[services]]\nbinding = "STACKBILDER"\nentrypoint = "Gone"\n');
  write("local.generated.toml", "# copy\n");
  write("entrypoints/auth/seal.ts", "const = ;\n");
  const workers = [
    { key: "gateway", name: "stackbilt-mcp-gateway", source: "wrangler.toml", config: "local.generated.toml" },
    {
      ...{ key: "auth", name: "stackbilt-reference-auth" },
      ...{ source: "entrypoints/auth/wrangler.toml", config: "entrypoints/auth/local.generated.toml" },
    },
  ];
  write("src/loop.ts", "// Waits.\nawait new Promise(() => {});\nfor (;;) {}\n");
  const files = new Map([
    ["src/loop.ts", 2],
    ["wrangler.toml", 1],
  ]);
  const described = (...lines: string[]) => describeMistakes(mistakesIn(lines, { root, workers, maps, files }), root);

  it("of a build has the path from the repository, and the line", () => {
    const lines = ["Build failed with 1 error:", "", '  ✘ [ERROR] Expected identifier but found "="', "  "];
    expect(described(...lines, "      seal.ts:1:6:", "        1 │ const = ;", "          ╵       ^")).toEqual([
      '✘ Expected identifier but found "="',
      "    entrypoints/auth/seal.ts:1:7",
      "      1 │ const = ;",
    ]);
  });

  it("in a generated config has its place in wrangler.toml", () => {
    expect(described("Invalid TOML document: unclosed", "", "    local.generated.toml:2:3:", "      2 │ bind")).toEqual(
      ["✘ Invalid TOML document: unclosed", "    wrangler.toml:2:4", '      2 │ binding = "STACKBILDER"'],
    );
  });

  it("of an entrypoint that is not exported names both Workers, and the line of the binding", () => {
    const line =
      'Worker "core:user:stackbilt-mcp-gateway"\'s binding "STACKBILDER" refers to service "core:user:stackbilt-reference-auth" with a named entrypoint "Gone", but "core:user:stackbilt-reference-auth" has no such named entrypoint.';
    expect(described(line)).toEqual([
      "✘ The binding STACKBILDER of gateway names the entrypoint Gone, which auth does not export.",
      "    wrangler.toml:3:1",
      '      3 │ entrypoint = "Gone"',
    ]);
  });

  it("in a compatibility flag has the line of the Worker's wrangler.toml", () => {
    write("entrypoints/auth/wrangler.toml", 'main = "worker.ts"\ncompatibility_flags = ["nodejs_compaat"]\n');
    expect(described("service core:user:stackbilt-reference-auth: No such compatibility flag: nodejs_compaat")).toEqual(
      [
        "✘ No such compatibility flag: nodejs_compaat (when auth loads)",
        "    entrypoints/auth/wrangler.toml:2:1",
        '      2 │ compatibility_flags = ["nodejs_compaat"]',
      ],
    );
  });

  it("in a value has the line of the wrangler.toml that has it", () => {
    for (const value of ['"STACKBILDER"', "STACKBILDER"])
      expect(described(`Something ${value} is unknown.`).slice(1, 2)).toEqual(["    wrangler.toml:2:1"]);
    const unexpected = ["Processing local.generated.toml configuration:", '  - Unexpected field: "entrypoint"'];
    expect(described(...unexpected).slice(1, 2)).toEqual(["    wrangler.toml:3:1"]);
  });

  it("that the runtime gives no place is looked for in the file that was saved last", () => {
    const unsettled =
      "service core:user:stackbilt-mcp-gateway: Uncaught Error: Top-level await in module is unsettled.";
    expect(described(unsettled).slice(1)).toEqual(["    src/loop.ts:2:1", "      2 │ await new Promise(() => {});"]);
    expect(describeMistakes([stuckMistake({ root, files })], root).slice(1)).toEqual([
      "    src/loop.ts:3:1",
      "      3 │ for (;;) {}",
    ]);
  });

  it("that many others follow from leaves the first of them on the screen", () => {
    const mistakes = Array.from({ length: 60 }, (_, index) => ({ sentence: `Mistake ${index}`, places: [] }));
    expect(describeMistakes(mistakes, root)).toHaveLength(9);
    expect(describeMistakes(mistakes, root).at(-1)).toBe("  … and 52 more.");
  });

  it("of wrangler's own that it does not know is shown without advice", () => {
    expect(described("The Workers runtime failed to start. There was likely a problem")).toEqual([]);
    expect(described("Something new", "", "  with details")).toEqual(["✘ Something new", "  with details"]);
  });

  it("in a migration has its file, and the line with the word that SQLite names", () => {
    write("entrypoints/audit/migrations/0002_more.sql", "-- more\nCREATE TABEL more (id TEXT);\n");
    const [none, first] = ["│ 0002_more.sql │", "│ 0001_one.sql │ ✅ │"];
    for (const table of [`│ name │\n${none}`, `│ name │ status │\n${first}\n${none.slice(0, -1)} │ 🕒️ │`]) {
      const output = `${table}\n✘ [ERROR] near "TABEL": syntax error at offset 7: SQLITE_ERROR\n`;
      expect(describeMistakes([planMistake(output, root)], root)).toEqual([
        '✘ The migration 0002_more.sql fails: near "TABEL": syntax error at offset 7',
        "    entrypoints/audit/migrations/0002_more.sql:2:1",
        "      2 │ CREATE TABEL more (id TEXT);",
      ]);
    }
  });

  it("in a contract is one and the same from the runtime and from Node, at the declaration", () => {
    const rule = "DeclarationError: Tool flow_status: its name must be image.";
    const [runtime] = mistakesIn([`service core:user:stackbilt-mcp-gateway: Uncaught Error: ${rule}`], {
      ...{ root, workers, maps, files },
    });
    expect(runtime).toEqual(planMistake(`file://${root}/src/a.ts:1\n${rule}\n    at x:1:1\n`, root));
    expect(runtime).toEqual({
      sentence: "Tool flow_status: its name must be image.",
      places: [{ file: expect.stringMatching(/\/stackbilder\.ts$/), line: expect.any(Number), column: 1 }],
    });
  });

  it("in the stored state says how to go on", () => {
    const failure = (problem: string) =>
      `workerd/util/sqlite.c++:914: failed: SQLite failed; dbErrorMessage(result, db) = ${problem}`;
    expect(described("*** Uncaught exception ***", `  ${failure("file is not a database: SQLITE_NOTADB")}`)).toEqual([
      "✘ The state cannot be used: file is not a database (SQLITE_NOTADB). Start empty: npm run dev -- --fresh.",
    ]);
    const full = `│ name │\n│ 0002_more.sql │\ne = ${failure("disk is full: SQLITE_FULL")}\n✘ [ERROR] internal error\n`;
    expect(planMistake(full, root).sentence).toBe(
      "The state cannot be used: disk is full (SQLITE_FULL). Make space on the disk.",
    );
  });

  it("in the code that the command itself runs has the file and line that Node names", () => {
    const file = path.join(root, "src/thrower.ts");
    const printed = [`file://${file}:4`, "  throw new TypeError('mine');", "        ^", "", "TypeError: mine"];
    const stack = [`    at file://${file}:4:9`, "    at node:internal/modules:1:1", "", "Node.js v24.0.0"];
    const mistake = planMistake([...printed, ...stack].join("\n"), root);
    expect(mistake).toEqual({ sentence: "TypeError: mine", places: [{ file: "src/thrower.ts", line: 4, column: 9 }] });
  });
});
