// Every binding and secret of this Worker.
import type { FlowObject } from "./flow-object.ts";

export interface Env {
  /** Keys that identity tokens for this Worker are signed with: `kid:base64url[,kid:base64url]`. */
  readonly IDENTITY_KEYS: string;
  /** One object a flow. */
  readonly FLOWS: DurableObjectNamespace<FlowObject>;
}
