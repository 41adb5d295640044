// Migrations of the deployed D1 databases: the pending ones, and the command that applies them.
import { readdirSync } from "node:fs";
import path from "node:path";
import * as v from "valibot";
import { CliError } from "../cli-error.ts";
import { wranglerError } from "../login.ts";
import { DATABASE_OWNERS, type DatabaseOwner } from "../migrations.ts";
import { CONFIGS, configured, ROOT, type WorkerKey } from "../workers.ts";
import { runWrangler } from "../wrangler.ts";
import type { Cloudflare } from "./cloudflare.ts";
import { requireStorageConfig, writeProductionConfig } from "./config.ts";
import { PRODUCTION_FILE } from "./settings.ts";

const Rows = v.array(v.object({ results: v.optional(v.array(v.object({ name: v.string() })), []) }));

/** True if the Worker has a database with migrations. */
export function isDatabaseOwner(worker: WorkerKey): worker is DatabaseOwner {
  return DATABASE_OWNERS.some((owner) => owner === worker);
}

/** The names of the Worker's migrations that the database `id` lacks, in order. Changes nothing. */
export async function pendingMigrations(
  cloudflare: Cloudflare,
  worker: DatabaseOwner,
  id: string,
): Promise<readonly string[]> {
  const query = async (sql: string) => {
    const answer = await cloudflare.ask(`/d1/database/${id}/query`, Rows, { sql });
    if (answer !== null) return answer.flatMap(({ results }) => results).map(({ name }) => name);
    throw new CliError(`${PRODUCTION_FILE}: the account has no database with the id [${worker}.ids] DB = "${id}".`);
  };
  // wrangler's table, which its first `migrations apply` creates.
  const tables = await query("SELECT name FROM sqlite_master WHERE name = 'd1_migrations'");
  const applied = tables.length === 0 ? [] : await query("SELECT name FROM d1_migrations");
  const folder = path.join(ROOT, path.dirname(CONFIGS[worker]), configured(worker, "migrations_dir"));
  const all = readdirSync(folder).filter((file) => file.endsWith(".sql"));
  return all.filter((file) => !applied.includes(file)).toSorted();
}

/** The arguments with which wrangler applies the Worker's pending migrations. */
export function migrationArguments(worker: DatabaseOwner): readonly string[] {
  const config = `${path.dirname(CONFIGS[worker])}/production.generated.toml`;
  return ["d1", "migrations", "apply", "DB", "--remote", "-c", config];
}

/** Applies the Worker's pending migrations. Throws a `CliError` if one fails. */
export async function applyDeployedMigrations(worker: DatabaseOwner): Promise<void> {
  writeProductionConfig(worker, requireStorageConfig(worker));
  const { code, output } = await runWrangler(migrationArguments(worker));
  if (code !== 0) throw wranglerError(`A migration of ${worker}'s database failed`, output);
}
