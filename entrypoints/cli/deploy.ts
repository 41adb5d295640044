// `npm run deploy`: uploads one Worker (default: the gateway) with the variables of production. It
// checks first for settings with which the Worker would be unsafe or would not work. `--dry-run`
// builds every Worker as for production and prints its size.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import * as v from "valibot";
import { CliError } from "./cli-error.ts";
import {
  AUDIENCES,
  CONFIGS,
  DEFAULT_ORIGIN,
  ROOT,
  readConfig,
  servicesOf,
  variablesOf,
  type WorkerKey,
  workerName,
  writeAdaptedConfig,
} from "./workers.ts";
import { runWrangler, WRANGLER } from "./wrangler.ts";

type Deployable = Exclude<WorkerKey, "local">;

/** Default of the gateway's public host. */
export const DEFAULT_DOMAIN = "mcp.stackbilt.dev";
const DEPLOYABLE: readonly Deployable[] = ["gateway", ...AUDIENCES];

/** The variable with the Worker's own origin, for Workers that have one. */
const OWN_ORIGIN: Partial<Record<Deployable, string>> = {
  gateway: "API_BASE_URL",
  auth: "AUTH_BASE_URL",
  "img-forge": "IMAGE_BASE_URL",
};

/**
 * Maximum size of the gateway's minified bundle, gzipped, in bytes; see
 * docs/decisions/0007-bundle-size.md.
 */
const GATEWAY_LIMIT_BYTES = 133_000;

const USAGE = `Usage: npm run deploy [-- options]

  --worker NAME   ${DEPLOYABLE.join(", ")} (default gateway)
  --domain HOST   the Worker's public host (default for the gateway: ${DEFAULT_DOMAIN})
  --without-gateway
                  leave out the binding to the gateway: for the first deployment of auth
  --dry-run       build every Worker, or the one named, and show sizes and what the gateway binds;
                  nothing is uploaded
  --help          show this

A variable of the Worker's wrangler.toml is replaced by the environment variable of the same name.`;

/** Uploads one Worker, or builds Workers with `--dry-run`. */
export async function run(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options.isHelp) return console.log(USAGE);
  if (options.isDryRun) return dryRun(options.worker ? [options.worker] : DEPLOYABLE);
  const worker = options.worker ?? "gateway";
  const domain = options.domain ?? (worker === "gateway" ? DEFAULT_DOMAIN : undefined);
  const variables = productionVariables(worker, domain, process.env);
  const target = domain === undefined ? [] : ["--domain", domain];
  const settings = Object.entries(variables).flatMap(([key, value]) => ["--var", `${key}:${value}`]);
  console.log(`Deploying ${workerName(worker)}${domain === undefined ? "" : ` to https://${domain}`}.`);
  console.log([await replacedBy(workerName(worker)), ...(worker === "gateway" ? bindingLines() : [])].join("\n"));
  const wrangler = spawn(
    process.execPath,
    [WRANGLER, "deploy", "--minify", "-c", configOf(worker, options), ...target, ...settings],
    {
      cwd: ROOT,
      stdio: "inherit",
    },
  );
  process.exitCode = await new Promise<number>((resolve, reject) => {
    wrangler.once("error", reject);
    wrangler.once("exit", (code) => resolve(code ?? 1));
  });
}

/** The wrangler.toml to deploy, relative to `ROOT`. */
function configOf(worker: Deployable, { isWithoutGateway }: Options): string {
  if (!isWithoutGateway) return CONFIGS[worker];
  const copy = `${path.dirname(CONFIGS[worker])}/first.generated.toml`;
  writeAdaptedConfig(worker, path.join(ROOT, copy), { unbound: workerName("gateway") });
  return copy;
}

interface Options {
  readonly isHelp: boolean;
  readonly isWithoutGateway: boolean;
  readonly isDryRun: boolean;
  readonly worker: Deployable | undefined;
  readonly domain: string | undefined;
}

function readOptions(args: readonly string[]): Options {
  const options = {
    worker: { type: "string" },
    domain: { type: "string" },
    "dry-run": { type: "boolean" },
    "without-gateway": { type: "boolean" },
    help: { type: "boolean", short: "h" },
  } as const;
  try {
    const { values } = parseArgs({ args: [...args], options });
    const worker = DEPLOYABLE.find((name) => name === values.worker);
    if (values.worker !== undefined && worker === undefined) throw new Error(`There is no Worker "${values.worker}"`);
    if (values.domain !== undefined && URL.parse(`https://${values.domain}`)?.host !== values.domain) {
      throw new Error(`"${values.domain}" is not a host name`);
    }
    const { help = false, "dry-run": isDryRun = false, "without-gateway": isWithoutGateway = false } = values;
    if (isWithoutGateway && worker !== "auth") throw new Error("--without-gateway goes with --worker auth");
    return { isHelp: help, isDryRun, isWithoutGateway, worker, domain: values.domain };
  } catch (error) {
    throw new CliError(`${error instanceof Error ? error.message : error}.\n\n${USAGE}`);
  }
}

/**
 * The variables of a deployment: from the environment, and the Worker's own origin from its host.
 * Throws a `CliError` if a variable or an id in wrangler.toml has only its value for development.
 */
export function productionVariables(
  worker: Deployable,
  domain: string | undefined,
  environment: NodeJS.Dict<string>,
): Record<string, string> {
  const toml = readConfig(worker);
  const given: Record<string, string> = {};
  for (const [key, value] of Object.entries(variablesOf(toml))) {
    const chosen = key === OWN_ORIGIN[worker] && domain !== undefined ? `https://${domain}` : environment[key];
    if (chosen !== undefined) given[key] = chosen;
    if (!value.includes(DEFAULT_ORIGIN)) continue;
    if (chosen === undefined)
      throw new CliError(`Set ${key} in the environment: the value in ${CONFIGS[worker]} is for development only.`);
    if (!chosen.startsWith("https://")) throw new CliError(`${key} must begin with https:// in a deployment.`);
  }
  if (worker === "gateway" && environment.PUBLIC_SIGNUPS_ENABLED === undefined) {
    throw new CliError(
      "Set PUBLIC_SIGNUPS_ENABLED in the environment: true opens sign-in, false shows that it opens soon.",
    );
  }
  refuseDevelopmentId(worker);
  return given;
}

/** Throws a `CliError` if an id in the Worker's wrangler.toml is for development only. */
export function refuseDevelopmentId(worker: Deployable): void {
  const placeholder = /^(?:database_)?id\s*=\s*"[0-]+1"/m.exec(readConfig(worker));
  if (placeholder) {
    const command = placeholder[0].startsWith("database")
      ? `wrangler d1 create ${workerName(worker)}`
      : "wrangler kv namespace create OAUTH_KV";
    throw new CliError(
      `${CONFIGS[worker]} has an id for development: run \`npx ${command}\` and write the id that it prints into the file.`,
    );
  }
}

/** A line for each backend that the gateway's wrangler.toml binds. */
export function bindingLines(toml = readConfig("gateway")): string[] {
  return servicesOf(toml).map(({ binding, service, entrypoint }) => {
    const isOwn = AUDIENCES.some((audience) => workerName(audience) === service);
    return `  ${binding} is ${service}, ${entrypoint}${isOwn ? "" : ": an existing Worker, not of this repository"}`;
  });
}

const Deployment = v.object({ created_on: v.string(), author_email: v.optional(v.string()) });

/** A line about the version that a deployment of `worker` replaces. */
export async function replacedBy(worker: string): Promise<string> {
  const command = ["deployments", "status", "--name", worker, "--json", "-c", CONFIGS.gateway];
  const { code, stdout, output } = await runWrangler(command);
  if (code !== 0) {
    const isNew = /does not exist|has no deployments|not found|10007/i.test(output);
    return isNew ? `  It is a new Worker.` : "  Cloudflare does not say which version it replaces.";
  }
  const { created_on: at, author_email: author } = v.parse(Deployment, JSON.parse(stdout.slice(stdout.indexOf("{"))));
  return `  It replaces the version of ${at}${author === undefined ? "" : ` by ${author}`}.`;
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
    throw new CliError(`${workerName(worker)} does not build. The output of wrangler:\n\n${output.trim()}`);
  }
  return { name: workerName(worker), bytes: Number(total) * 1024, gzipBytes: Number(gzip) * 1024 };
}
