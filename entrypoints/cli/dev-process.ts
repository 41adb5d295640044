// The one `wrangler dev` process that holds every Worker: started, watched until it answers, and listened to from then on.
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { CliError } from "./cli-error.ts";
import { readableLines } from "./output.ts";
import { LOCAL, startWrangler } from "./wrangler.ts";

const START_TIMEOUT_MS = 90_000;

export interface RunningSystem {
  /** Settles when the process ends by itself. */
  readonly ended: Promise<void>;
}

/**
 * Starts the Workers of `configs`; the first holds the port. Resolves once `GET /health` answers; from then on their output is
 * printed. Throws a `Refusal` with what wrangler and the Workers said when they do not start.
 */
export async function startSystem(
  configs: readonly string[],
  port: number,
  stateFolder: string,
): Promise<RunningSystem> {
  const child = startWrangler(
    [
      "dev",
      ...configs.flatMap((config) => ["-c", config]),
      "--port",
      `${port}`,
      "--inspector-port",
      "0",
      "--persist-to",
      stateFolder,
    ],
    { ...LOCAL, WRANGLER_REGISTRY_PATH: `${stateFolder}/registry` },
    "server",
  );
  const held: string[] = [];
  let isReady = false;
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) throw new Error("wrangler was started without pipes.");
    const readable = readableLines();
    createInterface({ input: stream }).on("line", (line) => {
      const shown = readable(line);
      if (shown === null) return;
      if (isReady) console.log(shown);
      else held.push(shown);
    });
  }
  let isOver = false;
  const ended = new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  }).finally(() => {
    isOver = true;
  });

  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await isHealthy(port))) {
    // After an error in the code wrangler would wait for the file to be mended; the first start does not.
    const hasFailed = isOver || Date.now() > deadline || held.some((line) => line.startsWith("error: "));
    await sleep(hasFailed ? 300 : 100); // what is said last is still to be read
    if (hasFailed) throw new CliError(`The Workers did not start:\n\n${held.join("\n")}`);
  }
  isReady = true;
  return { ended };
}

async function isHealthy(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://localhost:${port}/health`, { signal: AbortSignal.timeout(5000) })).ok;
  } catch {
    return false;
  }
}
