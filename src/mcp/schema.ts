// Types of the MCP schema (2026-07-28, and the Tasks extension) under the specification's own
// names, as far as they are used here.

/** A program that speaks MCP, on either side. */
export interface Implementation {
  readonly name: string;
  readonly title: string;
  readonly version: string;
}

/** Hints for a client's user interface. They protect nothing. */
export interface ToolAnnotations {
  readonly readOnlyHint: boolean;
  readonly destructiveHint: boolean;
  readonly idempotentHint: boolean;
  readonly openWorldHint: boolean;
}

export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** JSON Schema 2020-12 with an object at its root, as `outputSchema` is. */
  readonly inputSchema: object;
  readonly outputSchema: object;
  readonly annotations: object;
  readonly _meta?: Readonly<Record<string, unknown>>;
}

export interface TextContent {
  readonly type: "text";
  readonly text: string;
}

export interface ImageContent {
  readonly type: "image";
  /** Base64, RFC 4648 section 4, with padding. */
  readonly data: string;
  readonly mimeType: string;
}

/** Points to a resource that the client can read. */
export interface ResourceLink {
  readonly type: "resource_link";
  readonly uri: string;
  readonly name: string;
  readonly title: string;
  readonly mimeType: string;
  /** In bytes. */
  readonly size?: number;
}

export type ContentBlock = TextContent | ImageContent | ResourceLink;

export interface CallToolResult {
  readonly content: readonly object[];
  readonly structuredContent?: object;
  readonly isError?: boolean;
  readonly _meta?: Readonly<Record<string, unknown>>;
}

export interface Prompt {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly arguments: readonly PromptArgument[];
}

export interface PromptArgument {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
}

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

/** `uriTemplate`: RFC 6570, level 1. */
export interface ResourceTemplate {
  readonly uriTemplate: string;
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly mimeType: string;
}

/** `TextResourceContents` or `BlobResourceContents`; `blob` is base64. */
export type ResourceContents = { readonly uri: string; readonly mimeType: string; readonly _meta?: object } & (
  | { readonly text: string }
  | { readonly blob: string }
);

/** Capabilities by name. Clients may declare any; only some have a meaning here. */
export type ClientCapabilities = Readonly<Record<string, unknown>>;

/** `ElicitRequest`, `CreateMessageRequest` or `ListRootsRequest`. */
export interface InputRequest {
  readonly method: "elicitation/create" | "sampling/createMessage" | "roots/list";
  readonly params: Readonly<Record<string, unknown>>;
}

/** At most 100 values, best match first. `total`: all that match, if known. */
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
  /** Counted from `createdAt`. */
  readonly ttlMs: number;
  readonly pollIntervalMs: number;
}

/** `DetailedTask` of the Tasks extension. `failed` stands for a JSON-RPC error of the call. */
export type DetailedTask = Task &
  (
    | { readonly status: "working" | "cancelled" }
    | { readonly status: "input_required"; readonly inputRequests: Readonly<Record<string, InputRequest>> }
    | { readonly status: "completed"; readonly result: CallToolResult }
    | { readonly status: "failed"; readonly error: { readonly code: number; readonly message: string } }
  );

/** `LoggingLevel`, least important first. */
export const LOG_LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
