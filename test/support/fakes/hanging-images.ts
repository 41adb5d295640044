// The img-forge reference Worker with lists that never respond.
import { RecentImages as CurrentRecentImages } from "../../../entrypoints/img-forge/worker.ts";

export { default, ImgForgeEntrypoint, JobObject } from "../../../entrypoints/img-forge/worker.ts";

export class RecentImages extends CurrentRecentImages {
  override add(): Promise<never> {
    return new Promise(() => setTimeout(() => undefined, 60_000));
  }
}
