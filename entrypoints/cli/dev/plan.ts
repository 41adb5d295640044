// The part of `npm run dev` that needs the code of this repository: secrets, databases and the
// configs of the Workers. A program of its own, so that a mistake in that code ends only this one,
// and a correction is read. Sends the list of Workers to the process that started it.
import { rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { CliError } from "../cli-error.ts";
import { ensureLocalSecrets } from "../local-secrets.ts";
import { APPLIED, applyMigrations, areMigrationsPending } from "../migrations.ts";
import { CONFIGS, DEFAULT_ORIGIN, ROOT, WORKERS, workerName, writeAdaptedConfig } from "../workers.ts";
import type { DevWorker } from "./mistakes.ts";

/** Input of the plan. */
export interface PlanOptions {
  readonly port: number;
  /** Absolute. */
  readonly stateFolder: string;
  /** Delete the state first. */
  readonly isFresh: boolean;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await sendPlan(JSON.parse(process.argv[2] ?? "{}"));

async function sendPlan(options: PlanOptions): Promise<void> {
  try {
    await prepare(options);
    process.send?.(writeConfigs(options.port));
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

/** Makes secrets, and a database with all tables. */
async function prepare({ isFresh, stateFolder }: PlanOptions): Promise<void> {
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

/**
 * Writes the config of each Worker. The auth Worker runs with its local main module, which has a
 * local provider instead of GitHub and Google. The audit store does not wait for a full batch.
 * Another port is another origin. Crashes are logged in full: `LOCAL_DEVELOPMENT` in
 * contracts/rpc/crash.ts.
 */
function writeConfigs(port: number): DevWorker[] {
  const { origin } = new URL(`http://localhost:${port}`);
  const name = origin === DEFAULT_ORIGIN ? "local.generated.toml" : `local-${port}.generated.toml`;
  return WORKERS.map((key) => {
    const config = path.join(path.dirname(CONFIGS[key]), name);
    const main = key === "auth" ? { main: "local.ts" } : {};
    // A call's records can be looked up at once.
    writeAdaptedConfig(key, path.join(ROOT, config), { ...main, origin, batchSeconds: 0, isDevelopment: true });
    return { key, name: workerName(key), source: CONFIGS[key], config };
  });
}
