// img-forge's tools: pictures from words.
import type { ImageJob } from "../../contracts/img-forge.ts";
import { ok } from "../../contracts/rpc/result.ts";
import { readUpTo } from "../limits/bounded-read.ts";
import { PICTURE_LIMIT_BYTES, PICTURES, pictureUri } from "../resources/picture.ts";
import { pictureView } from "../resources/picture-view.ts";
import { image, type ResourceLink } from "./content.ts";
import { toolsOf } from "./tool-definition.ts";

/** The largest picture that travels inside a result. Base64 makes it a third larger, and many clients stop at 1 MiB. */
const INLINE_LIMIT_BYTES = 768 * 1024;

export const imgForgeTools = toolsOf("IMG_FORGE", {
  image_generate: {
    title: "Generate an image",
    description:
      "Draw a picture and return it, with the URL where it stays. Use it when the user wants an image, illustration, icon or mock-up. " +
      "Write prompt as a full visual description: subject, setting, style, light, colours. Set quality_tier only if the user asks for cheap or high quality, " +
      "and model only if the user names one.",
    risk: "EXTERNAL_MUTATION",
    isPaid: true,
    view: pictureView,
    async render(job, backend) {
      const link = linkTo(job);
      if (job.status !== "completed" || (job.size_bytes ?? 0) > INLINE_LIMIT_BYTES) return link;
      const picture = await backend("readImage", { job_id: job.job_id });
      if (!picture.ok) return link;
      const bytes = await readUpTo(picture.value.body, INLINE_LIMIT_BYTES);
      return bytes === null ? link : [image(bytes, picture.value.mime_type), ...link];
    },
    task: {
      start: (input) => (input.wait ? { ...input, wait: false } : null),
      refOf: ({ job_id }) => ({ job_id }),
      async poll({ job_id = "" }, backend) {
        const job = await backend("checkJob", { job_id });
        if (!job.ok) return job;
        const { status } = job.value;
        if (status === "queued" || status === "running")
          return ok({ state: "working", message: "The picture is being drawn." });
        if (status === "cancelled") return ok({ state: "cancelled", message: "The drawing was stopped." });
        return ok({ state: "done", value: job.value });
      },
      cancel: ({ job_id = "" }, backend) => backend("cancelJob", { job_id }),
      notFound: "job_not_found",
    },
  },
  image_list_models: {
    title: "List image models",
    description:
      "List the models that can draw: their quality tier, and whether the user's plan includes them. " +
      "Use it before naming a model in image_generate, or when the user asks what is available.",
    risk: "READ_ONLY",
  },
  image_check_job: {
    title: "Check an image job",
    description:
      "Tell whether a picture is done, and where it is. Use it after image_generate with wait: false. job_id comes from image_generate.",
    risk: "READ_ONLY",
    view: pictureView,
    render: async (job) => linkTo(job),
  },
});

/** Where the picture can be read, if it is there and not too large for it. */
function linkTo({ job_id, status, size_bytes }: ImageJob): readonly ResourceLink[] {
  if (status !== "completed" || (size_bytes ?? 0) > PICTURE_LIMIT_BYTES) return [];
  const { name, title, mimeType } = PICTURES;
  return [
    {
      type: "resource_link",
      uri: pictureUri(job_id),
      name,
      title,
      mimeType,
      ...(size_bytes !== null && { size: size_bytes }),
    },
  ];
}
