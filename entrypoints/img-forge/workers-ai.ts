// Pictures from Workers AI, for the tiers that it offers. What comes back is made a PNG where it is none.
import type { Commission } from "./job.ts";
import { TIER_PLANS } from "./models.ts";
import { pngSize } from "./png.ts";

/** Draws with the tier's model. Throws where the model, or the way to a PNG, fails. */
export async function drawWithAi(
  ai: Ai,
  transcoder: ImagesBinding | undefined,
  order: Commission,
): Promise<Uint8Array<ArrayBuffer>> {
  const { workersAi, size } = TIER_PLANS[order.tier];
  if (workersAi === null) throw new Error(`Workers AI has no model for the tier ${order.tier}.`);
  const { enhancedPrompt: prompt, negativePrompt } = order;
  if (workersAi === "@cf/stabilityai/stable-diffusion-xl-base-1.0") {
    const words = negativePrompt === "" ? { prompt } : { prompt, negative_prompt: negativePrompt };
    return asPng(await bytesOf(await ai.run(workersAi, { ...words, width: size, height: size })), transcoder);
  }
  // FLUX.2 takes a multipart form and has no negative prompt.
  const form = new FormData();
  form.append("prompt", negativePrompt === "" ? prompt : `${prompt}. Without: ${negativePrompt}`);
  form.append("width", String(size));
  form.append("height", String(size));
  const request = new Response(form);
  const multipart = {
    body: request.body ?? {},
    contentType: request.headers.get("content-type") ?? "multipart/form-data",
  };
  const { image } = await ai.run(workersAi, { multipart });
  if (image === undefined) throw new Error("Workers AI answered without a picture.");
  return asPng(
    Uint8Array.from(atob(image), (char) => char.charCodeAt(0)),
    transcoder,
  );
}

async function bytesOf(answer: unknown): Promise<Uint8Array<ArrayBuffer>> {
  if (!(answer instanceof ReadableStream) && !(answer instanceof Uint8Array))
    throw new Error("Workers AI answered without a picture.");
  return new Uint8Array(await new Response(answer).arrayBuffer());
}

async function asPng(
  file: Uint8Array<ArrayBuffer>,
  transcoder: ImagesBinding | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  if (pngSize(file)) return file;
  if (!transcoder) throw new Error("Workers AI answered in another format than PNG, and no TRANSCODER is bound.");
  const made = await transcoder.input(new Blob([file]).stream()).output({ format: "image/png" });
  return new Uint8Array(await made.response().arrayBuffer());
}
