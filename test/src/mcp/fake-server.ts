// Somebody in a session, with the real object behind it, and a host whose tools ask, log and work long.
import { env as bound } from "cloudflare:workers";
import { vi } from "vitest";
import type { ProgressCallback } from "../../../contracts/rpc/call-context.ts";
import { mcpSessionsOf } from "../../../src/durable/mcp-session-object.ts";
import type { Env } from "../../../src/env.ts";
import { handleMcp } from "../../../src/mcp/endpoint.ts";
import type { CallToolResult, ClientInput, McpServer, OpenTool } from "../../../src/mcp/port.ts";
import type { McpSession, McpSessions } from "../../../src/mcp/session.ts";
import { circumstances, eventsOf, features, listedTool, type Sent, wire } from "./http.ts";

export const env = bound as unknown as Env; // the pool types its bindings by another interface
export const VERSION = "2025-11-25";
export const FIRST = "2025-03-26";
export const ACCEPT = "application/json, text/event-stream";
export const HOUR_MS = 3_600_000;

export const QUESTION = {
  method: "elicitation/create",
  params: { mode: "form", message: "Sure?", requestedSchema: {} },
} as const;
export const SAMPLE = { method: "sampling/createMessage", params: { messages: [], maxTokens: 10 } } as const;
export const told: (ClientInput | undefined)[] = [];
/** The work of each call of "long": what it reports with, and what ends it. */
export const works: { report: ProgressCallback | undefined; end(result: CallToolResult): void }[] = [];

/** Ends once the question was answered, and shows the answer. */
const openTool: OpenTool = (name, _args, _trace, aside) => {
  told.push(aside);
  return {
    state: "ready",
    run: async (progress, log) => {
      log?.("debug", "looking");
      log?.("warning", "odd");
      if (name === "plain") return { content: [] };
      if (name === "long") {
        const { promise, resolve } = Promise.withResolvers<CallToolResult>();
        works.push({ report: progress, end: resolve });
        return promise;
      }
      const answer = aside?.inputResponses.sure;
      if (answer && aside.requestState === "one") return { content: [], structuredContent: answer };
      return {
        state: "input_required",
        inputRequests: { sure: name === "sample" ? SAMPLE : QUESTION },
        requestState: "one",
      };
    },
  };
};
export const HOST: Partial<McpServer> = {
  openTool,
  features: {
    ...features,
    tools: [listedTool("plain"), listedTool("ask"), listedTool("sample"), listedTool("long")],
    templates: [{ uriTemplate: "x://{id}", name: "x", title: "X", description: "An x.", mimeType: "text/plain" }],
  },
};

let people = 0;

/** One person, and their client. */
export function somebody(subject = `u_${++people}`, keep = (sessions: McpSessions) => sessions) {
  const sessions = keep(mcpSessionsOf(env, subject));
  const around = { ...circumstances, sessions };
  const { legacy, open, post, host } = wire(HOST, around);
  const begin = async (capabilities: object = { elicitation: {} }, protocolVersion = VERSION) => {
    const { headers, body } = await legacy("initialize", {
      protocolVersion,
      capabilities,
      clientInfo: { name: "c", version: "1" },
    });
    const id = headers.get("mcp-session-id");
    return { id, body, held: { "mcp-session-id": id, "mcp-protocol-version": protocolVersion, accept: ACCEPT } };
  };
  const by = async (method: string, headers: Sent) => {
    const sent = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== null);
    const answer = await handleMcp(new Request("http://localhost/mcp", { method, headers: sent }), host, around);
    if (answer instanceof Response) return answer;
    throw new Error("Scopes are needed.");
  };
  const ping = async (headers: Sent) => (await legacy("ping", {}, headers)).status;
  return { subject, sessions, begin, legacy, open, post, by, ping };
}

/** The messages of a stream, one at a time. */
export function reading(answer: Response) {
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = "";
  const next = async (): Promise<Record<string, unknown> | null> => {
    for (;;) {
      const end = text.indexOf("\n\n");
      const event = text.slice(0, end + 2);
      if (end >= 0) text = text.slice(end + 2);
      const [message] = end < 0 ? [] : eventsOf(event);
      if (message) return message;
      if (end >= 0) continue;
      const { done, value } = await reader.read();
      if (done) return null;
      text += decoder.decode(value);
    }
  };
  return { next, cancel: () => reader.cancel() };
}

/** The session, with `instead` in the place of all that it can be asked. */
export function watched(session: McpSession | null, instead: (method: PropertyKey) => unknown): McpSession | null {
  if (session === null) return null;
  return new Proxy(session, {
    get: (target, key: keyof McpSession) => {
      const { [key]: value } = target;
      return typeof value === "function" ? () => instead(key) : value;
    },
  });
}

const fail = () => Promise.reject(new Error("hunter2"));

/** Somebody whose sessions all fail, or only when something is done with one. */
export function unlucky(when: "found" | "used") {
  const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const whole = somebody(undefined, (sessions) =>
    when === "found"
      ? { begin: fail, find: fail }
      : { ...sessions, find: async (id) => watched(await sessions.find(id), fail) },
  );
  return { ...whole, logged: () => errors.mock.calls.map(([line]) => String(line)) };
}

export const CALL = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "ask" } };
export const long = (id: string | number, meta: object = { progressToken: "p" }) => ({
  ...{ jsonrpc: "2.0", id, method: "tools/call" },
  params: { name: "long", _meta: meta },
});
export const newest = () => vi.waitUntil(() => works.at(-1));
export const answering = (id: unknown, result: object = { action: "accept" }) => ({ jsonrpc: "2.0", id, result });
