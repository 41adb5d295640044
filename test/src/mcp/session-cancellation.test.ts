// Cancellation of a call in a session by its client (2025-11-25, basic/utilities/cancellation).
import { runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EVENTUALLY } from "../../support/eventually.ts";
import {
  ASK,
  clientInputs,
  clientOf,
  env,
  latestLongCall,
  longCall,
  longCalls,
  messageReader,
  responseTo,
  VERSION,
  withMethods,
} from "./fake-server.ts";
import { ACCEPT, messagesIn } from "./http.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});
beforeEach(() => {
  longCalls.length = 0;
});

describe("a call in a session (2025-11-25, basic/utilities/cancellation)", () => {
  const cancellationOf = (requestId: unknown) => ({
    jsonrpc: "2.0",
    method: "notifications/cancelled",
    params: { requestId, reason: "Bored." },
  });
  it.each([
    ["with a progress token", { progressToken: "p" }],
    ["without a progress token", {}],
  ])(
    "a cancelled call learns of it at its next report, and its stream ends without a response: %s",
    async (_, meta) => {
      const { initialize, send, subject, pingStatus } = clientOf();
      const { session } = await initialize();
      const text = (await send(longCall(1, meta), session)).text();
      const { report, end } = await latestLongCall();
      expect(await report?.({ progress: 1 })).toBe("continue");
      expect(await clientOf(subject).post(cancellationOf(1), session), "through another isolate").toMatchObject({
        status: 202,
        body: "",
      });
      expect(await report?.({ progress: 2 })).toBe("cancel");
      const sent = messagesIn(await text).map(({ method }) => method);
      expect(new Set(sent)).toEqual(new Set("progressToken" in meta ? ["notifications/progress"] : []));
      expect(await report?.({ progress: 3 })).toBe("cancel");
      end({ content: [] });
      expect(await pingStatus(session)).toBe(200);
    },
  );

  it("a cancelled call whose client accepts only JSON learns of it too, and its response is an error", async () => {
    const { initialize, send, post } = clientOf();
    const { session } = await initialize();
    const pending = send(longCall("a", {}), { ...session, accept: "application/json" });
    const { report, end } = await latestLongCall();
    expect(await report?.({ progress: 1 })).toBe("continue");
    await post(cancellationOf("a"), session);
    expect(await report?.({ progress: 2 })).toBe("cancel");
    expect(await (await pending).json()).toMatchObject({
      id: "a",
      error: { code: -32600, message: "This call was cancelled." },
    });
    end({ content: [] });
  });

  it("a cancellation withdraws the input request of its call at once, and a late response is ignored", async () => {
    const { initialize, send, post } = clientOf();
    const { session } = await initialize();
    const { next } = messageReader(await send(ASK, session));
    const input = await next();
    await post(cancellationOf(1), session);
    expect(await next()).toEqual({
      jsonrpc: "2.0",
      method: "notifications/cancelled",
      params: { requestId: input?.id },
    });
    expect(await next()).toBeNull();
    clientInputs.length = 0;
    expect((await post(responseTo(input?.id), session)).status).toBe(202);
    expect(clientInputs).toEqual([]);
  });

  it("a cancelled call that waits for input is an error for a client that accepts only JSON", async () => {
    const { initialize, request, send, post } = clientOf();
    const { session } = await initialize();
    const { next, cancel } = messageReader(await request("GET", session));
    const pending = send(ASK, { ...session, accept: "application/json" });
    const input = await next();
    await post(cancellationOf(1), session);
    expect(await next()).toMatchObject({ method: "notifications/cancelled", params: { requestId: input?.id } });
    expect(await (await pending).json()).toMatchObject({
      id: 1,
      error: { code: -32600, message: "This call was cancelled." },
    });
    await cancel();
  });

  it("a call that is cancelled before it requests input sends no request", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const { sessions, initialize } = clientOf();
    const { id } = await initialize();
    const session = await sessions.find(id ?? "");
    await session?.cancel(1);
    expect(await session?.expect(1, 1)).toEqual([]);
    expect(await session?.expect(1, 2)).toHaveLength(1);
  });

  it("a call ignores cancellations of other requests, sessions and users, and malformed ones, all at 202", async () => {
    const [ada, eve] = [clientOf(), clientOf()];
    const { session } = await ada.initialize();
    const [otherSession, eveSession] = [(await ada.initialize()).session, (await eve.initialize()).session];
    const text = (await ada.send(longCall(1), session)).text();
    const { report, end } = await latestLongCall();
    expect((await ada.post(cancellationOf(1), otherSession)).status).toBe(202);
    expect((await eve.post(cancellationOf(1), eveSession)).status).toBe(202);
    expect((await eve.post(cancellationOf(1), session)).status).toBe(404);
    expect((await ada.post(cancellationOf(1), { ...session, "mcp-session-id": null })).status).toBe(202);
    for (const id of ["1", 2, null, 1.5, {}, [1], true, undefined, "x".repeat(500_000)]) {
      expect(await ada.post(cancellationOf(id), session), JSON.stringify(id)?.slice(0, 20)).toMatchObject({
        status: 202,
        body: "",
      });
    }
    expect((await ada.post({ ...cancellationOf(1), params: undefined }, session)).status).toBe(202);
    expect((await ada.post({ ...cancellationOf(1), method: "notifications/canceled" }, session)).status).toBe(202);
    expect(await report?.({ progress: 1 })).toBe("continue");
    end({ content: [] });
    expect(messagesIn(await text).at(-1)).toMatchObject({ id: 1, result: {} });
  });

  it("a cancellation has no effect on a later call with the same id", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const advanceClock = () => vi.setSystemTime(Date.now() + 1);
    const { initialize, send, post } = clientOf();
    const { session } = await initialize();
    await post(cancellationOf(1), session);
    advanceClock();
    const first = (await send(longCall(1), session)).text();
    const firstCall = await latestLongCall();
    expect(await firstCall.report?.({ progress: 1 })).toBe("continue");
    advanceClock();
    await post(cancellationOf(1), session);
    advanceClock();
    const second = (await send(longCall(1), session)).text();
    await vi.waitUntil(() => longCalls.length === 2, EVENTUALLY);
    expect(await longCalls[1]?.report?.({ progress: 1 })).toBe("continue");
    expect(await firstCall.report?.({ progress: 2 })).toBe("cancel");
    for (const { end } of longCalls) end({ content: [] });
    expect(messagesIn(await first).filter(({ id }) => id === 1)).toEqual([]);
    expect(messagesIn(await second).at(-1)).toMatchObject({ id: 1, result: {} });
  });

  it("a session stores its hundred newest cancellations", async () => {
    const names: string[] = [];
    const stub = env.MCP_SESSION.get(env.MCP_SESSION.newUniqueId());
    await stub.create({ version: VERSION, capabilities: {} });
    for (let at = 0; at < 120; at++) names.push(`r${at}`);
    for (const name of names) await stub.cancel(name);
    const stored = await Promise.all(names.map((name) => stub.isCancelled(name, 0)));
    expect(stored).toEqual(names.map((_, at) => at >= 20));
  });

  it("a session does not store a cancellation of an id over 100 characters, nor one after its end", async () => {
    const methods: PropertyKey[] = [];
    const { initialize, post } = clientOf(undefined, (sessions) => ({
      ...sessions,
      find: async (id) => withMethods(await sessions.find(id), (method) => methods.push(method)),
    }));
    const { session } = await initialize();
    for (const length of [101, 100]) await post(cancellationOf("x".repeat(length)), session);
    expect(methods).toEqual(["cancel"]);
    const ended = env.MCP_SESSION.get(env.MCP_SESSION.newUniqueId());
    await ended.cancel(1);
    expect(await runInDurableObject(ended, async (_, { storage }) => (await storage.list()).size)).toBe(0);
  });

  it("a call without progress reports makes no request to its session", async () => {
    const methods: PropertyKey[] = [];
    const { initialize, legacy } = clientOf(undefined, (sessions) => ({
      create: (handshake) => sessions.create(handshake),
      find: async (id) => withMethods(await sessions.find(id), (method) => methods.push(method)),
    }));
    const { session } = await initialize();
    for (const accept of [ACCEPT, "application/json"])
      expect((await legacy("tools/call", { name: "plain" }, { ...session, accept })).status).toBe(200);
    expect(methods).toEqual([]);
    await legacy("logging/setLevel", { level: "info" }, session);
    expect(methods).toEqual(["setLevel"]);
  });
});
