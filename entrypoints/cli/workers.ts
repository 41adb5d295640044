// The Workers of this repository, and their wrangler.toml files. A command adapts values in the
// text of a file, so that comments, bindings and everything else reach wrangler exactly as written.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type Audience, BACKENDS, type BackendName } from "../../contracts/backends.ts";
import { CliError } from "./cli-error.ts";
import { ROOT } from "./root.ts";

export { ROOT };

/** The origin in every wrangler.toml, and the default of `npm run dev`. */
export const DEFAULT_ORIGIN = "http://localhost:8790";

/**
 * The backends of `contracts/backends.ts`. An audience is also the name of a folder in
 * `entrypoints/`.
 */
export const AUDIENCES: readonly Audience[] = Object.values(BACKENDS).map(({ audience }) => audience);

/** A Worker of this repository. `local` routes requests during `npm run dev`. */
export type WorkerKey = "local" | "gateway" | Audience;

/**
 * Every Worker's wrangler.toml, relative to `ROOT`. `local`, which listens on the port, comes
 * first.
 */
export const CONFIGS: Readonly<Record<WorkerKey, string>> = {
  local: "entrypoints/local/wrangler.toml",
  gateway: "wrangler.toml",
  ...(Object.fromEntries(AUDIENCES.map((audience) => [audience, `entrypoints/${audience}/wrangler.toml`])) as Record<
    Audience,
    string
  >),
};

/** The keys of `CONFIGS`, in its order. */
export const WORKERS = Object.keys(CONFIGS) as readonly WorkerKey[];

/** The name under which `worker` is deployed and bound. */
export function workerName(worker: WorkerKey): string {
  return configured(worker, "name");
}

/** The text of a Worker's wrangler.toml. Throws a `CliError` if there is none. */
export function readConfig(worker: WorkerKey): string {
  try {
    return readFileSync(path.join(ROOT, CONFIGS[worker]), "utf8");
  } catch {
    throw new CliError(`${CONFIGS[worker]} cannot be read, and a Worker needs one: restore it.`);
  }
}

/** The first value `key = "…"` of a Worker's wrangler.toml. Throws a `CliError` without one. */
export function configured(worker: WorkerKey, key: string): string {
  const value = foundIn(readConfig(worker), key);
  if (value === undefined) throw new CliError(`${CONFIGS[worker]} lacks a line ${key} = "…": add it.`);
  return value;
}

/** The value of the first line `key = "…"` of `toml`. Keys outside of tables come first. */
export function settingOf(toml: string, key: string): string {
  const value = foundIn(toml, key);
  if (value === undefined) throw new CliError(`A block of wrangler.toml lacks a line ${key} = "…": add it.`);
  return value;
}

function foundIn(toml: string, key: string): string | undefined {
  return lineOf(key).exec(toml)?.[1];
}

/** A `[[services]]` block of the gateway's wrangler.toml: its binding to a backend. */
export interface ServiceBinding {
  readonly binding: string;
  /** The name under which the backend is deployed. */
  readonly service: string;
  /** The exported class with the RPC methods. */
  readonly entrypoint: string;
}

/** The `[[services]]` blocks of `toml`, in its order. */
export function servicesOf(toml: string): ServiceBinding[] {
  const blocks = toml.matchAll(/^\[\[services\]\]\n(?<lines>(?:(?!\[).*\n?)*)/gm);
  return Array.from(blocks, ({ groups: { lines = "" } = {} }) => ({
    binding: settingOf(lines, "binding"),
    service: settingOf(lines, "service"),
    entrypoint: settingOf(lines, "entrypoint"),
  }));
}

/** `toml` without the `[[services]]` blocks that bind the Worker `service`. */
export function withoutService(toml: string, service: string): string {
  return toml.replaceAll(/^\[\[services\]\]\n(?:(?!\[).*\n?)*/gm, (block) =>
    settingOf(block, "service") === service ? "" : block,
  );
}

/** `toml` of the gateway with this repository's Worker behind each binding to a backend. */
export function withOwnBackends(toml: string): string {
  return toml.replaceAll(/^\[\[services\]\]\n(?:(?!\[).*\n?)*/gm, (block) => {
    const backend = BACKENDS[settingOf(block, "binding") as BackendName] as { readonly audience: Audience } | undefined;
    return backend === undefined
      ? block
      : block.replace(lineOf("service"), `service = "${workerName(backend.audience)}"`);
  });
}

/** The gateway's binding to the backend of `audience`. Throws if wrangler.toml has none. */
export function serviceOf(audience: Audience): ServiceBinding {
  const binding = (Object.keys(BACKENDS) as BackendName[]).find((name) => BACKENDS[name].audience === audience);
  const service = servicesOf(readConfig("gateway")).find((one) => one.binding === binding);
  if (service === undefined)
    throw new Error(
      `${CONFIGS.gateway} has no [[services]] block with the binding ${binding} of contracts/backends.ts.`,
    );
  return service;
}

/** The text variables of `toml`: its `[vars]` table. */
export function variablesOf(toml: string): Record<string, string> {
  const table = /^\[vars\]\n(?<lines>(?:(?!\[).*\n?)*)/m.exec(toml)?.groups?.lines ?? "";
  return Object.fromEntries(
    [...table.matchAll(/^(\w+)\s*=\s*"([^"]*)"/gm)].map(([, key = "", value = ""]) => [key, value]),
  );
}

export interface Adaptation {
  /**
   * The main module instead of the configured one, relative to the folder of the Worker's
   * wrangler.toml.
   */
  readonly main?: string;
  /** Replaces `DEFAULT_ORIGIN` in every variable. */
  readonly origin?: string;
  /** The name of a Worker that is not bound. */
  readonly unbound?: string;
  /** Seconds that a batch of a queue waits for more messages. */
  readonly batchSeconds?: number;
  /** The Worker consumes no queue. */
  readonly isWithoutQueues?: boolean;
  /** Crashes are logged in full, with messages and stacks: for `npm run dev` only. */
  readonly isDevelopment?: boolean;
}

/**
 * Writes an adapted copy of a Worker's wrangler.toml to `target` (absolute, in any folder) and
 * returns `target`. The gateway's copy binds the Workers of this repository.
 */
export function writeAdaptedConfig(
  worker: WorkerKey,
  target: string,
  { main, origin = DEFAULT_ORIGIN, unbound, batchSeconds, isWithoutQueues = false, isDevelopment = false }: Adaptation,
): string {
  const configured = worker === "gateway" ? withOwnBackends(readConfig(worker)) : readConfig(worker);
  const bound = unbound === undefined ? configured : withoutService(configured, unbound);
  const toml = isWithoutQueues ? bound.replaceAll(/^\[\[queues\.consumers\]\]\n(?:\w.*\n)*/gm, "") : bound;
  const folder = path.dirname(path.join(ROOT, CONFIGS[worker]));
  const absolute = (key: string, file: string) => `${key} = ${JSON.stringify(path.join(folder, file))}`;
  const adapted = [
    toml
      // In place of the first comment, so that every other line keeps its number.
      .replace(/^#.*/, `# Written by a command from ${CONFIGS[worker]}, which is the file to edit.`)
      .replace(lineOf("main"), (_line, file: string) => absolute("main", main ?? file))
      .replace(lineOf("migrations_dir"), (_line, file: string) => absolute("migrations_dir", file))
      .replace(/^max_batch_timeout = \d+/m, (line) =>
        batchSeconds === undefined ? line : `max_batch_timeout = ${batchSeconds}`,
      )
      .replaceAll(DEFAULT_ORIGIN, origin),
    ...(isDevelopment ? ["[define]", `LOCAL_DEVELOPMENT = '"${worker}"'`, ""] : []),
  ].join("\n");
  mkdirSync(path.dirname(target), { recursive: true });
  // An unchanged file is not written: wrangler would reload its Worker.
  if (!existsSync(target) || readFileSync(target, "utf8") !== adapted) writeFileSync(target, adapted);
  return target;
}

function lineOf(key: string): RegExp {
  return new RegExp(`^${key}\\s*=\\s*"([^"]*)"`, "m");
}
