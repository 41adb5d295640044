// The img-forge reference Worker: generates pictures from prompts over RPC and serves them over
// HTTP. Every export is an entrypoint.
import { WorkerEntrypoint } from "cloudflare:workers";
import { type ImgForgeContract, imgForge } from "../../contracts/img-forge.ts";
import type { Identity, OneTimeToken } from "../../contracts/rpc/identity.ts";
import { fail, ok } from "../../contracts/rpc/result.ts";
import { type IncomingCall, serve, serveDescription } from "../../contracts/rpc/serve.ts";
import { version } from "../../package.json";
import type { Env } from "./env.ts";
import { servePicture } from "./http.ts";
import { imageRequestOf } from "./job.ts";
import type { JobObject } from "./job-object.ts";
import { type Availability, chooseModel, listModels } from "./models.ts";
import { isRejected } from "./moderation.ts";
import { pictureKey } from "./picture.ts";
import { recentImagesOf } from "./recent-images.ts";

export { JobObject } from "./job-object.ts";
export { RecentImages } from "./recent-images.ts";

/** Jobs that one call of `eraseTenant` deletes: each is an object, and a request of its own. */
const ERASED_AT_ONCE = 200;

/** Jobs of one page of `exportTenant`. */
const EXPORTED_AT_ONCE = 100;

export class ImgForgeEntrypoint extends WorkerEntrypoint<Env> implements ImgForgeContract {
  generateImage(call: unknown, input: unknown) {
    return serve(imgForge, "generateImage", this.#incoming(call, input), async (input, identity, invocation) => {
      if (isRejected(input.prompt)) return fail("content_rejected");
      const model = chooseModel(input.quality_tier, input.model, this.#availability(identity));
      if (!model.ok) return model;
      const owner = ownerOf(identity);
      const { token, idempotencyKey, deadlineMs } = invocation;
      const jobId = await this.#newJobId(owner, token, idempotencyKey);
      if (!(await recentImagesOf(this.env, owner).register(jobId))) return fail("unauthenticated");
      const job = this.#job(jobId);
      const request = imageRequestOf(jobId, owner, input, model.value);
      if (!input.wait) return job.queue(request, token);
      return job.draw(request, token, deadlineMs, (update) => invocation.report(update));
    });
  }

  listModels(call: unknown, input: unknown) {
    return serve(imgForge, "listModels", this.#incoming(call, input), async (_, identity) =>
      ok({ models: listModels(this.#availability(identity)) }),
    );
  }

  checkJob(call: unknown, input: unknown) {
    return serve(imgForge, "checkJob", this.#incoming(call, input), async ({ job_id }, identity) => {
      const job = await this.#job(job_id).check(ownerOf(identity));
      return job ? ok(job) : fail("job_not_found");
    });
  }

  findJob(call: unknown, input: unknown) {
    return serve(imgForge, "findJob", this.#incoming(call, input), async ({ idempotency_key }, identity) => {
      const owner = ownerOf(identity);
      const jobId = await this.#keyObject(owner, idempotency_key).claimed();
      const job = jobId === null ? null : await this.#job(jobId).check(owner);
      return job ? ok(job) : fail("job_not_found");
    });
  }

  cancelJob(call: unknown, input: unknown) {
    return serve(imgForge, "cancelJob", this.#incoming(call, input), async ({ job_id }, identity, { token }) =>
      this.#job(job_id).cancel(ownerOf(identity), token),
    );
  }

  readImage(call: unknown, input: unknown) {
    return serve(imgForge, "readImage", this.#incoming(call, input), async ({ job_id }, identity) => {
      const job = await this.#job(job_id).check(ownerOf(identity));
      if (!job) return fail("job_not_found");
      const picture = job.status === "completed" ? await this.env.IMAGES.get(pictureKey(job.job_id)) : null;
      if (!picture) return fail("job_not_completed");
      return ok({ mime_type: "image/png", size_bytes: picture.size, body: picture.body });
    });
  }

  listImages(call: unknown, input: unknown) {
    return serve(imgForge, "listImages", this.#incoming(call, input), async (_, identity) =>
      ok({ images: await recentImagesOf(this.env, ownerOf(identity)).list() }),
    );
  }

  describe(call: unknown, input: unknown) {
    return serveDescription(imgForge, this.#incoming(call, input), version);
  }

  eraseTenant(call: unknown, input: unknown) {
    return serve(imgForge, "eraseTenant", this.#incoming(call, input), async (_, identity, { token }) => {
      const owner = ownerOf(identity);
      const jobs = recentImagesOf(this.env, owner);
      if (identity.tenantId === null || !(await jobs.erase(token))) return fail("unauthenticated");
      const jobIds = await jobs.unerased(ERASED_AT_ONCE);
      await Promise.all(jobIds.map((jobId) => this.#job(jobId).erase(owner, jobId)));
      await jobs.deleteIds(jobIds);
      return ok({ isErased: jobIds.length < ERASED_AT_ONCE });
    });
  }

  exportTenant(call: unknown, input: unknown) {
    return serve(imgForge, "exportTenant", this.#incoming(call, input), async ({ cursor }, identity) => {
      const owner = ownerOf(identity);
      const jobIds = await recentImagesOf(this.env, owner).page(cursor ?? "", EXPORTED_AT_ONCE);
      const jobs = await Promise.all(jobIds.map(async (jobId) => this.#job(jobId).exported(owner)));
      const items = jobs.flatMap((job) => (job ? [{ kind: "image", json: JSON.stringify(job) }] : []));
      return ok({ items, next: jobIds.length < EXPORTED_AT_ONCE ? null : (jobIds.at(-1) ?? null) });
    });
  }

  #incoming(call: unknown, input: unknown): IncomingCall {
    return { guard: { identityKeys: this.env.IDENTITY_KEYS }, call, input };
  }

  #availability({ tier }: Identity): Availability {
    return { plan: tier, hasAi: this.env.AI !== undefined };
  }

  /** The object of a job, named by its id in lower case: a UUID in upper case is the same UUID. */
  #job(jobId: string): DurableObjectStub<JobObject> {
    return this.env.JOBS.get(this.env.JOBS.idFromName(`job/${jobId.toLowerCase()}`));
  }

  /**
   * The job id of the owner's idempotency key, or a new one, which depends on the call's token: a
   * replay reaches the same object. It cannot be guessed from the token, because it also depends on
   * a key of the namespace, and it grants access to the picture.
   */
  async #newJobId(owner: string, token: OneTimeToken, idempotencyKey: string | undefined): Promise<string> {
    const { JOBS } = this.env;
    const newId = uuidOf(JOBS.idFromName(`token/${token.id}`));
    if (idempotencyKey === undefined) return newId;
    return this.#keyObject(owner, idempotencyKey).claim(newId);
  }

  /** The object of an owner's idempotency key. */
  #keyObject(owner: string, idempotencyKey: string): DurableObjectStub<JobObject> {
    return this.env.JOBS.get(this.env.JOBS.idFromName(`key/${owner}\n${idempotencyKey}`));
  }
}

/** The first half of an object's id as a UUID of version 8 (RFC 9562 section 5.8). */
function uuidOf(id: DurableObjectId): string {
  const [, a, b, c, d, e] = /^(.{8})(.{4}).(.{3}).(.{3})(.{12})/.exec(id.toString()) ?? [];
  return `${a}-${b}-8${c}-8${d}-${e}`;
}

/**
 * The owner of a job: the tenant, or the subject itself if the gateway or a sibling Worker calls
 * without one.
 */
function ownerOf({ tenantId, subject }: Identity): string {
  return tenantId === null ? `self/${subject}` : `tenant/${tenantId}`;
}

export default {
  fetch: (request, env) => servePicture(request, env),
} satisfies ExportedHandler<Env>;
