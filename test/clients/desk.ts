// Surroundings of a client program: an empty home, a terminal, a browser that signs in by itself,
// and an account on the gateway that no other program uses.
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type Account, newAccount, PageUser } from "../../entrypoints/cli/connect/page-user.ts";
import { ROOT } from "../../entrypoints/cli/workers.ts";

/** No program may take longer for one step. */
const STEP_MS = 240_000;

export interface Desk {
  /** The gateway's endpoint. */
  readonly url: string;
  /** The folder that the package is installed in, and in which programs start. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  /** Runs a command line in a terminal. Returns all that it printed. Throws if it fails. */
  run(command: string, env?: NodeJS.ProcessEnv): Promise<string>;
  /** The number of apps that are connected to the account. */
  connections(): Promise<number>;
}

/** Makes the surroundings in `folder` and installs the packages, such as `mcporter@0.12.3`. */
export async function openDesk(folder: string, url: string, packages: readonly string[]): Promise<Desk> {
  const account = newAccount();
  const bin = path.join(folder, "bin");
  for (const name of ["bin", "home"]) mkdirSync(path.join(folder, name), { recursive: true });
  writeFileSync(path.join(folder, "package.json"), "{}");
  const browser = path.join(bin, "xdg-open");
  const node = [process.execPath, ...process.execArgv, path.join(ROOT, "test/clients/browser.ts")];
  writeFileSync(browser, `#!/bin/sh\nexec ${node.map(quoted).join(" ")} "$@"\n`);
  chmodSync(browser, 0o755);
  const programs = path.join(folder, "node_modules/.bin");
  const env = {
    PATH: [bin, programs, path.dirname(process.execPath), process.env.PATH].join(path.delimiter),
    HOME: path.join(folder, "home"),
    ...{ BROWSER: browser, CLIENT_ACCOUNT: JSON.stringify(account), TERM: "xterm" },
  };
  await execute("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error", ...packages], folder, process.env);
  return {
    ...{ url, folder, env },
    // util-linux's `script` gives a terminal: some programs sign in only where a person could be.
    run: (command, more = {}) => execute("script", ["-qec", command, "/dev/null"], folder, { ...env, ...more }),
    connections: () => countConnections(url, account),
  };
}

/** An argument for a shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

async function countConnections(url: string, { email, password }: Account): Promise<number> {
  const user = new PageUser();
  const page = await user.submit(await user.open(new URL("/apps", url)), "/login", { email, password });
  const { html } = await user.submit(page, "/apps/data");
  return (JSON.parse(html) as { readonly connectedApps: readonly unknown[] }).connectedApps.length;
}

function execute(program: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], timeout: STEP_MS });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
    });
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${program} ${args.join(" ")} ended with ${code}:\n${output.slice(-2000)}`));
    });
  });
}
