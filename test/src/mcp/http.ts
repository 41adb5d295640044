// An MCP endpoint with a fake server behind it, and functions that send requests to it as clients
// do. No assertions.
import { expect } from "vitest";
import { handleMcp } from "../../../src/mcp/endpoint.ts";
import type { McpServer, ServerFeatures } from "../../../src/mcp/port.ts";
import type { McpContext } from "../../../src/mcp/request.ts";
import type { Tool } from "../../../src/mcp/schema.ts";

export const MODERN = "2026-07-28";
/** The `Accept` header that the specification requires of clients. */
export const ACCEPT = "application/json, text/event-stream";
export const envelope = {
  "io.modelcontextprotocol/protocolVersion": MODERN,
  "io.modelcontextprotocol/clientCapabilities": {},
};

/** No tools, prompts or resources. */
export const emptyFeatures: ServerFeatures = {
  info: { name: "test", title: "Test", version: "1.2.3" },
  instructions: "Use the tools.",
  tools: [],
  prompts: [],
  resources: [],
  templates: [],
  extensions: {},
  meta: async () => ({}),
};

/** A context without sessions. */
export const statelessContext: McpContext = { traceId: "a".repeat(32) };

export function toolNamed(name: string, inputSchema: object = { type: "object" }): Tool {
  return { name, title: name, description: "Adds.", inputSchema, outputSchema: { type: "object" }, annotations: {} };
}

export interface ParsedResponse {
  readonly status: number;
  /** Parsed if it is JSON. For a request that needs scopes: the `ScopeNeeded`, under status 403. */
  readonly body: unknown;
  readonly headers: Headers;
}

/** Headers to add or replace; `null` omits one. */
export type HeaderChanges = Readonly<Record<string, string | null>>;

/** An endpoint, and functions that send to it. `parts` replace those of an empty server. */
export function endpointOf(parts: Partial<McpServer>, context: McpContext = statelessContext) {
  const server: McpServer = {
    features: emptyFeatures,
    prepareCall: () => ({ state: "unknown_tool" }),
    readResource: async () => ({ state: "not_found" }),
    getPrompt: async () => ({ state: "not_found" }),
    complete: async () => null,
    ...parts,
  };

  function handle(body: unknown, changes: HeaderChanges) {
    const headers = headersOf({ "content-type": "application/json", ...changes });
    const bytes = typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
    return handleMcp(new Request("http://localhost/mcp", { method: "POST", body: bytes, headers }), server, context);
  }

  /** The response with its body unread. Throws if the request needs scopes. */
  async function send(body: unknown, headers: HeaderChanges = {}): Promise<Response> {
    const result = await handle(body, headers);
    if (result instanceof Response) return result;
    throw new Error(`Scopes are needed: ${result.scopesNeeded.join()}`);
  }

  async function post(body: unknown, headers: HeaderChanges = {}): Promise<ParsedResponse> {
    const result = await handle(body, headers);
    if (!(result instanceof Response)) return { status: 403, body: result, headers: new Headers() };
    const text = await result.text();
    const isJson = result.headers.get("content-type") === "application/json";
    return { status: result.status, body: isJson ? JSON.parse(text) : text, headers: result.headers };
  }

  /** A valid request of the modern era, apart from `params` and `headers`. */
  function modern(
    method: string,
    params: Readonly<Record<string, unknown>> = {},
    headers: HeaderChanges = {},
  ): Promise<ParsedResponse> {
    return post(
      { jsonrpc: "2.0", id: 7, method, params: { _meta: envelope, ...params } },
      { ...modernHeaders(method, params), ...headers },
    );
  }

  /** A request of the legacy era. */
  function legacy(method: string, params?: object, headers: HeaderChanges = {}): Promise<ParsedResponse> {
    return post({ jsonrpc: "2.0", id: 7, method, params }, headers);
  }

  return { server, send, post, modern, legacy };
}

/** The headers without those that are `null`. */
export function headersOf(changes: HeaderChanges): Headers {
  return new Headers(Object.entries(changes).filter((entry): entry is [string, string] => entry[1] !== null));
}

/** The headers in which a modern client repeats its request. */
export function modernHeaders(
  method: string,
  params: Readonly<Record<string, unknown>>,
): Readonly<Record<string, string>> {
  const name = params.name ?? params.uri;
  return {
    "mcp-protocol-version": MODERN,
    "mcp-method": method,
    ...(typeof name === "string" ? { "mcp-name": name } : {}),
  };
}

/** Matches an error response. */
export const errorBody = (code: number, id: unknown = 7) => ({
  jsonrpc: "2.0",
  id,
  error: expect.objectContaining({ code, message: expect.any(String) }),
});
/** Matches an error response to a message without a readable id, and without `data`. */
export const errorBodyWithoutId = (code: number) => ({ jsonrpc: "2.0", error: { code, message: expect.any(String) } });

/** The messages of an event stream, in order, without comments. */
export function messagesIn(body: unknown): Record<string, unknown>[] {
  const events = String(body).split("\n\n");
  const data = events.filter((event) => event.startsWith("event: message\ndata: "));
  return data.map((event) => JSON.parse(event.slice("event: message\ndata: ".length)) as Record<string, unknown>);
}
