// Sessions of the legacy revisions, in the real Durable Object: which clients get one, its owner,
// its end, and the messages that it carries.
import { runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  clientOf,
  clientWithFailingSessions,
  env,
  FIRST_VERSION,
  HOUR_MS,
  latestLongCall,
  longCall,
  longCalls,
  messageReader,
  responseTo,
  SERVER,
  VERSION,
} from "./fake-server.ts";
import { ACCEPT, endpointOf, messagesIn, statelessContext } from "./http.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});
beforeEach(() => {
  longCalls.length = 0;
});

describe("a session", () => {
  it.each([{ elicitation: {} }, { sampling: {} }, { roots: { listChanged: true } }])(
    "a client that declares %j gets a session",
    async (capabilities) => {
      for (const version of [VERSION, "2025-06-18"]) {
        const { id, body } = await clientOf().initialize(capabilities, version);
        expect(id).toMatch(/^[\x21-\x7e]{60,200}$/);
        expect(body).toMatchObject({
          result: { protocolVersion: version, capabilities: { logging: {}, resources: { subscribe: true } } },
        });
      }
    },
  );

  it("a client of 2025-03-26 gets a session for the capabilities of that revision only", async () => {
    const { sessions, initialize } = clientOf();
    const { id, body, session } = await initialize(
      { roots: {}, sampling: { tools: {} }, elicitation: {} },
      FIRST_VERSION,
    );
    expect(body).toMatchObject({ result: { protocolVersion: FIRST_VERSION, capabilities: { logging: {} } } });
    expect(await sessions.find(id ?? "")).toMatchObject({
      version: FIRST_VERSION,
      capabilities: { roots: {}, sampling: { tools: {} } },
    });
    expect(Object.keys((await sessions.find(id ?? ""))?.capabilities ?? {})).not.toContain("elicitation");
    expect((await initialize({ elicitation: {} }, FIRST_VERSION)).id).toBeNull();
    const { legacy } = clientOf();
    expect((await legacy("logging/setLevel", { level: "info" }, session)).status, "another user").toBe(404);
  });

  it("a client that supports no requests from the server gets no session and costs no object", async () => {
    const get = vi.spyOn(Object.getPrototypeOf(env.MCP_SESSION) as DurableObjectNamespace, "get");
    const { initialize, legacy, request } = clientOf();
    for (const capabilities of [{}, { experimental: {} }, { elicitation: true }]) {
      const { id, body } = await initialize(capabilities);
      expect([id, Object.keys((body as { result: { capabilities: object } }).result.capabilities)]).toEqual([
        null,
        ["tools", "resources", "completions"],
      ]);
    }
    expect((await initialize({ elicitation: {} }, FIRST_VERSION)).id).toBeNull();
    await legacy("tools/call", { name: "plain" }, { "mcp-protocol-version": VERSION, accept: ACCEPT });
    expect((await legacy("logging/setLevel", { level: "info" })).body).toMatchObject({ error: { code: -32601 } });
    expect((await legacy("resources/subscribe", { uri: "x://1" })).body).toMatchObject({ error: { code: -32601 } });
    expect([(await request("GET", { accept: ACCEPT })).status, (await request("DELETE", {})).status]).toEqual([
      405, 405,
    ]);
    expect(get).not.toHaveBeenCalled();
    await initialize();
    expect(get).toHaveBeenCalledOnce();
  });

  it("a session is found with any token of its user, and with no token of another user", async () => {
    const ada = clientOf();
    const { session } = await ada.initialize();
    expect(await clientOf(ada.subject).pingStatus(session)).toBe(200);
    const eve = clientOf();
    const get = vi.spyOn(Object.getPrototypeOf(env.MCP_SESSION) as DurableObjectNamespace, "get");
    expect([
      await eve.pingStatus(session),
      (await eve.request("GET", session)).status,
      (await eve.request("DELETE", session)).status,
    ]).toEqual([404, 404, 404]);
    expect(get).not.toHaveBeenCalled();
    expect(await ada.pingStatus(session)).toBe(200);
  });

  it.each<[string, (id: string) => string]>([
    ["changed", (id) => `${id.slice(0, -8)}AAAAAAAA`],
    ["empty", () => ""],
    ["short", () => "short"],
    ["a UUID", () => crypto.randomUUID()],
    ["of two words", () => "a b"],
    ["of 5,000 characters", () => "a".repeat(5000)],
    ["not ASCII", () => "s\u00e9ance"],
    ["sent twice", (id) => `${id}, ${id}`],
  ])("a session id that is %s is 404 with POST, GET and DELETE: a client starts anew", async (_, idFrom) => {
    const { initialize, pingStatus, post, request } = clientOf();
    const { id, session } = await initialize();
    const unknown = { ...session, "mcp-session-id": idFrom(id ?? "") };
    expect([
      await pingStatus(unknown),
      (await post({ jsonrpc: "2.0", method: "notifications/initialized" }, unknown)).status,
      (await post([{ jsonrpc: "2.0", id: 1, method: "ping" }], { ...unknown, "mcp-protocol-version": null })).status,
      (await request("GET", unknown)).status,
      (await request("DELETE", unknown)).status,
    ]).toEqual(Array(5).fill(404));
    expect(await pingStatus(session), "the next request").toBe(200);
  });

  it("DELETE ends a session, and every later request for it is 404", async () => {
    const { initialize, request, pingStatus, post } = clientOf();
    const { session } = await initialize();
    const stream = messageReader(await request("GET", session));
    expect((await request("DELETE", session)).status).toBe(204);
    expect(await stream.next()).toBeNull();
    expect([
      await pingStatus(session),
      (await request("DELETE", session)).status,
      (await request("GET", session)).status,
    ]).toEqual([404, 404, 404]);
    expect((await post({ jsonrpc: "2.0", method: "notifications/initialized" }, session)).status).toBe(404);
    expect((await post(responseTo("x"), session)).status).toBe(404);
  });

  it("a session ends an hour after its last message", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const { initialize, pingStatus } = clientOf();
    const { session } = await initialize();
    const start = Date.now();
    vi.setSystemTime(start + HOUR_MS - 1000);
    expect(await pingStatus(session)).toBe(200);
    vi.setSystemTime(start + 2 * HOUR_MS - 2000);
    expect(await pingStatus(session)).toBe(200);
    vi.setSystemTime(start + 3 * HOUR_MS);
    expect(await pingStatus(session)).toBe(404);
  });

  it("an alarm deletes the stored session", async () => {
    const names: DurableObjectId[] = [];
    const prototype = Object.getPrototypeOf(env.MCP_SESSION) as DurableObjectNamespace;
    const idFromName = prototype.idFromName;
    vi.spyOn(prototype, "idFromName").mockImplementation(function (this: DurableObjectNamespace, name: string) {
      const id = idFromName.call(this, name);
      names.push(id);
      return id;
    });
    const { initialize, pingStatus } = clientOf();
    const { session } = await initialize();
    const [id] = names;
    if (!id) throw new Error("No object was named.");
    expect(await runDurableObjectAlarm(env.MCP_SESSION.get(id))).toBe(true);
    expect(await pingStatus(session)).toBe(404);
  });

  it("a request with an envelope ignores Mcp-Session-Id", async () => {
    const { modern } = endpointOf(SERVER, { ...statelessContext, sessions: clientOf().sessions });
    expect((await modern("tools/list", {}, { "mcp-session-id": "a b" })).status).toBe(200);
  });
});

describe("a session that is unavailable", () => {
  const requestOf = (method: string, params: object = {}) => ({ jsonrpc: "2.0", id: 7, method, params });
  const handshake = { protocolVersion: VERSION, capabilities: { roots: {} }, clientInfo: { name: "c", version: "1" } };

  it.each<[string, "found" | "used", object | string, number | undefined]>([
    ["a handshake", "found", requestOf("initialize", handshake), 7],
    ["a call", "found", requestOf("tools/call", { name: "plain" }), 7],
    ["a notification", "found", { jsonrpc: "2.0", method: "notifications/initialized" }, undefined],
    ["a response", "found", responseTo("x"), undefined],
    ["GET", "found", "GET", undefined],
    ["DELETE", "found", "DELETE", undefined],
    ["logging/setLevel", "used", requestOf("logging/setLevel", { level: "info" }), 7],
    ["a response", "used", responseTo("x"), undefined],
    [
      "a cancellation",
      "used",
      { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } },
      undefined,
    ],
    ["GET", "used", "GET", undefined],
    ["DELETE", "used", "DELETE", undefined],
  ])(
    "%s is 503 if the session fails when it is %s, with one log line, and the next request is served",
    async (_, when, message, id) => {
      const { request, logged, send, pingStatus, subject } = clientWithFailingSessions(when);
      const { session } = await clientOf(subject).initialize();
      const response = await (typeof message === "string" ? request(message, session) : send(message, session));
      expect([response.status, response.headers.get("retry-after"), await response.json()]).toEqual([
        ...[503, "5"],
        {
          jsonrpc: "2.0",
          ...(id !== undefined && { id }),
          error: {
            code: -32603,
            message: expect.stringMatching(/Try again in 5 s\. Trace id: a{32}$/),
            data: { retryAfterSeconds: 5 },
          },
        },
      ]);
      expect(logged()).toEqual([
        expect.stringContaining(`"event":"mcp.session_unavailable","traceId":"${"a".repeat(32)}"`),
      ]);
      expect(logged().join()).not.toContain("hunter2");
      expect([await pingStatus({}), await clientOf(subject).pingStatus(session)]).toEqual([200, 200]);
    },
  );

  it("a handshake and a call are 503 if the session hangs", async () => {
    const { setTimeout: wait } = globalThis;
    const waits = vi.spyOn(globalThis, "setTimeout");
    waits.mockImplementation(((run: () => void, ms: number) => wait(run, ms > 4_000 ? 20 : ms)) as typeof setTimeout);
    const hanging = clientWithFailingSessions("found", () => new Promise(() => undefined));
    const { session } = await clientOf(hanging.subject).initialize();
    expect((await hanging.send(requestOf("initialize", handshake))).status).toBe(503);
    expect((await hanging.send(requestOf("tools/call", { name: "plain" }), session)).status).toBe(503);
  });

  it("an unavailable session does not stop a running call, and is logged once for all of its reports", async () => {
    const { initialize, send, logged } = clientWithFailingSessions("used");
    const { session } = await initialize();
    const text = (await send(longCall(1), session)).text();
    const { report, end } = await latestLongCall();
    for (const progress of [1, 2, 3]) expect(await report?.({ progress })).toBe("continue");
    end({ content: [] });
    expect(messagesIn(await text).at(-1)).toMatchObject({ id: 1, result: {} });
    expect(logged()).toHaveLength(1);
  });
});

describe("logging, subscriptions and streams of a session", () => {
  it("a session receives log messages of its level and above, and none before it sets one", async () => {
    const { initialize, legacy } = clientOf();
    const { session } = await initialize();
    const levels = async () =>
      messagesIn((await legacy("tools/call", { name: "plain" }, session)).body).flatMap(
        ({ params }) => (params as { level: string })?.level ?? [],
      );
    expect(await levels()).toEqual([]);
    expect((await legacy("logging/setLevel", { level: "warning" }, session)).body).toMatchObject({ result: {} });
    expect(await levels()).toEqual(["warning"]);
    await legacy("logging/setLevel", { level: "debug" }, session);
    expect(await levels()).toEqual(["debug", "warning", "info"]);
    expect((await legacy("logging/setLevel", { level: "loud" }, session)).body).toMatchObject({
      error: { code: -32602 },
    });
  });

  it("a session can subscribe to a resource", async () => {
    const { initialize, legacy } = clientOf();
    const { session } = await initialize();
    for (const method of ["resources/subscribe", "resources/unsubscribe"]) {
      expect((await legacy(method, { uri: "x://1" }, session)).body).toEqual({ jsonrpc: "2.0", id: 7, result: {} });
      expect((await legacy(method, {}, session)).body).toMatchObject({ error: { code: -32602 } });
    }
  });

  it("GET opens a stream for a client that accepts one, and a fifth stream closes the first", async () => {
    const { initialize, request } = clientOf();
    const { session } = await initialize();
    expect((await request("GET", { ...session, accept: "application/json" })).status).toBe(406);
    const responses: Response[] = [];
    for (let at = 0; at < 5; at++) responses.push(await request("GET", session));
    expect(responses.map(({ status, headers }) => [status, headers.get("content-type")])).toEqual(
      responses.map(() => [200, "text/event-stream"]),
    );
    const [first, second] = responses.map(messageReader);
    expect(await first?.next()).toBeNull();
    await request("DELETE", session);
    expect(await second?.next()).toBeNull();
  });
});
