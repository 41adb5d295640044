// Audit events: one for every tool call, also a refused one, one for every read of a resource or a
// task, and one for every change of access. None holds a credential, a prompt or a user's own
// words.
import type { Risk } from "../../contracts/gateway.ts";
import type { Identity } from "../../contracts/rpc/identity.ts";

/** The entrypoint that a call came through: the MCP endpoint, or RPC from a sibling Worker. */
export type Channel = "mcp" | "rpc";

/** The gateway's decision before a backend is called. */
export type PolicyDecision =
  | "allowed"
  | "unknown_tool"
  | "insufficient_scope"
  /** A tool that costs credits, called with a test key. */
  | "test_key_not_allowed"
  | "invalid_arguments"
  /** The plan does not include this call: `outcome` is the contract's code for it. */
  | "not_in_plan"
  /**
   * The user must confirm first. `outcome` is `asked`, or the reason why the user could not be
   * asked.
   */
  | "confirmation_required"
  /** The user declined. */
  | "declined"
  /** The returned request state was made for another call, was used before, or has expired. */
  | "state_refused"
  /** The credential is not valid, or could not be checked: `outcome` says which. */
  | "unauthenticated"
  | "rate_limited"
  | "payment_required"
  /** Less is left of the plan's credits, or the ledger did not say: `outcome` says which. */
  | "quota_exceeded"
  /** The idempotency key belongs to a call with another input. */
  | "idempotency_conflict"
  /** The intent could not be stored, and the call may not proceed without. */
  | "audit_unavailable";

/** Fields of every event about one request of one identity. */
interface RequestEvent {
  /** End of the request, ISO 8601, UTC. */
  readonly at: string;
  readonly traceId: string;
  readonly channel: Channel;
  readonly subject: string;
  readonly tenantId: string | null;
  readonly clientId: string;
  readonly tier: Identity["tier"];
  readonly scopes: Identity["scopes"];
  /**
   * `ok`; `cancelled` if the backend was told that the client is gone; otherwise the code of the
   * refusal or fault.
   */
  readonly outcome: string;
  /** Milliseconds from the request's arrival in the pipeline to its result. */
  readonly durationMs: number;
  /** Redacted: see `redact.ts`. */
  readonly input: unknown;
}

/** The intent of a call that is not READ_ONLY, stored before its dispatch. `outcome`: `started`. */
export interface CallStartedEvent extends RequestEvent {
  readonly type: "tool.started";
  /** Also that of the call's record of its outcome, and of its reservation. */
  readonly callId: string;
  readonly tool: string;
  readonly risk: Risk;
  readonly toolDigest: string;
  /** That the call costs. */
  readonly credits: number;
}

export interface ToolCallEvent extends RequestEvent {
  readonly type: "tool.called";
  /** Also of the intent, if that could be stored. Absent for READ_ONLY calls and refused ones. */
  readonly callId?: string;
  /** That the call costs if it is charged. Absent where `callId` is. */
  readonly credits?: number;
  /** The tool's name. Of a name that is none of a tool, the length. */
  readonly tool: string;
  /** `null` for an unknown tool. */
  readonly risk: Risk | null;
  /**
   * Identifies the definition of the tool at that time (`src/tools/digest.ts`); `null` for an
   * unknown tool.
   */
  readonly toolDigest: string | null;
  readonly decision: PolicyDecision;
}

/** The late settlement of a call whose outcome was unknown, or whose work went on after it. */
export interface SettlementEvent {
  readonly type: "call.settled";
  /** ISO 8601, UTC. */
  readonly at: string;
  /** Of the call. */
  readonly traceId: string;
  readonly callId: string;
  readonly tool: string;
  readonly subject: string;
  readonly tenantId: string | null;
  readonly clientId: string;
  /** State of the work at its backend, or the code that says that there is none. */
  readonly outcome: string;
  readonly credits: number;
  /** True if the credits were charged; false if they were returned. */
  readonly isCommitted: boolean;
}

/** A read of a resource. MCP only. */
export interface ResourceReadEvent extends RequestEvent {
  readonly type: "resource.read";
  /** Name of the resource or template; `null` for an unknown URI. */
  readonly resource: string | null;
  readonly decision: "allowed" | "insufficient_scope" | "unknown_resource";
}

/** A task that was polled, updated or cancelled. MCP only. */
export interface TaskEvent extends RequestEvent {
  readonly type: "task.read" | "task.updated" | "task.cancelled";
  /** The tool whose work it is; `null` for an unknown task, also one of another user. */
  readonly tool: string | null;
  readonly decision: "allowed" | "insufficient_scope" | "unknown_task";
}

/** A change of access, outside of any tool call. */
export interface AccessEvent {
  readonly type:
    | "grant.made"
    | "grant.declined"
    | "grant.revoked"
    /**
     * A rotated refresh token was used again after the grace period, so it was copied: the grant
     * was ended.
     */
    | "grant.reuse_detected"
    | "key.created"
    | "key.revoked"
    | "token.minted"
    | "session.started"
    | "session.ended"
    /** Every grant and session of the user was ended. */
    | "user.revoked"
    /** The user downloaded what is stored about them. */
    | "data.exported"
    /** The user deleted the account. */
    | "account.deleted";
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly traceId: string;
  /** The user; `null` in the platform's own chain, which is never erased. */
  readonly subject: string | null;
  /** `null` if the auth Worker did not name it. */
  readonly tenantId: string | null;
  /** The client or API key concerned; `null` if neither is. */
  readonly clientId: string | null;
  /** The scopes that were granted, if any were. */
  readonly scopes?: readonly string[];
}

export type AuditEvent =
  | CallStartedEvent
  | ToolCallEvent
  | SettlementEvent
  | ResourceReadEvent
  | TaskEvent
  | AccessEvent;
