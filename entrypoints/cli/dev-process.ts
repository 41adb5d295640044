// The one `wrangler dev` process that runs every Worker: starts it, waits until it responds, and
// prints its output from then on.
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { CliError } from "./cli-error.ts";
import { readableLines } from "./output.ts";
import { LOCAL, startWrangler } from "./wrangler.ts";

const START_TIMEOUT_MS = 90_000;

export interface RunningSystem {
  /** Settles when the process ends. */
  readonly ended: Promise<void>;
}

/**
 * The folder in which wrangler writes the addresses of this system's Workers. Another wrangler with
 * the same folder can bind them.
 */
export function registryOf(stateFolder: string): string {
  return `${stateFolder}/registry`;
}

/**
 * Starts the Workers of `configs`; the first listens on the port. Resolves when `GET /health`
 * responds; from then on it prints their output. Throws a `CliError` with the output of wrangler
 * and the Workers if they do not start.
 */
export async function startSystem(
  configs: readonly string[],
  port: number,
  stateFolder: string,
): Promise<RunningSystem> {
  const child = startWrangler(
    devArguments(configs, port, stateFolder),
    { ...LOCAL, WRANGLER_REGISTRY_PATH: registryOf(stateFolder) },
    "server",
  );
  const output = collectOutput(child);
  let hasEnded = false;
  const ended = new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  }).finally(() => {
    hasEnded = true;
  });

  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await isHealthy(port))) {
    // After an error in the code, wrangler waits for a corrected file. The first start does not.
    const hasFailed = hasEnded || Date.now() > deadline || output.lines.some((line) => line.startsWith("error: "));
    await sleep(hasFailed ? 300 : 100); // for the last lines of output
    if (hasFailed) throw new CliError(`The Workers did not start:\n\n${output.lines.join("\n")}`);
  }
  output.print();
  return { ended };
}

function devArguments(configs: readonly string[], port: number, stateFolder: string): string[] {
  const workers = configs.flatMap((config) => ["-c", config]);
  return ["dev", ...workers, "--port", `${port}`, "--inspector-port", "0", "--persist-to", stateFolder];
}

/** Collects the readable lines of a process. After `print()`, new lines are printed instead. */
function collectOutput(child: ChildProcess): { readonly lines: readonly string[]; print(): void } {
  const lines: string[] = [];
  let isPrinted = false;
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) throw new Error("wrangler was started without pipes.");
    const readable = readableLines();
    createInterface({ input: stream }).on("line", (raw) => {
      const line = readable(raw);
      if (line === null) return;
      if (isPrinted) console.log(line);
      else lines.push(line);
    });
  }
  return {
    lines,
    print() {
      isPrinted = true;
    },
  };
}

async function isHealthy(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://localhost:${port}/health`, { signal: AbortSignal.timeout(5000) })).ok;
  } catch {
    return false;
  }
}
