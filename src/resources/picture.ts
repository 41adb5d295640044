// Finished images as MCP resources: their URIs, titles and maximum size. img-forge stores the
// images.
import * as v from "valibot";
import { ReadImage, type RecentImage } from "../../contracts/img-forge.ts";
import type { Resource, ResourceTemplate } from "../mcp/schema.ts";

const URI_PREFIX = "stackbilt://images/";

/**
 * Maximum size of an image that can be read, in bytes. It is in memory as base64, and again in the
 * response.
 */
export const PICTURE_LIMIT_BYTES = 8 * 1024 * 1024;

export const PICTURES = {
  uriTemplate: `${URI_PREFIX}{job_id}`,
  name: "picture",
  title: "Generated picture",
  description: "A finished image of the user. job_id comes from image_generate or image_check_job.",
  mimeType: ReadImage.output.entries.mime_type.literal,
} as const satisfies ResourceTemplate;

/** The URI of a job's image. */
export function pictureUri(jobId: string): string {
  return URI_PREFIX + jobId;
}

/** Maximum length of a title, in characters. */
const TITLE_LENGTH = 80;
/**
 * Line breaks, control characters, and characters that change the direction of surrounding text.
 */
const UNPRINTABLE = /[\s\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu;

/** Images as `Resource` of the MCP schema, without those that are too large to be read. */
export function listedPictures(images: readonly RecentImage[]): readonly Resource[] {
  return images.flatMap(({ job_id, prompt, size_bytes: size, completed_at }) => {
    if (size > PICTURE_LIMIT_BYTES) return [];
    const title = titleOf(prompt);
    const lastModified = new Date(completed_at * 1000).toISOString();
    // Clients without support for titles show the name.
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

/** The beginning of the prompt, on one line. */
function titleOf(prompt: string): string {
  const characters = Array.from(prompt.replace(UNPRINTABLE, " ").trim());
  if (characters.length <= TITLE_LENGTH) return characters.join("") || PICTURES.title;
  const beginning = characters.slice(0, TITLE_LENGTH - 1).join("");
  return `${beginning.trim()}…`;
}

/** The job of the image at `uri`; `null` for any other URI. */
export function jobIdOf(uri: string): string | null {
  const job = v.safeParse(ReadImage.input, {
    job_id: uri.startsWith(URI_PREFIX) ? uri.slice(URI_PREFIX.length) : null,
  });
  return job.success ? job.output.job_id : null;
}
