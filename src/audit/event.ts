// One record for every tool call and every refused one, and one for every change of who has access. Each is made once, where the
// thing is decided, and never holds a credential, a prompt or a person's words.
import type { Identity } from "../../contracts/rpc/identity.ts";
import type { Risk } from "../tools/risk.ts";

/** Through which door a call came. */
export type Channel = "mcp" | "rpc";

/** What the gateway decided before any backend was asked. */
export type PolicyDecision =
  | "allowed"
  | "unknown_tool"
  | "insufficient_scope"
  /** Something that costs credits, asked for with a test key. */
  | "test_key_not_allowed"
  | "invalid_arguments"
  /** A person must say yes first: `outcome` is `asked`, or says why nobody was. */
  | "confirmation_required"
  /** The person said no. */
  | "declined"
  /** What came back with a person's answer was not made for this call, was used before, or is too old. */
  | "state_refused"
  /** The credential is not good, or nobody could tell: `outcome` says which. */
  | "unauthenticated"
  | "rate_limited"
  | "payment_required";

export interface AuditEvent {
  readonly type: "tool.called";
  /** When the call ended, ISO 8601, UTC. */
  readonly at: string;
  readonly traceId: string;
  readonly channel: Channel;
  readonly subject: string;
  readonly tenantId: string | null;
  readonly clientId: string;
  readonly tier: Identity["tier"];
  readonly scopes: Identity["scopes"];
  /** The tool as asked for; a name that the catalog does not have is shown only where it looks like a tool's name. */
  readonly tool: string;
  /** `null` for a tool that does not exist. */
  readonly risk: Risk | null;
  /** What the tool was then: see `src/tools/digest.ts`. `null` for a tool that does not exist. */
  readonly toolDigest: string | null;
  readonly decision: PolicyDecision;
  /** `ok`; `cancelled` where the backend was told that nobody waits any more; or the code of the refusal or fault. */
  readonly outcome: string;
  /** Milliseconds from the call's arrival in the pipeline to its answer. */
  readonly durationMs: number;
  /** See `redact.ts`. */
  readonly input: unknown;
}

/** A resource was asked for, by its address: through MCP only. */
export interface ReadEvent
  extends Pick<
    AuditEvent,
    | "at"
    | "traceId"
    | "channel"
    | "subject"
    | "tenantId"
    | "clientId"
    | "tier"
    | "scopes"
    | "outcome"
    | "durationMs"
    | "input"
  > {
  readonly type: "resource.read";
  /** The resource or template by its name; `null` for an address that is none of ours. */
  readonly resource: string | null;
  readonly decision: "allowed" | "insufficient_scope" | "unknown_resource";
}

/** The work of a call that goes on after its answer was looked at, answered or stopped: through MCP only. */
export interface TaskEvent extends Omit<ReadEvent, "type" | "resource" | "decision"> {
  readonly type: "task.read" | "task.updated" | "task.cancelled";
  /** The tool whose work it is; `null` for a task that is none of ours, or not this caller's. */
  readonly tool: string | null;
  readonly decision: "allowed" | "insufficient_scope" | "unknown_task";
}

/** Something that changed who can do what, outside of any tool call. */
export interface AccessEvent {
  readonly type:
    | "grant.made"
    | "grant.declined"
    | "grant.revoked"
    /** A refresh token was used long after it had been replaced: somebody has a copy, so the grant was ended. */
    | "grant.reuse_detected"
    | "key.created"
    | "key.revoked"
    | "token.minted"
    | "session.started"
    | "session.ended"
    /** Every grant and session of the user ended. */
    | "user.revoked";
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly traceId: string;
  readonly subject: string;
  /** The client, or the API key, that it is about; `null` where it is about neither. */
  readonly clientId: string | null;
  /** What was granted or created, where that is what happened. */
  readonly scopes?: readonly string[];
}
