// The flow in the requests and results of the benchmark.

/** Bytes of a large argument or result. The endpoint reads 1 MiB at most. */
export const LARGE_BYTES = 1_000_005;

/** The status of a flow, in the form of its contract. */
export function flowOf(flowId: string) {
  return { flowId, status: "running", currentMode: "RISK", progress: 0.33, estimatedRemainingSeconds: 12 };
}
