// The jobs of one owner: the latest finished pictures, for listing, and the ids of all jobs, for
// erasure. Access does not depend on them: each job stores its own owner.
import { DurableObject } from "cloudflare:workers";
import type { RecentImage } from "../../contracts/img-forge.ts";
import { logCrash } from "../../contracts/log.ts";
import { claimToken } from "../../contracts/rpc/claim-once.ts";
import { TIMED_OUT, withDeadline } from "../../contracts/rpc/deadlines.ts";
import type { OneTimeToken } from "../../contracts/rpc/identity.ts";
import { type Env, retentionMs } from "./env.ts";

const MAX_STORED = 100;
const MAX_LISTED = 50;
/** Length of the stored beginning of a prompt: enough to recognize the picture. */
const PROMPT_MAX_CHARACTERS = 200;
/** The longest that a job waits for the list. */
const TIMEOUT_MS = 1_000;

const DAY_MS = 86_400_000;

const TABLES = `
  CREATE TABLE IF NOT EXISTS recent_images (job_id TEXT NOT NULL PRIMARY KEY, prompt TEXT NOT NULL, size_bytes INTEGER NOT NULL, completed_at INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS owned_jobs (job_id TEXT NOT NULL PRIMARY KEY, created_at INTEGER NOT NULL) STRICT;
`;
/** Key of the instant of the erasure, in milliseconds since the Unix epoch. */
const ERASED = "erasedAtMs";

/** One object per owner. */
export class RecentImages extends DurableObject<Env> {
  /** Notes the id of a job before it is created. False: the owner was erased. */
  async register(jobId: string): Promise<boolean> {
    if (this.#isErased()) return false;
    const { sql } = this.ctx.storage;
    sql.exec(TABLES);
    sql.exec("INSERT INTO owned_jobs VALUES (?, ?) ON CONFLICT DO NOTHING", jobId, Math.floor(Date.now() / 1000));
    await this.#schedule();
    return true;
  }

  /**
   * Deletes the list, and refuses new jobs for a day, by when every call that was on its way has
   * arrived. False: the token was used before.
   */
  async erase(token: OneTimeToken): Promise<boolean> {
    if (!claimToken(this.ctx.storage, token)) return false;
    const { sql, kv } = this.ctx.storage;
    sql.exec(TABLES);
    // Pictures of an earlier version are in the list only.
    sql.exec("INSERT INTO owned_jobs SELECT job_id, completed_at FROM recent_images WHERE true ON CONFLICT DO NOTHING");
    sql.exec("DELETE FROM recent_images");
    if (!this.#isErased()) kv.put(ERASED, Date.now());
    await this.ctx.storage.setAlarm(Date.now() + DAY_MS);
    return true;
  }

  /** Ids of jobs that are not erased yet. */
  unerased(limit: number): string[] {
    const rows = this.ctx.storage.sql.exec<{ jobId: string }>("SELECT job_id AS jobId FROM owned_jobs LIMIT ?", limit);
    return rows.toArray().map(({ jobId }) => jobId);
  }

  /** Ids of the owner's jobs after `after`, in the order of the ids. Creates no storage. */
  page(after: string, limit: number): string[] {
    const { sql } = this.ctx.storage;
    if (sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'owned_jobs'").toArray().length === 0) return [];
    const rows = sql.exec<{ jobId: string }>(
      "SELECT job_id AS jobId FROM (SELECT job_id FROM owned_jobs UNION SELECT job_id FROM recent_images) WHERE job_id > ? ORDER BY job_id LIMIT ?",
      ...[after, limit],
    );
    return rows.toArray().map(({ jobId }) => jobId);
  }

  /** Deletes the ids of jobs that were erased. */
  deleteIds(jobIds: readonly string[]): void {
    for (const jobId of jobIds) this.ctx.storage.sql.exec("DELETE FROM owned_jobs WHERE job_id = ?", jobId);
  }

  /**
   * Adds a picture and deletes the oldest ones beyond the limit. A listed picture is left
   * unchanged. The alarm deletes the ones that have expired.
   */
  async add({ job_id, prompt, size_bytes, completed_at }: RecentImage): Promise<void> {
    if (this.#isErased()) return;
    const { sql } = this.ctx.storage;
    sql.exec(TABLES);
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
    sql.exec(TABLES);
    if (this.#isErased()) {
      // Jobs that could not be erased are kept for another try.
      if (this.unerased(1).length === 0) await this.ctx.storage.deleteAll();
      else await this.ctx.storage.setAlarm(Date.now() + DAY_MS);
      return;
    }
    sql.exec("DELETE FROM recent_images WHERE completed_at <= ?", this.#expiredAt());
    // A job expires after its end, which is later than the job's age.
    sql.exec("DELETE FROM owned_jobs WHERE created_at <= ?", this.#expiredAt() - DAY_MS / 1000);
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
      .exec<{ oldest: number | null }>(
        "SELECT min(at) AS oldest FROM (SELECT min(completed_at) AS at FROM recent_images UNION ALL SELECT min(created_at) + ? FROM owned_jobs)",
        DAY_MS / 1000,
      )
      .one();
    if (oldest === null) return this.ctx.storage.deleteAll();
    await this.ctx.storage.setAlarm(oldest * 1000 + retentionMs(this.env));
  }

  #isErased(): boolean {
    return this.ctx.storage.kv.get<number>(ERASED) !== undefined;
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
