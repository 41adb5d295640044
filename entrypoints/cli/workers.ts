// Which Workers there are, and how a command reads and adapts their wrangler.toml. Values are changed in the file's own text, so
// that comments, bindings and everything else reach wrangler exactly as written.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's folder. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The origin that every wrangler.toml names: what `npm run dev` serves unless told otherwise. */
export const DEFAULT_ORIGIN = "http://localhost:8976";

/** Every Worker's wrangler.toml, relative to `ROOT`; the front door, which holds the port, comes first. */
export const CONFIGS = {
  local: "entrypoints/local/wrangler.toml",
  gateway: "wrangler.toml",
  auth: "entrypoints/auth/wrangler.toml",
  stackbilder: "entrypoints/stackbilder/wrangler.toml",
  "img-forge": "entrypoints/img-forge/wrangler.toml",
} as const;
export type WorkerKey = keyof typeof CONFIGS;

/** The name under which `worker` is deployed and bound. */
export function workerName(worker: WorkerKey): string {
  return settingOf(readConfig(worker), "name");
}

/** The text of a Worker's wrangler.toml. */
export function readConfig(worker: WorkerKey): string {
  return readFileSync(path.join(ROOT, CONFIGS[worker]), "utf8");
}

/** The value of the first line `key = "…"` of `toml`: keys outside of tables come first. */
export function settingOf(toml: string, key: string): string {
  const value = lineOf(key).exec(toml)?.[1];
  if (value === undefined) throw new Error(`There is no line ${key} = "…".`);
  return value;
}

/** All text variables of `toml`: its `[vars]` table. */
export function variablesOf(toml: string): Record<string, string> {
  const table = /^\[vars\]\n(?<lines>(?:(?!\[).*\n?)*)/m.exec(toml)?.groups?.lines ?? "";
  return Object.fromEntries(
    [...table.matchAll(/^(\w+)\s*=\s*"([^"]*)"/gm)].map(([, key = "", value = ""]) => [key, value]),
  );
}

export interface Adaptation {
  /** The main module instead of the configured one, relative to the folder of the Worker's wrangler.toml. */
  readonly main?: string;
  /** Replaces `DEFAULT_ORIGIN` in every variable. */
  readonly origin?: string;
}

/** Writes an adapted copy of a Worker's wrangler.toml to `target` (absolute, in any folder) and returns `target`. */
export function writeAdaptedConfig(
  worker: WorkerKey,
  target: string,
  { main, origin = DEFAULT_ORIGIN }: Adaptation,
): string {
  const toml = readConfig(worker);
  const folder = path.dirname(path.join(ROOT, CONFIGS[worker]));
  const absolute = (key: string, file: string) => `${key} = ${JSON.stringify(path.join(folder, file))}`;
  const adapted = [
    `# Written by a command from ${CONFIGS[worker]}, which is the file to edit.`,
    toml
      .replace(lineOf("main"), (_line, configured: string) => absolute("main", main ?? configured))
      .replace(lineOf("migrations_dir"), (_line, configured: string) => absolute("migrations_dir", configured))
      .replaceAll(DEFAULT_ORIGIN, origin),
  ].join("\n");
  mkdirSync(path.dirname(target), { recursive: true });
  writeFileSync(target, adapted);
  return target;
}

function lineOf(key: string): RegExp {
  return new RegExp(`^${key}\\s*=\\s*"([^"]*)"`, "m");
}
