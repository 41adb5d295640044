// Every binding and secret of this Worker.
import { Defect } from "../../contracts/rpc/crash.ts";
import type { FlowObject } from "./flow-object.ts";
import type { RecentFlows } from "./recent-flows.ts";

export interface Env {
  /** Keys that verify identity tokens for this Worker: `kid:base64url[,kid:base64url]`. */
  readonly IDENTITY_KEYS: string;
  /** Days for which a flow is kept after its creation: 1 to 3650. Default: 90. */
  readonly RETENTION_DAYS?: string;
  /** One object per flow, and one per idempotency key. */
  readonly FLOWS: DurableObjectNamespace<FlowObject>;
  /** The latest flows, one object per owner. */
  readonly RECENT_FLOWS: DurableObjectNamespace<RecentFlows>;
  /** For tests of recovery: the mode that fails the first time that a flow runs it, e.g. `RISK`. */
  readonly FAIL_MODE?: string;
}

const DAY_MS = 86_400_000;

/** `RETENTION_DAYS` in milliseconds. Throws if the setting is not a number of days. */
export function retentionMs({ RETENTION_DAYS = "90" }: Pick<Env, "RETENTION_DAYS">): number {
  const days = /^[1-9]\d{0,3}$/.test(RETENTION_DAYS) ? Number(RETENTION_DAYS) : Infinity;
  if (days > 3650) throw new Defect("RETENTION_DAYS must be a number of days, 1 to 3650.");
  return days * DAY_MS;
}
