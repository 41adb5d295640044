// The Stackbilder reference Worker, with cues for tests in the description of a flow. "slow": the
// flow is made two seconds later. "held": its modes do not end by themselves; the second step
// repeats its report until the caller cancels, or until the limit of a test has passed. "kept": the
// next two attempts to erase a tenant fail. The status of the flow "logged" logs all that arrives.
import type { Progress, ProgressCallback } from "../../../contracts/rpc/call-context.ts";
import { StackbilderEntrypoint as Reference } from "../../../entrypoints/stackbilder/worker.ts";

export * from "../../../entrypoints/stackbilder/worker.ts";
export { default } from "../../../entrypoints/stackbilder/worker.ts";

const PAUSE_MS = 2_000;
const REPORT_MS = 50;
const MAX_REPORTS = 400;

const held = new Set<string>();
let failures = 0;

export class StackbilderEntrypoint extends Reference {
  override async createFlow(call: unknown, input: unknown) {
    const { projectDescription = "" } = input as { projectDescription?: string };
    if (projectDescription.includes("slow")) await scheduler.wait(PAUSE_MS);
    if (projectDescription.includes("kept")) failures = 2;
    const created = await super.createFlow(call, input);
    if (created.ok && projectDescription.includes("held")) held.add(created.value.flowId);
    return created;
  }

  override getFlowStatus(call: unknown, input: unknown) {
    if ((input as { flowId: string }).flowId === "logged")
      console.log(JSON.stringify({ test: "everything", call, input, props: this.ctx.props }));
    return super.getFlowStatus(call, input);
  }

  override advanceFlow(call: unknown, input: unknown) {
    const { progress, ...rest } = call as { progress?: ProgressCallback };
    if (progress === undefined || !held.has((input as { flowId: string }).flowId))
      return super.advanceFlow(call, input);
    return super.advanceFlow({ ...rest, progress: repeated(progress) }, input);
  }

  override eraseTenant(call: unknown, input: unknown) {
    if (failures-- > 0) throw new Error("The Worker is down.");
    return super.eraseTenant(call, input);
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
