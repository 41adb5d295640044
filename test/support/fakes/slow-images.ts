// The img-forge reference Worker, slower: a prompt that says "slow" is drawn two seconds later,
// without a report meanwhile; one that says "stalled" has bytes that arrive two seconds later.
import { ImgForgeEntrypoint as Reference } from "../../../entrypoints/img-forge/worker.ts";

export * from "../../../entrypoints/img-forge/worker.ts";
export { default } from "../../../entrypoints/img-forge/worker.ts";

const PAUSE_MS = 2_000;
let isStalled = false;

export class ImgForgeEntrypoint extends Reference {
  override async generateImage(call: unknown, input: unknown) {
    const { prompt } = input as { prompt: string };
    isStalled = prompt.includes("stalled");
    if (prompt.includes("slow")) await scheduler.wait(PAUSE_MS);
    return super.generateImage(call, input);
  }

  override async readImage(call: unknown, input: unknown) {
    if (isStalled) await scheduler.wait(PAUSE_MS);
    return super.readImage(call, input);
  }
}
