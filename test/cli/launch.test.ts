// The launcher of every npm script: its messages if it cannot start a command.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { CliError } from "../../entrypoints/cli/cli-error.ts";
import { originIn, readArguments } from "../../entrypoints/cli/options.ts";
import { ROOT } from "../../entrypoints/cli/workers.ts";

const LAUNCH = "entrypoints/cli/launch.mjs";

function launch(args: readonly string[], { flags = [], cwd = ROOT }: { flags?: readonly string[]; cwd?: string } = {}) {
  const { status, stderr } = spawnSync(process.execPath, [...flags, LAUNCH, ...args], { cwd, encoding: "utf8" });
  return { status, message: stderr.trim() };
}

it("lists the commands if none is named", () => {
  expect(launch([])).toEqual({
    status: 1,
    message:
      "Name a command: node entrypoints/cli/launch.mjs dev|deploy|catalog|new|keys|rotate|users|audit|connect|test|bench|cost|check|setup|smoke|rollback|place|contracts|clients [arguments].",
  });
});

it("names a Node that is too old, and the remedy", () => {
  const pretend = `data:text/javascript,Object.defineProperty(process.versions, "node", { value: "20.19.0" })`;
  const { status, message } = launch(["dev"], { flags: ["--import", pretend] });
  expect(status).toBe(1);
  expect(message).toMatch(/^Node 20\.19\.0 is too old: install Node 22\.6 or newer/);
});

it("asks for npm install if the dependencies are missing", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "launch-"));
  try {
    cpSync(path.join(ROOT, LAUNCH), path.join(folder, LAUNCH));
    expect(launch(["dev"], { cwd: folder })).toEqual({
      status: 1,
      message: "The dependencies are not installed: run `npm install` first.",
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("names an unknown option and prints the usage", () => {
  const { status, message } = launch(["dev", "--frsh"]);
  expect(status).toBe(1);
  expect(message).toContain("--frsh");
  expect(message).toContain("Usage: npm run dev");
});

it("reads the options of every command alike: help, a mistake with the usage, an error of its own", () => {
  const read = (...args: string[]) =>
    readArguments({ args, usage: "Usage: x", options: { url: { type: "string" } } }, ({ url = "" }) =>
      url === "none" ? fail() : originIn("--url", url),
    );
  const fail = (): never => {
    throw new CliError("There is no gateway.");
  };
  expect(read("--url", "https://mcp.stackbilt.dev/mcp")).toBe("https://mcp.stackbilt.dev");
  expect([read("--help"), read("-h", "--url", "none")]).toEqual(["help", "help"]);
  expect(() => read("--ulr", "x")).toThrow(/^Unknown option '--ulr'.*\n\nUsage: x$/s);
  expect(() => read("--url", "mcp.stackbilt.dev")).toThrow("--url takes an http or https address.\n\nUsage: x");
  expect(() => read("word")).toThrow(/^Unexpected argument 'word'.*Usage: x$/s);
  expect(() => read("--url", "-x")).toThrow(/ use '--url=-XYZ'\.\n\nUsage: x$/);
  expect(() => read("--url", "none")).toThrow(/^There is no gateway\.$/);
});

it.each(["", "1e3", "80x", "65536"])('npm run dev refuses "%s" as a port, also of an empty variable', async (port) => {
  const { run } = await import("../../entrypoints/cli/dev.ts");
  await expect(run([`--port=${port}`, "--inspect=x"])).rejects.toThrow(`"${port}" is not a port.`);
});

it.each("dev deploy catalog new rotate users audit connect cost setup smoke rollback place contracts".split(" "))(
  "npm run %s names an unknown option, and prints its usage for --help",
  async (name) => {
    const { run } = (await import(`../../entrypoints/cli/${name}.ts`)) as {
      run(args: readonly string[]): Promise<void>;
    };
    const usage = `Usage: npm run ${name}`;
    const error = await run(["--nope"]).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CliError);
    expect(String(error)).toMatch(new RegExp(`^CliError: Unknown option '--nope'.*\\n\\n${usage}`));
    const print = vi.spyOn(console, "log").mockImplementation(() => {});
    onTestFinished(() => print.mockRestore());
    for (const help of ["--help", "-h"]) await run([help]);
    expect(print.mock.calls).toEqual([[expect.stringContaining(usage)], [expect.stringContaining(usage)]]);
  },
);
