// What the gateway promises to sibling Workers: its tools as typed calls, through the same pipeline as the MCP endpoint.
import { imgForge } from "./img-forge.ts";
import type { FaultCode, Refusal } from "./rpc/call.ts";
import type { ProgressCallback } from "./rpc/call-context.ts";
import type { ToolOperation } from "./rpc/contract.ts";
import type { Scope, Tier } from "./rpc/identity.ts";
import type { BoundaryCode, CodeOf, InputOf, OutputOf } from "./rpc/operation.ts";
import type { Failure, Result } from "./rpc/result.ts";
import { stackbilder } from "./stackbilder.ts";

/** The backends that offer tools, by the name of the binding that reaches them. */
export const TOOL_BACKENDS = { STACKBILDER: stackbilder, IMG_FORGE: imgForge } as const;

type Backends = typeof TOOL_BACKENDS;

/** Tool name to operation, for every tool of every backend. */
export type ToolOperations = {
  [N in keyof Backends["STACKBILDER"]["tools"]]: ToolOperation<Backends["STACKBILDER"], N>;
} & {
  [N in keyof Backends["IMG_FORGE"]["tools"]]: ToolOperation<Backends["IMG_FORGE"], N>;
};
export type ToolName = keyof ToolOperations;

/** Whose rights a sibling uses: those of an OAuth access token, an API key or a JWT of the auth Worker's. Without one it acts as itself. */
export type PresentedCredential =
  | { readonly accessToken: string; readonly apiKey?: never; readonly jwt?: never }
  | { readonly apiKey: string; readonly accessToken?: never; readonly jwt?: never }
  | { readonly jwt: string; readonly accessToken?: never; readonly apiKey?: never };

/** Refusals that any tool call may end with, beside the tool's own and faults of its backend. */
export const GATEWAY_ERRORS = {
  unauthenticated: "This credential is not valid here: it is malformed, expired, revoked or meant for another service.",
  rate_limited: "This credential is used too often. Wait a moment, then try again.",
  payment_required:
    "The account behind this credential has an unpaid bill. Its owner must settle it before anything works again.",
  unavailable: "The credential could not be checked just now. Try again shortly.",
  insufficient_scope: "The credential does not have the scope that this tool needs.",
  test_key_not_allowed: "This tool costs credits, which a test key never spends. Use a live key.",
  confirmation_required:
    "A person must say yes to this call first, and through this connection nobody can be asked. Use a client that speaks MCP 2025-06-18 or later and shows forms (elicitation).",
  declined: "The person who was asked said no to this call. Do not call again unless they ask for it.",
  unknown_tool: "There is no tool with this name.",
  invalid_arguments: "The arguments do not fit the tool's input schema.",
} as const;
export type GatewayCode = keyof typeof GATEWAY_ERRORS | FaultCode;

/** Why a credential opens nothing, or nothing just now. */
export type CredentialCode = "unauthenticated" | "rate_limited" | "payment_required" | "unavailable";

/** Seconds until another try is worth it; a guess. Where a code is absent, waiting does not help. */
export const RETRY_AFTER_SECONDS: { readonly [Code in keyof typeof GATEWAY_ERRORS]?: number } = {
  rate_limited: 60,
  unavailable: 5,
};

/** A refusal with the trace id under which the gateway's logs and audit records have it. */
export interface ToolRefusal<Code extends string = string> extends Refusal<Code> {
  readonly traceId: string;
}

export interface CallToolOptions {
  readonly credential?: PresentedCredential;
  /** W3C trace context to go on with; a new trace starts where it is absent or malformed. */
  readonly traceparent?: string;
  /** The same key twice is the same request twice. */
  readonly idempotencyKey?: string;
  readonly onProgress?: ProgressCallback;
}

/** One tool as a sibling sees it. */
export interface ToolListing {
  readonly name: ToolName;
  readonly title: string;
  readonly description: string;
  readonly scope: Scope;
  /** JSON Schema 2020-12, as a JSON string: a recursive type does not cross a binding's types. */
  readonly inputSchemaJson: string;
  readonly outputSchemaJson: string;
}

/** Who is bound: set in the sibling's `wrangler.toml` at deploy time (`props`), so a request cannot forge it. */
export interface SiblingProps {
  /** The sibling's name, `^[a-z][a-z0-9-]{0,39}$`. */
  readonly caller: string;
  /** The most that the sibling may do, also with a user's credential. */
  readonly scopes: readonly Scope[];
  /** The plan under which it acts as itself. Default: free. */
  readonly tier?: Tier;
}

/** `GatewayEntrypoint`: bind it with `entrypoint = "GatewayEntrypoint"` and `props` of the shape of `SiblingProps`. */
export interface GatewayContract {
  /** The tools that the credential, or the sibling itself, may call. */
  listTools(credential?: PresentedCredential): Promise<Result<readonly ToolListing[], ToolRefusal<GatewayCode>>>;
  /** Calls a tool. Nothing is thrown: every refusal and every fault is a value with a code and a trace id. */
  callTool<Name extends ToolName>(
    name: Name,
    input: InputOf<ToolOperations[Name]>,
    options?: CallToolOptions,
  ): Promise<Result<OutputOf<ToolOperations[Name]>, ToolRefusal<CodeOf<ToolOperations[Name]> | GatewayCode>>>;
}

/** `GatewayAdminEntrypoint`: for the auth Worker alone, bound with `props = { caller = "stackbilt-auth" }`. */
export interface GatewayAdminContract {
  /**
   * Ends every grant, token and browser session of a user, for one who was disabled or whose password was changed. Idempotent.
   * `unauthenticated` for any other binding, `invalid_input` for what is no user id, `internal` where it may not have been done.
   */
  revokeUser(userId: string): Promise<Result<{ readonly revokedGrants: number }, Failure<BoundaryCode>>>;
}
