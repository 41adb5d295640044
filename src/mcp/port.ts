// The port between the MCP wire and the gateway: everything that the wire needs from a server, and
// nothing about products or OAuth.
import type { ProgressCallback } from "../../contracts/rpc/call-context.ts";
import type { Overrun } from "../limits/rate-limits.ts";
import type {
  CallToolResult,
  ClientCapabilities,
  Completion,
  DetailedTask,
  Implementation,
  InputRequest,
  LogLevel,
  Prompt,
  Resource,
  ResourceContents,
  ResourceTemplate,
  Task,
  Tool,
} from "./schema.ts";

/** Everything that is constant for one kind of client. Its JSON is made once an isolate. */
export interface ServerFeatures {
  readonly info: Implementation;
  /** For the model: the purpose of this server. */
  readonly instructions: string;
  /** Lists are in the order in which clients receive them. */
  readonly tools: readonly Tool[];
  readonly prompts: readonly Prompt[];
  readonly resources: readonly Resource[];
  readonly templates: readonly ResourceTemplate[];
  /** Protocol extensions with their settings. */
  readonly extensions: Readonly<Record<string, object>>;
  /**
   * Additions to the `_meta` of `server/discover`, under names of our own. Always the same value.
   */
  meta(): Promise<Readonly<Record<string, unknown>>>;
}

/** Input from the client beside the params of a method (2026-07-28, basic/patterns/mrtr). */
export interface ClientInput {
  /** Declared by this very request. */
  readonly capabilities: ClientCapabilities;
  /**
   * Responses to the input requests of the previous `InputRequired`, by name. Content is unchecked.
   */
  readonly inputResponses: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** The state that came with that `InputRequired`, as the client repeats it. */
  readonly requestState: string | undefined;
}

/** The client must send the request again, with responses to `inputRequests` and with the state. */
export interface InputRequired {
  readonly state: "input_required";
  /** Under names of the server's own. */
  readonly inputRequests: Readonly<Record<string, InputRequest>>;
  readonly requestState?: string;
}

/** Invalid params; `message` is a sentence of the server's. */
export interface Invalid {
  readonly state: "invalid";
  readonly message: string;
}

/** The request needs a client with more capabilities than this one declares. */
export interface MissingCapability {
  readonly state: "missing_capability";
  readonly requiredCapabilities: Readonly<Record<string, object>>;
}

/**
 * The credential lacks these scopes. All that are needed are listed, so that one step-up is enough.
 */
export interface InsufficientScope {
  readonly state: "insufficient_scope";
  readonly scopes: readonly string[];
}

/** The resource, prompt or task does not exist, or belongs to another user. */
export interface NotFound {
  readonly state: "not_found";
}

/** The server failed; `message` is a sentence of the server's. */
export interface Failed {
  readonly state: "failed";
  readonly message: string;
}

/** The identity has used up its requests. */
export interface RateLimited extends Overrun {
  readonly state: "rate_limited";
}

export type ReadResourceResult =
  | NotFound
  | RateLimited
  | InputRequired
  | Invalid
  | MissingCapability
  | InsufficientScope
  | Failed
  /** `ttlMs`: how long the client may cache the contents. */
  | { readonly state: "read"; readonly contents: readonly ResourceContents[]; readonly ttlMs: number };

export type GetPromptResult =
  | NotFound
  | InputRequired
  | Invalid
  | MissingCapability
  /** `messages`: `PromptMessage` of the MCP schema. */
  | { readonly state: "filled"; readonly description: string; readonly messages: readonly object[] };

/** An argument of a prompt, or a variable of a resource template, that is being typed. */
export interface CompletionRequest {
  readonly of: { readonly prompt: string } | { readonly template: string };
  readonly name: string;
  readonly value: string;
  /** Arguments with a value already. */
  readonly others: Readonly<Record<string, string>>;
}

/** The work of a call continues after the response; the client can poll the task at once. */
export interface TaskStarted {
  readonly state: "task";
  readonly task: Task;
}

/**
 * A tool call that may run, or the reason why not. Refusals are told apart here because each has an
 * HTTP status.
 */
export type PreparedCall =
  | { readonly state: "unknown_tool" }
  | InsufficientScope
  | MissingCapability
  /** Refused for a reason that the model can act on. */
  | { readonly state: "refused"; readonly result: CallToolResult }
  | ReadyCall;

export interface ReadyCall {
  readonly state: "ready";
  /** True if a repeated call must not repeat the work: its response must not be lost unnoticed. */
  readonly isChange?: boolean;
  /** `lost` is aborted, also later, as soon as the response cannot reach the client. */
  run(progress?: ProgressCallback, log?: Log, lost?: AbortSignal): Promise<ToolOutcome>;
}

/** Members of the `_meta` of a call, validated. */
export interface CallMeta {
  readonly traceparent: string | undefined;
  /** Calls with the same key are one call. */
  readonly idempotencyKey?: string | undefined;
}

/** The result of a call, with the JSON of `structuredContent` where that has been made already. */
export interface ToolResult extends CallToolResult {
  readonly structuredJson?: string;
}

export type ToolOutcome = ToolResult | InputRequired | Invalid | TaskStarted;

/**
 * Sends a log message to the client, which may have asked for less. It must not contain secrets.
 */
export type Log = (level: LogLevel, data: unknown) => void;

/**
 * The gateway, for the client that sent the request. `traceparent` is the one of the message, if it
 * has one. `clientInput` is absent for revisions without input requests and without a session: such
 * a client cannot be asked.
 */
export interface McpServer {
  readonly features: ServerFeatures;
  prepareCall(
    name: string,
    args: unknown,
    meta: CallMeta,
    clientInput?: ClientInput,
  ): PreparedCall | Promise<PreparedCall>;
  /** Says what would become of a call, without making it. Present if `features` says so. */
  explain?(
    name: string,
    args: unknown,
    traceparent: string | undefined,
    clientInput?: ClientInput,
  ): Promise<{ readonly state: "unknown_tool" } | { readonly state: "explained"; readonly explanation: object }>;
  /** Resources that come and go, beside those of `features`. Absent if there can be none. */
  listResources?(traceparent: string | undefined): Promise<readonly Resource[] | RateLimited>;
  /** Reads a listed resource, or one that a template describes. */
  readResource(uri: string, traceparent: string | undefined, clientInput?: ClientInput): Promise<ReadResourceResult>;
  getPrompt(name: string, args: Readonly<Record<string, string>>, clientInput?: ClientInput): Promise<GetPromptResult>;
  /** `null`: no such prompt, template or argument. */
  complete(request: CompletionRequest, traceparent: string | undefined): Promise<Completion | RateLimited | null>;
  /** Present if `features` has the Tasks extension. */
  readonly tasks?: Tasks;
}

export type PrepareCall = McpServer["prepareCall"];

export type TaskRefused = NotFound | RateLimited | InsufficientScope | Failed;

/** Tasks of the user who sent the request. */
export interface Tasks {
  get(
    taskId: string,
    traceparent: string | undefined,
  ): Promise<TaskRefused | { readonly state: "found"; readonly task: DetailedTask }>;
  /** Delivers input responses. Names that were not requested are ignored. */
  update(
    taskId: string,
    inputResponses: ClientInput["inputResponses"],
    traceparent: string | undefined,
  ): Promise<TaskRefused | { readonly state: "done" }>;
  /** Stops the work unless it has ended. */
  cancel(taskId: string, traceparent: string | undefined): Promise<TaskRefused | { readonly state: "done" }>;
}

/** A result that the wire cannot write: only the resource server can challenge for more scopes. */
export interface ScopeNeeded {
  readonly scopesNeeded: readonly string[];
}
