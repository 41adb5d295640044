// What is kept of a job, and the contract's view of it. Pure: storage and time are `job-object.ts`'s.
import {
  type GenerateImage,
  type ImageJob,
  type JobState,
  QUALITY_TIERS,
  type QualityTier,
} from "../../contracts/img-forge.ts";
import type { ParsedInputOf } from "../../contracts/rpc/operation.ts";
import { imagine, styleWords, type Vision } from "./drawing/vision.ts";
import { TIER_PLANS } from "./models.ts";
import { pictureUrl } from "./picture.ts";

/** What is to be drawn, for whom. */
export interface Commission {
  readonly jobId: string;
  readonly owner: string;
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly tier: QualityTier;
  readonly model: string;
  /** The prompt with the words for how it is drawn. */
  readonly enhancedPrompt: string;
}

export interface JobRecord {
  readonly commission: Commission;
  readonly status: JobState;
  readonly width: number;
  readonly height: number;
  /** `null` until the job is completed. */
  readonly sizeBytes: number | null;
  /** Seconds since the Unix epoch; absent where it was not written down. */
  readonly completedAt?: number;
  /** When a run that shows no sign of life counts as dead, in milliseconds since the Unix epoch; `null` unless one is under way. */
  readonly leaseExpiresAtMs: number | null;
}

/** Writes down an order. */
export function commission(
  jobId: string,
  owner: string,
  order: ParsedInputOf<typeof GenerateImage>,
  model: string,
): Commission {
  const { prompt, negative_prompt: negativePrompt = "", quality_tier: tier } = order;
  const words = { jobId, owner, prompt, negativePrompt, tier, model };
  return { ...words, enhancedPrompt: `${prompt.trim()}, ${styleWords(visionOf(words)).join(", ")}` };
}

/** What the words show. The same words, tier and model show the same; neither the job nor its owner matters. */
export function visionOf({
  prompt,
  negativePrompt,
  tier,
  model,
}: Omit<Commission, "jobId" | "owner" | "enhancedPrompt">): Vision {
  return imagine(prompt, negativePrompt, JSON.stringify([prompt, negativePrompt, tier, model]));
}

/** How much detail a tier gets, 1 to 5. */
export function richnessOf(tier: QualityTier): number {
  return QUALITY_TIERS.indexOf(tier) + 1;
}

/** A job that has just been ordered. */
export function newJob(order: Commission): JobRecord {
  const { size } = TIER_PLANS[order.tier];
  return { commission: order, status: "queued", width: size, height: size, sizeBytes: null, leaseExpiresAtMs: null };
}

/** A job that will change no more. */
export function isOver({ status }: JobRecord): boolean {
  return status === "completed" || status === "failed" || status === "cancelled";
}

/** The contract's view. */
export function toImageJob(
  { commission: order, status, width, height, sizeBytes }: JobRecord,
  baseUrl: string,
): ImageJob {
  return {
    job_id: order.jobId,
    status,
    url: status === "completed" ? pictureUrl(baseUrl, order.jobId) : null,
    model: order.model,
    quality_tier: order.tier,
    enhanced_prompt: order.enhancedPrompt,
    width,
    height,
    size_bytes: sizeBytes,
  };
}
