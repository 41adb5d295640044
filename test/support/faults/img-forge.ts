// The img-forge reference Worker with faults in its jobs and its bucket.
import * as imgForge from "../../../entrypoints/img-forge/worker.ts";
import { entrypointWithFaults, handlerWithFaults, objectWithFaults } from "./injection.ts";

export * from "../../../entrypoints/img-forge/worker.ts";

export const ImgForgeEntrypoint = entrypointWithFaults(imgForge.ImgForgeEntrypoint);
export const RecentImages = objectWithFaults(imgForge.RecentImages);

export class JobObject extends objectWithFaults(imgForge.JobObject) {
  /** The record of the job; `undefined` on the object of an idempotency key. */
  job(): unknown {
    return this.ctx.storage.kv.get("job");
  }
}

export default handlerWithFaults(imgForge.default);
