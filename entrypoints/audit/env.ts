// Every binding, variable and secret of this Worker.
import { Defect } from "../../contracts/rpc/crash.ts";
export interface Env {
  /** Keys that verify identity tokens for this Worker: `kid:base64url[,kid:base64url]`. */
  readonly IDENTITY_KEYS: string;
  /** Days for which a record is kept: 1 to 3650. Default: 400. */
  readonly AUDIT_RETENTION_DAYS?: string;
  readonly DB: D1Database;
}

const DAY_MS = 86_400_000;

/** `AUDIT_RETENTION_DAYS` in milliseconds. Throws if the setting is not a number of days. */
export function retentionMs({ AUDIT_RETENTION_DAYS = "400" }: Pick<Env, "AUDIT_RETENTION_DAYS">): number {
  const days = /^[1-9]\d{0,3}$/.test(AUDIT_RETENTION_DAYS) ? Number(AUDIT_RETENTION_DAYS) : Infinity;
  if (days > 3650) throw new Defect("AUDIT_RETENTION_DAYS must be a number of days, 1 to 3650.");
  return days * DAY_MS;
}
