// Brings the local D1 database of the auth Worker up to date. Starting wrangler for this takes a second or two, so a list of what
// was applied is kept inside the state folder, and wrangler starts only when the migrations differ from it.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { CliError } from "./cli-error.ts";
import { CONFIGS, ROOT, readConfig, settingOf } from "./workers.ts";
import { LOCAL, runWrangler } from "./wrangler.ts";

/** Name of the list inside the state folder. */
export const APPLIED = "applied-migrations.json";

/** Whether the database in `stateFolder` lacks a migration. Cheap: reads files only. */
export function areMigrationsPending(stateFolder: string): boolean {
  const list = path.join(stateFolder, APPLIED);
  const hasDatabase = existsSync(path.join(stateFolder, "v3/d1"));
  return !hasDatabase || !existsSync(list) || readFileSync(list, "utf8") !== migrations();
}

/** Applies what is pending. Throws a `Refusal` with wrangler's words when a migration fails. */
export async function applyMigrations(stateFolder: string): Promise<void> {
  const database = settingOf(readConfig("auth"), "database_name");
  const { code, output } = await runWrangler(
    ["d1", "migrations", "apply", database, "--local", "-c", CONFIGS.auth, "--persist-to", stateFolder],
    LOCAL,
  );
  if (code !== 0)
    throw new CliError(
      `A database migration failed; \`npm run dev -- --fresh\` starts with an empty one.\n${output.trim()}`,
    );
  writeFileSync(path.join(stateFolder, APPLIED), migrations());
}

/** Every migration with the digest of its text. */
function migrations(): string {
  const folder = path.join(ROOT, path.dirname(CONFIGS.auth), settingOf(readConfig("auth"), "migrations_dir"));
  const files = readdirSync(folder).filter((file) => file.endsWith(".sql"));
  const entries = files.sort().map((file) => [
    file,
    createHash("sha256")
      .update(readFileSync(path.join(folder, file)))
      .digest("hex"),
  ]);
  return JSON.stringify(Object.fromEntries(entries), null, 2);
}
