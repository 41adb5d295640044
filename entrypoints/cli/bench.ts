// `npm run bench`: the cost of a request, compared with its minimum; see docs/performance.md. All
// arguments go to test/bench/main.ts.
import { runProgram } from "./program.ts";

/** Ends with the exit code of the benchmark. */
export function run(args: readonly string[]): Promise<void> {
  return runProgram("test/bench/main.ts", args);
}
