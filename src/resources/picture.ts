// Finished pictures as MCP resources: the address of each, and how much of one is read. img-forge keeps the pictures themselves.
import * as v from "valibot";
import { ReadImage, type RecentImage } from "../../contracts/img-forge.ts";

const BEGINNING = "stackbilt://images/";

/** The largest picture that is read, in bytes. It is in memory as base64, a third larger, and once more in the answer. */
export const PICTURE_LIMIT_BYTES = 8 * 1024 * 1024;

/** `ResourceTemplate` of the MCP schema. */
export const PICTURES = {
  uriTemplate: `${BEGINNING}{job_id}`,
  name: "picture",
  title: "Generated picture",
  description:
    "A finished picture of yours, as image_generate drew it. job_id comes from image_generate or image_check_job.",
  mimeType: ReadImage.output.entries.mime_type.literal,
} as const;

/** The address of a job's picture. */
export function pictureUri(jobId: string): string {
  return BEGINNING + jobId;
}

/** The longest title, in characters. */
const TITLE_LENGTH = 80;
/** What a title on one line has no room for, and what would change how the text around it reads. */
const UNPRINTABLE = /[\s\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu;

/** Pictures as `Resource` of the MCP schema, without those that are too large to be read. */
export function listedPictures(images: readonly RecentImage[]) {
  return images.flatMap(({ job_id, prompt, size_bytes: size, completed_at }) => {
    if (size > PICTURE_LIMIT_BYTES) return [];
    const words = Array.from(prompt.replace(UNPRINTABLE, " ").trim());
    const title =
      words.length > TITLE_LENGTH
        ? `${words
            .slice(0, TITLE_LENGTH - 1)
            .join("")
            .trim()}…`
        : words.join("") || PICTURES.title;
    const lastModified = new Date(completed_at * 1000).toISOString();
    // Clients that know no titles show the name.
    return {
      uri: pictureUri(job_id),
      name: title,
      title,
      mimeType: PICTURES.mimeType,
      size,
      annotations: { lastModified },
    };
  });
}

/** The job whose picture stands at `uri`; `null` for what is not such an address. */
export function jobIdOf(uri: string): string | null {
  const job = v.safeParse(ReadImage.input, { job_id: uri.startsWith(BEGINNING) ? uri.slice(BEGINNING.length) : null });
  return job.success ? job.output.job_id : null;
}
