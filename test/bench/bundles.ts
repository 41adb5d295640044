// Builds the code that is measured: the gateway and a reference backend as `npm run deploy` builds
// them, and the benchmark's own Workers.
import { existsSync } from "node:fs";
import path from "node:path";
import { type BuildOptions, build as bundle } from "esbuild";
import { build as buildForProduction } from "../../entrypoints/cli/deploy.ts";
import { ROOT } from "../../entrypoints/cli/workers.ts";

/** Modules of `test/bench/workers`. */
const OWN = [
  "storage",
  "rate-limit",
  "counted-objects",
  "remote-users",
  "backends",
  "baseline",
  "empty",
  "bound",
  "unevaluated",
  "issuer",
  "scaled-gateway",
] as const;
/** Workers of the product, with the main module that wrangler builds. */
const PRODUCTS = { gateway: "index.js", "img-forge": "worker.js" } as const;

export interface Bundles {
  /** Contains `NAME.js` for each Worker of the benchmark, and `NAME/` for each of the product. */
  readonly folder: string;
  readonly gatewayGzipBytes: number;
}

/** Options with which esbuild builds a Worker as wrangler does. */
export const FOR_WORKERS = {
  bundle: true,
  format: "esm" as const,
  target: "esnext",
  minify: true,
  conditions: ["workerd", "worker"],
  external: ["cloudflare:*", "node:*"],
} satisfies BuildOptions;

/** Builds everything into `folder`. */
export async function buildAll(folder: string): Promise<Bundles> {
  const own = bundle({
    ...FOR_WORKERS,
    entryPoints: OWN.map((name) => path.join(ROOT, `test/bench/workers/${name}.ts`)),
    outdir: folder,
  });
  const [gateway] = await Promise.all([
    buildForProduction("gateway", path.join(folder, "gateway")),
    buildForProduction("img-forge", path.join(folder, "img-forge")),
    own,
  ]);
  for (const [name, main] of Object.entries(PRODUCTS)) {
    if (!existsSync(path.join(folder, name, main))) throw new Error(`wrangler built ${name} without ${main}.`);
  }
  return { folder, gatewayGzipBytes: gateway.gzipBytes };
}
