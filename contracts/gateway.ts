// Contract of the gateway with sibling Workers: its tools as typed calls, through the same pipeline
// as the MCP endpoint.
import * as v from "valibot";
import { Balance } from "./auth.ts";
import type { Backends, ToolBackendName } from "./backends.ts";
import type { FaultCode, Refusal } from "./rpc/call.ts";
import type { ProgressCallback } from "./rpc/call-context.ts";
import type { ToolOperation } from "./rpc/contract.ts";
import { Scope, type Tier } from "./rpc/identity.ts";
import type { BoundaryCode, CodeOf, InputOf, OutputOf } from "./rpc/operation.ts";
import type { Failure, Result } from "./rpc/result.ts";

type OperationsByBackend = {
  [B in ToolBackendName]: {
    [Name in keyof Backends[B]["tools"] & string]: ToolOperation<Backends[B], Name>;
  };
};
type Operations = OperationsByBackend[ToolBackendName];

/** The name of a tool of any backend. */
export type ToolName = Operations extends infer One ? (One extends unknown ? keyof One : never) : never;

/** Tool name to operation, for every tool of every backend. */
export type ToolOperations = { [Name in ToolName]: Extract<Operations, Record<Name, unknown>>[Name] };

/**
 * A user's credential: an OAuth access token, an API key or a JWT of the auth Worker. Without one,
 * the sibling acts as itself.
 */
export type PresentedCredential =
  | { readonly accessToken: string; readonly apiKey?: never; readonly jwt?: never }
  | { readonly apiKey: string; readonly accessToken?: never; readonly jwt?: never }
  | { readonly jwt: string; readonly accessToken?: never; readonly apiKey?: never };

/** Refusals of any tool call, beside those of the tool and the faults of its backend. */
export const GATEWAY_ERRORS = {
  unauthenticated:
    "This credential is not valid here: it is malformed, expired, revoked or issued for another service. Use a new one; its owner makes keys on the account page, /apps.",
  rate_limited:
    "Too many requests within a minute: with this credential, or with invalid ones from the same address. Wait, then try again.",
  payment_required:
    "The account of this credential has an unpaid bill. Its owner must pay it before any call works again.",
  unavailable: "The credential could not be checked. Try again shortly.",
  insufficient_scope:
    "The credential does not have the scope that this tool needs. Use one that has it, or a tool from the list of this credential.",
  test_key_not_allowed: "This tool costs credits, which a test key never spends. Use a live key.",
  confirmation_required:
    "The user must confirm this call, and this connection cannot ask the user. Use a client that supports MCP 2025-06-18 or later with forms (elicitation).",
  declined: "The user declined this call. Do not call again unless the user asks for it.",
  unknown_tool: "There is no tool with this name. List the tools, and use a name from there.",
  quota_exceeded:
    "The plan's credits for this month are used up, or less is left than this call costs. Tell the user; do not call again before they are renewed.",
  idempotency_conflict:
    "This idempotency key belongs to an earlier call with other arguments. Use a new key for a new call.",
  audit_unavailable: "The call could not be recorded, so it was not made. Try again shortly.",
  invalid_arguments: "The arguments do not match the tool's input schema. Send what the schema describes.",
  internal: "The gateway failed. If trying again does not help, report the trace id.",
} as const;
export type GatewayCode = keyof typeof GATEWAY_ERRORS | FaultCode;

/** Reasons to reject a credential. */
export type CredentialCode = "unauthenticated" | "rate_limited" | "payment_required" | "unavailable";

/** Seconds to wait before a retry (an estimate). For any other code, waiting does not help. */
export const RETRY_AFTER_SECONDS: { readonly [Code in keyof typeof GATEWAY_ERRORS]?: number } = {
  rate_limited: 60,
  unavailable: 5,
  audit_unavailable: 5,
};

/** The limit that a request has reached. */
export interface ReachedLimit {
  /** The plan that it belongs to; `null`: it is the same for every plan. */
  readonly plan: Tier | null;
  readonly unit: "requests" | "credits";
  /** Units in each period. */
  readonly allowed: number;
  readonly period: "minute" | "hour" | "day" | "month";
  readonly left: number;
  /** The end of the period, ISO 8601, UTC. Of a minute: the latest instant at which it may end. */
  readonly resetsAt: string;
}

/** The earlier call that an idempotency key belongs to. Instants are ISO 8601, UTC. */
export interface TakenKey {
  /** Names of the arguments that differ. */
  readonly differing: readonly string[];
  readonly since: string;
  /** From then on, the key is free. */
  readonly until: string;
}

/** A refusal with the trace id of the gateway's logs and audit records. */
export interface ToolRefusal<Code extends string = string> extends Refusal<Code> {
  readonly traceId: string;
  /** With `quota_exceeded`, and with `rate_limited` if the limit is one of the gateway's. */
  readonly limit?: ReachedLimit;
  /** With `idempotency_conflict`. */
  readonly key?: TakenKey;
}

/**
 * Risk of a tool. `READ_ONLY` changes nothing. `LOCAL_MUTATION` changes only data of the user on
 * this platform. `EXTERNAL_MUTATION` also starts work outside the platform. `DESTRUCTIVE` cannot be
 * undone.
 */
export const RISKS = ["READ_ONLY", "LOCAL_MUTATION", "EXTERNAL_MUTATION", "DESTRUCTIVE"] as const;
export const Risk = v.picklist(RISKS);
export type Risk = v.InferOutput<typeof Risk>;

const RefusalFields = v.object({ code: v.string(), message: v.string(), traceId: v.string() });
/**
 * The future of a call, found without making it: nothing is dispatched, reserved, asked, recorded
 * or counted against the plan. Rate limits and idempotency keys play no part.
 */
export const Explanation = v.object({
  /** True if the call would reach its backend now; with `wouldAsk`, if the user accepts. */
  isAllowed: v.boolean(),
  /** The refusal that the call would get now. Absent if it is allowed. */
  refusal: v.optional(v.custom<ToolRefusal>((value) => v.is(RefusalFields, value))),
  risk: Risk,
  /** That the tool needs. */
  scope: Scope,
  /** That the call costs if it succeeds; `null` if it was refused before the price was known. */
  credits: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0))),
  /** Before the call; `null` if it is free, was refused before, or the ledger did not answer. */
  balance: v.nullable(Balance),
  /**
   * True if the user would be asked to confirm. A connection that cannot ask gets the refusal
   * `confirmation_required` instead.
   */
  wouldAsk: v.boolean(),
  /** The longest wait for the backend, in milliseconds. */
  deadlineMs: v.pipe(v.number(), v.integer(), v.minValue(1)),
});
export type Explanation = v.InferOutput<typeof Explanation>;

/** Options of one call of a session. */
export interface SessionCallOptions {
  /** W3C trace context to continue. A new trace starts if it is absent or malformed. */
  readonly traceparent?: string;
  /** Calls with the same key are one request. */
  readonly idempotencyKey?: string;
  readonly onProgress?: ProgressCallback;
}

export interface CallToolOptions extends SessionCallOptions {
  readonly credential?: PresentedCredential;
}

/** The value of a tool, or the refusal of the call. */
export type ToolResult<Name extends ToolName> = Result<
  OutputOf<ToolOperations[Name]>,
  ToolRefusal<CodeOf<ToolOperations[Name]> | GatewayCode>
>;

/** A tool as a method. The input is optional if the tool needs no argument. */
export type ToolMethod<Name extends ToolName> =
  Record<never, never> extends InputOf<ToolOperations[Name]>
    ? (input?: InputOf<ToolOperations[Name]>, options?: SessionCallOptions) => Promise<ToolResult<Name>>
    : (input: InputOf<ToolOperations[Name]>, options?: SessionCallOptions) => Promise<ToolResult<Name>>;

/**
 * An object that an RPC method returns. Its methods can be called before it has arrived: call and
 * method take one round trip together (promise pipelining).
 */
export type Pipelined<T> = T & Promise<T>;

/** An explanation, or the refusal of a request that names no tool or has no valid credential. */
export type ExplanationResult = Result<Explanation, ToolRefusal<GatewayCode>>;

/** The methods of a session beside the tools. */
export interface SessionControl<Tools extends ToolName> extends Disposable {
  /** Lists the tools of this session that its credential may call. */
  tools(): Promise<Result<readonly ToolListing[], ToolRefusal<GatewayCode>>>;
  /** Says what would become of a call, without making it. */
  explain<Name extends Tools>(tool: Name, input: InputOf<ToolOperations[Name]>): Promise<ExplanationResult>;
  /**
   * A session with these of this session's tools, to hand to code that needs no more. Every other
   * tool is an `unknown_tool` there. It outlives this session.
   */
  only<Name extends Tools>(...names: readonly Name[]): Pipelined<GatewaySession<Name>>;
}

/**
 * The tools as methods, for one credential. The credential is checked with each call. Every tool
 * has its method: one that the credential may not call returns `insufficient_scope`.
 */
export type GatewaySession<Tools extends ToolName = ToolName> = {
  readonly [Name in Tools]: ToolMethod<Name>;
} & SessionControl<Tools>;

/** A tool in the list for siblings. */
export interface ToolListing {
  readonly name: ToolName;
  readonly title: string;
  readonly description: string;
  readonly scope: Scope;
  /**
   * JSON Schema 2020-12 as a JSON string: the types of a binding cannot express a recursive type.
   */
  readonly inputSchemaJson: string;
  readonly outputSchemaJson: string;
}

/**
 * `props` of the binding, set in the sibling's `wrangler.toml` at deploy time: no request can forge
 * them.
 */
export interface SiblingProps {
  /** The sibling's name, `^[a-z][a-z0-9-]{0,39}$`. */
  readonly caller: string;
  /** Upper limit of the sibling's scopes, also with a user's credential. */
  readonly scopes: readonly Scope[];
  /** The plan of the sibling when it acts as itself. Default: free. */
  readonly tier?: Tier;
}

/** Bind it with `entrypoint = "GatewayEntrypoint"` and `props` as in `SiblingProps`. */
export interface GatewayContract {
  /** Lists the tools that the credential, or the sibling itself, may call. */
  listTools(credential?: PresentedCredential): Promise<Result<readonly ToolListing[], ToolRefusal<GatewayCode>>>;
  /**
   * Calls a tool. Never throws: each refusal and each fault is a value with a code and a trace id.
   */
  callTool<Name extends ToolName>(
    name: Name,
    input: InputOf<ToolOperations[Name]>,
    options?: CallToolOptions,
  ): Promise<ToolResult<Name>>;
  /**
   * Says what would become of a call, for the credential's owner or for the sibling itself, without
   * making it. Never throws.
   */
  explain<Name extends ToolName>(
    tool: Name,
    input: InputOf<ToolOperations[Name]>,
    credential?: PresentedCredential,
  ): Promise<ExplanationResult>;
  /**
   * The tools as typed methods, in the name of the credential's owner or of the sibling itself:
   * `await env.GATEWAY.session({ apiKey }).image_generate({ prompt })` is one round trip. Checks
   * nothing by itself: with a credential that is not valid, every method returns `unauthenticated`.
   */
  session(credential?: PresentedCredential): Pipelined<GatewaySession>;
}

/**
 * Only for the auth Worker: bind `GatewayAdminEntrypoint` with `props = { caller = "stackbilt-auth"
 * }`.
 */
export interface GatewayAdminContract {
  /**
   * Ends every grant, token and browser session of a user, after the user was disabled or the
   * password was changed. With `untilMs` (milliseconds since the Unix epoch), those of sign-ins up
   * to that instant: a call that is late or repeated ends no later sign-in. Idempotent.
   * Fails with `unauthenticated` for any other binding, with `invalid_input` for a malformed user
   * id or an instant that is yet to come, with `internal` if it may be incomplete.
   */
  revokeUser(
    userId: string,
    options?: { readonly untilMs: number },
  ): Promise<Result<{ readonly revokedGrants: number }, Failure<BoundaryCode>>>;
}
