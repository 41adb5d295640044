// Every binding, variable and secret of this Worker.
import type { JobObject } from "./job-object.ts";
import type { RecentImages } from "./recent-images.ts";
import type { UsedTokens } from "./used-tokens.ts";

export interface Env {
  /** Keys that identity tokens for this Worker are signed with: `kid:base64url[,kid:base64url]`. */
  readonly IDENTITY_KEYS: string;
  /** Origin under which `/images/{job_id}.png` reaches this Worker; no trailing slash. */
  readonly IMAGE_BASE_URL: string;
  /** Finished pictures. */
  readonly IMAGES: R2Bucket;
  /** One object a job, and one for each idempotency key. */
  readonly JOBS: DurableObjectNamespace<JobObject>;
  /** The latest finished pictures, by owner. */
  readonly RECENT_IMAGES: DurableObjectNamespace<RecentImages>;
  /** Identity tokens that were good once, by the last character of their id. */
  readonly USED_TOKENS: DurableObjectNamespace<UsedTokens>;
  /** Workers AI, which draws the tiers that it offers. Without it this Worker draws them all. */
  readonly AI?: Ai;
  /** Cloudflare Images: turns what Workers AI answers into PNG where it is not PNG. */
  readonly TRANSCODER?: ImagesBinding;
}
