// Refusals of `npm run new -- backend`, in a copy of the repository. A backend that it makes is
// compiled and started in test/slow/new-backend.test.ts.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { copyRepository, removeCopy } from "../support/repository-copy.ts";

/** A module of a copy, which takes the copy for its repository. Node caches it. */
const importFrom = async <Module>(copy: string, file: string) => (await import(path.join(copy, file))) as Module;

describe("a refusal is one sentence and changes nothing", () => {
  const copy = copyRepository();
  afterAll(() => removeCopy(copy));
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
    ["a hyphen at the end", ["ledger-"], '"ledger-" does not fit'],
    ["two hyphens", ["my--ledger"], '"my--ledger" does not fit'],
    ["a name of every object", ["constructor"], '"constructor" is a word of the code itself'],
    ["a path", ["../ledger"], '"../ledger" does not fit'],
    ["a short name", ["l"], '"l" does not fit'],
    ["a backend that exists", ["img-forge"], 'There is a backend "img-forge" already.'],
    ["another folder", ["gateway"], '"gateway" names another part of the repository'],
    ["a keyword", ["class"], '"class" is a word of the code itself'],
    ["a malformed prefix", ["ledger", "--prefix", "Led-"], '"Led-" does not fit: a prefix has'],
    ["an underscore at the end", ["ledger", "--prefix", "led_"], '"led_" does not fit: a prefix has'],
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
