// Sessions of the older revisions, with the real object behind them: who gets one, whose it is, how it ends, and what goes through it.
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env as bound } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../../src/env.ts";
import { answerMcp } from "../../../src/mcp/endpoint.ts";
import type { Aside, Host, OpenTool } from "../../../src/mcp/host.ts";
import { sessionsOf } from "../../../src/mcp-session.ts";
import { circumstances, eventsOf, listedTool, offer, type Sent, wire } from "./wire.ts";

const env = bound as unknown as Env; // the pool types its bindings by another interface
const VERSION = "2025-11-25";
const ACCEPT = "application/json, text/event-stream";
const HOUR_MS = 3_600_000;

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const QUESTION = { method: "elicitation/create", params: { mode: "form", message: "Sure?", requestedSchema: {} } } as const;
const told: (Aside | undefined)[] = [];

/** Ends once the question was answered, and shows the answer. */
const openTool: OpenTool = (name, _args, _trace, aside) => {
  told.push(aside);
  return {
    state: "ready",
    run: async (_progress, log) => {
      log?.("debug", "looking");
      log?.("warning", "odd");
      if (name === "plain") return { content: [] };
      const answer = aside?.inputResponses.sure;
      if (answer && aside.requestState === "one") return { content: [], structuredContent: answer };
      return { state: "input_required", inputRequests: { sure: QUESTION }, requestState: "one" };
    },
  };
};
const HOST: Partial<Host> = {
  openTool,
  offer: {
    ...offer,
    tools: [listedTool("plain"), listedTool("ask")],
    templates: [{ uriTemplate: "x://{id}", name: "x", title: "X", description: "An x.", mimeType: "text/plain" }],
  },
};

let people = 0;

/** One person, and their client. */
function somebody(subject = `u_${++people}`) {
  const sessions = sessionsOf(env, subject);
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

const CALL = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "ask" } };
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

  it("no object is asked for a client that can be asked nothing, nor for one of 2025-03-26", async () => {
    const get = vi.spyOn(Object.getPrototypeOf(env.MCP_SESSION) as DurableObjectNamespace, "get");
    const { begin, legacy, by } = somebody();
    for (const has of [{}, { experimental: {} }, { elicitation: true }]) {
      const { id, body } = await begin(has);
      expect([id, Object.keys((body as { result: { capabilities: object } }).result.capabilities)]).toEqual([
        null,
        ["tools", "resources", "completions"],
      ]);
    }
    expect((await begin({ elicitation: {} }, "2025-03-26")).id).toBeNull();
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
      const [late = "", timely = ""] = await object.expect(2);
      const waiting = object.answersTo([late, timely]);
      await vi.advanceTimersByTimeAsync(119_000);
      await object.settle(timely, { action: "accept" });
      await vi.advanceTimersByTimeAsync(2000);
      return waiting;
    });
    expect(outcomes).toEqual([null, { action: "accept" }]);
  });

  it("is one of a hundred at most that wait in one session", async () => {
    const stub = env.MCP_SESSION.get(env.MCP_SESSION.newUniqueId());
    const ids = await stub.expect(100);
    expect([ids.length, await stub.expect(1)]).toEqual([100, []]);
    await Promise.all(ids.map((id) => stub.settle(id, null)));
    expect(await stub.answersTo(ids)).toEqual(ids.map(() => null));
    expect(await stub.expect(1)).toHaveLength(1);
  });

  it("that waits is given up when the session ends", async () => {
    const { begin, open, by } = somebody();
    const { held } = await begin();
    const { next } = reading(await open(CALL, held));
    await next();
    await by("DELETE", held);
    expect(await next()).toMatchObject({ id: 1, error: { code: -32600 } });
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
