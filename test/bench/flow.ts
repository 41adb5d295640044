// The flow that every Worker of the benchmark talks about.

/** How large a large argument or result is. The endpoint reads 1 MiB at most. */
export const LARGE_BYTES = 1_000_005;

/** Where a flow stands, as its contract has it. */
export function flowOf(flowId: string) {
  return { flowId, status: "running", currentMode: "RISK", progress: 0.33, estimatedRemainingSeconds: 12 };
}
