// The Stackbilder reference Worker with modes that do not end while they are wanted: each goes on reporting in its second step, until
// it is told to stop or a test would have failed anyway.
import type { Progress, ProgressCallback } from "../../../contracts/rpc/call-context.ts";
import { StackbilderEntrypoint as Reference } from "../../../entrypoints/stackbilder/worker.ts";

export * from "../../../entrypoints/stackbilder/worker.ts";
export { default } from "../../../entrypoints/stackbilder/worker.ts";

const REPORT_MS = 50;
const MOST_REPORTS = 400;

export class StackbilderEntrypoint extends Reference {
  override advanceFlow(call: unknown, input: unknown) {
    const { progress, ...rest } = call as { progress?: ProgressCallback };
    return super.advanceFlow({ ...rest, ...(progress && { progress: held(progress) }) }, input);
  }
}

function held(progress: ProgressCallback): ProgressCallback {
  return async (update: Progress) => {
    let verdict = await progress(update);
    for (let more = 1; update.progress > 0 && verdict === "continue" && more < MOST_REPORTS; more++) {
      await scheduler.wait(REPORT_MS);
      verdict = await progress({ ...update, progress: update.progress + more / MOST_REPORTS });
    }
    return verdict;
  };
}
