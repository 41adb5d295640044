// The Stackbilder reference Worker with faults in its flows.
import * as stackbilder from "../../../entrypoints/stackbilder/worker.ts";
import { entrypointWithFaults, handlerWithFaults, objectWithFaults } from "./injection.ts";

export * from "../../../entrypoints/stackbilder/worker.ts";

export const StackbilderEntrypoint = entrypointWithFaults(stackbilder.StackbilderEntrypoint);
export const FlowObject = objectWithFaults(stackbilder.FlowObject);
export const RecentFlows = objectWithFaults(stackbilder.RecentFlows);

export default handlerWithFaults(stackbilder.default);
