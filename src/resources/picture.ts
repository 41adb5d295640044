// Finished pictures as MCP resources: the address of each, and how much of one is read. img-forge keeps the pictures themselves.
import * as v from "valibot";
import { ReadImage } from "../../contracts/img-forge.ts";

const BEGINNING = "stackbilt://images/";

/** The largest picture that is read, in bytes. It is in memory as base64, a third larger, and once more in the answer. */
export const PICTURE_LIMIT_BYTES = 8 * 1024 * 1024;

/** `ResourceTemplate` of the MCP schema. */
export const PICTURES = {
  uriTemplate: `${BEGINNING}{job_id}`,
  name: "picture",
  title: "Generated picture",
  description: "A finished picture of yours, as image_generate drew it. job_id comes from image_generate or image_check_job.",
  mimeType: ReadImage.output.entries.mime_type.literal,
} as const;

/** The address of a job's picture. */
export function pictureUri(jobId: string): string {
  return BEGINNING + jobId;
}

/** The job whose picture stands at `uri`; `null` for what is not such an address. */
export function jobIdOf(uri: string): string | null {
  const job = v.safeParse(ReadImage.input, { job_id: uri.startsWith(BEGINNING) ? uri.slice(BEGINNING.length) : null });
  return job.success ? job.output.job_id : null;
}
