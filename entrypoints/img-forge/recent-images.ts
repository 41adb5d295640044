// The latest finished pictures of one owner, so that they can be found again. Nobody's right to a picture depends on it: its job knows
// whose it is.
import { DurableObject } from "cloudflare:workers";
import type { RecentImage } from "../../contracts/img-forge.ts";
import { TIMED_OUT, withDeadline } from "../../contracts/rpc/call.ts";
import { describeCrash } from "../../contracts/rpc/crash.ts";
import type { Env } from "./env.ts";

const KEPT = 100;
const LISTED = 50;
/** Of a prompt, in characters: enough to know the picture by. */
const PROMPT_KEPT = 200;
/** The work that a picture is noted for does not wait longer. */
const TIMEOUT_MS = 1_000;

/** One object an owner. */
export class RecentImages extends DurableObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS recent_images (job_id TEXT NOT NULL PRIMARY KEY, prompt TEXT NOT NULL, size_bytes INTEGER NOT NULL, completed_at INTEGER NOT NULL) STRICT",
    );
  }

  /** Notes a picture, and forgets the oldest beyond what is kept. One that is there stays as it is. */
  add({ job_id, prompt, size_bytes, completed_at }: RecentImage): void {
    const { sql } = this.ctx.storage;
    const beginning = Array.from(prompt).slice(0, PROMPT_KEPT).join("");
    sql.exec(
      "INSERT INTO recent_images VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
      job_id,
      beginning,
      size_bytes,
      completed_at,
    );
    sql.exec(
      "DELETE FROM recent_images WHERE job_id NOT IN (SELECT job_id FROM recent_images ORDER BY completed_at DESC, rowid DESC LIMIT ?)",
      KEPT,
    );
  }

  /** Newest first. */
  list(): RecentImage[] {
    const rows = this.ctx.storage.sql.exec<{
      job_id: string;
      prompt: string;
      size_bytes: number;
      completed_at: number;
    }>(
      "SELECT job_id, prompt, size_bytes, completed_at FROM recent_images ORDER BY completed_at DESC, rowid DESC LIMIT ?",
      LISTED,
    );
    return rows.toArray();
  }
}

export function recentImagesOf({ RECENT_IMAGES }: Env, owner: string): DurableObjectStub<RecentImages> {
  return RECENT_IMAGES.get(RECENT_IMAGES.idFromName(owner));
}

/** Notes a picture of `owner`. Trouble is logged, and loses no more than the entry. */
export async function noteImage(env: Env, owner: string, image: RecentImage): Promise<void> {
  try {
    if ((await withDeadline(() => recentImagesOf(env, owner).add(image), TIMEOUT_MS)) === TIMED_OUT)
      throw new Error("too slow");
  } catch (error) {
    console.error(JSON.stringify({ event: "image.not_noted", jobId: image.job_id, ...describeCrash(error) }));
  }
}
