// What img-forge promises: pictures from words. A job belongs to a tenant; to any other tenant it does not exist.
// Field names are snake_case here, as this product has always spelled them.
import * as v from "valibot";
import { type ContractOf, contract } from "./rpc/contract.ts";
import { operation } from "./rpc/operation.ts";

/** From cheapest and plainest to dearest and richest. */
export const QUALITY_TIERS = ["draft", "standard", "premium", "ultra", "ultra_plus"] as const;
export const QualityTier = v.picklist(QUALITY_TIERS);
export type QualityTier = v.InferOutput<typeof QualityTier>;

const JobId = v.pipe(v.string(), v.uuid(), v.description("The job's id, as returned by image_generate."));
const JobRef = v.strictObject({ job_id: JobId });

export const JobState = v.picklist(["queued", "running", "completed", "failed", "cancelled"]);
export type JobState = v.InferOutput<typeof JobState>;

/** One picture, on its way or done. */
export const ImageJob = v.object({
  job_id: JobId,
  status: JobState,
  url: v.pipe(v.nullable(v.pipe(v.string(), v.url())), v.description("The picture, as PNG; null until completed.")),
  /** Draws it. */
  model: v.string(),
  quality_tier: QualityTier,
  enhanced_prompt: v.pipe(v.string(), v.description("The prompt as the model received it.")),
  /** In pixels. */
  width: v.pipe(v.number(), v.integer(), v.minValue(1)),
  height: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** Of the picture's file; `null` until completed. */
  size_bytes: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0))),
});
export type ImageJob = v.InferOutput<typeof ImageJob>;

const JOB_NOT_FOUND = "No job with this id belongs to you. Use the job_id that image_generate returned, exactly.";

export const GenerateImage = operation({
  input: v.strictObject({
    prompt: v.pipe(v.string(), v.minLength(1), v.maxLength(2000), v.description("What the picture shows, in words.")),
    quality_tier: v.optional(
      v.pipe(
        QualityTier,
        v.description(
          "From fast and cheap to slow and rich. Every plan has draft and standard; the others need pro or enterprise. Default: standard.",
        ),
      ),
      "standard",
    ),
    negative_prompt: v.optional(
      v.pipe(v.string(), v.maxLength(2000), v.description("What the picture must not show.")),
    ),
    model: v.optional(
      v.pipe(
        v.string(),
        v.minLength(1),
        v.maxLength(64),
        v.description("A model from image_list_models, of the chosen tier. Default: the tier's own."),
      ),
    ),
    wait: v.optional(
      v.pipe(
        v.boolean(),
        v.description("false: return at once; image_check_job tells when it is done. Default: true."),
      ),
      true,
    ),
  }),
  output: ImageJob,
  errors: {
    content_rejected: "This may not be drawn. Change what the picture shows and try again.",
    model_unavailable:
      "This model or tier cannot be used: unknown, of another tier, switched off or not in your plan. image_list_models shows what there is.",
    quota_exceeded: "Your plan's allowance of pictures is used up.",
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
        /** Whether the plan includes it and it is switched on. */
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
    /** The file's bytes, once. Whoever does not read to the end cancels it. */
    body: v.custom<ReadableStream<Uint8Array>>((value) => value instanceof ReadableStream),
  }),
  errors: {
    job_not_found: JOB_NOT_FOUND,
    job_not_completed: "This picture is not finished. Ask image_check_job until its status is completed.",
  },
  timeoutMs: 10_000,
});

/** A finished picture as it is found again. */
export const RecentImage = v.object({
  job_id: JobId,
  /** The prompt, or its beginning, as it was written. */
  prompt: v.pipe(v.string(), v.maxLength(2000)),
  /** Of the picture's file. */
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
     * Draws a picture, reporting progress from 0 to 100. Asking twice with one idempotency key gives the same job. A drawing that
     * fails is a job with `status: "failed"`, not a refusal.
     */
    generateImage: GenerateImage,
    /** Every model, with the tier it belongs to. */
    listModels: ListModels,
    /** Where a job stands. */
    checkJob: CheckJob,
    /** Stops a job that is not finished; a finished one stays as it is. */
    cancelJob: CancelJob,
    /** The picture's bytes, as a stream. */
    readImage: ReadImage,
    /** The latest finished pictures, newest first. A picture may be missing; it exists all the same. */
    listImages: ListImages,
  },
  tools: {
    image_generate: "generateImage",
    image_list_models: "listModels",
    image_check_job: "checkJob",
  },
  internal: ["cancelJob", "readImage", "listImages"],
});
export type ImgForgeContract = ContractOf<typeof imgForge>;
