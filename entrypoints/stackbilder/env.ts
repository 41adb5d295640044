// Every binding and secret of this Worker.
import type { FlowObject } from "./flow-object.ts";
import type { RecentFlows } from "./recent-flows.ts";
import type { UsedTokens } from "./used-tokens.ts";

export interface Env {
  /** Keys that identity tokens for this Worker are signed with: `kid:base64url[,kid:base64url]`. */
  readonly IDENTITY_KEYS: string;
  /** One object a flow. */
  readonly FLOWS: DurableObjectNamespace<FlowObject>;
  /** The latest flows, by owner. */
  readonly RECENT_FLOWS: DurableObjectNamespace<RecentFlows>;
  /** Identity tokens that were good once, by the last character of their id. */
  readonly USED_TOKENS: DurableObjectNamespace<UsedTokens>;
}
