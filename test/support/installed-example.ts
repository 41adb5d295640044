// The examples of docs/examples that are repositories of their own, outside of this one, with the
// packed contracts installed. Without a network: other packages are links into node_modules.
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { packContracts } from "../../entrypoints/cli/contracts.ts";
import { ROOT } from "../../entrypoints/cli/root.ts";

const execute = promisify(execFile);
const LINKED = ["valibot", "@cloudflare/workers-types"];

export interface InstalledExample {
  /** Absolute path of the copy. */
  readonly folder: string;
  /** Its wrangler.toml, relative to the root of the repository. */
  readonly configPath: string;
  /** Runs the compiler of this repository in the copy. Returns its errors; empty without any. */
  compile(...flags: string[]): Promise<string>;
  remove(): void;
}

/** Packed once a process; the file is read by each installation. */
const packed = mkdtempSync(path.join(tmpdir(), "packed-contracts-"));
let tarball: Promise<string> | undefined;
process.on("exit", () => rmSync(packed, { recursive: true, force: true }));

/** Installs docs/examples/`name` into a new folder. */
export async function installExample(name: string): Promise<InstalledExample> {
  const folder = mkdtempSync(path.join(tmpdir(), `example-${name}-`));
  cpSync(path.join(ROOT, "docs/examples", name), folder, { recursive: true });
  const modules = path.join(folder, "node_modules");
  const contracts = path.join(modules, "@stackbilt/contracts");
  mkdirSync(contracts, { recursive: true });
  mkdirSync(path.join(modules, "@cloudflare"));
  tarball ??= packContracts(packed);
  await execute("tar", ["-xzf", await tarball, "-C", contracts, "--strip-components=1"]);
  for (const linked of LINKED) symlinkSync(path.join(ROOT, "node_modules", linked), path.join(modules, linked));
  return {
    folder,
    configPath: path.relative(ROOT, path.join(folder, "wrangler.toml")),
    async compile(...flags) {
      const tsc = [path.join(ROOT, "node_modules/typescript/bin/tsc"), "-p", folder, "--pretty", "false", ...flags];
      return execute(process.execPath, tsc).then(
        () => "",
        (error: { stdout: string }) => error.stdout,
      );
    },
    remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}
