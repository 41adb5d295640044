// The log line of an unexpected error.
import { logError } from "../../contracts/log.ts";
import { describeCrash } from "../../contracts/rpc/crash.ts";
import { SettingsError } from "./settings.ts";

/**
 * Logs the safe part of `error`; the message in full only if it is this Worker's own, about its
 * settings.
 */
export function logCrash(where: string, error: unknown): void {
  const settings = error instanceof SettingsError ? { settings: error.message } : {};
  logError("auth.crashed", { where, ...settings, ...describeCrash(error) });
}
