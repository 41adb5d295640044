// The stored record of a job, and its conversion to the contract's `ImageJob`. Pure functions:
// storage and time are in `job-object.ts`.
import type { GenerateImage, ImageJob, JobState, QualityTier } from "../../contracts/img-forge.ts";
import type { ParsedInputOf } from "../../contracts/rpc/operation.ts";
import { readScene, type Scene } from "./drawing/scene.ts";
import { TIER_PLANS, titleOf } from "./models.ts";
import { pictureUrl } from "./picture.ts";

/** The reason for which a job failed, and the sentence that its owner reads. */
export const FAILURES = {
  interrupted: "The generation was interrupted and did not finish in time. Generate the image again.",
  too_slow: "The model did not respond in time. Try again, or choose a lower quality tier.",
  broken: "The model or the storage failed. Generate the image again.",
} as const;

/** The picture that a job draws, and its owner. */
export interface ImageRequest {
  readonly jobId: string;
  readonly owner: string;
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly tier: QualityTier;
  readonly model: string;
  /** The prompt followed by words for the style of the drawing. */
  readonly enhancedPrompt: string;
}

export interface JobRecord {
  /** The request. The name is part of the stored record. */
  readonly commission: ImageRequest;
  readonly status: JobState;
  readonly width: number;
  readonly height: number;
  /** `null` until the job is completed. */
  readonly sizeBytes: number | null;
  /** Seconds since the Unix epoch; absent in a record that was stored without it. */
  readonly completedAt?: number;
  /**
   * The time at which a job that was not renewed counts as dead, in milliseconds since the Unix
   * epoch; `null` once it is over.
   */
  readonly leaseExpiresAtMs: number | null;
  /** The starts of its run so far; absent before the first. Names the run that has the lease. */
  readonly attempts?: number;
  /** Milliseconds since the Unix epoch; absent in a record that was stored without it. */
  readonly endedAtMs?: number;
  /** Only of a failed job. */
  readonly failure?: keyof typeof FAILURES;
}

/** The request for a picture from the input of `generateImage`. */
export function imageRequestOf(
  jobId: string,
  owner: string,
  input: ParsedInputOf<typeof GenerateImage>,
  model: string,
): ImageRequest {
  const { prompt, negative_prompt: negativePrompt = "", quality_tier: tier } = input;
  const request = { jobId, owner, prompt, negativePrompt, tier, model };
  const { palette } = sceneOf(request);
  return { ...request, enhancedPrompt: `${prompt.trim()}, ${palette}, layered depth, soft gradients` };
}

/**
 * The scene that a prompt describes. It depends on the words, the tier and the model only, not on
 * the job or its owner.
 */
export function sceneOf({
  prompt,
  negativePrompt,
  tier,
  model,
}: Omit<ImageRequest, "jobId" | "owner" | "enhancedPrompt">): Scene {
  return readScene(prompt, negativePrompt, JSON.stringify([prompt, negativePrompt, tier, model]));
}

/** The record of a new job. */
export function newJob(request: ImageRequest): JobRecord {
  const { size } = TIER_PLANS[request.tier];
  return {
    commission: request,
    status: "queued",
    width: size,
    height: size,
    sizeBytes: null,
    leaseExpiresAtMs: null,
  };
}

/** True if the job has reached a final state. */
export function isOver({ status }: JobRecord): boolean {
  return status === "completed" || status === "failed" || status === "cancelled";
}

/** The contract's form of a job. */
export function toImageJob(
  { commission: request, status, width, height, sizeBytes, failure }: JobRecord,
  baseUrl: string,
): ImageJob {
  return {
    job_id: request.jobId,
    status,
    url: status === "completed" ? pictureUrl(baseUrl, request.jobId) : null,
    model: request.model,
    model_title: titleOf(request.model),
    quality_tier: request.tier,
    enhanced_prompt: request.enhancedPrompt,
    width,
    height,
    size_bytes: sizeBytes,
    ...(failure === undefined ? {} : { failure_reason: FAILURES[failure] }),
  };
}
