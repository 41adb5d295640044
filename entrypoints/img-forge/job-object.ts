// The Durable Object of one drawing job, and of one idempotency key, which stores the id of its
// job. A run that a caller waits for renews a lease. A run that has stopped renewing it (its object
// was evicted) is marked as failed on the next access.
import { DurableObject } from "cloudflare:workers";
import type { ImageJob } from "../../contracts/img-forge.ts";
import type { Progress, ProgressReply } from "../../contracts/rpc/call-context.ts";
import { claimToken } from "../../contracts/rpc/claim-once.ts";
import { describeCrash } from "../../contracts/rpc/crash.ts";
import type { OneTimeToken } from "../../contracts/rpc/identity.ts";
import { fail, ok } from "../../contracts/rpc/result.ts";
import { draw } from "./drawing/draw.ts";
import type { Env } from "./env.ts";
import { type ImageRequest, isOver, type JobRecord, newJob, sceneOf, toImageJob } from "./job.ts";
import { PROCEDURAL, TIER_PLANS } from "./models.ts";
import { pictureKey } from "./picture.ts";
import { encodePng, pngSize } from "./png.ts";
import { addRecentImage } from "./recent-images.ts";
import { drawWithAi } from "./workers-ai.ts";

type Report = (update: Progress) => ProgressReply | Promise<ProgressReply>;

/** Pause between layers, in which progress can be read and the job cancelled. */
const PAUSE_MS = 40;
const POLL_MS = 100;
/** Longer than any step; the call of a model may need most of it. */
const LEASE_MS = 60_000;

/**
 * Thrown inside a run to end it: the caller has cancelled, or the job has reached a final state.
 */
const STOPPED = Symbol("stopped");

export class JobObject extends DurableObject<Env> {
  /**
   * On the object of an idempotency key: stores `jobId`, and returns the job id that was stored
   * first.
   */
  claim(jobId: string): string {
    const stored = this.ctx.storage.kv.get<string>("claimed");
    if (stored === undefined) this.ctx.storage.kv.put("claimed", jobId);
    return stored ?? jobId;
  }

  /**
   * Draws while the caller waits. If the job exists, waits for it until shortly before
   * `deadlineMs`.
   */
  async draw(request: ImageRequest, token: OneTimeToken, deadlineMs: number, report: Report) {
    if (!claimToken(this.ctx.storage, token)) return fail("unauthenticated");
    if (!this.#record()) {
      this.#write({ ...newJob(request), status: "running", leaseExpiresAtMs: Date.now() + LEASE_MS });
      await this.#run(report);
    } else await this.#listForOwner();
    let record = this.#checkedRecord();
    while (record && !isOver(record) && Date.now() < deadlineMs - 5 * POLL_MS) {
      await scheduler.wait(POLL_MS);
      record = this.#checkedRecord();
    }
    return ok(this.#view(record));
  }

  /**
   * Queues the job and returns. An alarm draws: it outlives the call, and the runtime repeats it if
   * the object is evicted meanwhile.
   */
  async queue(request: ImageRequest, token: OneTimeToken) {
    if (!claimToken(this.ctx.storage, token)) return fail("unauthenticated");
    if (!this.#record()) {
      this.#write(newJob(request));
      await this.ctx.storage.setAlarm(Date.now());
    } else await this.#listForOwner();
    return ok(this.#view(this.#checkedRecord()));
  }

  /** `null` for an unknown job and for another owner's alike. Creates no storage. */
  check(owner: string): ImageJob | null {
    const record = this.#checkedRecord();
    return record?.commission.owner === owner ? this.#view(record) : null;
  }

  /** Cancels a job that is not in a final state. */
  cancel(owner: string, token: OneTimeToken) {
    const record = this.#checkedRecord();
    if (record?.commission.owner !== owner) return fail("job_not_found");
    if (!claimToken(this.ctx.storage, token)) return fail("unauthenticated");
    if (!isOver(record)) this.#write({ ...record, status: "cancelled", leaseExpiresAtMs: null });
    return ok(this.#view(this.#record()));
  }

  /** Draws a queued job without a lease, because the runtime repeats an interrupted alarm. */
  override async alarm(): Promise<void> {
    const record = this.#record();
    if (!record || isOver(record)) return;
    this.#write({ ...record, status: "running" });
    await this.#run(() => "continue");
  }

  /**
   * Draws and stores the picture, completes the job and lists it. Any error makes it a failed job.
   */
  async #run(report: Report): Promise<void> {
    try {
      const { commission: request } = this.#activeRecord();
      const file =
        request.model === PROCEDURAL
          ? await this.#drawProcedurally(request, report)
          : await this.#drawWithAi(request, report);
      const size = pngSize(file);
      if (!size) throw new Error("The picture is not a PNG file.");
      await this.#step(report, 85, "Storing the picture.");
      await this.env.IMAGES.put(pictureKey(request.jobId), file, { httpMetadata: { contentType: "image/png" } });
      const completed = {
        status: "completed",
        sizeBytes: file.byteLength,
        completedAt: Math.floor(Date.now() / 1000),
      } as const;
      this.#write({ ...this.#activeRecord(), ...size, ...completed, leaseExpiresAtMs: null });
    } catch (error) {
      await this.#abort(error);
      return;
    }
    await this.#listForOwner();
    await send(report, 100, "The picture is done.");
  }

  async #drawProcedurally(request: ImageRequest, report: Report): Promise<Uint8Array<ArrayBuffer>> {
    const painting = draw(sceneOf(request), TIER_PLANS[request.tier].size);
    await this.#step(report, 0, "Reading the prompt.");
    let layer = painting.next();
    for (let progress = 15; !layer.done; progress = Math.min(60, progress + 15)) {
      await this.#step(report, progress, "Drawing.");
      layer = painting.next();
    }
    await this.#step(report, 75, "Encoding the picture.");
    return encodePng(layer.value);
  }

  async #drawWithAi(request: ImageRequest, report: Report): Promise<Uint8Array<ArrayBuffer>> {
    await this.#step(report, 0, "Calling the model.");
    if (!this.env.AI) throw new Error("Workers AI is not bound.");
    return drawWithAi(this.env.AI, this.env.TRANSCODER, request);
  }

  /** Reports progress, pauses and renews the lease. Throws `STOPPED` if the run must end. */
  async #step(report: Report, progress: number, message: string): Promise<void> {
    if ((await send(report, progress, message)) === "cancel") throw STOPPED;
    await scheduler.wait(PAUSE_MS);
    const record = this.#activeRecord();
    if (record.leaseExpiresAtMs !== null) this.#write({ ...record, leaseExpiresAtMs: Date.now() + LEASE_MS });
  }

  /** Throws `STOPPED` if the job has reached a final state. */
  #activeRecord(): JobRecord {
    const record = this.#record();
    if (!record || isOver(record)) throw STOPPED;
    return record;
  }

  /** Ends a run without a picture, and deletes a picture that was stored nevertheless. */
  async #abort(reason: unknown): Promise<void> {
    const record = this.#record();
    if (!record) return;
    const { jobId } = record.commission;
    if (reason !== STOPPED) console.error(JSON.stringify({ event: "job.failed", jobId, ...describeCrash(reason) }));
    if (!isOver(record))
      this.#write({ ...record, status: reason === STOPPED ? "cancelled" : "failed", leaseExpiresAtMs: null });
    await this.env.IMAGES.delete(pictureKey(jobId)).catch(() => undefined);
  }

  /**
   * Lists a completed picture for its owner. Repeated for a repeated request: the first try may
   * have failed.
   */
  async #listForOwner(): Promise<void> {
    const record = this.#record();
    if (!record || record.sizeBytes === null || record.completedAt === undefined) return;
    const { jobId: job_id, owner, prompt } = record.commission;
    await addRecentImage(this.env, owner, {
      job_id,
      prompt,
      size_bytes: record.sizeBytes,
      completed_at: record.completedAt,
    });
  }

  #record(): JobRecord | undefined {
    return this.ctx.storage.kv.get<JobRecord>("job");
  }

  /** The record, after a run with an expired lease has been marked as failed. */
  #checkedRecord(): JobRecord | undefined {
    const record = this.#record();
    if (!record?.leaseExpiresAtMs || record.leaseExpiresAtMs > Date.now()) return record;
    const failed: JobRecord = { ...record, status: "failed", leaseExpiresAtMs: null };
    this.#write(failed);
    return failed;
  }

  #write(record: JobRecord): void {
    this.ctx.storage.kv.put("job", record);
  }

  #view(record: JobRecord | undefined): ImageJob {
    if (!record) throw new Error("The record of a job is missing while a caller waits for it.");
    return toImageJob(record, this.env.IMAGE_BASE_URL);
  }
}

/** Sends a report. An unreachable caller counts as one that cancels. */
async function send(report: Report, progress: number, message: string): Promise<ProgressReply> {
  try {
    return await report({ progress, total: 100, message });
  } catch {
    return "cancel";
  }
}
