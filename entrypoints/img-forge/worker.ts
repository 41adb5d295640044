// img-forge's reference Worker: pictures from words over RPC, and the finished pictures over HTTP. Every export is an entrypoint.
import { WorkerEntrypoint } from "cloudflare:workers";
import { type ImgForgeContract, imgForge } from "../../contracts/img-forge.ts";
import type { VerifiedIdentity } from "../../contracts/rpc/identity.ts";
import { fail, ok } from "../../contracts/rpc/result.ts";
import { serve } from "../../contracts/rpc/serve.ts";
import type { Env } from "./env.ts";
import { servePicture } from "./http.ts";
import { commission } from "./job.ts";
import type { JobObject } from "./job-object.ts";
import { chooseModel, listModels } from "./models.ts";
import { isRejected } from "./moderation.ts";
import { pictureKey } from "./picture.ts";
import { recentImagesOf } from "./recent-images.ts";
import { guardOf } from "./used-tokens.ts";

export { JobObject } from "./job-object.ts";
export { RecentImages } from "./recent-images.ts";
export { UsedTokens } from "./used-tokens.ts";

export class ImgForgeEntrypoint extends WorkerEntrypoint<Env> implements ImgForgeContract {
  generateImage(call: unknown, input: unknown) {
    return serve(imgForge, "generateImage", guardOf(this.env), call, input, async (order, caller, turn) => {
      if (isRejected(order.prompt)) return fail("content_rejected");
      const model = chooseModel(order.quality_tier, order.model, this.#means(caller));
      if (model === null) return fail("model_unavailable");
      const owner = ownerOf(caller);
      const jobId = await this.#jobIdFor(owner, turn.idempotencyKey);
      const job = this.#job(jobId);
      const commissioned = commission(jobId, owner, order, model);
      return ok(
        order.wait
          ? await job.draw(commissioned, turn.deadlineMs, (update) => turn.report(update))
          : await job.queue(commissioned),
      );
    });
  }

  listModels(call: unknown, input: unknown) {
    return serve(imgForge, "listModels", guardOf(this.env), call, input, async (_, caller) =>
      ok({ models: listModels(this.#means(caller)) }),
    );
  }

  checkJob(call: unknown, input: unknown) {
    return serve(imgForge, "checkJob", guardOf(this.env), call, input, async ({ job_id }, caller) => {
      const job = await this.#job(job_id).check(ownerOf(caller));
      return job ? ok(job) : fail("job_not_found");
    });
  }

  cancelJob(call: unknown, input: unknown) {
    return serve(imgForge, "cancelJob", guardOf(this.env), call, input, async ({ job_id }, caller) => {
      const job = await this.#job(job_id).cancel(ownerOf(caller));
      return job ? ok(job) : fail("job_not_found");
    });
  }

  readImage(call: unknown, input: unknown) {
    return serve(imgForge, "readImage", guardOf(this.env), call, input, async ({ job_id }, caller) => {
      const job = await this.#job(job_id).check(ownerOf(caller));
      if (!job) return fail("job_not_found");
      const picture = job.status === "completed" ? await this.env.IMAGES.get(pictureKey(job.job_id)) : null;
      if (!picture) return fail("job_not_completed");
      return ok({ mime_type: "image/png", size_bytes: picture.size, body: picture.body });
    });
  }

  listImages(call: unknown, input: unknown) {
    return serve(imgForge, "listImages", guardOf(this.env), call, input, async (_, caller) =>
      ok({ images: await recentImagesOf(this.env, ownerOf(caller)).list() }),
    );
  }

  #means(caller: VerifiedIdentity) {
    return { plan: caller.tier, hasAi: this.env.AI !== undefined };
  }

  /** The object of a job. Ids differ in case only by mistake: the object's name is the id in lower case. */
  #job(jobId: string): DurableObjectStub<JobObject> {
    return this.env.JOBS.get(this.env.JOBS.idFromName(`job/${jobId.toLowerCase()}`));
  }

  /** A new job's id, or the one that this owner's key was given before. It is random: whoever knows it can see the picture. */
  async #jobIdFor(owner: string, idempotencyKey: string | undefined): Promise<string> {
    const fresh = crypto.randomUUID();
    if (idempotencyKey === undefined) return fresh;
    return this.env.JOBS.get(this.env.JOBS.idFromName(`key/${owner}\n${idempotencyKey}`)).claim(fresh);
  }
}

/** Whom a job belongs to: the tenant, or the caller itself where the gateway or a sibling Worker asks without one. */
function ownerOf(caller: VerifiedIdentity): string {
  return caller.tenantId === null ? `self/${caller.subject}` : `tenant/${caller.tenantId}`;
}

export default {
  fetch: (request, env) => servePicture(request, env.IMAGES),
} satisfies ExportedHandler<Env>;
