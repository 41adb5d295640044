// img-forge: images from a description.
import {
  type GenerateImage,
  type ImageJob,
  type imgForge as imgForgeContract,
  PLANS_BY_TIER,
} from "../../contracts/img-forge.ts";
import type { ParsedInputOf } from "../../contracts/rpc/operation.ts";
import { ok } from "../../contracts/rpc/result.ts";
import { readUpTo } from "../limits/bounded-read.ts";
import type { ContentBlock, ResourceLink } from "../mcp/schema.ts";
import { PICTURE_LIMIT_BYTES, PICTURES, pictureUri } from "../resources/picture.ts";
import { pictureView } from "../resources/picture-view.ts";
import { image } from "./content.ts";
import { product } from "./product.ts";
import { type BackendClient, type Settlement, type TaskSupport, toolsOf } from "./tool-definition.ts";

type Contract = typeof imgForgeContract;

/** The largest image inside a result. Base64 adds a third, and many clients stop at 1 MiB. */
const INLINE_LIMIT_BYTES = 768 * 1024;

/** From the first byte of an image inside a result to the last: less than a result may wait. */
const INLINE_TIMEOUT_MS = 8_000;

/** The generation of one image. */
const generation: TaskSupport<Contract, ParsedInputOf<typeof GenerateImage>, ImageJob> = {
  start: (input) => (input.wait ? { ...input, wait: false } : null),
  refOf: ({ job_id }) => ({ job_id }),
  async poll({ job_id = "" }, backend) {
    const job = await backend("checkJob", { job_id });
    if (!job.ok) return job;
    const { status } = job.value;
    if (status === "queued" || status === "running")
      return ok({ state: "working", message: "The image is being generated." });
    if (status === "cancelled") return ok({ state: "cancelled", message: "The image generation was cancelled." });
    return ok({ state: "done", value: job.value });
  },
  cancel: ({ job_id = "" }, backend) => backend("cancelJob", { job_id }),
  notFound: "job_not_found",
};

/** A job is charged if it leads to an image. */
const settlement: Settlement<Contract, ImageJob> = {
  find: (idempotency_key, backend) => backend("findJob", { idempotency_key }),
  notFound: "job_not_found",
  stateOf({ status }) {
    if (status === "completed") return "succeeded";
    return status === "queued" || status === "running" ? "running" : "failed";
  },
  referenceOf: ({ job_id }) => job_id,
};

export const imgForge = product("IMG_FORGE", {
  summary: "image generation",
  instructions: "image_* tools generate images: call image_generate with a complete visual description of the image.",
  allows: {
    read: "see your images and the image models",
    generate: "generate images, which costs credits",
  },
  tools: toolsOf("IMG_FORGE", {
    image_generate: {
      title: "Generate an image",
      description:
        "Generate an image and return it, with a URL that works for as long as the image is kept. Costs credits. " +
        "Use it when the user wants an image, illustration, icon or mock-up. " +
        "Write prompt as a complete visual description: subject, setting, style, light, colours. " +
        "Set quality_tier only if the user asks for low cost or high quality, " +
        "and model only if the user names a model.",
      risk: "EXTERNAL_MUTATION",
      price: { by: "quality_tier", credits: { draft: 1, standard: 1, premium: 3, ultra: 5, ultra_plus: 8 } },
      plans: { by: "quality_tier", plans: PLANS_BY_TIER, code: "tier_not_in_plan" },
      settlement,
      view: pictureView,
      render: imageOrLink,
      task: generation,
    },
    image_list_models: {
      title: "List image models",
      description:
        "List the image models: the quality tier of each, and whether the user's plan includes it. " +
        "Use it before you set model in image_generate, or when the user asks which models exist.",
      risk: "READ_ONLY",
      price: 0,
    },
    image_check_job: {
      title: "Check an image job",
      description:
        "Check whether an image is finished, and get its URL. " +
        "Use it after image_generate with wait: false. job_id comes from image_generate.",
      risk: "READ_ONLY",
      price: 0,
      view: pictureView,
      render: async (job) => linkTo(job),
    },
  }),
});

/**
 * The image itself, or a link to it if it is too large or cannot be read. Never both: clients turn
 * content that they cannot show into text, and a link beside the image makes some do so.
 */
async function imageOrLink(job: ImageJob, backend: BackendClient<Contract>): Promise<readonly ContentBlock[]> {
  const link = linkTo(job);
  if (job.status !== "completed" || (job.size_bytes ?? 0) > INLINE_LIMIT_BYTES) return link;
  const picture = await backend("readImage", { job_id: job.job_id });
  if (!picture.ok) return link;
  const bytes = await readUpTo(picture.value.body, INLINE_LIMIT_BYTES, INLINE_TIMEOUT_MS);
  return bytes === null ? link : [image(bytes, picture.value.mime_type)];
}

/** A link to the image as a resource; none unless it is complete and small enough to be read. */
function linkTo({ job_id, status, size_bytes }: ImageJob): readonly ResourceLink[] {
  if (status !== "completed" || (size_bytes ?? 0) > PICTURE_LIMIT_BYTES) return [];
  const { name, title, mimeType } = PICTURES;
  const uri = pictureUri(job_id);
  return [{ type: "resource_link", uri, name, title, mimeType, ...(size_bytes !== null && { size: size_bytes }) }];
}
