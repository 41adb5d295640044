// A tenant's finished pictures, for pages of the tenant's own user.
import { imgForge, ListImages, ReadImage } from "../../contracts/img-forge.ts";
import type { Refusal } from "../../contracts/rpc/call.ts";
import { TIMED_OUT, withDeadline } from "../../contracts/rpc/deadlines.ts";
import type { Identity } from "../../contracts/rpc/identity.ts";
import type { OutputOf } from "../../contracts/rpc/operation.ts";
import type { Result } from "../../contracts/rpc/result.ts";
import type { CallerContext } from "./call-context.ts";
import { dispatch } from "./dispatch.ts";

/** The longest that a page waits for the list, in milliseconds. */
const LIST_TIMEOUT_MS = 2_000;

/** The prompts of the latest pictures by their job; none if img-forge does not respond. */
export async function latestPictures(context: CallerContext, identity: Identity): Promise<ReadonlyMap<string, string>> {
  const call = { ...target(identity), method: "listImages", operation: ListImages } as const;
  const reply = await withDeadline(() => dispatch(context, call, {}), LIST_TIMEOUT_MS);
  if (reply === TIMED_OUT) return new Map();
  const listed = reply as Result<OutputOf<typeof ListImages>, Refusal>; // only `TIMED_OUT` is anything else
  return new Map(listed.ok ? listed.value.images.map(({ job_id, prompt }) => [job_id, prompt]) : []);
}

/** The bytes of one picture of the tenant's. */
export function readPicture(
  context: CallerContext,
  identity: Identity,
  job_id: string,
): Promise<Result<OutputOf<typeof ReadImage>, Refusal>> {
  return dispatch(context, { ...target(identity), method: "readImage", operation: ReadImage }, { job_id });
}

function target(identity: Identity) {
  return { backend: "IMG_FORGE", audience: imgForge.audience, identity } as const;
}
