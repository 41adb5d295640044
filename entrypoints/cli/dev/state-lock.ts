// One `npm run dev` a state folder: two would lock each other out of the same databases, and
// `--fresh` would delete them under a running system.
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { CliError } from "../cli-error.ts";
import { isRunning } from "../running.ts";

/** Name of the file with the process id and the port, in the state folder. */
export const LOCK = "dev.lock";
const BEAT_MS = 2000;
/** A file older than this is of a process that ended without a word, and whose id is used again. */
const STALE_MS = 5 * BEAT_MS;

/** Throws a `CliError` if another process has the folder. */
export function refuseSecond(stateFolder: string, port: number): void {
  const holder = holderOf(path.join(stateFolder, LOCK));
  if (holder === null) return;
  const other = port === 0 || port === holder.port ? holder.port + 1 : port;
  throw new CliError(
    `\`npm run dev\` runs already, on port ${holder.port} with the state in ${stateFolder}: stop it, or start a second system with \`npm run dev -- --port ${other} --persist-to .wrangler/state-${other}\`.`,
  );
}

/** Takes the folder until this process ends. */
export function lockState(stateFolder: string, port: number): void {
  const file = path.join(stateFolder, LOCK);
  const text = JSON.stringify({ pid: process.pid, port });
  try {
    mkdirSync(stateFolder, { recursive: true });
    writeFileSync(file, text);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code; // the errors of node:fs
    throw new CliError(`${stateFolder} cannot be written (${reason}): choose another folder with --persist-to.`);
  }
  setInterval(() => beat(file, text), BEAT_MS).unref();
  process.on("exit", () => rmSync(file, { force: true }));
}

function beat(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch {
    // The folder was deleted. The Workers say what they miss.
  }
}

/** The running process that has the folder of `file`; `null` if there is none. */
function holderOf(file: string): { readonly pid: number; readonly port: number } | null {
  try {
    const holder = JSON.parse(readFileSync(file, "utf8")) as { pid: number; port: number }; // written above
    const isFresh = Date.now() - statSync(file).mtimeMs < STALE_MS;
    return isFresh && holder.pid !== process.pid && isRunning(holder.pid) ? holder : null;
  } catch {
    return null;
  }
}
