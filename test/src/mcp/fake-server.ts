// Clients with a session in the real Durable Object, and a fake server whose tools request input,
// write logs and take long. No assertions.
import { env as bound } from "cloudflare:workers";
import { vi } from "vitest";
import type { ProgressCallback } from "../../../contracts/rpc/call-context.ts";
import { mcpSessionsOf } from "../../../src/durable/mcp-session-object.ts";
import type { Env } from "../../../src/env.ts";
import { handleMcp } from "../../../src/mcp/endpoint.ts";
import type { ClientInput, McpServer, PrepareCall } from "../../../src/mcp/port.ts";
import type { CallToolResult } from "../../../src/mcp/schema.ts";
import type { McpSession, McpSessions } from "../../../src/mcp/session.ts";
import { EVENTUALLY } from "../../support/eventually.ts";
import {
  ACCEPT,
  emptyFeatures,
  endpointOf,
  type HeaderChanges,
  headersOf,
  messagesIn,
  statelessContext,
  toolNamed,
} from "./http.ts";

export const env = bound as unknown as Env; // the pool types its bindings by another interface
export const VERSION = "2025-11-25";
export const FIRST_VERSION = "2025-03-26";
export const HOUR_MS = 3_600_000;

export const ELICITATION = {
  method: "elicitation/create",
  params: { mode: "form", message: "Sure?", requestedSchema: {} },
} as const;
export const SAMPLING = { method: "sampling/createMessage", params: { messages: [], maxTokens: 10 } } as const;

/** The client input of each call that was prepared. */
export const clientInputs: (ClientInput | undefined)[] = [];
/** The calls of "long" that have run: their progress callback, and the function that ends them. */
export const longCalls: { report: ProgressCallback | undefined; end(result: CallToolResult): void }[] = [];

/** "ask" and "sample" request input and return the response; "long" runs until a test ends it. */
const prepareCall: PrepareCall = (name, _args, _meta, clientInput) => {
  clientInputs.push(clientInput);
  return {
    state: "ready",
    run: async (progress, log) => {
      log?.("debug", "looking");
      log?.("warning", "odd");
      if (name === "plain") return { content: [] };
      if (name === "long") {
        const { promise, resolve } = Promise.withResolvers<CallToolResult>();
        longCalls.push({ report: progress, end: resolve });
        return promise;
      }
      const response = clientInput?.inputResponses.sure;
      if (response && clientInput.requestState === "one")
        return { content: [{ type: "text", text: JSON.stringify(response) }], structuredContent: response };
      return {
        state: "input_required",
        inputRequests: { sure: name === "sample" ? SAMPLING : ELICITATION },
        requestState: "one",
      };
    },
  };
};

export const SERVER: Partial<McpServer> = {
  prepareCall,
  features: {
    ...emptyFeatures,
    tools: [toolNamed("plain"), toolNamed("ask"), toolNamed("sample"), toolNamed("long")],
    templates: [{ uriTemplate: "x://{id}", name: "x", title: "X", description: "An x.", mimeType: "text/plain" }],
  },
};

let users = 0;

/** A client of one user, by default a new one. `wrap` replaces the user's sessions. */
export function clientOf(subject = `u_${++users}`, wrap = (sessions: McpSessions) => sessions) {
  const sessions = wrap(mcpSessionsOf(env, subject));
  const context = { ...statelessContext, sessions };
  const { legacy, send, post, server } = endpointOf(SERVER, context);
  /** Sends `initialize`. `session`: the headers of the requests that follow. */
  const initialize = async (capabilities: object = { elicitation: {} }, protocolVersion = VERSION) => {
    const { headers, body } = await legacy("initialize", {
      protocolVersion,
      capabilities,
      clientInfo: { name: "c", version: "1" },
    });
    const id = headers.get("mcp-session-id");
    return { id, body, session: { "mcp-session-id": id, "mcp-protocol-version": protocolVersion, accept: ACCEPT } };
  };
  /** Sends an HTTP request without a body. */
  const request = async (method: string, headers: HeaderChanges) => {
    const init = { method, headers: headersOf(headers) };
    const result = await handleMcp(new Request("http://localhost/mcp", init), server, context);
    if (result instanceof Response) return result;
    throw new Error("Scopes are needed.");
  };
  const pingStatus = async (headers: HeaderChanges) => (await legacy("ping", {}, headers)).status;
  return { subject, sessions, initialize, legacy, send, post, request, pingStatus };
}

/** Reads the messages of an event stream one at a time. `next` returns `null` at its end. */
export function messageReader(response: Response) {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = "";
  const next = async (): Promise<Record<string, unknown> | null> => {
    for (;;) {
      const end = text.indexOf("\n\n");
      const event = text.slice(0, end + 2);
      if (end >= 0) text = text.slice(end + 2);
      const [message] = end < 0 ? [] : messagesIn(event);
      if (message) return message;
      if (end >= 0) continue;
      const { done, value } = await reader.read();
      if (done) return null;
      text += decoder.decode(value);
    }
  };
  return { next, cancel: () => reader.cancel() };
}

/** The session with each method replaced by `replacement`, which receives the method's name. */
export function withMethods(
  session: McpSession | null,
  replacement: (method: PropertyKey) => unknown,
): McpSession | null {
  if (session === null) return null;
  return new Proxy(session, {
    get: (target, key: keyof McpSession) => {
      const { [key]: value } = target;
      return typeof value === "function" ? () => replacement(key) : value;
    },
  });
}

const fail = () => Promise.reject(new Error("hunter2"));

/** A client whose sessions are unavailable: when they are looked up, or only when they are used. */
export function clientWithFailingSessions(when: "found" | "used", failing: () => Promise<never> = fail) {
  const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const client = clientOf(undefined, (sessions) =>
    when === "found"
      ? { create: failing, find: failing }
      : { ...sessions, find: async (id) => withMethods(await sessions.find(id), failing) },
  );
  return { ...client, logged: () => errors.mock.calls.map(([line]) => String(line)) };
}

/** A call of "ask". */
export const ASK = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "ask" } };
/** A call of "long". */
export const longCall = (id: string | number, meta: object = { progressToken: "p" }) => ({
  ...{ jsonrpc: "2.0", id, method: "tools/call" },
  params: { name: "long", _meta: meta },
});
export const latestLongCall = () => vi.waitUntil(() => longCalls.at(-1), EVENTUALLY);
/** A response to a request of the server. */
export const responseTo = (id: unknown, result: object = { action: "accept" }) => ({ jsonrpc: "2.0", id, result });
