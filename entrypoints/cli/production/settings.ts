// Settings of production, in the committed file entrypoints/production.toml: a table a Worker with
// its public host, ids of storage and variables. Secrets are not in it.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parse, TomlError } from "smol-toml";
import * as v from "valibot";
import { CliError } from "../cli-error.ts";
import { AUDIENCES, ROOT, type WorkerKey } from "../workers.ts";

/** A Worker that is deployed. */
export type Deployable = Exclude<WorkerKey, "local">;

export const DEPLOYABLE: readonly Deployable[] = ["gateway", ...AUDIENCES];

/** The Worker that --worker names. Throws an error if there is none. */
export function deployableNamed(name: string): Deployable {
  const worker = DEPLOYABLE.find((one) => one === name);
  if (worker === undefined) throw new Error(`There is no Worker "${name}"`);
  return worker;
}

/** Secrets that `npm run setup` stores. Others of `.dev.vars.example` are the operator's choice. */
export function secretsFor(worker: Deployable): readonly string[] {
  if (worker === "gateway") return ["SERVICE_BINDING_SECRET", "HEALTH_TOKEN"];
  return worker === "auth" ? ["IDENTITY_KEYS", "BETTER_AUTH_SECRET"] : ["IDENTITY_KEYS"];
}

/** The file, relative to `ROOT`. */
export const PRODUCTION_FILE = "entrypoints/production.toml";

/** A table of the file. */
export interface WorkerSettings {
  /** The Worker's public host; empty: none. */
  readonly domain: string;
  /** Ids of KV namespaces and D1 databases, by binding. */
  readonly ids: Readonly<Record<string, string>>;
  /** Variables that replace those of wrangler.toml. */
  readonly vars: Readonly<Record<string, string>>;
}

export const ACCOUNT_ID = /^[0-9a-f]{32}$/;

export interface Production {
  /** The Cloudflare account; empty: the only one of the login. */
  readonly accountId: string;
  readonly workers: Readonly<Record<Deployable, WorkerSettings>>;
}

// A boolean or a number would become a JSON binding, which no Worker of this repository reads.
const Variable = v.pipe(v.union([v.string(), v.boolean(), v.number()]), v.transform(String));
const Table = v.strictObject({
  domain: v.optional(v.string(), ""),
  ids: v.optional(v.record(v.string(), v.string()), {}),
  vars: v.optional(v.record(v.string(), Variable), {}),
});
const NONE: WorkerSettings = { domain: "", ids: {}, vars: {} };

/** The settings in `text`. Throws a `CliError` that names the line, or the key. */
export function parseProduction(text: string): Production {
  const { account_id: accountId = "", ...tables } = parseToml(text, PRODUCTION_FILE);
  if (typeof accountId !== "string" || !(accountId === "" || ACCOUNT_ID.test(accountId)))
    throw mistake(text, ["account_id"], "is not the id of an account: 32 hexadecimal digits");
  const unknown = Object.keys(tables).find((key) => !DEPLOYABLE.includes(key as Deployable));
  if (unknown !== undefined)
    throw mistake(text, [unknown], `is unknown. There are account_id, ${DEPLOYABLE.join(", ")}`);
  const workers = DEPLOYABLE.map((worker) => [worker, parseTable(text, worker, tables[worker] ?? NONE)]);
  return { accountId, workers: Object.fromEntries(workers) as Production["workers"] }; // one entry a Worker
}

/** The settings in the file. Throws a `CliError` if they cannot be read. */
export function readProduction(): Production {
  const file = path.join(ROOT, PRODUCTION_FILE);
  if (!existsSync(file))
    throw new CliError(`There is no ${PRODUCTION_FILE}: \`git checkout ${PRODUCTION_FILE}\` restores it.`);
  return parseProduction(readFileSync(file, "utf8"));
}

/** The gateway's public origin. Throws a `CliError` if the file has none. */
export function productionOrigin(): string {
  const { domain } = readProduction().workers.gateway;
  if (domain === "") throw new CliError(`Name the gateway with --origin, or set its domain in ${PRODUCTION_FILE}.`);
  return `https://${domain}`;
}

/** The content of `file`, whose text is `text`. Throws a `CliError` that names the line. */
export function parseToml(text: string, file: string): Record<string, unknown> {
  try {
    return parse(text.replace(/^\uFEFF/, "")); // a byte order mark
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new CliError(`${file}:${error.line}:${error.column}: ${error.message.split("\n")[0]}.`);
  }
}

function parseTable(text: string, worker: Deployable, table: unknown): WorkerSettings {
  const parsed = v.safeParse(Table, table);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const keys = [worker, ...(issue.path ?? []).map(({ key }) => String(key))];
  if (issue.type === "strict_object" && issue.expected === "never")
    throw mistake(text, keys, "is unknown. A Worker has domain, ids and vars");
  throw mistake(text, keys, issue.expected === "Object" ? "is not a table" : "is not a text");
}

function mistake(text: string, keys: readonly string[], problem: string): CliError {
  return new CliError(`${PRODUCTION_FILE}:${lineOf(text, keys)}: ${keys.join(".")} ${problem}.`);
}

/** The line of a key, from 1, or of the innermost table around it that has a line. */
function lineOf(text: string, keys: readonly string[]): number {
  let table: readonly string[] = [];
  let found = { depth: 0, line: 1 };
  for (const [at, line] of text.split("\n").entries()) {
    const [, header] = /^\s*\[+([^\]]+)\]/.exec(line) ?? [];
    const [, key] = /^\s*([\w."'-]+)\s*=/.exec(line) ?? [];
    const partsOf = (dotted: string) => dotted.replace(/["'\s]/g, "").split(".");
    if (header !== undefined) table = partsOf(header);
    const here =
      header === undefined && key === undefined ? [] : [...table, ...(key === undefined ? [] : partsOf(key))];
    if (here.length > found.depth && here.every((part, depth) => part === keys[depth]))
      found = { depth: here.length, line: at + 1 };
  }
  return found.line;
}

/**
 * Writes one value into the file; everything else stays as it is. An empty `table` is the top.
 * Throws a `CliError` if the file has the table in a form that only a person can edit.
 */
export function writeProductionValue(table: string, key: string, value: string): void {
  const file = path.join(ROOT, PRODUCTION_FILE);
  writeFileSync(file, withValue(readFileSync(file, "utf8"), { table, key, value }));
}

/** `text` with `key` of `[table]` set to `value`, in its line or in a new one. */
export function withValue(
  text: string,
  place: { readonly table: string; readonly key: string; readonly value: string },
) {
  const { table, key, value } = place;
  const written = withLine(text, place);
  try {
    const keys = [...(table === "" ? [] : table.split(".")), key];
    const found = keys.reduce<unknown>(
      (at, name) => (at as Record<string, unknown> | undefined)?.[name],
      parseToml(written, PRODUCTION_FILE),
    );
    if (found === value) return written;
  } catch {
    // Reported below: the table is there in another form, such as `ids = { … }`.
  }
  throw new CliError(
    `Write this into ${table === "" ? "the top" : `[${table}]`} of ${PRODUCTION_FILE}: ${key} = ${JSON.stringify(value)}`,
  );
}

function withLine(
  text: string,
  { table, key, value }: { readonly table: string; readonly key: string; readonly value: string },
): string {
  const lines = text.split("\n");
  const headerOf = (one: string) => /^\s*\[([^\]]*)\]/.exec(one)?.[1]?.trim();
  const start = table === "" ? 0 : lines.findIndex((one) => headerOf(one) === table) + 1;
  const line = `${key} = ${JSON.stringify(value)}`;
  if (table !== "" && start === 0) return `${text.trimEnd()}\n\n[${table}]\n${line}\n`;
  const next = lines.findIndex((one, at) => at >= start && headerOf(one) !== undefined);
  const end = next === -1 ? lines.length : next;
  const known = lines.findIndex((one, at) => at >= start && at < end && one.split("=")[0]?.trim() === key);
  if (known === -1) lines.splice(start, 0, line);
  else lines[known] = `${line}${/["'\w](\s+#.*)$/.exec(lines[known] ?? "")?.[1] ?? ""}`;
  return lines.join("\n");
}
