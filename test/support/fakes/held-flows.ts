// The Stackbilder reference Worker with modes that do not end by themselves: the second step of
// each repeats its report until the caller cancels, or until the limit of a test has passed.
import type { Progress, ProgressCallback } from "../../../contracts/rpc/call-context.ts";
import { StackbilderEntrypoint as Reference } from "../../../entrypoints/stackbilder/worker.ts";

export * from "../../../entrypoints/stackbilder/worker.ts";
export { default } from "../../../entrypoints/stackbilder/worker.ts";

const REPORT_MS = 50;
const MAX_REPORTS = 400;

export class StackbilderEntrypoint extends Reference {
  override advanceFlow(call: unknown, input: unknown) {
    const { progress, ...rest } = call as { progress?: ProgressCallback };
    return super.advanceFlow({ ...rest, ...(progress && { progress: repeated(progress) }) }, input);
  }
}

function repeated(progress: ProgressCallback): ProgressCallback {
  return async (update: Progress) => {
    let reply = await progress(update);
    for (let more = 1; update.progress > 0 && reply === "continue" && more < MAX_REPORTS; more++) {
      await scheduler.wait(REPORT_MS);
      reply = await progress({ ...update, progress: update.progress + more / MAX_REPORTS });
    }
    return reply;
  };
}
