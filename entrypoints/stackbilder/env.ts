// Every binding and secret of this Worker.
import type { FlowObject } from "./flow-object.ts";
import type { RecentFlows } from "./recent-flows.ts";

export interface Env {
  /** Keys that verify identity tokens for this Worker: `kid:base64url[,kid:base64url]`. */
  readonly IDENTITY_KEYS: string;
  /** One object per flow. */
  readonly FLOWS: DurableObjectNamespace<FlowObject>;
  /** The latest flows, one object per owner. */
  readonly RECENT_FLOWS: DurableObjectNamespace<RecentFlows>;
  /** For tests of recovery: the mode that fails the first time that a flow runs it, e.g. `RISK`. */
  readonly FAIL_MODE?: string;
}
