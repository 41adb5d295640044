// The Stackbilder reference Worker with lists that never respond.
import { DurableObject } from "cloudflare:workers";

export { default, FlowObject, StackbilderEntrypoint } from "../../../entrypoints/stackbilder/worker.ts";

export class RecentFlows extends DurableObject {
  add(): Promise<never> {
    return new Promise(() => setTimeout(() => undefined, 60_000));
  }
}
