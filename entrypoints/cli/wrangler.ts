// Runs wrangler from this repository's node_modules with this Node, and without the internet if the
// command needs none.
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { stripVTControlCharacters } from "node:util";
import { Stopped } from "./cli-error.ts";
import { ROOT } from "./root.ts";

/** Path of wrangler's program. */
export const WRANGLER = path.join(ROOT, "node_modules/wrangler/wrangler-dist/cli.js");

/** No metrics, no update check, no crash report, no log file in the home directory. */
export const QUIET = {
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_SEND_ERROR_REPORTS: "false",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_WRITE_LOGS: "false",
};

/** For a local system: also no look-up of `request.cf`, and settings from `.dev.vars` only. */
export const LOCAL = {
  ...QUIET,
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV: "false",
  X_LOCAL_EXPLORER: "false",
  X_LOCAL_OBSERVABILITY: "false",
};

/** Ends a server when the process that started it ends for any reason. */
const FOLLOW_PARENT = `data:text/javascript,process.on("disconnect", () => process.kill(process.pid, "SIGINT"))`;

/**
 * Name of the environment variable with the port of the runtime's inspector, which lists every
 * Worker. Wrangler's own inspector shows the first Worker only, and takes any free port for this
 * one.
 */
export const RUNTIME_INSPECTOR_PORT = "DEV_RUNTIME_INSPECTOR_PORT";

/** Gives the runtime that a server starts the inspector's port of its environment, if any. */
const CHOOSE_INSPECTOR_PORT = `data:text/javascript,
import child from "node:child_process";
const { spawn } = child;
const port = process.env.${RUNTIME_INSPECTOR_PORT};
if (port) child.spawn = (command, args, options) =>
  spawn(command, Array.isArray(args) ? args.map((one) => one.replace(/^(--inspector-addr=.*):\\d+$/, "$1:" + port)) : args, options);`;

/**
 * This process's environment without variables that name another environment or another Worker, or
 * hide what commands read.
 */
function environmentWith(settings: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const { WRANGLER_CI_OVERRIDE_NAME: _, ...inherited } = process.env; // an empty one counts
  return { ...inherited, CLOUDFLARE_ENV: "", WRANGLER_LOG: "log", ...settings };
}

const running = new Set<ChildProcess>();

/**
 * Starts wrangler with piped output, in a process group of its own: Ctrl-C reaches it through
 * `stopAll` only. A `server` also stops when this process ends. `input` is what it reads.
 */
export function startWrangler(
  args: readonly string[],
  environment: Record<string, string>,
  kind: "command" | "server",
  input?: string,
): ChildProcess {
  const isServer = kind === "server";
  const flags = ["--no-warnings", ...(isServer ? ["--import", FOLLOW_PARENT, "--import", CHOOSE_INSPECTOR_PORT] : [])];
  const child = spawn(process.execPath, [...flags, WRANGLER, ...args], {
    cwd: ROOT,
    env: environmentWith({ ...environment, FORCE_COLOR: "0" }),
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe", ...(isServer ? (["ipc"] as const) : [])],
    detached: process.platform !== "win32",
  });
  child.stdin?.on("error", () => undefined).end(input); // it may end before it has read everything
  follow(child);
  return child;
}

function follow(child: ChildProcess): void {
  running.add(child);
  child.once("close", () => running.delete(child));
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
let isStopped = false;

function onSignal(): void {
  isStopped = true;
  void stopAll();
}

/**
 * The exit code of `child`. A signal to this process ends it too: left running, it would go on to
 * change an account while the same command starts again. Throws a `Stopped` then.
 */
async function exitCodeOf(child: ChildProcess): Promise<number> {
  // `npm run dev` stops everything itself.
  if (process.listenerCount("SIGINT") === 0) for (const signal of SIGNALS) process.on(signal, onSignal);
  const code = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (exitCode) => resolve(exitCode ?? 1));
  });
  if (running.size === 0) for (const signal of SIGNALS) process.off(signal, onSignal);
  if (isStopped) throw new Stopped();
  return code;
}

/** Runs wrangler to its end, and returns the exit code. It prints to this process's terminal. */
export async function runVisibly(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, ["--no-warnings", WRANGLER, ...args], {
    cwd: ROOT,
    env: environmentWith(QUIET),
    stdio: "inherit",
  });
  follow(child);
  return exitCodeOf(child);
}

/** Runs wrangler to its end. `output` is everything that it printed, also to stderr. */
export async function runWrangler(
  args: readonly string[],
  environment: Record<string, string> = QUIET,
  input?: string,
): Promise<{ code: number; stdout: string; output: string }> {
  const child = startWrangler(args, environment, "command", input);
  let [stdout, output] = ["", ""];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
      if (stream === child.stdout) stdout += chunk;
    });
  }
  const code = await exitCodeOf(child);
  return { code, stdout, output: stripVTControlCharacters(output) }; // its errors have colours in any case
}

/**
 * Ends every wrangler that this process started, with its child processes: SIGINT, then SIGKILL
 * after `graceMs`.
 */
export async function stopAll(graceMs = 3000): Promise<void> {
  await Promise.all([...running].map((child) => stop(child, graceMs)));
}

async function stop(child: ChildProcess, graceMs: number): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const over = new Promise((resolve) => child.once("exit", resolve));
    signalGroup(child, "SIGINT");
    const timer = setTimeout(() => signalGroup(child, "SIGKILL"), graceMs);
    await over;
    clearTimeout(timer);
  }
  signalGroup(child, "SIGKILL"); // child processes that are left
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(process.platform === "win32" ? child.pid : -child.pid, signal);
  } catch {
    child.kill(signal); // it leads no group, or the group has ended: then this does nothing
  }
}
