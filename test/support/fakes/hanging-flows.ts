// The Stackbilder reference Worker with lists that never respond.
import { RecentFlows as CurrentRecentFlows } from "../../../entrypoints/stackbilder/worker.ts";

export { default, FlowObject, StackbilderEntrypoint } from "../../../entrypoints/stackbilder/worker.ts";

export class RecentFlows extends CurrentRecentFlows {
  override add(): Promise<never> {
    return new Promise(() => setTimeout(() => undefined, 60_000));
  }
}
