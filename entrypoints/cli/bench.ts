// `npm run bench`: what a request costs, beside what it must cost at least; see docs/performance.md. Everything after it is handed on.
import { spawn } from "node:child_process";
import path from "node:path";
import { ROOT } from "./workers.ts";

/** Ends with the benchmark's own exit code. */
export async function run(args: readonly string[]): Promise<void> {
  const bench = spawn(process.execPath, [...process.execArgv, path.join(ROOT, "test/bench/main.ts"), ...args], {
    cwd: ROOT,
    stdio: "inherit",
  });
  // Ctrl-C reaches it by itself; this process waits for its end.
  process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, () => bench.kill(signal));
  process.exitCode = await new Promise<number>((resolve, reject) => {
    bench.once("error", reject);
    bench.once("exit", (code) => resolve(code ?? 1));
  });
}
