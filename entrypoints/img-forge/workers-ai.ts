// Pictures from Workers AI, for the tiers that it has a model for. Other formats are converted to
// PNG.
import type { ImageRequest } from "./job.ts";
import { TIER_PLANS } from "./models.ts";
import { pngSize } from "./png.ts";

/** Draws with the model of the tier. Throws if the model or the conversion to PNG fails. */
export async function drawWithAi(
  ai: Ai,
  transcoder: ImagesBinding | undefined,
  imageRequest: ImageRequest,
): Promise<Uint8Array<ArrayBuffer>> {
  const { workersAi, size } = TIER_PLANS[imageRequest.tier];
  if (workersAi === null) throw new Error(`Workers AI has no model for the tier ${imageRequest.tier}.`);
  const { enhancedPrompt: prompt, negativePrompt } = imageRequest;
  if (workersAi === "@cf/stabilityai/stable-diffusion-xl-base-1.0") {
    const words = negativePrompt === "" ? { prompt } : { prompt, negative_prompt: negativePrompt };
    return asPng(await bytesOf(await ai.run(workersAi, { ...words, width: size, height: size })), transcoder);
  }
  // FLUX.2 takes a multipart form, without a field for the negative prompt.
  const form = new FormData();
  form.append("prompt", negativePrompt === "" ? prompt : `${prompt}. Without: ${negativePrompt}`);
  form.append("width", String(size));
  form.append("height", String(size));
  const encoded = new Response(form);
  const multipart = {
    body: encoded.body ?? {},
    contentType: encoded.headers.get("content-type") ?? "multipart/form-data",
  };
  const { image } = await ai.run(workersAi, { multipart });
  if (image === undefined) throw new Error("Workers AI returned no picture.");
  return asPng(
    Uint8Array.from(atob(image), (char) => char.charCodeAt(0)),
    transcoder,
  );
}

async function bytesOf(output: unknown): Promise<Uint8Array<ArrayBuffer>> {
  if (!(output instanceof ReadableStream) && !(output instanceof Uint8Array))
    throw new Error("Workers AI returned no picture.");
  return new Uint8Array(await new Response(output).arrayBuffer());
}

async function asPng(
  file: Uint8Array<ArrayBuffer>,
  transcoder: ImagesBinding | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  if (pngSize(file)) return file;
  if (!transcoder) throw new Error("Workers AI returned a format other than PNG, and no TRANSCODER is bound.");
  const converted = await transcoder.input(new Blob([file]).stream()).output({ format: "image/png" });
  return new Uint8Array(await converted.response().arrayBuffer());
}
