// Every binding, variable and secret of this Worker.
import { Defect } from "../../contracts/rpc/crash.ts";
import type { JobObject } from "./job-object.ts";
import type { RecentImages } from "./recent-images.ts";

export interface Env {
  /** Keys that verify identity tokens for this Worker: `kid:base64url[,kid:base64url]`. */
  readonly IDENTITY_KEYS: string;
  /** Origin at which `/images/{job_id}.png` reaches this Worker, without a trailing slash. */
  readonly IMAGE_BASE_URL: string;
  /** Days for which a job and its picture are kept after its end: 1 to 3650. Default: 90. */
  readonly RETENTION_DAYS?: string;
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

const DAY_MS = 86_400_000;

/** `RETENTION_DAYS` in milliseconds. Throws if the setting is not a number of days. */
export function retentionMs({ RETENTION_DAYS = "90" }: Pick<Env, "RETENTION_DAYS">): number {
  const days = /^[1-9]\d{0,3}$/.test(RETENTION_DAYS) ? Number(RETENTION_DAYS) : Infinity;
  if (days > 3650) throw new Defect("RETENTION_DAYS must be a number of days, 1 to 3650.");
  return days * DAY_MS;
}
