// One record for every tool call and every refused one. It is made once, where the pipeline ends, and never holds a credential, a
// prompt or a person's words.
import type { Identity } from "../../contracts/rpc/identity.ts";
import type { Risk } from "../tools/risk.ts";

/** Through which door a call came. */
export type Door = "mcp" | "rpc";

/** What the gateway decided before any backend was asked. */
export type PolicyDecision = "allowed" | "unknown_tool" | "insufficient_scope" | "invalid_arguments" | "unauthenticated";

export interface AuditEvent {
  readonly type: "tool.called";
  /** When the call ended, ISO 8601, UTC. */
  readonly at: string;
  readonly traceId: string;
  readonly door: Door;
  readonly subject: string;
  readonly tenantId: string | null;
  readonly clientId: string;
  readonly tier: Identity["tier"];
  readonly scopes: Identity["scopes"];
  /** The tool as asked for; a name that the catalog does not have is shown only where it looks like a tool's name. */
  readonly tool: string;
  /** `null` for a tool that does not exist. */
  readonly risk: Risk | null;
  readonly decision: PolicyDecision;
  /** `ok`, or the code of the refusal or fault. */
  readonly outcome: string;
  /** Milliseconds from the call's arrival in the pipeline to its answer. */
  readonly durationMs: number;
  /** See `redact.ts`. */
  readonly input: unknown;
}
