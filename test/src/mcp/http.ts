// A wire with a host of one's own behind it: requests as clients send them, answers as they come. No assertions here.

import { handleMcp } from "../../../src/mcp/endpoint.ts";
import type { McpServer, ServerFeatures, Tool } from "../../../src/mcp/port.ts";
import type { McpContext } from "../../../src/mcp/request.ts";

export const MODERN = "2026-07-28";
export const envelope = {
  "io.modelcontextprotocol/protocolVersion": MODERN,
  "io.modelcontextprotocol/clientCapabilities": {},
};

/** Nothing is offered. */
export const features: ServerFeatures = {
  info: { name: "test", title: "Test", version: "1.2.3" },
  instructions: "Use the tools.",
  tools: [],
  prompts: [],
  resources: [],
  templates: [],
  extensions: {},
  meta: async () => ({}),
};

export const circumstances: McpContext = { traceId: "a".repeat(32), admit: async () => 0 };

export function listedTool(name: string, inputSchema: object = { type: "object" }): Tool {
  return { name, title: name, description: "Adds.", inputSchema, outputSchema: { type: "object" }, annotations: {} };
}

export interface Answer {
  readonly status: number;
  /** Parsed where it is JSON. Where it is no response: what the host is to answer instead. */
  readonly body: unknown;
  readonly headers: Headers;
}

/** Headers beside, or instead of, the usual ones; `null` leaves one out. */
export type Sent = Readonly<Record<string, string | null>>;

/** A wire, and ways to send to it. What `host` leaves out is not there. */
export function wire(host: Partial<McpServer>, around: McpContext = circumstances) {
  const whole: McpServer = {
    features,
    openTool: () => ({ state: "unknown_tool" }),
    readResource: async () => ({ state: "not_found" }),
    getPrompt: async () => ({ state: "not_found" }),
    complete: async () => null,
    ...host,
  };

  /** The answer itself, its body unread. Throws where it is no response. */
  async function open(body: unknown, headers: Sent = {}): Promise<Response> {
    const answer = await send(body, headers);
    if (answer instanceof Response) return answer;
    throw new Error(`Scopes are needed: ${answer.scopesNeeded.join()}`);
  }

  function send(body: unknown, headers: Sent) {
    const all = Object.entries({ "content-type": "application/json", ...headers });
    const sent = new Headers(all.filter((entry): entry is [string, string] => entry[1] !== null));
    const bytes = typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
    return handleMcp(
      new Request("http://localhost/mcp", { method: "POST", body: bytes, headers: sent }),
      whole,
      around,
    );
  }

  async function post(body: unknown, headers: Sent = {}): Promise<Answer> {
    const answer = await send(body, headers);
    if (!(answer instanceof Response)) return { status: 403, body: answer, headers: new Headers() };
    const raw = await answer.text();
    const isJson = answer.headers.get("content-type") === "application/json";
    return { status: answer.status, body: isJson ? JSON.parse(raw) : raw, headers: answer.headers };
  }

  /** A request of the modern era with all its headers right, unless overridden. */
  function modern(method: string, params: Readonly<Record<string, unknown>> = {}, headers: Sent = {}): Promise<Answer> {
    return post(
      { jsonrpc: "2.0", id: 7, method, params: { _meta: envelope, ...params } },
      { ...rightHeaders(method, params), ...headers },
    );
  }

  /** A request of the legacy era. */
  function legacy(method: string, params?: object, headers: Sent = {}): Promise<Answer> {
    return post({ jsonrpc: "2.0", id: 7, method, params }, headers);
  }

  return { host: whole, open, post, modern, legacy };
}

/** What a modern client repeats of its request. */
export function rightHeaders(
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

/** The messages of an event stream, in their order; comments are left out. */
export function eventsOf(body: unknown): Record<string, unknown>[] {
  const events = String(body).split("\n\n");
  const data = events.filter((event) => event.startsWith("event: message\ndata: "));
  return data.map((event) => JSON.parse(event.slice("event: message\ndata: ".length)) as Record<string, unknown>);
}
