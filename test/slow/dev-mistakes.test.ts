// `npm run dev` survives its developer: one running system, many mistakes, one after the other. In
// a copy of the repository, because the test breaks its files.
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { newKeyOwner, originOf, type Running, startDev } from "../support/local-dev.ts";
import { copyRepository, removeCopy } from "../support/repository-copy.ts";

/** On a busy machine, a start takes minutes. */
const START_MS = 240_000;

const copy = copyRepository();
let running: Running;
let origin: string;
/** The output of a start with a mistake. */
let firstOutput: string;

const fileOf = (file: string) => path.join(copy, file);
const health = async () => (await fetch(`${origin}/health`, { signal: AbortSignal.timeout(5000) })).json();
const isServing = async () => (await health().catch(() => ({}))) as object;

/** Replaces a part of a file; the returned function puts it back. */
function edit(file: string, from: string | RegExp, to: string): () => void {
  const good = readFileSync(fileOf(file), "utf8");
  const changed = good.replace(from, to);
  expect(changed, `${file} has ${from}`).not.toBe(good);
  writeFileSync(fileOf(file), changed);
  return () => writeFileSync(fileOf(file), good);
}

/** The text of a stack or of a program that is not the developer's. */
const INTERNAL =
  /node:internal|node_modules|wrangler-dist|goroutine|core:user|null\.<anonymous>|issues\/new|generated\.toml/;

/** Waits for `pattern` in the output since `start`, and returns that output. */
async function printed(start: number, pattern: RegExp): Promise<string> {
  await expect.poll(() => running.output().slice(start), { timeout: START_MS, interval: 200 }).toMatch(pattern);
  return running.output().slice(start);
}

interface Case {
  readonly mistake: string;
  readonly make: () => () => void;
  /** The block that is shown. */
  readonly shown: RegExp;
}

const STACKBILDER = "src/tools/stackbilder.ts";

/** Mistakes that leave the last good code running. */
const HARMLESS: readonly Case[] = [
  {
    mistake: "a syntax error in a contract, which six Workers import",
    make: () => edit("contracts/text.ts", /$/, "\nconst = ;\n"),
    shown:
      /✘ Expected identifier but found "="\n {4}contracts\/text\.ts:\d+:7\n {6}\d+ │ const = ;\n {2}The last good code/,
  },
  {
    mistake: "an import of a file that does not exist",
    make: () => edit("entrypoints/auth/seal.ts", /^import /m, 'import "./gone.ts";\nimport '),
    shown: /✘ Could not resolve "\.\/gone\.ts"\n {4}entrypoints\/auth\/seal\.ts:\d+:8\n/,
  },
  {
    mistake: "an import of a package that is not installed",
    make: () => edit(STACKBILDER, /^import /m, 'import "no-such-package";\nimport '),
    shown: /✘ Could not resolve "no-such-package"\n {4}src\/tools\/stackbilder\.ts:\d+:8\n/,
  },
  {
    mistake: "a deleted file",
    make: () => {
      const good = readFileSync(fileOf("src/tools/count.ts"), "utf8");
      rmSync(fileOf("src/tools/count.ts"));
      return () => writeFileSync(fileOf("src/tools/count.ts"), good);
    },
    shown: /✘ Could not resolve "\.\/count\.ts"\n {4}src\/tools\/json-schema\.ts:\d+:\d+\n/,
  },
];

/** Mistakes after which the last good code would leave every request without a response. */
const HANGING: readonly Case[] = [
  {
    mistake: "a loop that does not end while the gateway loads",
    make: () => edit(STACKBILDER, /$/, "\nfor (;;) {}\n"),
    shown: /✘ The Workers do not load: .*\n {4}src\/tools\/stackbilder\.ts:\d+:1\n.*\n {2}The Workers do not run/,
  },
  {
    mistake: "a broken tsconfig.json",
    make: () => edit("tsconfig.json", /^/, "{{\n"),
    shown: /✘ Expected string in JSON .*\n {4}tsconfig\.json:1:2\n {6}1 │ \{\{\n {2}The Workers do not run/,
  },
  {
    mistake: "a syntax error in the router",
    make: () => edit("entrypoints/local/worker.ts", /$/, "\nconst = ;\n"),
    shown: /✘ Expected identifier .*\n {4}entrypoints\/local\/worker\.ts:\d+:7\n.*\n {2}The Workers do not run/,
  },
];

/** Mistakes with which the Workers cannot run. */
const FATAL: readonly Case[] = [
  {
    mistake: "a throw at the top level of the gateway",
    make: () => edit(STACKBILDER, /$/, '\nthrow new Error("thrown at the top level");\n'),
    shown:
      /✘ Error: thrown at the top level \(when gateway loads\)\n {4}src\/tools\/stackbilder\.ts:\d+:7\n {6}\d+ │ throw new Error/,
  },
  {
    mistake: "a tool without a risk",
    make: () => edit(STACKBILDER, /^ +risk: .*\n/m, ""),
    shown: /✘ Tool flow_create: .*risk.*\n {4}src\/tools\/stackbilder\.ts:\d+:1\n {6}\d+ │ {5}flow_create:/,
  },
  {
    mistake: "a tool with a name that its backend does not have, for the Workers and the command itself",
    make: () => edit("contracts/stackbilder.ts", "    flow_status: ", "    status: "),
    shown:
      /✘ Tool status: its name must .*\n {4}contracts\/stackbilder\.ts:\d+:1\n {6}\d+ │ {5}status: "getFlowStatus"/,
  },
  {
    mistake: "a throw at the top level of a backend",
    make: () => edit("entrypoints/img-forge/models.ts", /$/, "\n(globalThis as any).nothing.here();\n"),
    shown:
      /✘ TypeError: Cannot read properties of undefined \(reading 'here'\) \(when img-forge loads\)\n {4}entrypoints\/img-forge\/models\.ts:\d+:\d+\n/,
  },
  {
    mistake: "a renamed entrypoint",
    make: () => edit("entrypoints/stackbilder/worker.ts", /class StackbilderEntrypoint/, "class Renamed"),
    shown:
      /✘ The binding STACKBILDER of gateway names the entrypoint StackbilderEntrypoint, which stackbilder does not export\.\n {4}wrangler\.toml:\d+:1/,
  },
  {
    mistake: "a broken wrangler.toml",
    make: () => edit("wrangler.toml", "[vars]", "[[[vars]"),
    shown: /✘ Invalid TOML document.*\n {4}wrangler\.toml:\d+:\d+\n {6}\d+ │ \[\[\[vars\]/,
  },
  {
    mistake: "a binding without a name",
    make: () => edit("wrangler.toml", 'binding = "OAUTH_KV"', "binding = 5"),
    shown: /✘ "kv_namespaces\[0\]" bindings should have a string "binding" field.*\n {4}wrangler\.toml:\d+:1/,
  },
  {
    mistake: "a setting that is missing",
    make: () => edit("wrangler.toml", /^AUTH_BASE_URL = .*$/m, ""),
    shown: /✘ The gateway is not configured: AUTH_BASE_URL .*\n {4}wrangler\.toml:\d+:1\n {6}\d+ │ \[vars\]/,
  },
  {
    mistake: "a setting that .dev.vars replaces by a wrong one",
    make: () => edit(".dev.vars", /$/, 'AUTH_BASE_URL="nonsense"\n'),
    shown: /✘ The gateway is not configured: AUTH_BASE_URL .*\n {4}\.dev\.vars:\d+:1\n/,
  },
  {
    mistake: "a list of backends that throws",
    make: () => edit("contracts/backends.ts", /$/, '\nthrow new Error("thrown in the list");\n'),
    shown: /✘ Error: thrown in the list\n {4}contracts\/backends\.ts:\d+:7\n/,
  },
  {
    mistake: "a Worker without a wrangler.toml",
    make: () => {
      const good = readFileSync(fileOf("entrypoints/img-forge/wrangler.toml"), "utf8");
      rmSync(fileOf("entrypoints/img-forge/wrangler.toml"));
      return () => writeFileSync(fileOf("entrypoints/img-forge/wrangler.toml"), good);
    },
    shown: /✘ entrypoints\/img-forge\/wrangler\.toml cannot be read, .*restore it\.\n {2}The Workers do not run/,
  },
  {
    mistake: "a backend that the gateway does not bind",
    make: () => edit("wrangler.toml", /^\[\[services\]\]\nbinding = "STACKBILDER"\n.*\n.*\n/m, ""),
    shown:
      /▲ wrangler\.toml has no \[\[services\]\] block with binding = "STACKBILDER", .*\n {4}wrangler\.toml:\d+:1\n/,
  },
  {
    mistake: "a migration that fails",
    make: () => {
      const file = fileOf("entrypoints/audit/migrations/0099_broken.sql");
      writeFileSync(file, "CREATE TABEL broken (id TEXT);\n");
      return () => rmSync(file);
    },
    shown:
      /✘ The migration 0099_broken\.sql fails: near "TABEL": syntax error.*\n {4}entrypoints\/audit\/migrations\/0099_broken\.sql:1:1\n/,
  },
];

beforeAll(async () => {
  const correct = edit(STACKBILDER, /$/, "\nconst = ;\n");
  running = startDev(copy, "--port", "0", "--inspect", "0", "--persist-to", path.join(copy, ".state"));
  const shown = () => expect(running.output()).toMatch(/with the next save\.$/m);
  await vi.waitFor(shown, { timeout: START_MS, interval: 200 });
  firstOutput = running.output();
  correct();
  origin = await originOf(running);
}, START_MS);

it("a mistake at the start is shown once, and the next good save starts the system", async () => {
  expect(firstOutput).toMatch(
    /✘ Expected identifier but found "="\n {4}src\/tools\/stackbilder\.ts:\d+:7\n {6}\d+ │ const = ;\n {2}The Workers do not/,
  );
  expect(firstOutput).not.toMatch(INTERNAL);
  expect(firstOutput.match(/✘/g)).toHaveLength(1);
  expect(await isServing()).toMatchObject({ status: "ok" });
});

afterAll(async () => {
  running.child.kill("SIGTERM");
  await running.ended;
  removeCopy(copy);
});

/** The line after `code` in the gateway's bundle, from 0. */
function bundledLineOf(code: string): number {
  const folder = fileOf(".wrangler/tmp");
  const bundle = readdirSync(folder).find((name) => name.startsWith("dev-")) ?? "";
  const lines = readFileSync(path.join(folder, bundle, "index.js"), "utf8").split("\n");
  return lines.findIndex((line) => line.includes(code)) + 1;
}

interface Attached {
  readonly socket: WebSocket;
  /** All that the runtime has sent. */
  readonly messages: readonly string[];
}

/** A session of the debugger that has responded. On a busy machine, the runtime drops some. */
async function attach(address: string): Promise<Attached> {
  const socket = new WebSocket(address);
  const messages: string[] = [];
  socket.addEventListener("open", () => socket.send(JSON.stringify({ id: 1, method: "Debugger.enable" })));
  socket.addEventListener("message", ({ data }) => messages.push(`${data}`));
  const isEnabled = () => {
    if (!messages.some((message) => message.startsWith('{"id":1,'))) throw new Error("The debugger does not respond.");
  };
  await vi.waitFor(isEnabled, { timeout: 10_000 }).catch((error: unknown) => {
    socket.close();
    throw error;
  });
  return { socket, messages };
}

/** Calls a tool without arguments with `apiKey`, and returns the text of the response. */
async function callTool(apiKey: string, name: string): Promise<string> {
  const response = await fetch(`${origin}/mcp`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${apiKey}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, arguments: {} } }),
  });
  return response.text();
}

describe("while the Workers run", () => {
  it(
    "an error thrown in a backend is shown once, with its message, its source and the client's trace id",
    async () => {
      const { apiKey } = await newKeyOwner(origin);
      expect(await callTool(apiKey, "image_list_models")).toContain("structuredContent");
      const start = running.output().length;
      const thrower = '$&  if (Date.now() > 0) throw new RangeError("thrown in a tool");\n';
      const correct = edit("entrypoints/img-forge/models.ts", /export function listModels\([\s\S]*?\{\n/, thrower);
      await printed(start, /^Reloaded\.$/m);
      const [, traceId] = /"traceId":"([0-9a-f]{32})"/.exec(await callTool(apiKey, "image_list_models")) ?? [];
      const line = `img-forge +rpc\\.crashed .*trace ${traceId}\\n  RangeError: thrown in a tool\\n`;
      const frame = " +at listModels \\(entrypoints/img-forge/models\\.ts:\\d+:\\d+\\)\\n";
      const text = await printed(start, new RegExp(line + frame));
      expect(text.match(/thrown in a tool/g)).toHaveLength(1);
      expect(text).toMatch(new RegExp(`gateway +POST /mcp +200 +\\d+ ms +${traceId?.slice(0, 8)}`));
      expect(running.output()).not.toContain(apiKey);
      correct();
      await printed(start + text.length, /^Reloaded\.$/m);
    },
    START_MS,
  );

  it(
    "the debugger lists each Worker, and stops the gateway at a breakpoint",
    async () => {
      const [, port] = /Debugger +http:\/\/127\.0\.0\.1:(\d+)/.exec(running.output()) ?? [];
      const targets = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as { id: string }[];
      const ids = targets.map(({ id }) => id.replace("core:user:", ""));
      expect(ids).toEqual(expect.arrayContaining(["stackbilt-mcp-gateway", "stackbilt-reference-auth"]));
      const address = `ws://127.0.0.1:${port}/core:user:stackbilt-mcp-gateway`;
      const { socket, messages } = await vi.waitFor(() => attach(address), { timeout: START_MS });
      const params = { urlRegex: "index\\.js$", lineNumber: bundledLineOf("async function health(") };
      socket.send(JSON.stringify({ id: 2, method: "Debugger.setBreakpointByUrl", params }));
      await expect.poll(() => messages.join("\n"), { timeout: START_MS }).toContain('"breakpointId"');
      const response = fetch(`${origin}/health`);
      await expect.poll(() => messages.join("\n"), { timeout: START_MS }).toMatch(/"Debugger.paused".*"health"/);
      socket.send(JSON.stringify({ id: 3, method: "Debugger.resume" }));
      expect((await response).status).toBe(200);
      socket.close();
    },
    START_MS,
  );

  it.each(HANGING)(
    "$mistake is shown once, and the next good save starts the Workers again",
    async ({ make, shown }) => {
      const start = running.output().length;
      const correct = make();
      const text = await printed(start, shown);
      expect(text.match(/✘/g)).toHaveLength(1);
      correct();
      await printed(start + text.length, /is ready again/);
      expect(await isServing()).toMatchObject({ status: "ok" });
    },
    START_MS,
  );

  it(
    "a broken contract is shown once, without the Workers that follow from it",
    async () => {
      const start = running.output().length;
      const correct = edit("contracts/stackbilder.ts", "    flow_status: ", "    flow_state: ");
      const text = await printed(
        start,
        /✘ Tool flow_status: .*\n {4}src\/tools\/stackbilder\.ts:\d+:1\n.*\n {2}The Workers/,
      );
      expect(text.match(/✘/g)).toHaveLength(1);
      correct();
      const rest = await printed(start + text.length, /is ready again/);
      expect(rest).not.toContain("✘");
    },
    START_MS,
  );

  it(
    "a backend that is taken away, with its folder and its binding, is no mistake",
    async () => {
      const start = running.output().length;
      renameSync(fileOf("entrypoints/stackbilder"), fileOf("stackbilder"));
      const edits = [
        edit("wrangler.toml", /^\[\[services\]\]\nbinding = "STACKBILDER"\n.*\n.*\n/m, ""),
        edit("contracts/backends.ts", /^ +STACKBILDER: .*\n/m, ""),
        edit("src/tools/catalog.ts", /^ +STACKBILDER: .*\n/m, ""),
      ];
      await printed(start, /is ready again/);
      renameSync(fileOf("stackbilder"), fileOf("entrypoints/stackbilder"));
      const again = running.output().length;
      for (const undo of edits) undo();
      await printed(again, /is ready again/);
    },
    START_MS,
  );

  it(
    "a folder that is renamed is no end, and its return continues",
    async () => {
      const start = running.output().length;
      renameSync(fileOf("src"), fileOf("source"));
      const text = await printed(start, /… and \d+ more\.\n {2}The last good code/);
      renameSync(fileOf("source"), fileOf("src"));
      await printed(start + text.length, /^Reloaded\.$/m);
      expect(running.child.exitCode).toBeNull();
    },
    START_MS,
  );

  it.each(HARMLESS)(
    "$mistake is shown once, and the next good save continues",
    async ({ make, shown }) => {
      const start = running.output().length;
      const correct = make();
      const text = await printed(start, shown);
      expect(text).not.toMatch(INTERNAL);
      expect(new Set(text.match(/✘.*\n.*/g)).size).toBe(text.match(/✘/g)?.length);
      correct();
      await expect.poll(isServing, { timeout: START_MS }).toMatchObject({ status: "ok" });
      await printed(start + text.length, /^Reloaded\.$/m);
    },
    START_MS,
  );
});

describe("mistakes that stop the Workers", () => {
  let correct = () => {};

  it.each(FATAL)(
    "$mistake is shown once, also right after another mistake",
    async ({ make, shown }) => {
      const start = running.output().length;
      correct();
      correct = make();
      const text = await printed(start, shown);
      expect(text).not.toMatch(INTERNAL);
      expect(text.match(new RegExp(shown, "g"))).toHaveLength(1);
      expect(running.child.exitCode).toBeNull();
    },
    START_MS,
  );

  it(
    "are what the port answers with until the next good save",
    async () => {
      await expect.poll(async () => (await fetch(origin).catch(() => null))?.status, { timeout: START_MS }).toBe(503);
      const response = await fetch(`${origin}/mcp`, { method: "POST", body: "{}" });
      expect(response.headers.get("retry-after")).toBe("1");
      expect(await response.json()).toMatchObject({ error_description: expect.stringContaining("0099_broken.sql") });
      correct();
      await expect.poll(isServing, { timeout: START_MS }).toMatchObject({ status: "ok" });
    },
    START_MS,
  );
});
