// The D1 database of a Worker, local or deployed, through `wrangler d1 execute`. It takes SQL as
// text and no parameters, so a value becomes a literal here that cannot end early: its bytes in
// hexadecimal.
import { existsSync } from "node:fs";
import path from "node:path";
import { CliError } from "./cli-error.ts";
import { wranglerError } from "./login.ts";
import { areMigrationsPending, type DatabaseOwner } from "./migrations.ts";
import { requireStorageConfig, writeProductionConfig } from "./production/config.ts";
import { CONFIGS, configured, ROOT } from "./workers.ts";
import { LOCAL, runWrangler } from "./wrangler.ts";

/** The deployed database, or the one in a state folder of `npm run dev`. */
export type Database = "remote" | { readonly stateFolder: string };

/** The largest number of records that a command lists. */
export const LIST_MAX = 1000;

/** Options of every command on a database. */
export const DATABASE_OPTIONS = {
  remote: { type: "boolean" },
  "persist-to": { type: "string" },
  limit: { type: "string" },
  json: { type: "boolean" },
} as const;

export interface DatabaseOptions {
  readonly database: Database;
  readonly limit: number;
  readonly isJson: boolean;
}

/** Reads them. Throws an error for a limit outside 1 to `LIST_MAX`, and for two databases. */
export function databaseOptions(values: {
  readonly remote?: boolean;
  readonly "persist-to"?: string;
  readonly limit?: string;
  readonly json?: boolean;
}): DatabaseOptions {
  const limit = Number(values.limit ?? 50);
  if (!Number.isInteger(limit) || limit < 1 || limit > LIST_MAX) throw new Error(`"${values.limit}" is not a limit`);
  if (values.remote && values["persist-to"] !== undefined)
    throw new Error("--persist-to names a local database, --remote the deployed one: use one of them");
  const stateFolder = path.resolve(values["persist-to"] ?? path.join(ROOT, ".wrangler/state"));
  return { database: values.remote ? "remote" : { stateFolder }, limit, isJson: values.json ?? false };
}

/** SQL, complete with its values. Only `sql` makes it. */
export interface Sql {
  readonly text: string;
}

/** A row, by column. */
export type Row = Readonly<Record<string, string | number | null>>;

/** SQL with each value as a literal, and each other SQL as it is. */
export function sql(parts: TemplateStringsArray, ...values: readonly (string | number | Sql)[]): Sql {
  return { text: String.raw({ raw: parts }, ...values.map(literalOf)) };
}

function literalOf(value: string | number | Sql): string {
  if (typeof value === "object") return value.text;
  if (typeof value === "number") return String(Math.trunc(value));
  return `CAST(X'${Buffer.from(value, "utf8").toString("hex")}' AS TEXT)`;
}

/** A database, and the Worker that it belongs to. */
interface Target {
  readonly owner: DatabaseOwner;
  readonly database: Database;
}

/** Runs the statements in order, in one call, and returns the rows of the last one. */
export async function execute(target: Target, ...statements: readonly Sql[]): Promise<readonly Row[]> {
  return (await executeAll(target, ...statements)).at(-1) ?? [];
}

/** Runs the statements in order, in one call, and returns the rows of each. */
export async function executeAll(
  { owner, database }: Target,
  ...statements: readonly Sql[]
): Promise<readonly (readonly Row[])[]> {
  const config = configFor(owner, database);
  const name = configured(owner, "database_name");
  const target = database === "remote" ? ["--remote"] : ["--local", "--persist-to", database.stateFolder];
  const text = statements.map((statement) => statement.text).join("; ");
  const command = ["d1", "execute", name, ...target, "-c", config, "--json", "--command", text];
  const { code, stdout, output } = await runWrangler(command, database === "remote" ? undefined : LOCAL);
  const results = code === 0 ? resultsIn(stdout) : null;
  if (results === null) throw wranglerError("The database could not be used", output);
  return results.map(({ results: rows = [] }) => rows);
}

/** The configuration that names the database. Throws a `CliError` if it cannot be used yet. */
function configFor(owner: DatabaseOwner, database: Database): string {
  if (database === "remote") return writeProductionConfig(owner, requireStorageConfig(owner));
  refuseUnreadyFolder(database.stateFolder);
  return CONFIGS[owner];
}

function refuseUnreadyFolder(stateFolder: string): void {
  if (!existsSync(path.join(stateFolder, "v3/d1"))) {
    throw new CliError(
      `There is no database in ${stateFolder}. Start \`npm run dev\` once, or name its folder with --persist-to; --remote uses the deployed one.`,
    );
  }
  if (areMigrationsPending(stateFolder))
    throw new CliError(`The database in ${stateFolder} is of an earlier version: start \`npm run dev\` to update it.`);
}

function resultsIn(stdout: string): readonly { readonly results?: readonly Row[] }[] | null {
  try {
    return JSON.parse(stdout.slice(stdout.indexOf("[")));
  } catch {
    return null;
  }
}
