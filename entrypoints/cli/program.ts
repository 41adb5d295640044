// A command that is a program of its own, outside this folder: it runs in a process of its own.
import { spawn } from "node:child_process";
import path from "node:path";
import { ROOT } from "./workers.ts";

/** Runs `file`, a path from the root, and ends with its exit code. */
export async function runProgram(file: string, args: readonly string[]): Promise<void> {
  const program = spawn(process.execPath, [...process.execArgv, path.join(ROOT, file), ...args], {
    cwd: ROOT,
    stdio: "inherit",
  });
  // Ctrl-C reaches the child directly; this process waits for its end.
  process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, () => program.kill(signal));
  process.exitCode = await new Promise<number>((resolve, reject) => {
    program.once("error", reject);
    program.once("exit", (code) => resolve(code ?? 1));
  });
}
