// The message validator of the end-to-end tests, against a server that sends what a test tells it
// to: each kind of valid message passes, and each violation is named.
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { connect, MODES } from "../support/mcp-clients.ts";
import { takeViolations, validatedMessages, validatingFetch } from "../support/validating-fetch.ts";
import { CACHED, ELICITATION, type Fields, HANDSHAKE, LATER_TOOL, MODERN, OLDER, RESULTS, WHOLE } from "./results.ts";

let server: Server;
let origin: string;
let respond: RequestListener;

beforeAll(async () => {
  server = createServer((request, response) => respond(request, response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  takeViolations();
});

/** Sends a request of this revision, reads the response to its end, and returns the violations. */
async function violations(
  revision: string | null,
  method: string,
  status: number,
  body: unknown,
  {
    type = "application/json",
    sent,
    headers = {},
  }: { type?: string; sent?: unknown; headers?: Record<string, string> } = {},
): Promise<string> {
  respond = (_, response) => {
    response
      .writeHead(status, { "content-type": type, ...headers })
      .end(typeof body === "string" ? body : JSON.stringify(body));
  };
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": revision,
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const request = { jsonrpc: "2.0", id: 7, method, ...(revision === MODERN && { params: { _meta } }) };
  const response = await validatingFetch(new URL("/mcp", origin), {
    method: "POST",
    headers: revision === null ? {} : { "mcp-protocol-version": revision },
    body: JSON.stringify(sent ?? request),
  });
  await response.text();
  return takeViolations().join("\n");
}

const success = (result: unknown, more: Fields = {}) => ({ jsonrpc: "2.0", id: 7, result, ...more });
const failure = (error: unknown, more: Fields = {}) => ({ jsonrpc: "2.0", id: 7, error, ...more });
const events = (...messages: unknown[]) =>
  messages.map((message) => `event: message\ndata: ${JSON.stringify(message)}\n\n`).join("");

describe("a result", () => {
  it.each(RESULTS.flatMap(([[revision, method], valid]) => (valid ? [[revision, method, valid] as const] : [])))(
    "passes if it is valid: %s %s",
    async (revision, method, valid) => {
      const before = validatedMessages();
      expect(await violations(revision, method, 200, success(valid))).toBe("");
      expect(await violations(revision, method, 200, events(success(valid)), { type: "text/event-stream" })).toBe("");
      expect(validatedMessages() - before).toBe(2);
    },
  );

  it.each(
    RESULTS.flatMap(([[revision, method], _, ...invalid]) =>
      invalid.map(([result, violation]) => [revision, method, violation, result] as const),
    ),
  )("is reported if it is invalid: %s %s, %s", async (revision, method, violation, result) => {
    const found = await violations(revision, method, 200, success(result));
    expect(found).toContain(violation);
    expect(found).toMatch(new RegExp(`^${method} \\(${revision ?? "unnamed"}, HTTP 200\\): `));
  });
});

describe("an envelope", () => {
  const refused = { code: -32602, message: "No." };
  it.each([
    ["a success with the id of another request", 200, success({}, { id: 8 }), "message.id"],
    ["a success without an id", 200, success({}, { id: undefined }), "message.id"],
    ["a success with more than a result", 200, success({}, { meta: 1 }), "meta"],
    ["another JSON-RPC", 200, success({}, { jsonrpc: "1.0" }), "message.jsonrpc"],
    ["an error with an id that is null", 400, failure(refused, { id: null }), "message.id"],
    ["an error without the id", 400, failure(refused, { id: undefined }), "message.id"],
    ["an error without a message", 400, failure({ code: -32602 }), "message.error.message"],
    ["an error with a fractional code", 400, failure({ ...refused, code: 1.5 }), "message.error.code"],
    ["an error with an unknown field", 400, failure({ ...refused, hint: "a" }), "message.error.hint: is unknown"],
    ["an error of no known form", 403, { reason: "no" }, "the error is neither one of JSON-RPC nor one of OAuth"],
    ["JSON that is not a message", 200, "[1]", "a batch is no response to a single request"],
    ["malformed JSON", 200, "{", "is no message"],
    ["an empty response", 202, "", "no response to ping"],
  ])("is reported if it is invalid: %s", async (_, status, body, words) => {
    expect(await violations(OLDER, "ping", status, body)).toContain(words);
  });

  it.each([
    ["an error", 400, failure({ code: -32602, message: "No.", data: { a: 1 } })],
    ["an error of an older revision", 200, failure({ code: -32002, message: "No." })],
    ["an error before the message was read", 429, failure({ code: -32600, message: "No." }, { id: undefined })],
    ["an OAuth error", 401, { error: "invalid_token", error_description: "No." }],
  ])("passes if it is valid: %s", async (_, status, body) => {
    expect(await violations(OLDER, "ping", status, body)).toBe("");
  });

  it.each([
    [-32002, undefined, "error.code"],
    [-32042, undefined, "error.code"],
    [-32022, { supported: [MODERN] }, "error.data.requested"],
    [-32021, {}, "error.data.requiredCapabilities"],
    [-32020, undefined, ""],
    [-32022, { supported: [MODERN], requested: "2099-01-01" }, ""],
    [-32021, { requiredCapabilities: { sampling: {} } }, ""],
  ])("has the codes of its revision: %i %j", async (code, data, words) => {
    const found = await violations(MODERN, "tools/list", 400, failure({ code, message: "No.", data }));
    expect(found === "" ? "" : found).toContain(words);
    expect(found === "").toBe(words === "");
  });

  it("is validated for any request, and the request is not validated", async () => {
    const unread = failure({ code: -32600, message: "No." }, { id: undefined });
    expect(await violations(OLDER, "", 400, unread, { sent: { jsonrpc: "2.0", id: null, method: "ping" } })).toBe("");
    expect(await violations(OLDER, "", 400, { ...unread, id: null }, { sent: { a: 1 } })).toContain("message.id");
  });

  it("of a batch has several responses, each validated separately", async () => {
    const sent = [7, 8].map((id) => ({ jsonrpc: "2.0", id, method: "ping" }));
    expect(await violations("2025-03-26", "", 200, [success({}, { id: 8 }), success({})], { sent })).toBe("");
    expect(await violations("2025-03-26", "", 200, [success({}), success({ a: 1 }, { id: 8 })], { sent })).toContain(
      "Unrecognized",
    );
    expect(await violations("2025-03-26", "", 200, [success({})], { sent })).toContain("no response to ping");
  });
});

describe("a stream", () => {
  const note = (method: string, params: Fields) => ({ jsonrpc: "2.0", method, params });
  const progress = note("notifications/progress", { progressToken: "p", progress: 1, total: 2, message: "a" });
  const log = note("notifications/message", { level: "info", data: { a: 1 } });
  const question = { jsonrpc: "2.0", id: 1, ...ELICITATION };
  const called = success({ content: [] });
  const streamed = (revision: string, ...messages: unknown[]) =>
    violations(revision, revision === MODERN ? "tools/call" : "ping", 200, `: alive\n\n${events(...messages)}`, {
      type: "text/event-stream",
    });

  it("passes with the messages of its revision, and the response last", async () => {
    expect(await streamed(OLDER, progress, log, question, success({}))).toBe("");
    expect(await streamed(MODERN, progress, log, success({ ...WHOLE, content: [] }))).toBe("");
  });

  it.each([
    [OLDER, note("notifications/progress", { progress: 1 }), "message.params.progressToken"],
    [
      OLDER,
      note("notifications/progress", { progressToken: 1, progress: 1, percent: 50 }),
      "message.params.percent: is unknown",
    ],
    [OLDER, note("notifications/message", { level: "loud", data: 1 }), "message.params.level"],
    [OLDER, note("notifications/cancelled", { requestId: {} }), "message.params.requestId"],
    [OLDER, note("notifications/magic", {}), "message.method: is unknown in this revision"],
    [
      OLDER,
      note("notifications/subscriptions/acknowledged", { notifications: {} }),
      "message.method: is unknown in this revision",
    ],
    [OLDER, { ...question, params: { message: "a" } }, "message.params"],
    [OLDER, { ...question, method: "tools/list" }, "message.method: is unknown in this revision"],
    ["2025-03-26", question, "message.method: is unknown in this revision"],
    ["2025-06-18", question, "params.mode: is unknown in this revision"],
    [MODERN, question, "sends no requests"],
    [OLDER, success({}, { id: 9 }), "message.id: is no open request's"],
    [OLDER, "no JSON", "is no message"],
  ])("is reported for each invalid message: %s %j", async (revision, message, words) => {
    expect(
      await streamed(revision, message, revision === MODERN ? success({ ...WHOLE, content: [] }) : success({})),
    ).toContain(words);
  });

  it("is reported without a response, with a message after it, or with an incomplete event", async () => {
    expect(await streamed(OLDER, log)).toContain("no response to ping");
    expect(await streamed(OLDER, success({}), log)).toContain("is sent after the response");
    expect(await streamed(OLDER, called, called)).toContain("message.id: is no open request's");
    expect(
      await violations(OLDER, "ping", 200, `${events(success({}))}data: {`, { type: "text/event-stream" }),
    ).toContain("ends within an event");
  });

  it("passes without a response to a cancelled request", async () => {
    respond = (request, response) => {
      void (async () => {
        const { id } = JSON.parse(Buffer.concat(await request.toArray()).toString()) as { id?: number };
        if (id === undefined) return response.writeHead(202).end();
        response.writeHead(200, { "content-type": "text/event-stream" }).write(events(log));
        return setTimeout(() => response.end(), 50);
      })();
    };
    const post = (message: Fields) =>
      validatingFetch(new URL("/mcp", origin), {
        method: "POST",
        body: JSON.stringify({ jsonrpc: "2.0", ...message }),
      });
    const pending = await post({ id: 7, method: "ping" });
    await post({ method: "notifications/cancelled", params: { requestId: 7 } });
    await pending.text();
    expect(takeViolations()).toEqual([]);
    await (await post({ id: 7, method: "ping" })).text();
    expect(takeViolations().join()).toContain("no response to ping");
  });

  it("of a subscription has its id in each message, and the acknowledgement first", async () => {
    const _meta = { "io.modelcontextprotocol/subscriptionId": 7 };
    const acknowledged = note("notifications/subscriptions/acknowledged", { notifications: {}, _meta });
    const changed = note("notifications/tools/list_changed", { _meta });
    const end = success({ ...WHOLE, _meta });
    const listened = (...messages: unknown[]) =>
      violations(MODERN, "subscriptions/listen", 200, events(...messages), { type: "text/event-stream" });
    expect(await listened(acknowledged, changed, end)).toBe("");
    expect(await listened(changed, acknowledged, end)).toContain("the acknowledgement is sent first");
    expect(await listened({ ...acknowledged, params: { notifications: {} } }, end)).toContain(
      "lacks the subscription's id",
    );
    expect(await listened(acknowledged, success(WHOLE))).toContain("result._meta");
  });

  it("is validated as it is read, and ends for the server when its reader cancels", async () => {
    const left = new Promise<void>((resolve) => {
      respond = (request, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" }).write(events(note("notifications/magic", {})));
        request.socket.on("close", () => resolve());
      };
    });
    const response = await validatingFetch(new URL("/mcp", origin), { headers: { "mcp-protocol-version": OLDER } });
    const reader = response.body?.getReader();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toContain("magic");
    expect(takeViolations().join()).toContain("message.method: is unknown in this revision");
    await reader?.cancel();
    await left;
    expect(takeViolations()).toEqual([]);
  });
});

describe("the validator", () => {
  it("knows the revision of a session from its handshake", async () => {
    const headers = { "mcp-session-id": "s1" };
    await violations(null, "initialize", 200, success({ ...HANDSHAKE, protocolVersion: "2025-03-26" }), { headers });
    respond = (_, response) => {
      response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify(success({ tools: [LATER_TOOL] })));
    };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 7, method: "tools/list" });
    await validatingFetch(new URL("/mcp", origin), { method: "POST", headers, body });
    expect(takeViolations().join()).toContain("tools/list (2025-03-26, HTTP 200): result.tools.0.title: is unknown");
  });

  it("does not repeat long text, which may be a secret", async () => {
    const secret = "s".repeat(50);
    const found = await violations(
      OLDER,
      "tools/call",
      200,
      success({ content: [{ type: "text", text: secret, more: secret }] }),
    );
    expect(found).toContain("(50 characters)");
    expect(found).not.toContain(secret);
  });

  it("ignores URLs other than /mcp", async () => {
    respond = (_, response) => {
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
    };
    await validatingFetch(new URL("/token", origin), { method: "POST" });
    expect(takeViolations()).toEqual([]);
  });

  it.each(MODES)("validates the responses to the official client: %s", async (mode) => {
    respond = (request, response) => {
      void (async () => {
        const { id, method } = JSON.parse(Buffer.concat(await request.toArray()).toString() || "{}") as {
          id?: number;
          method?: string;
        };
        if (request.method !== "POST" || id === undefined)
          return response.writeHead(request.method === "POST" ? 202 : 405).end();
        const discovered = { ...CACHED, supportedVersions: [MODERN], capabilities: {}, odd: 1 };
        const results: Record<string, object> = { initialize: { ...HANDSHAKE, odd: 1 }, "server/discover": discovered };
        const reply = { jsonrpc: "2.0", id, result: results[method ?? ""] };
        return response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(reply));
      })();
    };
    const before = validatedMessages();
    const { close } = await connect(origin, mode);
    await close();
    expect(validatedMessages()).toBeGreaterThan(before);
    expect(takeViolations().join()).toContain("odd");
  });
});
