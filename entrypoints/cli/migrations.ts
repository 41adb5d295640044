// Migrations of the local D1 databases. Starting wrangler takes a second or two, so
// the state folder contains a list of applied migrations, and wrangler starts only if it is
// outdated.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { CliError } from "./cli-error.ts";
import { CONFIGS, configured, ROOT } from "./workers.ts";
import { LOCAL, runWrangler } from "./wrangler.ts";

/** Name of the list in the state folder. */
export const APPLIED = "applied-migrations.json";

/** The Workers with a D1 database. */
export const DATABASE_OWNERS = ["auth", "audit"] as const;
export type DatabaseOwner = (typeof DATABASE_OWNERS)[number];

/** True if a database in `stateFolder` lacks a migration. Reads files only. */
export function areMigrationsPending(stateFolder: string): boolean {
  const list = path.join(stateFolder, APPLIED);
  const hasDatabase = existsSync(path.join(stateFolder, "v3/d1"));
  return !hasDatabase || !existsSync(list) || readFileSync(list, "utf8") !== migrations();
}

/** Applies pending migrations. Throws a `CliError` with wrangler's output if one fails. */
export async function applyMigrations(stateFolder: string): Promise<void> {
  for (const worker of DATABASE_OWNERS) {
    const database = configured(worker, "database_name");
    const { code, output } = await runWrangler(
      ["d1", "migrations", "apply", database, "--local", "-c", CONFIGS[worker], "--persist-to", stateFolder],
      LOCAL,
    );
    if (code !== 0)
      throw new CliError(
        `A database migration failed; \`npm run dev -- --fresh\` starts with an empty database.\n${output.trim()}`,
      );
  }
  writeFileSync(path.join(stateFolder, APPLIED), migrations());
}

/** Every migration with the digest of its text. */
function migrations(): string {
  return JSON.stringify(Object.fromEntries(DATABASE_OWNERS.flatMap(migrationsOf)), null, 2);
}

function migrationsOf(worker: DatabaseOwner): [string, string][] {
  const folder = path.join(ROOT, path.dirname(CONFIGS[worker]), configured(worker, "migrations_dir"));
  const files = readdirSync(folder).filter((file) => file.endsWith(".sql"));
  return files.sort().map((file) => [
    `${worker}/${file}`,
    createHash("sha256")
      .update(readFileSync(path.join(folder, file)))
      .digest("hex"),
  ]);
}
