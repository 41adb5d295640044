// What the gateway promises to sibling Workers: its tools as typed calls, through the same pipeline as the MCP endpoint.
import { imgForge } from "./img-forge.ts";
import type { FaultCode, Refusal } from "./rpc/call.ts";
import type { ProgressCallback } from "./rpc/call-context.ts";
import type { ToolOperation } from "./rpc/contract.ts";
import type { Scope, Tier } from "./rpc/identity.ts";
import type { CodeOf, InputOf, OutputOf } from "./rpc/operation.ts";
import type { Result } from "./rpc/result.ts";
import { stackbilder } from "./stackbilder.ts";

/** The backends that offer tools, by the name of the binding that reaches them. */
export const TOOL_BACKENDS = { STACKBILDER: stackbilder, IMG_FORGE: imgForge } as const;

type Backends = typeof TOOL_BACKENDS;

/** Tool name to operation, for every tool of every backend. */
export type ToolOperations = { [N in keyof Backends["STACKBILDER"]["tools"]]: ToolOperation<Backends["STACKBILDER"], N> } & {
  [N in keyof Backends["IMG_FORGE"]["tools"]]: ToolOperation<Backends["IMG_FORGE"], N>;
};
export type ToolName = keyof ToolOperations;

/** Whose rights a sibling uses: a user's OAuth access token. Without one it acts as itself. */
export interface Credential {
  readonly accessToken: string;
}

/** Refusals that any tool call may end with, beside the tool's own and faults of its backend. */
export const GATEWAY_ERRORS = {
  unauthenticated: "This credential is not valid here: it is malformed, expired, revoked or meant for another service.",
  insufficient_scope: "The credential does not have the scope that this tool needs.",
  unknown_tool: "There is no tool with this name.",
  invalid_arguments: "The arguments do not fit the tool's input schema.",
} as const;
export type GatewayCode = keyof typeof GATEWAY_ERRORS | FaultCode;

/** A refusal with the trace id under which the gateway's logs and audit records have it. */
export interface ToolRefusal<Code extends string = string> extends Refusal<Code> {
  readonly traceId: string;
}

export interface CallToolOptions {
  readonly credential?: Credential;
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
  listTools(credential?: Credential): Promise<Result<readonly ToolListing[], ToolRefusal<GatewayCode>>>;
  /** Calls a tool. Nothing is thrown: every refusal and every fault is a value with a code and a trace id. */
  callTool<Name extends ToolName>(
    name: Name,
    input: InputOf<ToolOperations[Name]>,
    options?: CallToolOptions,
  ): Promise<Result<OutputOf<ToolOperations[Name]>, ToolRefusal<CodeOf<ToolOperations[Name]> | GatewayCode>>>;
}
