// One drawing job, or one idempotency key's memory of its job. A job that runs shows signs of life; one that shows none any more
// (its object was evicted while a caller waited) is failed when somebody looks.
import { DurableObject } from "cloudflare:workers";
import type { ImageJob } from "../../contracts/img-forge.ts";
import type { Progress, ProgressReply } from "../../contracts/rpc/call-context.ts";
import { describeCrash } from "../../contracts/rpc/crash.ts";
import { draw } from "./drawing/draw.ts";
import type { Env } from "./env.ts";
import { type Commission, isOver, type JobRecord, newJob, richnessOf, toImageJob, visionOf } from "./job.ts";
import { PROCEDURAL, TIER_PLANS } from "./models.ts";
import { pictureKey } from "./picture.ts";
import { encodePng, pngSize } from "./png.ts";
import { noteImage } from "./recent-images.ts";
import { drawWithAi } from "./workers-ai.ts";

type Report = (update: Progress) => ProgressReply | Promise<ProgressReply>;

/** Between layers, so that progress can be watched and a job can be stopped. */
const PAUSE_MS = 40;
const POLL_MS = 100;
/** Longer than any step takes; a model may need most of it. */
const LEASE_MS = 60_000;

/** Somebody does not want the picture any more. */
const STOPPED = Symbol("stopped");

export class JobObject extends DurableObject<Env> {
  /** For an idempotency key's object: remembers `jobId`, and answers with the one that was remembered first. */
  claim(jobId: string): string {
    const known = this.ctx.storage.kv.get<string>("claimed");
    if (known === undefined) this.ctx.storage.kv.put("claimed", jobId);
    return known ?? jobId;
  }

  /** Draws while the caller waits. A job that is under way already is waited for instead, as long as the caller does. */
  async draw(order: Commission, deadlineMs: number, report: Report): Promise<ImageJob> {
    if (!this.#record()) {
      this.#write({ ...newJob(order), status: "running", leaseExpiresAtMs: Date.now() + LEASE_MS });
      await this.#run(report);
    } else await this.#note();
    let record = this.#settled();
    while (record && !isOver(record) && Date.now() < deadlineMs - 5 * POLL_MS) {
      await scheduler.wait(POLL_MS);
      record = this.#settled();
    }
    return this.#view(record);
  }

  /** Takes the job on and returns; an alarm draws, which outlives the call and is repeated if the object is evicted meanwhile. */
  async queue(order: Commission): Promise<ImageJob> {
    if (!this.#record()) {
      this.#write(newJob(order));
      await this.ctx.storage.setAlarm(Date.now());
    } else await this.#note();
    return this.#view(this.#settled());
  }

  /** `null` for a job that was never made and for another owner's alike. Looking makes no storage. */
  check(owner: string): ImageJob | null {
    const record = this.#settled();
    return record?.commission.owner === owner ? this.#view(record) : null;
  }

  /** Stops a job that is not over. */
  cancel(owner: string): ImageJob | null {
    const record = this.#settled();
    if (record?.commission.owner !== owner) return null;
    if (!isOver(record)) this.#write({ ...record, status: "cancelled", leaseExpiresAtMs: null });
    return this.check(owner);
  }

  /** Draws a queued job; `leaseExpiresAtMs` stays `null`, because an alarm that dies is repeated. */
  override async alarm(): Promise<void> {
    const record = this.#record();
    if (!record || isOver(record)) return;
    this.#write({ ...record, status: "running" });
    await this.#run(() => "continue");
  }

  /** Draws, stores, closes and notes the job. Whatever goes wrong becomes a job that failed. */
  async #run(report: Report): Promise<void> {
    try {
      const order = this.#stillWanted().commission;
      const file =
        order.model === PROCEDURAL ? await this.#drawHere(order, report) : await this.#drawWithAi(order, report);
      const size = pngSize(file);
      if (!size) throw new Error("The picture is not a PNG file.");
      await this.#step(report, 85, "Storing the picture.");
      await this.env.IMAGES.put(pictureKey(order.jobId), file, { httpMetadata: { contentType: "image/png" } });
      const done = {
        status: "completed",
        sizeBytes: file.byteLength,
        completedAt: Math.floor(Date.now() / 1000),
      } as const;
      this.#write({ ...this.#stillWanted(), ...size, ...done, leaseExpiresAtMs: null });
    } catch (error) {
      await this.#close(error);
      return;
    }
    await this.#note();
    await tell(report, 100, "The picture is done.");
  }

  async #drawHere(order: Commission, report: Report): Promise<Uint8Array<ArrayBuffer>> {
    const painting = draw(visionOf(order), TIER_PLANS[order.tier].size, richnessOf(order.tier));
    await this.#step(report, 0, "Reading the prompt.");
    let layer = painting.next();
    for (let progress = 15; !layer.done; progress = Math.min(60, progress + 15)) {
      await this.#step(report, progress, "Drawing.");
      layer = painting.next();
    }
    await this.#step(report, 75, "Encoding the picture.");
    return encodePng(layer.value);
  }

  async #drawWithAi(order: Commission, report: Report): Promise<Uint8Array<ArrayBuffer>> {
    await this.#step(report, 0, "Asking the model.");
    if (!this.env.AI) throw new Error("Workers AI is not bound any more.");
    return drawWithAi(this.env.AI, this.env.TRANSCODER, order);
  }

  /** Reports, breathes, and throws `STOPPED` if the picture is not wanted any more. */
  async #step(report: Report, progress: number, message: string): Promise<void> {
    if ((await tell(report, progress, message)) === "cancel") throw STOPPED;
    await scheduler.wait(PAUSE_MS);
    const record = this.#stillWanted();
    if (record.leaseExpiresAtMs !== null) this.#write({ ...record, leaseExpiresAtMs: Date.now() + LEASE_MS });
  }

  #stillWanted(): JobRecord {
    const record = this.#record();
    if (!record || isOver(record)) throw STOPPED;
    return record;
  }

  /** Ends a run that came to no picture, and takes back a picture that was stored after all. */
  async #close(reason: unknown): Promise<void> {
    const record = this.#record();
    if (!record) return;
    const { jobId } = record.commission;
    if (reason !== STOPPED) console.error(JSON.stringify({ event: "job.failed", jobId, ...describeCrash(reason) }));
    if (!isOver(record))
      this.#write({ ...record, status: reason === STOPPED ? "cancelled" : "failed", leaseExpiresAtMs: null });
    await this.env.IMAGES.delete(pictureKey(jobId)).catch(() => undefined);
  }

  /** Notes the picture for its owner, once it is finished; again where that may have come to nothing the first time. */
  async #note(): Promise<void> {
    const record = this.#record();
    if (!record || record.sizeBytes === null || record.completedAt === undefined) return;
    const { jobId: job_id, owner, prompt } = record.commission;
    await noteImage(this.env, owner, {
      job_id,
      prompt,
      size_bytes: record.sizeBytes,
      completed_at: record.completedAt,
    });
  }

  #record(): JobRecord | undefined {
    return this.ctx.storage.kv.get<JobRecord>("job");
  }

  /** The job, after one whose run died has been marked as failed. */
  #settled(): JobRecord | undefined {
    const record = this.#record();
    if (!record?.leaseExpiresAtMs || record.leaseExpiresAtMs > Date.now()) return record;
    const dead: JobRecord = { ...record, status: "failed", leaseExpiresAtMs: null };
    this.#write(dead);
    return dead;
  }

  #write(record: JobRecord): void {
    this.ctx.storage.kv.put("job", record);
  }

  #view(record: JobRecord | undefined): ImageJob {
    if (!record) throw new Error("A job vanished while somebody waited for it.");
    return toImageJob(record, this.env.IMAGE_BASE_URL);
  }
}

/** A caller that cannot be told any more does not want the picture any more. */
async function tell(report: Report, progress: number, message: string): Promise<ProgressReply> {
  try {
    return await report({ progress, total: 100, message });
  } catch {
    return "cancel";
  }
}
