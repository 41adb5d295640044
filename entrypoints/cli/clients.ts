// `npm run test:clients`: drives real client programs against the gateway; see docs/clients.md. All
// arguments go to test/clients/main.ts.
import { runProgram } from "./program.ts";

/** Ends with the exit code of the test. */
export function run(args: readonly string[]): Promise<void> {
  return runProgram("test/clients/main.ts", args);
}
