// The img-forge reference Worker with lists that never respond.
import { DurableObject } from "cloudflare:workers";

export { default, ImgForgeEntrypoint, JobObject } from "../../../entrypoints/img-forge/worker.ts";

export class RecentImages extends DurableObject {
  add(): Promise<never> {
    return new Promise(() => setTimeout(() => undefined, 60_000));
  }
}
