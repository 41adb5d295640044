// Backends of other versions: one with another contract, an older one without `describe`, and one
// that fails.
import { WorkerEntrypoint } from "cloudflare:workers";
import { ok } from "../../contracts/rpc/result.ts";

export class ImgForgeEntrypoint extends WorkerEntrypoint {
  describe() {
    return ok({ name: "img-forge", version: "9.9.9", contractDigest: "another" });
  }
}

export class StackbilderEntrypoint extends WorkerEntrypoint {}

export class AuditEntrypoint extends WorkerEntrypoint {
  describe(): never {
    throw new Error("D1 is gone: hunter2");
  }
}

export default { fetch: () => new Response(null, { status: 404 }) } satisfies ExportedHandler;
