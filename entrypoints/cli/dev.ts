// `npm run dev`: the whole system on this machine, behind one port. Makes secrets and a database,
// starts every Worker in one `wrangler dev`, prints the addresses, and stops everything on Ctrl-C.
// Listens on loopback only.
import { rmSync, watchFile } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { CliError } from "./cli-error.ts";
import { registryOf, startSystem } from "./dev-process.ts";
import { ensureLocalSecrets } from "./local-secrets.ts";
import { APPLIED, applyMigrations, areMigrationsPending } from "./migrations.ts";
import { choosePort } from "./port.ts";
import { CONFIGS, DEFAULT_ORIGIN, ROOT, readConfig, WORKERS, withOwnBackends, writeAdaptedConfig } from "./workers.ts";
import { stopAll } from "./wrangler.ts";

const USAGE = `Usage: npm run dev [-- options]

  --port N           serve on http://localhost:N (default 8790; 0 takes any free port)
  --fresh            start empty: delete local users, grants and the backends' data
  --persist-to DIR   store the state in DIR (default .wrangler/state)
  --help             show this`;

interface Options {
  readonly isHelp: boolean;
  readonly isFresh: boolean;
  readonly port: number;
  /** Absolute. */
  readonly stateFolder: string;
}

/** Runs until it is stopped, then ends the process. */
export async function run(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options.isHelp) return console.log(USAGE);
  const startedAt = performance.now();
  const port = await choosePort(options.port);
  const configs = devConfigs(port);
  let isStopping = false;
  const finish = async (code: number) => {
    if (isStopping) return;
    isStopping = true;
    await stopAll();
    for (const { target } of configs) if (target) rmSync(target, { force: true });
    process.exit(code);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void finish(0));

  try {
    await prepare(options);
    console.log("Starting the Workers.");
    for (const { source, target, write } of configs) {
      write();
      // An editor may replace the file; for a moment it does not exist.
      if (target) watchFile(path.join(ROOT, source), { interval: 500 }, (now) => now.mtimeMs > 0 && write());
    }
    const paths = configs.map(({ source, target }) => target ?? source);
    const system = await startSystem(paths, port, options.stateFolder);
    console.log(summary(originOf(port), options.stateFolder, performance.now() - startedAt));
    await system.ended;
    throw new CliError("The Workers stopped unexpectedly.");
  } catch (error) {
    if (!isStopping) console.error(error instanceof CliError ? error.message : error);
  }
  await finish(1);
}

/** The origin as a browser writes it: without the default port of http. */
function originOf(port: number): string {
  return new URL(`http://localhost:${port}`).origin;
}

function readOptions(args: readonly string[]): Options {
  const options = {
    port: { type: "string" },
    fresh: { type: "boolean" },
    "persist-to": { type: "string" },
    help: { type: "boolean", short: "h" },
  } as const;
  try {
    const { values } = parseArgs({ args: [...args], options });
    const port = Number(values.port ?? new URL(DEFAULT_ORIGIN).port);
    if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`"${values.port}" is not a port`);
    return {
      isHelp: values.help ?? false,
      isFresh: values.fresh ?? false,
      port,
      stateFolder: path.resolve(values["persist-to"] ?? path.join(ROOT, ".wrangler/state")),
    };
  } catch (error) {
    throw new CliError(`${error instanceof Error ? error.message : error}.\n\n${USAGE}`);
  }
}

/** Makes secrets, and a database with all tables. */
async function prepare({ isFresh, stateFolder }: Options): Promise<void> {
  if (isFresh) {
    console.log("Deleting the local state.");
    for (const part of ["v3", "registry", APPLIED])
      rmSync(path.join(stateFolder, part), { recursive: true, force: true });
  }
  if (await ensureLocalSecrets()) console.log("Made local secrets (.dev.vars, ignored by git).");
  if (areMigrationsPending(stateFolder)) {
    console.log("Preparing the database.");
    await applyMigrations(stateFolder);
  }
}

interface DevConfig {
  readonly source: string;
  /** The adapted copy that runs instead of `source`; `undefined` if none is needed. */
  readonly target: string | undefined;
  /** Writes the copy. Called again when `source` changes. */
  readonly write: () => void;
}

/**
 * The config of each Worker. The auth Worker runs with its local main module, which has a local
 * provider instead of GitHub and Google. The audit store does not wait for a full batch. Another
 * port is another origin.
 */
function devConfigs(port: number): DevConfig[] {
  const origin = originOf(port);
  const name = origin === DEFAULT_ORIGIN ? "local.generated.toml" : `local-${port}.generated.toml`;
  return WORKERS.map((worker) => {
    const source = CONFIGS[worker];
    const isOwn = worker === "auth" || worker === "audit" || (worker === "gateway" && bindsOthers());
    const isAdapted = isOwn || (origin !== DEFAULT_ORIGIN && readConfig(worker).includes(DEFAULT_ORIGIN));
    if (!isAdapted) return { source, target: undefined, write: () => {} };
    const target = path.join(ROOT, path.dirname(source), name);
    const main = worker === "auth" ? { main: "local.ts" } : {};
    // A call's records can be looked up at once.
    return { source, target, write: () => writeAdaptedConfig(worker, target, { ...main, origin, batchSeconds: 0 }) };
  });
}

/** True if the gateway's wrangler.toml binds Workers that are not of this repository. */
function bindsOthers(): boolean {
  return withOwnBackends(readConfig("gateway")) !== readConfig("gateway");
}

/** The line that starts a sibling Worker beside this system, in the sibling's folder. */
function siblingLine(stateFolder: string): string {
  const registry = registryOf(stateFolder);
  const isPlain = /^[\w./-]+$/.test(registry);
  return `WRANGLER_REGISTRY_PATH=${isPlain ? registry : `'${registry.replaceAll("'", "'\\''")}'`} npx wrangler dev`;
}

function summary(origin: string, stateFolder: string, elapsedMs: number): string {
  return `
  The gateway is ready (${(elapsedMs / 1000).toFixed(1)} s).

    Endpoint     ${origin}/mcp
    Sign-in      ${origin}/login (your client opens it when you connect)

    Claude Code  claude mcp add --transport http stackbilt ${origin}/mcp
    Inspector    npx @modelcontextprotocol/inspector
    Sibling      ${siblingLine(stateFolder)}
                 (in the folder of a Worker that binds GatewayEntrypoint, e.g. docs/examples/sibling)

  Ctrl-C stops everything; npm run dev -- --fresh starts empty.
`;
}
