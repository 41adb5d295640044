// Runs the official conformance suite by its own command line, and reads its results.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { ROOT } from "../../entrypoints/cli/workers.ts";

/** One check in the suite's results. */
export interface Check {
  readonly id: string;
  readonly status: string;
  readonly errorMessage?: string;
}

/** A run's checks, by scenario. */
export type Checks = Readonly<Record<string, readonly Check[]>>;

/** The end of a run of the command. */
export interface Run {
  readonly exitCode: number;
  readonly output: string;
}

/**
 * Runs the suite's command line. `onLine` is called with each line that it prints while it runs.
 */
export async function run(
  args: readonly string[],
  onLine: (line: string) => Promise<void> = async () => {},
): Promise<Run> {
  const command = path.join(ROOT, "node_modules/@modelcontextprotocol/conformance/dist/index.js");
  const suite = spawn(process.execPath, [command, ...args], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 50_000,
  });
  const ended = once(suite, "close");
  const lines: string[] = [];
  const actions: Promise<void>[] = [];
  for (const stream of [suite.stdout, suite.stderr]) {
    createInterface(stream).on("line", (line) => {
      lines.push(line);
      actions.push(
        onLine(line).catch((error: unknown) => {
          lines.push(`In the browser: ${String(error)}`);
          suite.kill();
        }),
      );
    });
  }
  const [code] = (await ended) as [number | null];
  await Promise.all(actions);
  return { exitCode: code ?? -1, output: lines.join("\n") };
}

/** A new folder for the results of a run. */
export function newFolder(): string {
  mkdirSync(path.join(ROOT, ".test"), { recursive: true });
  return mkdtempSync(path.join(ROOT, ".test/conformance-"));
}

/**
 * The checks that a run wrote to `folder`, in the order of their times: its folders are named after
 * role, scenario and time.
 */
export function checksIn(folder: string, role: "server" | "authorization-server"): Checks {
  const name = new RegExp(`^${role}-(?<scenario>.+)-(?<time>20\\d\\d-\\d\\d-\\d\\dT[\\d-]+Z)$`);
  const found = readdirSync(folder).flatMap((entry) => {
    const { scenario, time } = name.exec(entry)?.groups ?? {};
    return scenario === undefined || time === undefined ? [] : [{ scenario, time, entry }];
  });
  found.sort((a, b) => (a.time < b.time ? -1 : 1));
  const read = (entry: string) => JSON.parse(readFileSync(path.join(folder, entry, "checks.json"), "utf8")) as Check[];
  return Object.fromEntries(found.map(({ scenario, entry }) => [scenario, read(entry)]));
}
