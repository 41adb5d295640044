// `npm run bench`: the cost of a request, compared with its minimum; see docs/performance.md. All
// arguments go to test/bench/main.ts.
import { spawn } from "node:child_process";
import path from "node:path";
import { ROOT } from "./workers.ts";

/** Ends with the exit code of the benchmark. */
export async function run(args: readonly string[]): Promise<void> {
  const bench = spawn(process.execPath, [...process.execArgv, path.join(ROOT, "test/bench/main.ts"), ...args], {
    cwd: ROOT,
    stdio: "inherit",
  });
  // Ctrl-C reaches the child directly; this process waits for its end.
  process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, () => bench.kill(signal));
  process.exitCode = await new Promise<number>((resolve, reject) => {
    bench.once("error", reject);
    bench.once("exit", (code) => resolve(code ?? 1));
  });
}
