// `npm run deploy`: says what a deployment of one Worker (default: the gateway) replaces, asks, and
// uploads it with the settings of production. `--dry-run` builds every Worker and prints its size.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { CliError } from "./cli-error.ts";
import { wranglerError } from "./login.ts";
import { readArguments } from "./options.ts";
import { openAccount } from "./production/cloudflare.ts";
import { deployWorker, planDeployment } from "./production/deployment.ts";
import { DEPLOYABLE, type Deployable, deployableNamed, PRODUCTION_FILE } from "./production/settings.ts";
import { AUDIENCES, CONFIGS, readConfig, servicesOf, workerName } from "./workers.ts";
import { runWrangler } from "./wrangler.ts";

/**
 * Maximum size of the gateway's minified bundle, gzipped, in bytes; see
 * docs/decisions/0007-bundle-size.md.
 */
const GATEWAY_LIMIT_BYTES = 136_000;

const USAGE = `Usage: npm run deploy [-- options]

  --worker NAME   ${DEPLOYABLE.join(", ")} (default gateway)
  --yes           do not ask; without a terminal, needed to replace or remove something,
                  and to apply migrations of the Worker's database
  --dry-run       build every Worker, or the one named, and show sizes and what the gateway binds;
                  nothing is uploaded
  --help          show this

Domains, ids and variables are in ${PRODUCTION_FILE}.`;

/** Uploads one Worker, or builds Workers with `--dry-run`. */
export async function run(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options === "help") return console.log(USAGE);
  if (options.isDryRun) return dryRun(options.worker ? [options.worker] : DEPLOYABLE);
  const worker = options.worker ?? "gateway";
  const bound = worker === "gateway" ? ["The gateway binds:", ...bindingLines()] : [];
  const plan = await planDeployment(await openAccount(), worker);
  if (bound.length > 0) console.log(bound.join("\n"));
  await deployWorker(plan, options);
}

interface Options {
  readonly isDryRun: boolean;
  readonly isYes: boolean;
  readonly worker: Deployable | undefined;
}

const OPTIONS = { worker: { type: "string" }, yes: { type: "boolean" }, "dry-run": { type: "boolean" } } as const;

function readOptions(args: readonly string[]): Options | "help" {
  return readArguments({ args, usage: USAGE, options: OPTIONS }, (values) => ({
    isDryRun: values["dry-run"] ?? false,
    isYes: values.yes ?? false,
    worker: values.worker === undefined ? undefined : deployableNamed(values.worker),
  }));
}

/** A line for each backend that the gateway's wrangler.toml binds. */
export function bindingLines(toml = readConfig("gateway")): string[] {
  return servicesOf(toml).map(({ binding, service, entrypoint }) => {
    const isOwn = AUDIENCES.some((audience) => workerName(audience) === service);
    return `  ${binding} is ${service}, ${entrypoint}${isOwn ? "" : ": an existing Worker, not of this repository"}`;
  });
}

async function dryRun(workers: readonly Deployable[]): Promise<void> {
  await showSizes(workers);
  if (workers.includes("gateway")) console.log(["", "The gateway binds:", ...bindingLines()].join("\n"));
}

async function showSizes(workers: readonly Deployable[]): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), "deploy-"));
  try {
    const builds = await Promise.all(workers.map((worker) => build(worker, path.join(folder, worker))));
    const width = Math.max(...builds.map(({ name }) => name.length));
    const kb = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`.padStart(10);
    console.log(`${"Worker".padEnd(width)}${"minified".padStart(10)}${"gzip".padStart(10)}`);
    for (const { name, bytes, gzipBytes } of builds) console.log(`${name.padEnd(width)}${kb(bytes)}${kb(gzipBytes)}`);
    const gateway = builds[workers.indexOf("gateway")];
    if (gateway && gateway.gzipBytes > GATEWAY_LIMIT_BYTES) {
      throw new CliError(
        `The gateway is larger than ${GATEWAY_LIMIT_BYTES / 1000} kB gzipped: look at what was added to its bundle.`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Builds into `folder`. The sizes come from wrangler's output, which has them in KiB. */
export async function build(
  worker: Deployable,
  folder: string,
): Promise<{ name: string; bytes: number; gzipBytes: number }> {
  const { code, output } = await runWrangler([
    "deploy",
    "--dry-run",
    "--minify",
    "-c",
    CONFIGS[worker],
    "--outdir",
    folder,
  ]);
  const [, total, gzip] = /Total Upload: ([\d.]+) KiB \/ gzip: ([\d.]+) KiB/.exec(output) ?? [];
  if (code !== 0 || total === undefined || gzip === undefined) {
    throw wranglerError(`${workerName(worker)} does not build`, output);
  }
  return { name: workerName(worker), bytes: Number(total) * 1024, gzipBytes: Number(gzip) * 1024 };
}
