// Sessions of the older revisions, with the real object behind them: who gets one, whose it is, how it ends, and what goes through it.
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  ACCEPT,
  answering,
  CALL,
  env,
  FIRST,
  HOST,
  HOUR_MS,
  long,
  newest,
  QUESTION,
  reading,
  somebody,
  told,
  unlucky,
  VERSION,
  works,
} from "./fake-server.ts";
import { circumstances, eventsOf, wire } from "./http.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});
beforeEach(() => {
  works.length = 0;
});

describe("a session", () => {
  it.each([{ elicitation: {} }, { sampling: {} }, { roots: { listChanged: true } }])(
    "begins for a client that declares %j",
    async (has) => {
      for (const version of [VERSION, "2025-06-18"]) {
        const { id, body } = await somebody().begin(has, version);
        expect(id).toMatch(/^[\x21-\x7e]{60,200}$/);
        expect(body).toMatchObject({
          result: { protocolVersion: version, capabilities: { logging: {}, resources: { subscribe: true } } },
        });
      }
    },
  );

  it("begins for a client of 2025-03-26 by what that revision knows", async () => {
    const { sessions, begin } = somebody();
    const { id, body, held } = await begin({ roots: {}, sampling: { tools: {} }, elicitation: {} }, FIRST);
    expect(body).toMatchObject({ result: { protocolVersion: FIRST, capabilities: { logging: {} } } });
    expect(await sessions.find(id ?? "")).toMatchObject({
      version: FIRST,
      capabilities: { roots: {}, sampling: { tools: {} } },
    });
    expect(Object.keys((await sessions.find(id ?? ""))?.capabilities ?? {})).not.toContain("elicitation");
    expect((await begin({ elicitation: {} }, FIRST)).id).toBeNull();
    const { legacy } = somebody();
    expect((await legacy("logging/setLevel", { level: "info" }, held)).status, "somebody else").toBe(404);
  });

  it("no object is asked for a client that can be asked nothing", async () => {
    const get = vi.spyOn(Object.getPrototypeOf(env.MCP_SESSION) as DurableObjectNamespace, "get");
    const { begin, legacy, by } = somebody();
    for (const has of [{}, { experimental: {} }, { elicitation: true }]) {
      const { id, body } = await begin(has);
      expect([id, Object.keys((body as { result: { capabilities: object } }).result.capabilities)]).toEqual([
        null,
        ["tools", "resources", "completions"],
      ]);
    }
    expect((await begin({ elicitation: {} }, FIRST)).id).toBeNull();
    await legacy("tools/call", { name: "plain" }, { "mcp-protocol-version": VERSION, accept: ACCEPT });
    expect((await legacy("logging/setLevel", { level: "info" })).body).toMatchObject({ error: { code: -32601 } });
    expect((await legacy("resources/subscribe", { uri: "x://1" })).body).toMatchObject({ error: { code: -32601 } });
    expect([(await by("GET", { accept: ACCEPT })).status, (await by("DELETE", {})).status]).toEqual([405, 405]);
    expect(get).not.toHaveBeenCalled();
    await begin();
    expect(get).toHaveBeenCalledOnce();
  });

  it("belongs to the person, whichever token they come with, and is nobody else's", async () => {
    const ada = somebody();
    const { held } = await ada.begin();
    expect(await somebody(ada.subject).ping(held)).toBe(200);
    const eve = somebody();
    const get = vi.spyOn(Object.getPrototypeOf(env.MCP_SESSION) as DurableObjectNamespace, "get");
    expect([await eve.ping(held), (await eve.by("GET", held)).status, (await eve.by("DELETE", held)).status]).toEqual([
      404, 404, 404,
    ]);
    expect(get).not.toHaveBeenCalled();
    expect(await ada.ping(held)).toBe(200);
  });

  it("is found by no other id: a changed one is unknown, what is no id is refused", async () => {
    const { begin, ping } = somebody();
    const { id, held } = await begin();
    const changed = `${id?.slice(0, -8)}AAAAAAAA`;
    expect(await ping({ ...held, "mcp-session-id": changed })).toBe(404);
    expect(await ping({ ...held, "mcp-session-id": "a b" })).toBe(400);
    expect(await ping({ ...held, "mcp-session-id": "short" })).toBe(400);
    expect(await ping({ ...held, "mcp-session-id": "a".repeat(5000) })).toBe(400);
    expect(await ping({ ...held, "mcp-session-id": `${id}, ${id}` }), "sent twice").toBe(400);
    expect(await ping(held), "the next request").toBe(200);
  });

  it("is ended by DELETE, and then nothing finds it", async () => {
    const { begin, by, ping, post } = somebody();
    const { held } = await begin();
    const stream = reading(await by("GET", held));
    expect((await by("DELETE", held)).status).toBe(204);
    expect(await stream.next()).toBeNull();
    expect([await ping(held), (await by("DELETE", held)).status, (await by("GET", held)).status]).toEqual([
      404, 404, 404,
    ]);
    expect((await post({ jsonrpc: "2.0", method: "notifications/initialized" }, held)).status).toBe(404);
    expect((await post(answering("x"), held)).status).toBe(404);
  });

  it("ends after an hour without a message; each message begins the hour anew", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const { begin, ping } = somebody();
    const { held } = await begin();
    const start = Date.now();
    vi.setSystemTime(start + HOUR_MS - 1000);
    expect(await ping(held)).toBe(200);
    vi.setSystemTime(start + 2 * HOUR_MS - 2000);
    expect(await ping(held)).toBe(200);
    vi.setSystemTime(start + 3 * HOUR_MS);
    expect(await ping(held)).toBe(404);
  });

  it("leaves nothing behind", async () => {
    const names: DurableObjectId[] = [];
    const prototype = Object.getPrototypeOf(env.MCP_SESSION) as DurableObjectNamespace;
    const idFromName = prototype.idFromName;
    vi.spyOn(prototype, "idFromName").mockImplementation(function (this: DurableObjectNamespace, name: string) {
      const id = idFromName.call(this, name);
      names.push(id);
      return id;
    });
    const { begin, ping } = somebody();
    const { held } = await begin();
    const [id] = names;
    if (!id) throw new Error("No object was named.");
    expect(await runDurableObjectAlarm(env.MCP_SESSION.get(id))).toBe(true);
    expect(await ping(held)).toBe(404);
  });

  it("means nothing to a request that carries its own envelope", async () => {
    const { modern } = wire(HOST, { ...circumstances, sessions: somebody().sessions });
    expect((await modern("tools/list", {}, { "mcp-session-id": "a b" })).status).toBe(200);
  });
});

describe("a question", () => {
  it("goes out on the call's own response, and its answer comes from another request", async () => {
    const { begin, open, post } = somebody();
    const { held } = await begin();
    const { next } = reading(await open(CALL, held));
    const question = await next();
    expect(question).toEqual({ jsonrpc: "2.0", id: expect.any(String), ...QUESTION });
    told.length = 0;
    expect((await post(answering(question?.id), held)).status).toBe(202);
    expect(await next()).toMatchObject({ id: 1, result: { structuredContent: { action: "accept" } } });
    expect(await next()).toBeNull();
    expect(told).toEqual([
      { capabilities: { elicitation: {} }, inputResponses: { sure: { action: "accept" } }, requestState: "one" },
    ]);
  });

  it("goes out on one stream of GET where the client cannot read another", async () => {
    const { begin, by, open, post } = somebody();
    const { held } = await begin();
    const [older, newer] = [reading(await by("GET", held)), reading(await by("GET", held))];
    const calling = open(CALL, { ...held, accept: "application/json" });
    const question = await newer.next();
    expect(question).toMatchObject({ method: "elicitation/create" });
    await post(answering(question?.id), held);
    expect(await (await calling).json()).toMatchObject({ result: { structuredContent: { action: "accept" } } });
    await newer.cancel();
    await by("DELETE", held);
    expect(await older.next()).toBeNull();
  });

  it.each<[string, object]>([
    ["an error", { error: { code: -1, message: "No." } }],
    ["a result that is none", { result: "yes" }],
  ])("answered with %s ends the call with an error", async (_, answer) => {
    const { begin, open, post } = somebody();
    const { held } = await begin();
    const { next } = reading(await open(CALL, held));
    const { id } = (await next()) ?? {};
    await post({ jsonrpc: "2.0", id, ...answer }, held);
    expect(await next()).toMatchObject({
      id: 1,
      error: { code: -32600, message: expect.stringContaining("did not come") },
    });
  });

  it("nobody else answers it", async () => {
    const [ada, eve] = [somebody(), somebody()];
    const [hers, held] = [(await eve.begin()).held, (await ada.begin()).held];
    const { next } = reading(await ada.open(CALL, held));
    const { id } = (await next()) ?? {};
    expect((await eve.post(answering(id, { action: "evil" }), hers)).status).toBe(202);
    expect((await eve.post(answering(id, { action: "evil" }), held)).status).toBe(404);
    await ada.post(answering(id), held);
    expect(await next()).toMatchObject({ result: { structuredContent: { action: "accept" } } });
  });

  it("is not asked of a client that cannot answer it, nor where nobody reads", async () => {
    const { begin, legacy } = somebody();
    const missing = await legacy("tools/call", CALL.params, (await begin({ roots: {} })).held);
    expect(eventsOf(missing.body)).toMatchObject([
      { error: { code: -32600, data: { requiredCapabilities: { elicitation: {} } } } },
    ]);
    const alone = await legacy("tools/call", CALL.params, { ...(await begin()).held, accept: "application/json" });
    expect(alone.body).toMatchObject({ error: { code: -32600, message: expect.stringContaining("did not come") } });
  });

  it("that nobody answers is given up after two minutes", async () => {
    const stub = env.MCP_SESSION.get(env.MCP_SESSION.newUniqueId());
    const outcomes = await runInDurableObject(stub, async (object) => {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
      const [late = "", timely = ""] = await object.expect(2, 1, 0);
      const waiting = object.responsesTo([late, timely]);
      await vi.advanceTimersByTimeAsync(119_000);
      await object.settle(timely, { action: "accept" });
      await vi.advanceTimersByTimeAsync(2000);
      return waiting;
    });
    expect(outcomes).toEqual([undefined, { action: "accept" }]);
  });

  it("is one of a hundred at most that wait in one session", async () => {
    const stub = env.MCP_SESSION.get(env.MCP_SESSION.newUniqueId());
    const ids = await stub.expect(100, 1, 0);
    expect([ids.length, await stub.expect(1, 1, 0)]).toEqual([100, []]);
    await Promise.all(ids.map((id) => stub.settle(id, null)));
    expect(await stub.responsesTo(ids)).toEqual(ids.map(() => null));
    expect(await stub.expect(1, 1, 0)).toHaveLength(1);
  });

  it("that waits is given up when the session ends", async () => {
    const { begin, open, by } = somebody();
    const { held } = await begin();
    const { next } = reading(await open(CALL, held));
    await next();
    await by("DELETE", held);
    expect(await next()).toMatchObject({ method: "notifications/cancelled" });
    expect(await next()).toMatchObject({ id: 1, error: { code: -32600 } });
  });
});

describe("a session whose keeper is out of reach", () => {
  const asks = (method: string, params: object = {}) => ({ jsonrpc: "2.0", id: 7, method, params });
  const handshake = { protocolVersion: VERSION, capabilities: { roots: {} }, clientInfo: { name: "c", version: "1" } };

  it.each<[string, "found" | "used", object | string, number | undefined]>([
    ["a handshake", "found", asks("initialize", handshake), 7],
    ["a call", "found", asks("tools/call", { name: "plain" }), 7],
    ["a notification", "found", { jsonrpc: "2.0", method: "notifications/initialized" }, undefined],
    ["an answer", "found", answering("x"), undefined],
    ["GET", "found", "GET", undefined],
    ["DELETE", "found", "DELETE", undefined],
    ["a level", "used", asks("logging/setLevel", { level: "info" }), 7],
    ["an answer", "used", answering("x"), undefined],
    [
      "a cancellation",
      "used",
      { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } },
      undefined,
    ],
    ["GET", "used", "GET", undefined],
    ["DELETE", "used", "DELETE", undefined],
  ])(
    "is 503 to %s, when it is %s; the log says so once, and the next request is served",
    async (_, when, message, id) => {
      const { by, logged, open, ping, subject } = unlucky(when);
      const { held } = await somebody(subject).begin();
      const answer = await (typeof message === "string" ? by(message, held) : open(message, held));
      expect([answer.status, answer.headers.get("retry-after"), await answer.json()]).toEqual([
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
        expect.stringContaining(`"event":"session.unreachable","traceId":"${"a".repeat(32)}"`),
      ]);
      expect(logged().join()).not.toContain("hunter2");
      expect([await ping({}), await somebody(subject).ping(held)]).toEqual([200, 200]);
    },
  );

  it("does not stop a call that works, however often it reports", async () => {
    const { begin, open, logged } = unlucky("used");
    const { held } = await begin();
    const text = (await open(long(1), held)).text();
    const { report, end } = await newest();
    for (const progress of [1, 2, 3]) expect(await report?.({ progress })).toBe("continue");
    end({ content: [] });
    expect(eventsOf(await text).at(-1)).toMatchObject({ id: 1, result: {} });
    expect(logged()).toHaveLength(1);
  });
});

describe("beside its answers", () => {
  it("a session is told what happens from the level on that it set, and before that nothing", async () => {
    const { begin, legacy } = somebody();
    const { held } = await begin();
    const levels = async () =>
      eventsOf((await legacy("tools/call", { name: "plain" }, held)).body).flatMap(
        ({ params }) => (params as { level: string })?.level ?? [],
      );
    expect(await levels()).toEqual([]);
    expect((await legacy("logging/setLevel", { level: "warning" }, held)).body).toMatchObject({ result: {} });
    expect(await levels()).toEqual(["warning"]);
    await legacy("logging/setLevel", { level: "debug" }, held);
    expect(await levels()).toEqual(["debug", "warning", "info"]);
    expect((await legacy("logging/setLevel", { level: "loud" }, held)).body).toMatchObject({ error: { code: -32602 } });
  });

  it("a session may subscribe to a resource", async () => {
    const { begin, legacy } = somebody();
    const { held } = await begin();
    for (const method of ["resources/subscribe", "resources/unsubscribe"]) {
      expect((await legacy(method, { uri: "x://1" }, held)).body).toEqual({ jsonrpc: "2.0", id: 7, result: {} });
      expect((await legacy(method, {}, held)).body).toMatchObject({ error: { code: -32602 } });
    }
  });

  it("a stream is opened only by who can read it, and a fifth closes the first", async () => {
    const { begin, by } = somebody();
    const { held } = await begin();
    expect((await by("GET", { ...held, accept: "application/json" })).status).toBe(406);
    const answers: Response[] = [];
    for (let at = 0; at < 5; at++) answers.push(await by("GET", held));
    expect(answers.map(({ status, headers }) => [status, headers.get("content-type")])).toEqual(
      answers.map(() => [200, "text/event-stream"]),
    );
    const [first, second] = answers.map(reading);
    expect(await first?.next()).toBeNull();
    await by("DELETE", held);
    expect(await second?.next()).toBeNull();
  });
});
