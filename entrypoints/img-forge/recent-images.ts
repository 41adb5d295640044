// The latest finished pictures of one owner, for listing. Access does not depend on this list: each
// job stores its own owner.
import { DurableObject } from "cloudflare:workers";
import type { RecentImage } from "../../contracts/img-forge.ts";
import { logCrash } from "../../contracts/log.ts";
import { TIMED_OUT, withDeadline } from "../../contracts/rpc/call.ts";
import { type Env, retentionMs } from "./env.ts";

const MAX_STORED = 100;
const MAX_LISTED = 50;
/** Length of the stored beginning of a prompt: enough to recognize the picture. */
const PROMPT_MAX_CHARACTERS = 200;
/** The longest that a job waits for the list. */
const TIMEOUT_MS = 1_000;

const TABLE =
  "CREATE TABLE IF NOT EXISTS recent_images (job_id TEXT NOT NULL PRIMARY KEY, prompt TEXT NOT NULL, size_bytes INTEGER NOT NULL, completed_at INTEGER NOT NULL) STRICT";

/** One object per owner. */
export class RecentImages extends DurableObject<Env> {
  /**
   * Adds a picture and deletes the oldest ones beyond the limit. A listed picture is left
   * unchanged. The alarm deletes the ones that have expired.
   */
  async add({ job_id, prompt, size_bytes, completed_at }: RecentImage): Promise<void> {
    const { sql } = this.ctx.storage;
    sql.exec(TABLE);
    const beginning = Array.from(prompt).slice(0, PROMPT_MAX_CHARACTERS).join("");
    sql.exec(
      "INSERT INTO recent_images VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
      job_id,
      beginning,
      size_bytes,
      completed_at,
    );
    sql.exec(
      "DELETE FROM recent_images WHERE job_id NOT IN (SELECT job_id FROM recent_images ORDER BY completed_at DESC, rowid DESC LIMIT ?)",
      MAX_STORED,
    );
    await this.#schedule();
  }

  /** Deletes what has expired. */
  override async alarm(): Promise<void> {
    const { sql } = this.ctx.storage;
    sql.exec("DELETE FROM recent_images WHERE completed_at <= ?", this.#expiredAt());
    await this.#schedule();
  }

  /** Returns the latest pictures that have not expired, newest first. Creates no storage. */
  list(): RecentImage[] {
    const { sql } = this.ctx.storage;
    if (sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'recent_images'").toArray().length === 0) return [];
    const rows = sql.exec<{
      job_id: string;
      prompt: string;
      size_bytes: number;
      completed_at: number;
    }>(
      "SELECT job_id, prompt, size_bytes, completed_at FROM recent_images WHERE completed_at > ? ORDER BY completed_at DESC, rowid DESC LIMIT ?",
      this.#expiredAt(),
      MAX_LISTED,
    );
    return rows.toArray();
  }

  /** Sets the alarm for the expiry of the oldest entry; deletes all storage if there is none. */
  async #schedule(): Promise<void> {
    const { sql } = this.ctx.storage;
    const { oldest } = sql
      .exec<{ oldest: number | null }>("SELECT min(completed_at) AS oldest FROM recent_images")
      .one();
    if (oldest === null) return this.ctx.storage.deleteAll();
    await this.ctx.storage.setAlarm(oldest * 1000 + retentionMs(this.env));
  }

  /** Entries up to this time, in seconds since the Unix epoch, have expired. */
  #expiredAt(): number {
    return Math.floor((Date.now() - retentionMs(this.env)) / 1000);
  }
}

export function recentImagesOf({ RECENT_IMAGES }: Env, owner: string): DurableObjectStub<RecentImages> {
  return RECENT_IMAGES.get(RECENT_IMAGES.idFromName(owner));
}

/** Adds a picture to the list of `owner`. A failure is logged and costs only the entry. */
export async function addRecentImage(env: Env, owner: string, image: RecentImage): Promise<void> {
  try {
    if ((await withDeadline(() => recentImagesOf(env, owner).add(image), TIMEOUT_MS)) === TIMED_OUT)
      throw new Error("The list did not respond in time.");
  } catch (error) {
    logCrash("image.unlisted", { jobId: image.job_id }, error);
  }
}
