// The part of `npm run dev` that needs the code of this repository: secrets, databases and the
// configs of the Workers. A program of its own, so that a mistake in that code ends only this one,
// and a correction is read. Sends a `DevPlan` to the process that started it.
import { rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { sourcesOf } from "../check/imports.ts";
import { settingsProblems } from "../check/settings.ts";
import { CliError } from "../cli-error.ts";
import { ensureLocalSecrets } from "../local-secrets.ts";
import { APPLIED, applyMigrations, areMigrationsPending } from "../migrations.ts";
import { CONFIGS, DEFAULT_ORIGIN, ROOT, WORKERS, workerName, writeAdaptedConfig } from "../workers.ts";
import type { DevWorker, Mistake } from "./mistakes.ts";

/** The message of the program. */
export interface DevPlan {
  readonly workers: readonly DevWorker[];
  /** Settings that do not fit the code, with which the Workers start all the same. */
  readonly warnings: readonly Mistake[];
}

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
    const warnings = settingsProblems(ROOT, sourcesOf(ROOT)).map(({ file, line, sentence }) => ({
      sentence: `${file} ${sentence}`,
      places: [{ file, line, column: 1 }],
    }));
    process.send?.({ workers: writeConfigs(options.port), warnings } satisfies DevPlan);
  } catch (error) {
    if (!(error instanceof CliError) && !isFileError(error)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

/** True if the disk or its permissions are the reason, and not the code with the stack. */
function isFileError(error: unknown): error is Error {
  return error instanceof Error && "syscall" in error;
}

/** Makes secrets, and a database with all tables. Nothing if a Worker has no usable config. */
async function prepare({ isFresh, stateFolder }: PlanOptions): Promise<void> {
  for (const worker of WORKERS) workerName(worker);
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
