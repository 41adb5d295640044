// The runtimes (workerd) of this process, which its systems and Workers run in.
import { execFileSync } from "node:child_process";

let isListening = false;

/** Ends all of them with this process, for those that no test stops. */
export function endRuntimesWithProcess(): void {
  if (isListening) return;
  isListening = true;
  // Vitest kills a process half a second after it asked it to end: too soon for wrangler.
  process.prependOnceListener("SIGTERM", endRuntimes);
}

/** The runtimes that this process started, oldest first: two for each system. */
export function runtimeProcesses(): readonly number[] {
  const list = execFileSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" });
  const own = list
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, parent, command]) => Number(parent) === process.pid && command?.endsWith("workerd"));
  return own.map(([id]) => Number(id)).toSorted((a, b) => a - b);
}

function endRuntimes(): void {
  for (const id of runtimeProcesses()) process.kill(id, "SIGKILL");
}
