// What the wire needs from the gateway: the names of things, and a way to open a tool call. Knows no product and no OAuth.
import type { ProgressCallback } from "../../contracts/rpc/call-context.ts";

/** `Implementation` of the MCP schema. */
export interface Implementation {
  readonly name: string;
  readonly title: string;
  readonly version: string;
}

/** `Tool` of the MCP schema. */
export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: object;
  readonly outputSchema: object;
  readonly annotations: object;
  readonly _meta?: Readonly<Record<string, unknown>>;
}

/** `CallToolResult` of the MCP schema. */
export interface CallToolResult {
  readonly content: readonly object[];
  readonly structuredContent?: object;
  readonly isError?: boolean;
  readonly _meta?: Readonly<Record<string, unknown>>;
}

/** `Prompt` of the MCP schema. */
export interface Prompt {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly arguments: readonly { readonly name: string; readonly description: string; readonly required: boolean }[];
}

/** `Resource` of the MCP schema. */
export interface Resource {
  readonly uri: string;
  readonly name: string;
  readonly title: string;
  readonly description?: string;
  readonly mimeType: string;
  /** In bytes. */
  readonly size?: number;
  /** `lastModified`: ISO 8601. */
  readonly annotations?: { readonly lastModified: string };
  readonly _meta?: Readonly<Record<string, unknown>>;
}

/** `ResourceTemplate` of the MCP schema; `uriTemplate` as in RFC 6570, level 1. */
export interface ResourceTemplate {
  readonly uriTemplate: string;
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly mimeType: string;
}

/** What never changes while an isolate lives. Its JSON is made once. */
export interface ServerFeatures {
  readonly info: Implementation;
  /** For a model: what this server is for. */
  readonly instructions: string;
  /** Each in the order in which it is listed. */
  readonly tools: readonly Tool[];
  readonly prompts: readonly Prompt[];
  readonly resources: readonly Resource[];
  readonly templates: readonly ResourceTemplate[];
  /** Extensions of the protocol that are served, with their settings. */
  readonly extensions: Readonly<Record<string, object>>;
  /** More for the `_meta` of `server/discover`, under names of our own; always the same. */
  meta(): Promise<Readonly<Record<string, unknown>>>;
}

/** `TextResourceContents` or `BlobResourceContents` of the MCP schema; `blob` is base64. */
export type ResourceContents = { readonly uri: string; readonly mimeType: string; readonly _meta?: object } & (
  | { readonly text: string }
  | { readonly blob: string }
);

/** What a client says beside a request's own params (2026-07-28, basic/patterns/mrtr). */
export interface ClientInput {
  /** `ClientCapabilities` of the MCP schema, as this very request declares them. */
  readonly capabilities: Readonly<Record<string, unknown>>;
  /** What the client was asked for in the round before, by the names under which it was asked: anything that a client may send. */
  readonly inputResponses: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** What it was given in the round before, or says it was. */
  readonly requestState: string | undefined;
}

/** `ElicitRequest`, `CreateMessageRequest` or `ListRootsRequest` of the MCP schema. */
export interface InputRequest {
  readonly method: "elicitation/create" | "sampling/createMessage" | "roots/list";
  readonly params: Readonly<Record<string, unknown>>;
}

/** The request goes on when it comes again with what is asked for here, and with the state. */
export interface InputRequired {
  readonly state: "input_required";
  /** Under names of the server's own. */
  readonly inputRequests: Readonly<Record<string, InputRequest>>;
  readonly requestState?: string;
}

/** What the client sent cannot be meant; `message` is one of our sentences. */
export interface Invalid {
  readonly state: "invalid";
  readonly message: string;
}

/** The request takes a client that can do more than this one declares. */
export interface MissingCapability {
  readonly state: "missing_capability";
  /** `ClientCapabilities` of the MCP schema. */
  readonly requiredCapabilities: Readonly<Record<string, object>>;
}

/** A resource that was read, or why not. `not_found` is also the answer for what belongs to somebody else. */
export type ReadResourceResult =
  | { readonly state: "not_found" }
  | InputRequired
  | Invalid
  | MissingCapability
  | { readonly state: "insufficient_scope"; readonly scopes: readonly string[] }
  /** `message` is one of our sentences. */
  | { readonly state: "failed"; readonly message: string }
  /** `ttlMs`: how long the client may keep it. */
  | { readonly state: "read"; readonly contents: readonly ResourceContents[]; readonly ttlMs: number };

/** A prompt that was filled in, or why not. */
export type GetPromptResult =
  | { readonly state: "not_found" }
  | InputRequired
  | Invalid
  | MissingCapability
  /** `messages` as in `GetPromptResult` of the MCP schema. */
  | { readonly state: "filled"; readonly description: string; readonly messages: readonly object[] };

/** What is being typed: an argument of a prompt, or a variable of a resource template. */
export interface CompletionRequest {
  readonly of: { readonly prompt: string } | { readonly template: string };
  readonly name: string;
  readonly value: string;
  /** Arguments that are known already. */
  readonly others: Readonly<Record<string, string>>;
}

/** At most 100 values, best first; `total` where it is known to be more. */
export interface Completion {
  readonly values: readonly string[];
  readonly total?: number;
  readonly hasMore?: boolean;
}

/** `Task` of the Tasks extension. */
export interface Task {
  readonly taskId: string;
  readonly status: "working" | "input_required" | "completed" | "cancelled" | "failed";
  readonly statusMessage?: string;
  /** ISO 8601, both. */
  readonly createdAt: string;
  readonly lastUpdatedAt: string;
  /** From its creation on. */
  readonly ttlMs: number;
  readonly pollIntervalMs: number;
}

/** `DetailedTask` of the Tasks extension. `failed` is for what a call would answer with an error of JSON-RPC. */
export type DetailedTask = Task &
  (
    | { readonly status: "working" | "cancelled" }
    | { readonly status: "input_required"; readonly inputRequests: Readonly<Record<string, InputRequest>> }
    | { readonly status: "completed"; readonly result: CallToolResult }
    | { readonly status: "failed"; readonly error: { readonly code: number; readonly message: string } }
  );

/** The call's work goes on; the task can be asked about from now on. */
export interface TaskStarted {
  readonly state: "task";
  readonly task: Task;
}

/** Why nothing is answered about a task. `not_found` is also the answer for somebody else's. */
export type TaskRefused =
  | { readonly state: "not_found" }
  | { readonly state: "insufficient_scope"; readonly scopes: readonly string[] }
  /** `message` is one of our sentences. */
  | { readonly state: "failed"; readonly message: string };

/** Tasks of whoever sent the request. */
export interface Tasks {
  get(
    taskId: string,
    traceparent: string | undefined,
  ): Promise<TaskRefused | { readonly state: "found"; readonly task: DetailedTask }>;
  /** Hands over what the client was asked for; names that nobody asked for are left out of account. */
  update(
    taskId: string,
    inputResponses: ClientInput["inputResponses"],
    traceparent: string | undefined,
  ): Promise<TaskRefused | { readonly state: "done" }>;
  /** Stops the work, if it still can be. */
  cancel(taskId: string, traceparent: string | undefined): Promise<TaskRefused | { readonly state: "done" }>;
}

/** What a tool call is answered with. */
export type ToolOutcome = CallToolResult | InputRequired | Invalid | TaskStarted;

/** A tool call that may begin, or why it may not. */
export type OpenedToolCall =
  | { readonly state: "unknown_tool" }
  | { readonly state: "insufficient_scope"; readonly scopes: readonly string[] }
  | MissingCapability
  | { readonly state: "ready"; run(progress?: ProgressCallback, log?: Log): Promise<ToolOutcome> };

/** `LoggingLevel` of the MCP schema, the least important first. */
export const LOG_LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Tells the client something beside the answer: it is lost where the client does not want to hear it. No secrets. */
export type Log = (level: LogLevel, data: unknown) => void;

/** Opens a tool call for whoever sent the request. `traceparent` is the one of the message, if it has any. */
export type OpenTool = (
  name: string,
  args: unknown,
  traceparent: string | undefined,
  clientInput?: ClientInput,
) => OpenedToolCall;

/** The gateway behind the wire, for whoever sent the request. Who speaks an older revision, without a session, has no `aside` and cannot be asked. */
export interface McpServer {
  readonly features: ServerFeatures;
  readonly openTool: OpenTool;
  /** Resources beside those of the features, where there can be any: they come and go. */
  listResources?(traceparent: string | undefined): Promise<readonly Resource[]>;
  /** Reads a listed resource, or one that a template describes. */
  readResource(uri: string, traceparent: string | undefined, clientInput?: ClientInput): Promise<ReadResourceResult>;
  getPrompt(name: string, args: Readonly<Record<string, string>>, clientInput?: ClientInput): Promise<GetPromptResult>;
  /** `null` where there is no such prompt, template or argument. */
  complete(typing: CompletionRequest, traceparent: string | undefined): Promise<Completion | null>;
  /** Where the features has the Tasks extension. */
  readonly tasks?: Tasks;
}

/** An answer that is not the wire's to give: only the resource server knows how to ask for more scopes. */
export interface ScopeNeeded {
  readonly scopesNeeded: readonly string[];
}
