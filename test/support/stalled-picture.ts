// A fake img-forge that completes a picture but never delivers its bytes. It runs under the real
// Worker's name.
import { WorkerEntrypoint } from "cloudflare:workers";

const job = {
  job_id: "0b7e5a52-95a8-4d0e-8a6e-0a9c1a1d3a10",
  status: "completed",
  url: "https://images.example/a.png",
  model: "stalled",
  quality_tier: "draft",
  enhanced_prompt: "a",
  width: 1,
  height: 1,
  size_bytes: 1000,
};

export class ImgForgeEntrypoint extends WorkerEntrypoint {
  generateImage(): unknown {
    return { ok: true, value: job };
  }

  readImage(): unknown {
    const body = new ReadableStream({
      type: "bytes",
      start: (controller) => controller.enqueue(new Uint8Array(10)),
      pull: () => new Promise((resolve) => setTimeout(resolve, 60_000)),
    });
    return { ok: true, value: { mime_type: "image/png", size_bytes: 1000, body } };
  }
}

export default {};
