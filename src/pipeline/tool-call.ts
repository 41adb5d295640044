// The types of a tool call on its way through the pipeline.
import type { CredentialCode, GatewayCode, ToolRefusal } from "../../contracts/gateway.ts";
import type { Identity, Scope } from "../../contracts/rpc/identity.ts";
import type { Result } from "../../contracts/rpc/result.ts";
import type { Channel } from "../audit/event.ts";
import type { Recorder } from "../audit/recorder.ts";
import type { RequestContext } from "../context.ts";
import type { ClientInput, InputRequired, Invalid, TaskStarted } from "../mcp/port.ts";
import type { Catalog } from "../tools/catalog.ts";
import type { ToolDefinition } from "../tools/tool-definition.ts";

/** A tool call as it arrives. */
export interface ToolCallRequest {
  readonly catalog: Catalog;
  readonly name: string;
  readonly args: unknown;
  readonly identity: Identity;
  readonly channel: Channel;
  readonly idempotencyKey?: string | undefined;
  /** Checks the credential again at its source. Absent if there is none. Never throws. */
  readonly revalidate?: (() => Promise<"good" | CredentialCode>) | undefined;
  /** Absent if the user cannot be asked through this channel. */
  readonly clientInput?: ClientInput | undefined;
  /** True if the client accepts a task in place of the result. */
  readonly allowTask?: boolean;
  /** Aborted as soon as the answer cannot reach the client. Absent if that cannot be known. */
  readonly lost?: AbortSignal | undefined;
}

/** A call whose tool exists and whose identity has the scopes. */
export interface AuthorizedCall extends ToolCallRequest {
  readonly state: "authorized";
  readonly context: RequestContext;
  readonly tool: ToolDefinition;
  readonly recorder: Recorder;
}

/** The request's catalog has no tool of this name. */
export interface UnknownTool {
  readonly state: "unknown_tool";
}

/** The identity lacks the tool's scope. `scopes`: all to ask for. */
export interface ScopesMissing {
  readonly state: "insufficient_scope";
  readonly tool: ToolDefinition;
  readonly scopes: readonly Scope[];
}

/** The call has ended, with a value or a refusal. */
export interface Completed {
  readonly state: "completed";
  readonly tool: ToolDefinition;
  readonly result: Result<object, ToolRefusal<GatewayCode | string>>;
}

export type CallOutcome = Completed | InputRequired | Invalid | TaskStarted;
