// A call in a session whose client does not want it any more (2025-11-25, basic/utilities/cancellation).
import { runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  ACCEPT,
  answering,
  CALL,
  env,
  long,
  newest,
  reading,
  somebody,
  told,
  VERSION,
  watched,
  works,
} from "./fake-server.ts";
import { eventsOf } from "./http.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});
beforeEach(() => {
  works.length = 0;
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
    expect(await somebody(subject).post(cancelling(1), held), "by way of another isolate").toMatchObject({
      status: 202,
      body: "",
    });
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
    expect(await (await answer).json()).toMatchObject({
      id: "a",
      error: { code: -32600, message: "This call was cancelled." },
    });
    end({ content: [] });
  });

  it("asks nobody any more: its question is withdrawn at once, and a late answer is dropped", async () => {
    const { begin, open, post } = somebody();
    const { held } = await begin();
    const { next } = reading(await open(CALL, held));
    const question = await next();
    await post(cancelling(1), held);
    expect(await next()).toEqual({
      jsonrpc: "2.0",
      method: "notifications/cancelled",
      params: { requestId: question?.id },
    });
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
    expect(await (await answer).json()).toMatchObject({
      id: 1,
      error: { code: -32600, message: "This call was cancelled." },
    });
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
      expect(await ada.post(cancelling(id), held), JSON.stringify(id)?.slice(0, 20)).toMatchObject({
        status: 202,
        body: "",
      });
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
