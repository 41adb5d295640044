// The contracts as a package: its content, and the two examples of docs/examples that install it in
// a repository of their own. test/e2e/sibling.test.ts runs the caller against the gateway.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Contract } from "../../contracts/rpc/contract.ts";
import { ROOT } from "../../entrypoints/cli/root.ts";
import { type Backend, startBackend } from "../support/backend.ts";
import { type InstalledExample, installExample } from "../support/installed-example.ts";

const NODENEXT = ["--module", "nodenext", "--moduleResolution", "nodenext"];
let implementer: InstalledExample;
let caller: InstalledExample;
beforeAll(async () => {
  [implementer, caller] = await Promise.all([installExample("backend"), installExample("sibling")]);
});
afterAll(() => {
  implementer?.remove();
  caller?.remove();
});

const jsonOf = (file: string) => JSON.parse(readFileSync(file, "utf8")) as Record<string, Record<string, string>>;

describe("the package", () => {
  const installed = () => path.join(implementer.folder, "node_modules/@stackbilt/contracts");

  it("depends on valibot alone at run time, in the version of this repository", () => {
    const { dependencies, peerDependencies, peerDependenciesMeta } = jsonOf(path.join(installed(), "package.json"));
    expect(dependencies).toEqual({ valibot: jsonOf(path.join(ROOT, "package.json")).dependencies?.valibot });
    expect(Object.keys(peerDependencies ?? {})).toEqual(Object.keys(peerDependenciesMeta ?? {}));
  });

  it("can be published to a registry, and is not public there", () => {
    const { private: isPrivate, publishConfig } = jsonOf(path.join(installed(), "package.json"));
    expect([isPrivate, publishConfig]).toEqual([undefined, { access: "restricted" }]);
  });

  it("has JavaScript and types behind each export, and no sources", () => {
    const { exports = {} } = jsonOf(path.join(installed(), "package.json"));
    const missing = Object.values(exports).flatMap((file) =>
      [file, file.replace(/\.js$/, ".d.ts")].filter((part) => !existsSync(path.join(installed(), part))),
    );
    expect([Object.keys(exports).includes("./gateway"), missing]).toEqual([true, []]);
    const files = readdirSync(installed(), { recursive: true, encoding: "utf8" });
    expect(files.filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts"))).toEqual([]);
  });
});

describe("a repository that installs it", () => {
  it.each<[string, () => InstalledExample, string[]]>([
    ["implements a backend, with resolution bundler", () => implementer, []],
    ["implements a backend, with resolution nodenext", () => implementer, NODENEXT],
    ["calls the gateway, with resolution bundler", () => caller, []],
    ["calls the gateway, with resolution nodenext", () => caller, NODENEXT],
  ])("%s, type-checks with its libraries", async (_, example, flags) => {
    expect(await example().compile("--skipLibCheck", "false", ...flags)).toBe("");
  });

  it("learns from the types what a tool takes, and what a backend lacks", async () => {
    const call = path.join(caller.folder, "worker.ts");
    const text = readFileSync(call, "utf8");
    writeFileSync(call, text.replace("image_generate({ prompt }", "image_generate({ promt: prompt }"));
    expect(await caller.compile()).toMatch(/worker\.ts\(\d+,\d+\): error TS\d+: .*'promt' does not exist/);
    writeFileSync(call, text);
    const worker = path.join(implementer.folder, "src/worker.ts");
    const whole = readFileSync(worker, "utf8");
    writeFileSync(worker, whole.replace("readNote(call", "readOne(call"));
    expect(await implementer.compile()).toContain("Property 'readNote' is missing");
    writeFileSync(worker, whole);
  });
});

describe("the backend that implements a contract of its own", () => {
  let backend: Backend<Contract>;
  beforeAll(async () => {
    const { notes } = (await import(path.join(implementer.folder, "src/contract.ts"))) as { notes: Contract };
    backend = await startBackend({
      contract: notes,
      configPath: implementer.configPath,
      entrypoint: "NotesEntrypoint",
    });
  });
  afterAll(() => backend?.stop());

  it("keeps a note for its tenant", async () => {
    const written = await backend.call("writeNote", { text: "Buy a ladder." });
    const { noteId } = (written as { value: { noteId: string } }).value;
    expect(await backend.call("readNote", { noteId })).toEqual({ ok: true, value: { noteId, text: "Buy a ladder." } });
    expect(await backend.call("readNote", { noteId }, { tenant: "tenant-b" })).toEqual({
      ok: false,
      error: { code: "note_not_found" },
    });
  });

  it("refuses a forged identity token, another call's, and a captured one", async () => {
    const refused = { ok: false, error: { code: "unauthenticated" } };
    const input = { text: "once" };
    expect(await backend.call("writeNote", input, { token: { audience: "img-forge" } })).toEqual(refused);
    expect(await backend.call("writeNote", input, { token: { input: { text: "other" } } })).toEqual(refused);
    const context = await backend.context("writeNote", input);
    expect(await backend.invoke("writeNote", context, input)).toMatchObject({ ok: true });
    expect(await backend.invoke("writeNote", context, input)).toEqual(refused);
  });
});
