// The backend that `npm run new -- backend` makes: compiled, started and called in a copy of the
// repository.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { callTool, connect } from "../support/mcp-clients.ts";
import { copyRepository, removeCopy } from "../support/repository-copy.ts";
import type { System } from "../support/system.ts";
import { linkTo, newAccount, User } from "../support/user.ts";

const execute = promisify(execFile);
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
  const copy = copyRepository();
  const read = (file: string) => readFileSync(path.join(copy, file), "utf8");
  const launch = (...args: string[]) => run(copy, "entrypoints/cli/launch.mjs", ...args);
  let system: System | undefined;
  afterAll(async () => {
    await system?.stop();
    removeCopy(copy);
  });

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
    system = await startSystem();
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
