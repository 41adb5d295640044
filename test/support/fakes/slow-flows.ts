// The Stackbilder reference Worker, slower: a description that says "slow" becomes a flow two
// seconds later.
import { StackbilderEntrypoint as Reference } from "../../../entrypoints/stackbilder/worker.ts";

export * from "../../../entrypoints/stackbilder/worker.ts";
export { default } from "../../../entrypoints/stackbilder/worker.ts";

const PAUSE_MS = 2_000;

export class StackbilderEntrypoint extends Reference {
  override async createFlow(call: unknown, input: unknown) {
    const { projectDescription } = input as { projectDescription: string };
    if (projectDescription.includes("slow")) await scheduler.wait(PAUSE_MS);
    return super.createFlow(call, input);
  }
}
