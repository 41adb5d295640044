// One log line for whatever this Worker did not expect.
import { describeCrash } from "../../contracts/rpc/crash.ts";
import { SettingsError } from "./settings.ts";

/** Logs what may be logged about `error`; in full only what this Worker wrote itself about its settings. */
export function logCrash(where: string, error: unknown): void {
  const settings = error instanceof SettingsError ? { settings: error.message } : {};
  console.error(JSON.stringify({ event: "auth.crashed", where, ...settings, ...describeCrash(error) }));
}
