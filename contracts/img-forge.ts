// Contract of img-forge: images from a description. A job belongs to a tenant, and no other tenant
// can see it. Field names are snake_case, as in the product's existing API.
import * as v from "valibot";
import { type ContractOf, contract } from "./rpc/contract.ts";
import { Tier } from "./rpc/identity.ts";
import { operation } from "./rpc/operation.ts";
import { id, maxCharacters, recorded, words } from "./text.ts";

/** From the cheapest to the most expensive and most detailed. */
export const QUALITY_TIERS = ["draft", "standard", "premium", "ultra", "ultra_plus"] as const;
export const QualityTier = v.picklist(QUALITY_TIERS);
export type QualityTier = v.InferOutput<typeof QualityTier>;

const EVERY_PLAN = Tier.options;
const LARGE_PLANS: readonly Tier[] = ["pro", "enterprise"];
/** The plans that include each quality tier. */
export const PLANS_BY_TIER: Readonly<Record<QualityTier, readonly Tier[]>> = {
  draft: EVERY_PLAN,
  standard: EVERY_PLAN,
  premium: LARGE_PLANS,
  ultra: LARGE_PLANS,
  ultra_plus: LARGE_PLANS,
};

const JobId = v.pipe(
  id(/^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, "an id as image_generate returned it"),
  recorded(),
  v.description("The job's id, a UUID, as returned by image_generate."),
);
const JobRef = v.strictObject({ job_id: JobId });

export const JobState = v.picklist(["queued", "running", "completed", "failed", "cancelled"]);
export type JobState = v.InferOutput<typeof JobState>;

/** The generation of one image. */
export const ImageJob = v.object({
  job_id: JobId,
  status: JobState,
  url: v.pipe(
    v.nullable(v.pipe(v.string(), v.regex(/^https?:\/\/\S+$/))),
    v.description("URL of the image (PNG); null until completed."),
  ),
  /** Name of the model that generates it. */
  model: v.string(),
  /** The same name in words, for people. */
  model_title: v.optional(v.string()),
  quality_tier: QualityTier,
  enhanced_prompt: v.pipe(v.string(), v.description("The prompt as the model received it.")),
  /** In pixels. */
  width: v.pipe(v.number(), v.integer(), v.minValue(1)),
  height: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** Size of the image file; `null` until completed. */
  size_bytes: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0))),
  failure_reason: v.optional(
    v.pipe(v.string(), v.description("Why the job failed and what to do; only if status is failed.")),
  ),
});
export type ImageJob = v.InferOutput<typeof ImageJob>;

const JOB_NOT_FOUND =
  "No job with this id belongs to you, or it has expired. Use the job_id that image_generate returned, exactly.";

const PROMPT_MAX_CHARACTERS = 2000;

export const GenerateImage = operation({
  input: v.strictObject({
    prompt: v.pipe(words(PROMPT_MAX_CHARACTERS), v.description("The image to generate, in words.")),
    quality_tier: v.optional(
      v.pipe(
        QualityTier,
        v.description(
          "From fast and cheap to slow and detailed. Every plan has draft and standard; the others need pro or enterprise.",
        ),
      ),
      "standard",
    ),
    negative_prompt: v.optional(
      v.pipe(v.string(), maxCharacters(PROMPT_MAX_CHARACTERS), v.description("Things that the image must not show.")),
    ),
    model: v.optional(
      v.pipe(
        words(64),
        v.description("A model of this tier, from image_list_models. Default: the tier's default model."),
      ),
    ),
    wait: v.optional(
      v.pipe(v.boolean(), v.description("false: return at once, then call image_check_job until it is done.")),
      true,
    ),
  }),
  output: ImageJob,
  errors: {
    content_rejected: "The content rules do not allow this image. Change the prompt, then try again.",
    model_unknown:
      "There is no model with this name. Leave model out for the tier's default, or take a name from image_list_models.",
    model_of_other_tier:
      "This model belongs to another quality tier. Set quality_tier to the tier that image_list_models shows for the model, or leave model out.",
    model_switched_off:
      "This model is switched off. Leave model out, or take one that image_list_models shows with is_available true.",
    tier_not_in_plan:
      "The user's plan does not include this quality tier. Use quality_tier standard or draft, which every plan includes; the others need the plan pro or enterprise.",
    quota_exceeded:
      "The image quota of the user's plan is used up. Tell the user; do not call again before it is renewed.",
  },
  timeoutMs: 60_000,
  changes: true,
});

export const ListModels = operation({
  input: v.strictObject({}),
  output: v.object({
    models: v.array(
      v.object({
        name: v.string(),
        quality_tier: QualityTier,
        title: v.string(),
        width: v.pipe(v.number(), v.integer(), v.minValue(1)),
        height: v.pipe(v.number(), v.integer(), v.minValue(1)),
        /** True if the plan includes the model and it is switched on. */
        is_available: v.boolean(),
      }),
    ),
  }),
  errors: {},
  timeoutMs: 10_000,
});

export const CheckJob = operation({
  input: JobRef,
  output: ImageJob,
  errors: { job_not_found: JOB_NOT_FOUND },
  timeoutMs: 10_000,
});

export const FindJob = operation({
  input: v.strictObject({ idempotency_key: v.pipe(v.string(), v.minLength(1), v.maxLength(128)) }),
  output: ImageJob,
  errors: { job_not_found: "No call with this idempotency key made a job for you within a day." },
  timeoutMs: 10_000,
});

export const CancelJob = operation({
  input: JobRef,
  output: ImageJob,
  errors: { job_not_found: JOB_NOT_FOUND },
  timeoutMs: 10_000,
  changes: true,
});

export const ReadImage = operation({
  input: JobRef,
  output: v.object({
    mime_type: v.literal("image/png"),
    size_bytes: v.pipe(v.number(), v.integer(), v.minValue(0)),
    /** The bytes of the file. A reader that stops early must cancel the stream. */
    body: v.custom<ReadableStream<Uint8Array>>((value) => value instanceof ReadableStream),
  }),
  errors: {
    job_not_found: JOB_NOT_FOUND,
    job_not_completed: "This image is not finished. Call image_check_job until its status is completed.",
  },
  timeoutMs: 10_000,
});

/** An entry in the list of finished images. */
export const RecentImage = v.object({
  job_id: JobId,
  /** The user's prompt, or its beginning. */
  prompt: v.pipe(v.string(), maxCharacters(PROMPT_MAX_CHARACTERS)),
  /** Size of the image file. */
  size_bytes: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /** Seconds since the Unix epoch, before the year 10000. */
  completed_at: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(253_402_300_799)),
});
export type RecentImage = v.InferOutput<typeof RecentImage>;

export const ListImages = operation({
  input: v.strictObject({}),
  output: v.object({ images: v.pipe(v.array(RecentImage), v.maxLength(50)) }),
  errors: {},
  timeoutMs: 10_000,
});

/** img-forge's contract. */
export const imgForge = contract({
  audience: "img-forge",
  prefix: "image",
  methods: {
    /**
     * Generates an image and reports progress from 0 to 100. Calls with the same idempotency key
     * return the same job for a day. A generation that fails is a job with `status: "failed"`, not
     * a refusal.
     */
    generateImage: GenerateImage,
    /** All models, with their quality tiers. */
    listModels: ListModels,
    /** State of a job. */
    checkJob: CheckJob,
    /**
     * The job of an earlier `generateImage` call with this idempotency key. A call that is still on
     * its way can make one later, until its identity token expires.
     */
    findJob: FindJob,
    /** Stops a job. Without effect on a finished job. */
    cancelJob: CancelJob,
    /** The bytes of the image, as a stream. */
    readImage: ReadImage,
    /** The latest finished images, newest first. The list may lack an existing image. */
    listImages: ListImages,
  },
  tools: {
    image_generate: "generateImage",
    image_list_models: "listModels",
    image_check_job: "checkJob",
  },
  internal: ["findJob", "cancelJob", "readImage", "listImages"],
});
export type ImgForgeContract = ContractOf<typeof imgForge>;
