// The Durable Object of one drawing job, and of one idempotency key, which stores the id of its
// job. A picture is always drawn in an alarm, which outlives the call and which the runtime repeats
// if the object is evicted; a caller that waits watches the job. A run renews a lease. A job whose
// lease has ended, or whose run was started too often, is failed.
import { DurableObject } from "cloudflare:workers";
import type { ImageJob } from "../../contracts/img-forge.ts";
import { logCrash } from "../../contracts/log.ts";
import type { Progress, ProgressReply } from "../../contracts/rpc/call-context.ts";
import { claimToken } from "../../contracts/rpc/claim-once.ts";
import { TIMED_OUT, withDeadline } from "../../contracts/rpc/deadlines.ts";
import type { OneTimeToken } from "../../contracts/rpc/identity.ts";
import { fail, ok } from "../../contracts/rpc/result.ts";
import { draw } from "./drawing/draw.ts";
import { type Env, retentionMs } from "./env.ts";
import { type ImageRequest, isOver, type JobRecord, newJob, sceneOf, toImageJob } from "./job.ts";
import { PROCEDURAL, TIER_PLANS } from "./models.ts";
import { pictureKey } from "./picture.ts";
import { encodePng, pngSize } from "./png.ts";
import { addRecentImage } from "./recent-images.ts";
import { drawWithAi } from "./workers-ai.ts";

type Report = (update: Progress) => ProgressReply | Promise<ProgressReply>;

/** Pause between layers, in which progress can be read and the job cancelled. */
const PAUSE_MS = 40;
const POLL_MS = 50;
/** The longest that a model may take: below the time that a caller waits, and below the lease. */
const MODEL_TIMEOUT_MS = 45_000;
/** Longer than any step. */
const LEASE_MS = 60_000;
/** Starts of a run, all but the first after an eviction. */
const MAX_ATTEMPTS = 3;
const NEXT_ATTEMPT_MS = 2_000;
/** Pause before a clean-up that failed is repeated. */
const RETRY_MS = 3_600_000;
const KEY_LIFETIME_MS = 86_400_000;

/** Key of the mark of an erased job. */
const ERASED = "erased";

interface Erasure {
  readonly jobId: string;
  /** Milliseconds since the Unix epoch. */
  readonly atMs: number;
}

const QUEUED: Progress = { progress: 0, total: 100, message: "The picture is queued." };
const DONE: Progress = { progress: 100, total: 100, message: "The picture is done." };

/** Thrown inside a run to end it: the job has reached a final state. */
const STOPPED = Symbol("stopped");
/** Thrown inside a run whose model did not respond in time. */
const TOO_SLOW = Symbol("too slow");

export class JobObject extends DurableObject<Env> {
  /** The latest report of the run, for callers that wait. */
  #progress: Progress | null = null;
  /** The entry in the list of a picture that was just finished. */
  #listing: Promise<void> | null = null;

  /**
   * On the object of an idempotency key: stores `jobId` for a day, and returns the job id that was
   * stored first.
   */
  async claim(jobId: string): Promise<string> {
    const stored = this.ctx.storage.kv.get<string>("claimed");
    if (stored !== undefined) return stored;
    this.ctx.storage.kv.put("claimed", jobId);
    await this.ctx.storage.setAlarm(Date.now() + KEY_LIFETIME_MS);
    return jobId;
  }

  /** The job id that `claim` stored; `null` without one. Creates no storage. */
  claimed(): string | null {
    return this.ctx.storage.kv.get<string>("claimed") ?? null;
  }

  /**
   * Starts the job unless it exists, and waits for it until shortly before `deadlineMs`. A report
   * that is answered with "cancel" cancels it.
   */
  async draw(request: ImageRequest, token: OneTimeToken, deadlineMs: number, report: Report) {
    const started = await this.queue(request, token);
    if (!started.ok) return started;
    let reported = QUEUED;
    if ((await send(report, reported)) === "cancel") await this.#stop();
    for (;;) {
      const record = await this.#checkedRecord();
      if (this.#erased()) return fail("unauthenticated");
      const progress = this.#progress;
      if (progress !== null && progress !== reported) {
        reported = progress;
        if ((await send(report, progress)) === "cancel") await this.#stop();
      } else if (!record || isOver(record) || Date.now() > deadlineMs - 10 * POLL_MS) {
        await this.#listing;
        if (record?.status === "completed") await send(report, DONE);
        return ok(this.#view(record));
      } else await scheduler.wait(POLL_MS);
    }
  }

  /** Starts the job unless it exists. */
  async queue(request: ImageRequest, token: OneTimeToken) {
    if (!claimToken(this.ctx.storage, token) || this.#erased()) return fail("unauthenticated");
    if (!this.#record()) {
      this.#write({ ...newJob(request), leaseExpiresAtMs: Date.now() + LEASE_MS });
      await this.ctx.storage.setAlarm(Date.now());
    } else await this.#listForOwner();
    return ok(this.#view(await this.#checkedRecord()));
  }

  /** `null` for an unknown job and for another owner's alike. Creates no storage. */
  async check(owner: string): Promise<ImageJob | null> {
    const record = await this.#checkedRecord();
    return record?.commission.owner === owner ? this.#view(record) : null;
  }

  /** The job for its owner's copy of it; `null` if it does not exist. */
  async exported(owner: string) {
    const record = await this.#checkedRecord();
    if (record?.commission.owner !== owner) return null;
    const { prompt, negativePrompt: negative_prompt } = record.commission;
    const { job_id, status, url, model, quality_tier } = this.#view(record);
    return {
      job_id,
      status,
      prompt,
      negative_prompt,
      quality_tier,
      model,
      completed_at: record.completedAt ?? null,
      url,
    };
  }

  /** Cancels a job that is not in a final state. */
  async cancel(owner: string, token: OneTimeToken) {
    if ((await this.#checkedRecord())?.commission.owner !== owner) return fail("job_not_found");
    if (!claimToken(this.ctx.storage, token)) return fail("unauthenticated");
    await this.#stop();
    return ok(this.#view(this.#record()));
  }

  /**
   * Deletes the owner's job with its picture; a run that is under way ends without a trace. For a
   * day the job cannot be created, by a call that was on its way.
   */
  async erase(owner: string, jobId: string): Promise<void> {
    const record = this.#record();
    if (record && record.commission.owner !== owner) return;
    const { kv } = this.ctx.storage;
    kv.delete("job");
    if (!this.#erased()) kv.put(ERASED, { jobId, atMs: Date.now() } satisfies Erasure);
    this.#progress = null;
    // A run that is stored just now, by an object that is evicted before it notices.
    await this.ctx.storage.setAlarm(Date.now() + LEASE_MS);
    await this.env.IMAGES.delete(pictureKey(jobId));
  }

  /** Runs the job, or deletes what its end, its age or its erasure has left. */
  override async alarm(): Promise<void> {
    const erased = this.#erased();
    if (erased) return this.#cleanUpErased(erased);
    await this.#checkedRecord();
    const record = this.#record();
    if (!record) return this.ctx.storage.deleteAll();
    if (isOver(record)) return this.#cleanUp(record);
    const attempts = (record.attempts ?? 0) + 1;
    if (attempts > MAX_ATTEMPTS) return this.#end(record, { status: "failed", failure: "interrupted" });
    this.#write({ ...record, status: "running", attempts, leaseExpiresAtMs: Date.now() + LEASE_MS });
    // For the case that this run dies with its object. The end of a run sets another alarm.
    await this.ctx.storage.setAlarm(Date.now() + NEXT_ATTEMPT_MS);
    await this.#run(attempts);
  }

  /** Draws and stores the picture, completes the job and lists it. Any error makes it failed. */
  async #run(attempt: number): Promise<void> {
    try {
      const { commission: request } = this.#activeRecord(attempt);
      const step = (progress: number, message: string) => this.#step(attempt, progress, message);
      const file =
        request.model === PROCEDURAL ? await drawProcedurally(request, step) : await this.#drawWithAi(request, step);
      const size = pngSize(file);
      if (!size) throw new Error("The picture is not a PNG file.");
      await step(85, "Storing the picture.");
      await this.env.IMAGES.put(pictureKey(request.jobId), file, { httpMetadata: { contentType: "image/png" } });
      const completedAt = Math.floor(Date.now() / 1000);
      const completed = { ...size, status: "completed", sizeBytes: file.byteLength, completedAt } as const;
      const ended = this.#end(this.#activeRecord(attempt), completed);
      this.#listing = this.#listForOwner();
      await ended;
    } catch (error) {
      return this.#abort(attempt, error);
    }
    await this.#listing;
  }

  async #drawWithAi(request: ImageRequest, step: Step): Promise<Uint8Array<ArrayBuffer>> {
    await step(5, "Calling the model.");
    const { AI, TRANSCODER } = this.env;
    if (!AI) throw new Error("Workers AI is not bound.");
    const file = await withDeadline(() => drawWithAi(AI, TRANSCODER, request), MODEL_TIMEOUT_MS);
    if (file === TIMED_OUT) throw TOO_SLOW;
    return file as Uint8Array<ArrayBuffer>; // the value of `drawWithAi`
  }

  /** Publishes progress, pauses and renews the lease. Throws `STOPPED` if the run must end. */
  async #step(attempt: number, progress: number, message: string): Promise<void> {
    this.#progress = { progress, total: 100, message };
    await scheduler.wait(PAUSE_MS);
    this.#write({ ...this.#activeRecord(attempt), leaseExpiresAtMs: Date.now() + LEASE_MS });
  }

  /** Throws `STOPPED` if the job has reached a final state, or if another run has its lease. */
  #activeRecord(attempt: number): JobRecord {
    const record = this.#record();
    if (!record || isOver(record) || record.attempts !== attempt) throw STOPPED;
    return record;
  }

  /** Ends a run without a picture. A picture that it stored nevertheless is deleted. */
  async #abort(attempt: number, reason: unknown): Promise<void> {
    const record = this.#record();
    const erased = this.#erased();
    if (erased) await this.env.IMAGES.delete(pictureKey(erased.jobId));
    if (!record || record.attempts !== attempt || record.status === "completed") return;
    const { jobId } = record.commission;
    if (reason !== STOPPED) {
      logCrash("job.failed", { jobId }, reason);
      if (!isOver(record)) {
        await this.#end(record, { status: "failed", failure: reason === TOO_SLOW ? "too_slow" : "broken" });
      }
    }
    await this.env.IMAGES.delete(pictureKey(jobId)).catch(() => undefined);
  }

  /** Cancels the job unless it has ended. Nothing awaits between check and write. */
  async #stop(): Promise<void> {
    const record = this.#record();
    if (record && !isOver(record)) await this.#end(record, { status: "cancelled" });
  }

  /** Moves the job to a final state. The alarm that follows deletes the bytes of a lost run. */
  async #end(record: JobRecord, end: Partial<JobRecord> & Pick<JobRecord, "status">): Promise<void> {
    const ended = { ...record, ...end, endedAtMs: Date.now(), leaseExpiresAtMs: null };
    this.#write(ended);
    await this.ctx.storage.setAlarm(end.status === "completed" ? this.#expiryMs(ended) : Date.now());
  }

  /** Deletes the bytes of a job without a picture, and everything of a job at its end. */
  async #cleanUp(record: JobRecord): Promise<void> {
    const expiresAtMs = this.#expiryMs(record);
    const isExpired = Date.now() >= expiresAtMs;
    try {
      if (isExpired || record.status !== "completed") await this.env.IMAGES.delete(pictureKey(record.commission.jobId));
    } catch (error) {
      const { jobId } = record.commission;
      logCrash("picture.undeleted", { jobId }, error);
      return this.ctx.storage.setAlarm(Date.now() + RETRY_MS);
    }
    if (isExpired) await this.ctx.storage.deleteAll();
    else if (Number.isFinite(expiresAtMs)) await this.ctx.storage.setAlarm(expiresAtMs);
  }

  /** Deletes the picture again, and after a day the mark of the erasure. */
  async #cleanUpErased({ jobId, atMs }: Erasure): Promise<void> {
    await this.env.IMAGES.delete(pictureKey(jobId));
    if (Date.now() >= atMs + KEY_LIFETIME_MS) await this.ctx.storage.deleteAll();
    else await this.ctx.storage.setAlarm(atMs + KEY_LIFETIME_MS);
  }

  #erased(): Erasure | undefined {
    return this.ctx.storage.kv.get<Erasure>(ERASED);
  }

  /** The time at which the job and its picture are deleted: never for a record without one. */
  #expiryMs({ endedAtMs, completedAt = Infinity }: JobRecord): number {
    return (endedAtMs ?? completedAt * 1000) + retentionMs(this.env);
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

  /**
   * The record, after a job whose lease has ended was marked as failed; `undefined` for one that
   * has expired, even if its alarm is late. Creates no storage.
   */
  async #checkedRecord(): Promise<JobRecord | undefined> {
    const record = this.#record();
    if (!record) return undefined;
    if (record.leaseExpiresAtMs && record.leaseExpiresAtMs <= Date.now()) {
      await this.#end(record, { status: "failed", failure: "interrupted" });
    } else if (isOver(record) && this.#expiryMs(record) <= Date.now()) {
      await this.ctx.storage.setAlarm(Date.now());
      return undefined;
    }
    return this.#record();
  }

  #write(record: JobRecord): void {
    this.ctx.storage.kv.put("job", record);
  }

  #view(record: JobRecord | undefined): ImageJob {
    if (!record) throw new Error("The record of a job is missing while a caller waits for it.");
    return toImageJob(record, this.env.IMAGE_BASE_URL);
  }
}

/** Publishes progress. Throws `STOPPED` if the run must end. */
type Step = (progress: number, message: string) => Promise<void>;

async function drawProcedurally(request: ImageRequest, step: Step): Promise<Uint8Array<ArrayBuffer>> {
  const painting = draw(sceneOf(request), TIER_PLANS[request.tier].size);
  await step(5, "Reading the prompt.");
  let layer = painting.next();
  for (let progress = 15; !layer.done; progress = Math.min(60, progress + 15)) {
    await step(progress, "Drawing.");
    layer = painting.next();
  }
  await step(75, "Encoding the picture.");
  return encodePng(layer.value);
}

/** Sends a report. An unreachable caller counts as one that cancels. */
async function send(report: Report, update: Progress): Promise<ProgressReply> {
  try {
    return await report(update);
  } catch {
    return "cancel";
  }
}
