// `npm run new -- backend`: run in a copy of the repository, whose result is then compiled, started
// and called.
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { callTool, connect } from "../support/mcp-clients.ts";
import { copyRepository, removeCopy } from "../support/repository-copy.ts";
import type { System } from "../support/system.ts";
import { linkTo, newAccount, User } from "../support/user.ts";

const execute = promisify(execFile);
const copies: string[] = [];
afterAll(() => {
  for (const copy of copies) removeCopy(copy);
});

function newCopy(): string {
  const copy = copyRepository();
  copies.push(copy);
  return copy;
}

/** A module of a copy, which takes the copy for its repository. Node caches it. */
const importFrom = async <Module>(copy: string, file: string) => (await import(path.join(copy, file))) as Module;

/** Runs a program of the copy. Rejects with its output if it fails. */
async function run(copy: string, program: string, ...args: string[]): Promise<string> {
  const flags = ["--no-warnings", path.join(copy, program), ...args];
  const { stdout } = await execute(process.execPath, flags, { cwd: copy }).catch((error) => {
    throw new Error(`${program} ${args.join(" ")}: ${error.stdout}${error.stderr}`);
  });
  return stdout;
}

describe("a refusal is one sentence and changes nothing", () => {
  const copy = newCopy();
  const read = (file: string) => readFileSync(path.join(copy, file), "utf8");

  /** The message of the `CliError` that the command throws in the copy. */
  const refused = async (...args: string[]): Promise<string> => {
    const { run } = await importFrom<typeof import("../../entrypoints/cli/new.ts")>(copy, "entrypoints/cli/new.ts");
    const before = [read("contracts/backends.ts"), read("wrangler.toml")];
    const error = await run(args).catch((thrown: Error) => thrown);
    expect([read("contracts/backends.ts"), read("wrangler.toml")]).toEqual(before);
    expect(error).toMatchObject({ name: "CliError" });
    return error?.message ?? "";
  };

  it.each<[string, string[], string]>([
    ["no kind", [], "Say what to make."],
    ["another kind", ["frontend", "ledger"], '"frontend" cannot be made.'],
    ["no name", ["backend"], "Give the backend a name."],
    ["an argument too many", ["backend", "ledger", "extra"], '"extra" is one argument too many.'],
    ["an unknown option", ["backend", "ledger", "--colour", "red"], "Unknown option '--colour'"],
  ])("for %s, with the usage", async (_, args, sentence) => {
    const message = await refused(...args);
    expect(message).toMatch(/\n\nUsage: npm run new -- backend NAME/);
    expect(message.startsWith(sentence), message).toBe(true);
  });

  it.each<[string, string[], string]>([
    ["a capital letter", ["Ledger"], '"Ledger" does not fit: a name has 2 to 31 small letters, digits and hyphens'],
    ["a path", ["../ledger"], '"../ledger" does not fit'],
    ["a short name", ["l"], '"l" does not fit'],
    ["a backend that exists", ["img-forge"], 'There is a backend "img-forge" already.'],
    ["another folder", ["gateway"], '"gateway" names another part of the repository'],
    ["a keyword", ["class"], '"class" is a word of the code itself'],
    ["a malformed prefix", ["ledger", "--prefix", "Led-"], '"Led-" does not fit: a prefix has'],
    ["a prefix in use", ["ledger", "--prefix", "flow"], 'The prefix "flow" belongs to stackbilder'],
    ["a prefix within another", ["ledger", "--prefix", "flow_x"], 'The prefix "flow" belongs to stackbilder'],
    ["a malformed binding", ["ledger", "--binding", "led"], '"led" does not fit: a binding has'],
    ["a binding in use", ["ledger", "--binding", "STACKBILDER"], 'a setting "STACKBILDER" already'],
    ["a variable's name", ["ledger", "--binding", "API_BASE_URL"], 'a setting "API_BASE_URL" already'],
    ["a secret's name", ["ledger", "--binding", "SERVICE_BINDING_SECRET"], '"SERVICE_BINDING_SECRET" already'],
  ])("for %s", async (_, args, sentence) => {
    const message = await refused("backend", ...args);
    expect(message).toContain(sentence);
    expect(message).not.toContain("\n");
  });

  it("for files that an earlier run left", async () => {
    const left = path.join(copy, "entrypoints/half-done");
    mkdirSync(left);
    expect(await refused("backend", "half-done")).toBe(
      'entrypoints/half-done exists, but contracts/backends.ts does not list "half-done": delete what an earlier run left, or choose another name.',
    );
    expect(existsSync(left)).toBe(true);
    rmSync(left, { recursive: true });
  });

  it("for a file without a place for the new entry", async () => {
    const catalog = read("src/tools/catalog.ts");
    writeFileSync(path.join(copy, "src/tools/catalog.ts"), catalog.replace("const PRODUCTS", "const OTHERS"));
    expect(await refused("backend", "ledger")).toMatch(/^src\/tools\/catalog\.ts has no place for the new entry/);
    expect(existsSync(path.join(copy, "contracts/ledger.ts"))).toBe(false);
    writeFileSync(path.join(copy, "src/tools/catalog.ts"), catalog);
  });
});

/** The consent page that a new user of the system sees. */
async function consentPage(origin: string): Promise<string> {
  const redirect_uri = "http://127.0.0.1:33418/callback";
  const client = { client_name: "Test client", redirect_uris: [redirect_uri], token_endpoint_auth_method: "none" };
  const headers = { "content-type": "application/json" };
  const registered = await fetch(`${origin}/register`, { method: "POST", headers, body: JSON.stringify(client) });
  const { client_id } = (await registered.json()) as { client_id: string };
  const query = new URLSearchParams({
    response_type: "code",
    client_id,
    redirect_uri,
    scope: "read generate",
    state: "s",
    resource: `${origin}/mcp`,
    code_challenge: "c".repeat(43),
    code_challenge_method: "S256",
  });
  const user = new User();
  const login = await user.open(`${origin}/authorize?${query}`);
  return (await user.submit(await user.open(linkTo(login, "/signup")), "/signup", { ...newAccount() })).html;
}

describe("a new backend", () => {
  const copy = newCopy();
  const read = (file: string) => readFileSync(path.join(copy, file), "utf8");
  const launch = (...args: string[]) => run(copy, "entrypoints/cli/launch.mjs", ...args);
  let system: System | undefined;
  afterAll(() => system?.stop());

  it("is written with one command", async () => {
    const output = await launch("new", "backend", "field-notes", "--prefix", "notes", "--binding", "NOTES");
    expect(output).toContain("The backend field-notes is ready, with the tools notes_create and notes_show.");
    expect(read("contracts/backends.ts")).toContain("  NOTES: fieldNotes,\n");
    expect(read("wrangler.toml")).toContain(
      '[[services]]\nbinding = "NOTES"\nservice = "stackbilt-field-notes"\nentrypoint = "FieldNotesEntrypoint"\n',
    );
  });

  it("is documented by the catalog command", async () => {
    await expect(launch("catalog")).rejects.toThrow("notes_create: added, LOCAL_MUTATION, needs the scope generate.");
    await launch("catalog", "--write");
    expect(await launch("catalog")).toMatch(/^The catalog is as accepted: \d+ tools/);
    for (const file of ["README.md", "docs/user-guide.md", "docs/tools.md"])
      expect(read(file)).toContain("`notes_show`");
    expect(read("docs/user-guide.md")).toContain("see your field notes items");
  });

  it("compiles and has no lint", async () => {
    const folders = ["contracts", "entrypoints", "src/tools", "test/backends", "test/pins", "test/support"];
    await Promise.all([
      run(copy, "node_modules/typescript/bin/tsc", "-b"),
      run(copy, "node_modules/@biomejs/biome/bin/biome", "check", ...folders),
      run(copy, "node_modules/oxlint/bin/oxlint", "--type-aware", ...folders),
    ]);
  }, 180_000);

  it("runs, and is named on the consent page", async () => {
    const { startSystem } = await importFrom<typeof import("../support/system.ts")>(copy, "test/support/system.ts");
    const props = { caller: "charter-web", scopes: ["read", "generate"] };
    const binding = { binding: "GATEWAY", service: "stackbilt-mcp-gateway", entrypoint: "GatewayEntrypoint", props };
    system = await startSystem({
      extraWorkers: [{ name: "sibling", main: "test/support/sibling-worker.ts", services: [binding] }],
    });
    const consent = await consentPage(system.origin);
    expect(consent).toContain("see your field notes items.");
    expect(consent).toContain("create field notes items.");
  }, 180_000);

  it("is called through MCP", async () => {
    const connected = await connect(system?.origin ?? "", "modern");
    const { itemId } = await callTool(connected, "notes_create", { text: "Three herons." });
    expect(await callTool(connected, "notes_show", { itemId })).toMatchObject({ itemId, text: "Three herons." });
    await connected.close();
  });

  it("is called through RPC", async () => {
    const send = async (tool: string, input: object) => {
      const body = JSON.stringify({ through: "GATEWAY", tool, input });
      const response = await system?.worker("sibling").fetch("/", { method: "POST", body });
      return (await response?.json()) as { value: { itemId: string } };
    };
    const { value } = await send("notes_create", { text: "Two swans." });
    expect(await send("notes_show", { itemId: value.itemId })).toMatchObject({
      ok: true,
      value: { text: "Two swans." },
    });
  });
});
