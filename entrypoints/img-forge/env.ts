// Every binding, variable and secret of this Worker.
import type { JobObject } from "./job-object.ts";
import type { RecentImages } from "./recent-images.ts";

export interface Env {
  /** Keys that verify identity tokens for this Worker: `kid:base64url[,kid:base64url]`. */
  readonly IDENTITY_KEYS: string;
  /** Origin at which `/images/{job_id}.png` reaches this Worker, without a trailing slash. */
  readonly IMAGE_BASE_URL: string;
  /** Finished pictures. */
  readonly IMAGES: R2Bucket;
  /** One object per job, and one per idempotency key. */
  readonly JOBS: DurableObjectNamespace<JobObject>;
  /** The latest finished pictures, one object per owner. */
  readonly RECENT_IMAGES: DurableObjectNamespace<RecentImages>;
  /**
   * Workers AI, which draws the tiers that it has a model for. Without it this Worker draws every
   * tier.
   */
  readonly AI?: Ai;
  /** Cloudflare Images, which converts other output of Workers AI to PNG. */
  readonly TRANSCODER?: ImagesBinding;
}
