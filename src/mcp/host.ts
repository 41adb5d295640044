// What the wire needs from the gateway: the names of things, and a way to open a tool call. Knows no product and no OAuth.
import type { ProgressCallback } from "../../contracts/rpc/call-context.ts";

/** `Implementation` of the MCP schema. */
export interface ServerInfo {
  readonly name: string;
  readonly title: string;
  readonly version: string;
}

/** `Tool` of the MCP schema. */
export interface ListedTool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: object;
  readonly outputSchema: object;
  readonly annotations: object;
}

/** `CallToolResult` of the MCP schema. */
export interface CallToolResult {
  readonly content: readonly object[];
  readonly structuredContent?: object;
  readonly isError?: boolean;
  readonly _meta?: Readonly<Record<string, unknown>>;
}

/** What never changes while an isolate lives. Its JSON is made once. */
export interface Offer {
  readonly info: ServerInfo;
  /** For a model: what this server is for. */
  readonly instructions: string;
  /** In the order in which they are listed. */
  readonly tools: readonly ListedTool[];
}

/** A tool call that may begin, or why it may not. */
export type OpenedTool =
  | { readonly state: "unknown_tool" }
  | { readonly state: "insufficient_scope"; readonly scopes: readonly string[] }
  | { readonly state: "ready"; run(progress?: ProgressCallback): Promise<CallToolResult> };

/** Opens a tool call for whoever sent the request. `traceparent` is the one of the message, if it has any. */
export type OpenTool = (name: string, args: unknown, traceparent: string | undefined) => OpenedTool;

/** The gateway behind the wire, for whoever sent the request. */
export interface Host {
  readonly offer: Offer;
  readonly openTool: OpenTool;
}

/** An answer that is not the wire's to give: only the resource server knows how to ask for more scopes. */
export interface ScopeNeeded {
  readonly scopesNeeded: readonly string[];
}
