// The flow and the picture in the requests and results of the benchmark.

/** Tools of `workers/scaled-gateway.ts`, named by what governs their call. */
export type GovernedTool = "intent_and_outcome" | "and_credential" | "and_reserve" | "and_settle";

/** Bytes of a large argument or result. The endpoint reads 1 MiB at most. */
export const LARGE_BYTES = 1_000_005;

/** The status of a flow, in the form of its contract. */
export function flowOf(flowId: string) {
  return { flowId, status: "running", currentMode: "RISK", progress: 0.33, estimatedRemainingSeconds: 12 };
}

/** A finished picture, in the form of its contract: larger than a result may hold. */
export function pictureOf(prompt: string) {
  const job = { job_id: "0b7e5a52-95a8-4d0e-8a6e-0a9c1a1d3a10", status: "completed", url: "http://localhost/a.png" };
  const size = { width: 1_024, height: 1_024, size_bytes: 1_000_000 };
  return { ...job, model: "procedural", quality_tier: "draft", enhanced_prompt: prompt, ...size };
}
