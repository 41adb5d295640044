// Sessions of the older revisions, with the real object behind them: who gets one, whose it is, how it ends, and what goes through it.
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env as bound } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ProgressCallback } from "../../../contracts/rpc/call-context.ts";
import type { Env } from "../../../src/env.ts";
import { answerMcp } from "../../../src/mcp/endpoint.ts";
import type { Aside, CallToolResult, Host, OpenTool } from "../../../src/mcp/host.ts";
import type { Session, Sessions } from "../../../src/mcp/session.ts";
import { sessionsOf } from "../../../src/mcp-session.ts";
import { circumstances, eventsOf, listedTool, offer, type Sent, wire } from "./wire.ts";

const env = bound as unknown as Env; // the pool types its bindings by another interface
const VERSION = "2025-11-25";
const FIRST = "2025-03-26";
const ACCEPT = "application/json, text/event-stream";
const HOUR_MS = 3_600_000;

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const QUESTION = { method: "elicitation/create", params: { mode: "form", message: "Sure?", requestedSchema: {} } } as const;
const SAMPLE = { method: "sampling/createMessage", params: { messages: [], maxTokens: 10 } } as const;
const told: (Aside | undefined)[] = [];
/** The work of each call of "long": what it reports with, and what ends it. */
const works: { report: ProgressCallback | undefined; end(result: CallToolResult): void }[] = [];

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
      return { state: "input_required", inputRequests: { sure: name === "sample" ? SAMPLE : QUESTION }, requestState: "one" };
    },
  };
};
const HOST: Partial<Host> = {
  openTool,
  offer: {
    ...offer,
    tools: [listedTool("plain"), listedTool("ask"), listedTool("sample"), listedTool("long")],
    templates: [{ uriTemplate: "x://{id}", name: "x", title: "X", description: "An x.", mimeType: "text/plain" }],
  },
};

beforeEach(() => {
  works.length = 0;
});

let people = 0;

/** One person, and their client. */
function somebody(subject = `u_${++people}`, keep = (sessions: Sessions) => sessions) {
  const sessions = keep(sessionsOf(env, subject));
  const around = { ...circumstances, sessions };
  const { legacy, open, post, host } = wire(HOST, around);
  const begin = async (capabilities: object = { elicitation: {} }, protocolVersion = VERSION) => {
    const { headers, body } = await legacy("initialize", { protocolVersion, capabilities, clientInfo: { name: "c", version: "1" } });
    const id = headers.get("mcp-session-id");
    return { id, body, held: { "mcp-session-id": id, "mcp-protocol-version": protocolVersion, accept: ACCEPT } };
  };
  const by = async (method: string, headers: Sent) => {
    const sent = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== null);
    const answer = await answerMcp(new Request("http://localhost/mcp", { method, headers: sent }), host, around);
    if (answer instanceof Response) return answer;
    throw new Error("Scopes are needed.");
  };
  const ping = async (headers: Sent) => (await legacy("ping", {}, headers)).status;
  return { subject, sessions, begin, legacy, open, post, by, ping };
}

/** The messages of a stream, one at a time. */
function reading(answer: Response) {
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
function watched(session: Session | null, instead: (method: PropertyKey) => unknown): Session | null {
  if (session === null) return null;
  return new Proxy(session, {
    get: (target, key: keyof Session) => {
      const { [key]: value } = target;
      return typeof value === "function" ? () => instead(key) : value;
    },
  });
}

const fail = () => Promise.reject(new Error("hunter2"));

/** Somebody whose sessions all fail, or only when something is done with one. */
function unlucky(when: "found" | "used") {
  const errors = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const whole = somebody(undefined, (sessions) =>
    when === "found" ? { begin: fail, find: fail } : { ...sessions, find: async (id) => watched(await sessions.find(id), fail) },
  );
  return { ...whole, logged: () => errors.mock.calls.map(([line]) => String(line)) };
}

const CALL = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "ask" } };
const long = (id: string | number, meta: object = { progressToken: "p" }) => ({
  ...{ jsonrpc: "2.0", id, method: "tools/call" },
  params: { name: "long", _meta: meta },
});
const newest = () => vi.waitUntil(() => works.at(-1));
const answering = (id: unknown, result: object = { action: "accept" }) => ({ jsonrpc: "2.0", id, result });

describe("a session", () => {
  it.each([{ elicitation: {} }, { sampling: {} }, { roots: { listChanged: true } }])(
    "begins for a client that declares %j",
    async (has) => {
      for (const version of [VERSION, "2025-06-18"]) {
        const { id, body } = await somebody().begin(has, version);
        expect(id).toMatch(/^[\x21-\x7e]{60,200}$/);
        expect(body).toMatchObject({ result: { protocolVersion: version, capabilities: { logging: {}, resources: { subscribe: true } } } });
      }
    },
  );

  it("begins for a client of 2025-03-26 by what that revision knows", async () => {
    const { sessions, begin } = somebody();
    const { id, body, held } = await begin({ roots: {}, sampling: { tools: {} }, elicitation: {} }, FIRST);
    expect(body).toMatchObject({ result: { protocolVersion: FIRST, capabilities: { logging: {} } } });
    expect(await sessions.find(id ?? "")).toMatchObject({ version: FIRST, capabilities: { roots: {}, sampling: { tools: {} } } });
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
    expect([await eve.ping(held), (await eve.by("GET", held)).status, (await eve.by("DELETE", held)).status]).toEqual([404, 404, 404]);
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
    expect([await ping(held), (await by("DELETE", held)).status, (await by("GET", held)).status]).toEqual([404, 404, 404]);
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
    expect(told).toEqual([{ capabilities: { elicitation: {} }, inputResponses: { sure: { action: "accept" } }, requestState: "one" }]);
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
    expect(await next()).toMatchObject({ id: 1, error: { code: -32600, message: expect.stringContaining("did not come") } });
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
    expect(eventsOf(missing.body)).toMatchObject([{ error: { code: -32600, data: { requiredCapabilities: { elicitation: {} } } } }]);
    const alone = await legacy("tools/call", CALL.params, { ...(await begin()).held, accept: "application/json" });
    expect(alone.body).toMatchObject({ error: { code: -32600, message: expect.stringContaining("did not come") } });
  });

  it("that nobody answers is given up after two minutes", async () => {
    const stub = env.MCP_SESSION.get(env.MCP_SESSION.newUniqueId());
    const outcomes = await runInDurableObject(stub, async (object) => {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
      const [late = "", timely = ""] = await object.expect(2, 1, 0);
      const waiting = object.answersTo([late, timely]);
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
    expect(await stub.answersTo(ids)).toEqual(ids.map(() => null));
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

describe("a call that its client cancels (2025-11-25, basic/utilities/cancellation)", () => {
  const cancelling = (requestId: unknown) => ({
    jsonrpc: "2.0",
    method: "notifications/cancelled",
    params: { requestId, reason: "Bored." },
  });
  it.each([
    ["with progress", { progressToken: "p" }],
    ["without", {}],
  ])("hears of it at its next report, and its stream ends without an answer: %s", async (_, meta) => {
    const { begin, open, subject, ping } = somebody();
    const { held } = await begin();
    const text = (await open(long(1, meta), held)).text();
    const { report, end } = await newest();
    expect(await report?.({ progress: 1 })).toBe("continue");
    expect(await somebody(subject).post(cancelling(1), held), "by way of another isolate").toMatchObject({ status: 202, body: "" });
    expect(await report?.({ progress: 2 })).toBe("cancel");
    const sent = eventsOf(await text).map(({ method }) => method);
    expect(new Set(sent)).toEqual(new Set("progressToken" in meta ? ["notifications/progress"] : []));
    expect(await report?.({ progress: 3 })).toBe("cancel");
    end({ content: [] });
    expect(await ping(held)).toBe(200);
  });

  it("hears of it also where its client reads no stream, and is told so: something must be answered there", async () => {
    const { begin, open, post } = somebody();
    const { held } = await begin();
    const answer = open(long("a", {}), { ...held, accept: "application/json" });
    const { report, end } = await newest();
    expect(await report?.({ progress: 1 })).toBe("continue");
    await post(cancelling("a"), held);
    expect(await report?.({ progress: 2 })).toBe("cancel");
    expect(await (await answer).json()).toMatchObject({ id: "a", error: { code: -32600, message: "This call was cancelled." } });
    end({ content: [] });
  });

  it("asks nobody any more: its question is withdrawn at once, and a late answer is dropped", async () => {
    const { begin, open, post } = somebody();
    const { held } = await begin();
    const { next } = reading(await open(CALL, held));
    const question = await next();
    await post(cancelling(1), held);
    expect(await next()).toEqual({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: question?.id } });
    expect(await next()).toBeNull();
    told.length = 0;
    expect((await post(answering(question?.id), held)).status).toBe(202);
    expect(told).toEqual([]);
  });

  it("says so to a client that reads no stream, when its question is withdrawn", async () => {
    const { begin, by, open, post } = somebody();
    const { held } = await begin();
    const { next, cancel } = reading(await by("GET", held));
    const answer = open(CALL, { ...held, accept: "application/json" });
    const question = await next();
    await post(cancelling(1), held);
    expect(await next()).toMatchObject({ method: "notifications/cancelled", params: { requestId: question?.id } });
    expect(await (await answer).json()).toMatchObject({ id: 1, error: { code: -32600, message: "This call was cancelled." } });
    await cancel();
  });

  it("asks nothing where it was cancelled before it came to that", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const { sessions, begin } = somebody();
    const { id } = await begin();
    const session = await sessions.find(id ?? "");
    await session?.cancel(1);
    expect(await session?.expect(1, 1)).toEqual([]);
    expect(await session?.expect(1, 2)).toHaveLength(1);
  });

  it("is not cancelled by word of any other request, nor by nonsense: all of it is dropped at 202", async () => {
    const [ada, eve] = [somebody(), somebody()];
    const { held } = await ada.begin();
    const [another, hers] = [(await ada.begin()).held, (await eve.begin()).held];
    const text = (await ada.open(long(1), held)).text();
    const { report, end } = await newest();
    expect((await ada.post(cancelling(1), another)).status).toBe(202);
    expect((await eve.post(cancelling(1), hers)).status).toBe(202);
    expect((await eve.post(cancelling(1), held)).status).toBe(404);
    expect((await ada.post(cancelling(1), { ...held, "mcp-session-id": null })).status).toBe(202);
    for (const id of ["1", 2, null, 1.5, {}, [1], true, undefined, "x".repeat(500_000)]) {
      expect(await ada.post(cancelling(id), held), JSON.stringify(id)?.slice(0, 20)).toMatchObject({ status: 202, body: "" });
    }
    expect((await ada.post({ ...cancelling(1), params: undefined }, held)).status).toBe(202);
    expect((await ada.post({ ...cancelling(1), method: "notifications/canceled" }, held)).status).toBe(202);
    expect(await report?.({ progress: 1 })).toBe("continue");
    end({ content: [] });
    expect(eventsOf(await text).at(-1)).toMatchObject({ id: 1, result: {} });
  });

  it("is none that begins later under the same id, whether the other was over, running or never there", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const later = () => vi.setSystemTime(Date.now() + 1);
    const { begin, open, post } = somebody();
    const { held } = await begin();
    await post(cancelling(1), held);
    later();
    const first = (await open(long(1), held)).text();
    const work = await newest();
    expect(await work.report?.({ progress: 1 })).toBe("continue");
    later();
    await post(cancelling(1), held);
    later();
    const second = (await open(long(1), held)).text();
    await vi.waitUntil(() => works.length === 2);
    expect(await works[1]?.report?.({ progress: 1 })).toBe("continue");
    expect(await work.report?.({ progress: 2 })).toBe("cancel");
    for (const { end } of works) end({ content: [] });
    expect(eventsOf(await first).filter(({ id }) => id === 1)).toEqual([]);
    expect(eventsOf(await second).at(-1)).toMatchObject({ id: 1, result: {} });
  });

  it("is remembered, with a hundred others at most", async () => {
    const names: string[] = [];
    const stub = env.MCP_SESSION.get(env.MCP_SESSION.newUniqueId());
    await stub.begin({ version: VERSION, capabilities: {} });
    for (let at = 0; at < 120; at++) names.push(`r${at}`);
    for (const name of names) await stub.cancel(name);
    const asked = await Promise.all(names.map((name) => stub.isCancelled(name, 0)));
    expect(asked).toEqual(names.map((_, at) => at >= 20));
  });

  it("is not remembered by an id that no client counts up to, nor where the session has ended", async () => {
    const asked: PropertyKey[] = [];
    const { begin, post } = somebody(undefined, (sessions) => ({
      ...sessions,
      find: async (id) => watched(await sessions.find(id), (method) => asked.push(method)),
    }));
    const { held } = await begin();
    for (const length of [101, 100]) await post(cancelling("x".repeat(length)), held);
    expect(asked).toEqual(["cancel"]);
    const ended = env.MCP_SESSION.get(env.MCP_SESSION.newUniqueId());
    await ended.cancel(1);
    expect(await runInDurableObject(ended, async (_, { storage }) => (await storage.list()).size)).toBe(0);
  });

  it("costs those nothing that are not, and report nothing", async () => {
    const asked: PropertyKey[] = [];
    const { begin, legacy } = somebody(undefined, (sessions) => ({
      begin: (handshake) => sessions.begin(handshake),
      find: async (id) => watched(await sessions.find(id), (method) => asked.push(method)),
    }));
    const { held } = await begin();
    for (const accept of [ACCEPT, "application/json"])
      expect((await legacy("tools/call", { name: "plain" }, { ...held, accept })).status).toBe(200);
    expect(asked).toEqual([]);
    await legacy("logging/setLevel", { level: "info" }, held);
    expect(asked).toEqual(["setLevel"]);
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
    ["a cancellation", "used", { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } }, undefined],
    ["GET", "used", "GET", undefined],
    ["DELETE", "used", "DELETE", undefined],
  ])("is 503 to %s, when it is %s; the log says so once, and the next request is served", async (_, when, message, id) => {
    const { by, logged, open, ping, subject } = unlucky(when);
    const { held } = await somebody(subject).begin();
    const answer = await (typeof message === "string" ? by(message, held) : open(message, held));
    expect([answer.status, answer.headers.get("retry-after"), await answer.json()]).toEqual([
      ...[503, "5"],
      {
        jsonrpc: "2.0",
        ...(id !== undefined && { id }),
        error: { code: -32603, message: expect.stringMatching(/Try again in 5 s\. Trace id: a{32}$/), data: { retryAfterSeconds: 5 } },
      },
    ]);
    expect(logged()).toEqual([expect.stringContaining(`"event":"session.unreachable","traceId":"${"a".repeat(32)}"`)]);
    expect(logged().join()).not.toContain("hunter2");
    expect([await ping({}), await somebody(subject).ping(held)]).toEqual([200, 200]);
  });

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

describe("a batch in a session (2025-03-26, basic/index)", () => {
  const call = (id: number, name: string) => ({ jsonrpc: "2.0", id, method: "tools/call", params: { name } });
  const setLevel = (level: string) => ({ jsonrpc: "2.0", id: 5, method: "logging/setLevel", params: { level } });
  const unnamed = (held: Sent) => ({ ...held, "mcp-protocol-version": null });

  it("asks on a stream of GET, is answered by another batch, and comes back as one array", async () => {
    const { begin, by, open, post } = somebody();
    const { held } = await begin({ sampling: {} }, FIRST);
    const { next, cancel } = reading(await by("GET", held));
    // This revision has no version header.
    const answer = open([setLevel("info"), call(1, "sample"), call(2, "plain")], unnamed(held));
    const question = await next();
    expect(question).toEqual({ jsonrpc: "2.0", id: expect.any(String), ...SAMPLE });
    const said = { role: "assistant", content: { type: "text", text: "Hm." }, model: "m" };
    expect((await post([answering(question?.id, said), answering("x")], held)).status).toBe(202);
    const arrived = await answer;
    expect([arrived.headers.get("content-type"), await arrived.json()]).toEqual([
      "application/json",
      [
        { jsonrpc: "2.0", id: 5, result: {} },
        // 2025-03-26 has no `structuredContent`.
        { jsonrpc: "2.0", id: 1, result: { content: [{ type: "text", text: JSON.stringify(said) }] } },
        { jsonrpc: "2.0", id: 2, result: { content: [] } },
      ],
    ]);
    await cancel();
  });

  it("looks the session up once for all of it", async () => {
    let finds = 0;
    const { begin, post } = somebody(undefined, (sessions) => ({
      ...sessions,
      find: (id) => {
        finds++;
        return sessions.find(id);
      },
    }));
    const { held } = await begin({ roots: {} }, FIRST);
    const { body } = await post([call(1, "plain"), setLevel("info"), answering("x"), call(2, "plain")], held);
    expect([finds, body]).toMatchObject([1, [{ id: 1 }, { id: 5 }, { id: 2 }]]);
  });

  it("cancels a call that waits in another", async () => {
    const { begin, by, open, post } = somebody();
    const { held } = await begin({ sampling: {} }, FIRST);
    const { next, cancel } = reading(await by("GET", held));
    const answer = open([call(1, "sample"), call(2, "plain")], held);
    await next();
    await post([{ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } }], held);
    expect(await (await answer).json()).toMatchObject([
      { id: 1, error: { message: "This call was cancelled." } },
      { id: 2, result: {} },
    ]);
    await cancel();
  });

  it("is 503 where the session fails under it, and nothing of it is run", async () => {
    const { begin, post } = unlucky("used");
    const { held } = await begin({ roots: {} }, FIRST);
    told.length = 0;
    expect(await post([call(1, "plain"), answering("x")], held)).toMatchObject({ status: 503, body: { error: { code: -32603 } } });
    expect(told).toEqual([]);
  });

  it("is 404 once the session has ended, and nothing of it is run", async () => {
    const { begin, by, post } = somebody();
    const { held } = await begin({ roots: {} }, FIRST);
    await by("DELETE", held);
    told.length = 0;
    for (const batch of [[call(1, "plain")], [answering("x")], [{ jsonrpc: "2.0", method: "notifications/initialized" }]]) {
      expect(await post(batch, held)).toMatchObject({ status: 404, body: { error: { code: -32600 } } });
    }
    expect(told).toEqual([]);
  });

  it("is refused in a session of a later revision, which has no batches, also where no header says so", async () => {
    const { begin, post } = somebody();
    const { held } = await begin();
    told.length = 0;
    expect(await post([call(1, "plain")], unnamed(held))).toMatchObject({ status: 400, body: { error: { code: -32600 } } });
    expect(told).toEqual([]);
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
