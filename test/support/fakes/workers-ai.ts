// A fake Workers AI: responds as its image models do, with a small PNG whose colour identifies the
// model. Bound in place of a bucket or a namespace, it makes every access fail.
import { WorkerEntrypoint } from "cloudflare:workers";
import { encodePng } from "../../../entrypoints/img-forge/png.ts";

export default class WorkersAi extends WorkerEntrypoint {
  async run(model: string, input: { prompt?: string; multipart?: { body: ReadableStream; contentType: string } }) {
    if (model.includes("stable-diffusion")) {
      if (!input.prompt) throw new Error("no prompt");
      return new Blob([await picture(255, 0, 0)]).stream();
    }
    const { body, contentType } = input.multipart ?? { body: null, contentType: "" };
    const form = await new Response(body, { headers: { "content-type": contentType } }).formData();
    if (!form.get("prompt")) throw new Error("no prompt");
    return { image: btoa(String.fromCharCode(...(await picture(0, 0, 255)))) };
  }
}

function picture(...colour: [number, number, number]) {
  return encodePng({ width: 8, height: 4, rgb: Uint8Array.from({ length: 96 }, (_, index) => colour[index % 3] ?? 0) });
}
