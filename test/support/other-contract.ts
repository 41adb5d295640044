// A backend that was built with another contract.
import { WorkerEntrypoint } from "cloudflare:workers";
import { ok } from "../../contracts/rpc/result.ts";

export class ImgForgeEntrypoint extends WorkerEntrypoint {
  describe() {
    return ok({ name: "img-forge", version: "9.9.9", contractDigest: "another" });
  }
}

export default { fetch: () => new Response(null, { status: 404 }) } satisfies ExportedHandler;
