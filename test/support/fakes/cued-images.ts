// The img-forge reference Worker, with cues for tests in a prompt. "slow": it is drawn two seconds
// later, without a report meanwhile. "stalled": its bytes arrive two seconds later. "endless": its
// bytes stop coming after the first ones.
import { ImgForgeEntrypoint as Reference } from "../../../entrypoints/img-forge/worker.ts";

export * from "../../../entrypoints/img-forge/worker.ts";
export { default } from "../../../entrypoints/img-forge/worker.ts";

const PAUSE_MS = 2_000;
const ENDLESS_MS = 60_000;
let last = "";

export class ImgForgeEntrypoint extends Reference {
  override async generateImage(call: unknown, input: unknown) {
    const { prompt } = input as { prompt: string };
    last = prompt;
    if (prompt.includes("slow")) await scheduler.wait(PAUSE_MS);
    return super.generateImage(call, input);
  }

  override async readImage(call: unknown, input: unknown) {
    if (last.includes("stalled")) await scheduler.wait(PAUSE_MS);
    const image = await super.readImage(call, input);
    if (!image.ok || !last.includes("endless")) return image;
    const body = new ReadableStream({
      type: "bytes",
      start: (controller) => controller.enqueue(new Uint8Array(10)),
      pull: () => scheduler.wait(ENDLESS_MS),
    });
    return { ...image, value: { ...image.value, body } };
  }
}
