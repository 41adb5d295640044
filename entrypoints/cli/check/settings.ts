// Each Worker's wrangler.toml against its code: bindings and variables against the `Env` type,
// Durable Object classes against exports and migrations, the gateway's services against the list of
// backends. Read from the text, so that each sentence has a line.
import { readFileSync } from "node:fs";
import path from "node:path";
import { BACKENDS } from "../../../contracts/backends.ts";
import { CONFIGS, type WorkerKey } from "../workers.ts";
import { lineOf, type Problem } from "./problem.ts";

/** A table of a wrangler.toml, or one of its `[[…]]` blocks. */
interface Block {
  readonly name: string;
  readonly line: number;
  readonly entries: readonly Entry[];
}

interface Entry {
  readonly key: string;
  /** As written; a list may continue on further lines. */
  readonly value: string;
  readonly line: number;
}

/** A Worker's settings and code, by path from the root. */
export interface WorkerFiles {
  readonly toml: string;
  readonly config: string;
  /** The file with the `Env` type. */
  readonly env: string;
  readonly main: string;
  /** Text of a file; empty if there is none. */
  read(file: string): string;
}

/** The problems of all Workers below `root`, whose TypeScript files are `sources`. */
export function settingsProblems(root: string, sources: ReadonlyMap<string, string>): Problem[] {
  const workers = (Object.keys(CONFIGS) as WorkerKey[]).map(
    (worker) => [worker, filesOf(worker, root, sources)] as const,
  );
  const mains = new Map(workers.map(([worker, { main }]) => [worker, main]));
  const problems = workers.flatMap(([, files]) => workerProblems(files));
  const gateway = workers.find(([worker]) => worker === "gateway")?.[1];
  return gateway === undefined ? problems : [...serviceProblems(gateway, mains), ...problems];
}

function filesOf(worker: WorkerKey, root: string, sources: ReadonlyMap<string, string>): WorkerFiles {
  const config = CONFIGS[worker];
  const toml = readFileSync(path.join(root, config), "utf8");
  const main = path.posix.join(path.posix.dirname(config), textOf(blocksOf(toml)[0], "main"));
  const folder = worker === "gateway" ? "src/" : `${path.posix.dirname(config)}/`;
  const isEnv = ([file, text]: [string, string]) =>
    file.startsWith(folder) && /^(?:export )?interface Env\b/m.test(text);
  const env = Array.from(sources).find(isEnv)?.[0] ?? main;
  return { toml, config, env, main, read: (file) => sources.get(file) ?? "" };
}

/** The gateway binds each backend of the list, to a class that its main module exports. */
export function serviceProblems(gateway: WorkerFiles, mains: ReadonlyMap<string, string>): Problem[] {
  const { config, toml } = gateway;
  const services = blocksOf(toml).filter(({ name }) => name === "services");
  const isListed = (binding: string) => Object.hasOwn(BACKENDS, binding);
  const missing = Object.keys(BACKENDS).filter(
    (binding) => !services.some((one) => textOf(one, "binding") === binding),
  );
  return [
    ...missing.map((binding) => ({
      file: config,
      line: services[0]?.line ?? 1,
      sentence: `has no [[services]] block with binding = "${binding}", which contracts/backends.ts lists: add one, with the service and entrypoint of that backend.`,
    })),
    ...services.flatMap((block) => {
      const binding = textOf(block, "binding");
      const line = entryOf(block, "binding")?.line ?? block.line;
      if (!isListed(binding))
        return {
          file: config,
          line,
          sentence: `binds ${binding}, which contracts/backends.ts does not list: add it there, or remove the block.`,
        };
      return entrypointProblem(gateway, block, mains) ?? [];
    }),
  ];
}

function entrypointProblem(gateway: WorkerFiles, block: Block, mains: ReadonlyMap<string, string>): Problem | null {
  const { audience } = BACKENDS[textOf(block, "binding") as keyof typeof BACKENDS];
  const main = mains.get(audience) ?? "";
  const entrypoint = textOf(block, "entrypoint");
  const classes = exportsOf(gateway.read(main)).filter((name) => name.endsWith("Entrypoint"));
  if (exportsOf(gateway.read(main)).includes(entrypoint)) return null;
  const line = entryOf(block, "entrypoint")?.line ?? block.line;
  const sentence = `names the entrypoint "${entrypoint}", which ${main} does not export: use ${classes.join(" or ") || "the name of its exported class"}.`;
  return { file: gateway.config, line, sentence };
}

/** Problems between one Worker's wrangler.toml, its `Env` and its main module. */
export function workerProblems(files: WorkerFiles): Problem[] {
  return [...bindingProblems(files), ...classProblems(files)];
}

/** A required text that is no variable is set as a secret, and its name says so. */
const SECRET = /_(?:SECRET|KEYS?|TOKEN)$/;

function bindingProblems({ config, toml, env, read }: WorkerFiles): Problem[] {
  const fields = fieldsOf(read(env));
  const names = fields.map(({ name }) => name);
  const bound = boundNames(toml);
  return [
    ...bound
      .filter(({ name, table }) => !names.includes(name) && !(table === "services" && config === CONFIGS.gateway))
      .map(({ name, line }) => ({
        file: config,
        line,
        sentence: `sets ${name}, which Env in ${env} does not have: add the field there, or remove it here.`,
      })),
    ...fields
      .filter(({ name, isRequired }) => isRequired && !SECRET.test(name) && !bound.some((one) => one.name === name))
      .map(({ name, line, isText }) => ({
        file: env,
        line,
        sentence: isText
          ? `requires the variable ${name}, which [vars] in ${config} does not set: add it there, make it optional, or end the name of a secret with _SECRET, _KEY or _TOKEN.`
          : `requires the binding ${name}, which ${config} does not have: add it there, or make it optional.`,
      })),
  ];
}

/** A Durable Object class is exported by the main module, and created by a migration. */
function classProblems({ config, toml, main, read }: WorkerFiles): Problem[] {
  const blocks = blocksOf(toml);
  const created = createdClasses(blocks.filter(({ name }) => name === "migrations"));
  const exported = exportsOf(read(main));
  return blocks
    .filter(({ name }) => name === "durable_objects.bindings")
    .flatMap((block) => {
      const name = textOf(block, "class_name");
      const line = entryOf(block, "class_name")?.line ?? block.line;
      const problem = (sentence: string): Problem[] => [{ file: config, line, sentence }];
      if (!exported.includes(name))
        return problem(`binds the Durable Object class ${name}, which ${main} does not export: export it there.`);
      return created.has(name)
        ? []
        : problem(
            `binds the Durable Object class ${name}, which no migration creates: add [[migrations]] with a new tag and new_sqlite_classes = ["${name}"] at the end of the others.`,
          );
    });
}

/** The classes that exist after all migrations. */
function createdClasses(migrations: readonly Block[]): ReadonlySet<string> {
  const classes = new Set<string>();
  for (const { key, value } of migrations.flatMap(({ entries }) => entries)) {
    const names = Array.from(value.matchAll(/"([^"]+)"/g), ([, name = ""]) => name);
    if (key === "new_sqlite_classes" || key === "new_classes") for (const name of names) classes.add(name);
    if (key === "deleted_classes") for (const name of names) classes.delete(name);
    for (const [, from = "", to = ""] of value.matchAll(/from = "([^"]+)", to = "([^"]+)"/g)) {
      classes.delete(from);
      classes.add(to);
    }
  }
  return classes;
}

/** Every name that a wrangler.toml puts into `env`. */
function boundNames(toml: string): { readonly name: string; readonly table: string; readonly line: number }[] {
  return blocksOf(toml)
    .flatMap(({ name: table, entries }) => {
      if (table === "vars") return entries.map(({ key, line }) => ({ name: key, table, line }));
      const key = table === "durable_objects.bindings" || table === "ratelimits" ? "name" : "binding";
      const found = entries.filter((entry) => entry.key === key);
      return found.map(({ value, line }) => ({ name: unquoted(value), table, line }));
    })
    .filter(({ name }) => name !== "");
}

/** The tables of `toml`, in its order; the first is the part before any table. */
function blocksOf(toml: string): Block[] {
  const blocks: { name: string; line: number; entries: Entry[] }[] = [{ name: "", line: 1, entries: [] }];
  for (const [at, text] of toml.split("\n").entries()) {
    const table = /^\[\[?([\w.]+)\]?\]/.exec(text)?.[1];
    const [, key, value = ""] = /^(\w+)\s*=\s*(.*)$/.exec(text) ?? [];
    const last = blocks.at(-1);
    const entry = last?.entries.at(-1);
    if (table !== undefined) blocks.push({ name: table, line: at + 1, entries: [] });
    else if (key !== undefined) last?.entries.push({ key, value, line: at + 1 });
    else if (last && entry && /^\s+\S/.test(text)) last.entries.splice(-1, 1, { ...entry, value: entry.value + text });
  }
  return blocks;
}

function entryOf(block: Block | undefined, key: string): Entry | undefined {
  return block?.entries.find((entry) => entry.key === key);
}

function textOf(block: Block | undefined, key: string): string {
  return unquoted(entryOf(block, key)?.value ?? "");
}

function unquoted(value: string): string {
  return /^"([^"]*)"/.exec(value)?.[1] ?? "";
}

interface Field {
  readonly name: string;
  readonly line: number;
  readonly isRequired: boolean;
  readonly isText: boolean;
}

/** The fields of `interface Env` in `source`. */
function fieldsOf(source: string): Field[] {
  const start = lineOf(source, /^(?:export )?interface Env\b/);
  const lines = source.split("\n").slice(start);
  const end = lines.indexOf("}");
  return lines.slice(0, end).flatMap((text, at) => {
    const [, name, optional, type = ""] = /^ {2}readonly (\w+)(\??): (.*);$/.exec(text) ?? [];
    return name === undefined
      ? []
      : [{ name, line: start + at + 1, isRequired: optional === "", isText: type === "string" }];
  });
}

/** The names that a module exports. */
function exportsOf(source: string): string[] {
  const lists = Array.from(source.matchAll(/^export \{([^}]*)\}/gm), ([, names = ""]) => names.split(","));
  const classes = Array.from(source.matchAll(/^export (?:abstract )?class (\w+)/gm), ([, name = ""]) => name);
  return [...lists.flat().map((name) => name.trim().split(" as ").at(-1) ?? ""), ...classes];
}
