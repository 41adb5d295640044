// Requests for input that the server sends to the client of a session, in the real Durable Object.
import { runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ASK, clientInputs, clientOf, ELICITATION, env, messageReader, responseTo } from "./fake-server.ts";
import { messagesIn } from "./http.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("a request for input", () => {
  it("a request for input is sent on the response of the call, and its result arrives in another request", async () => {
    const { initialize, send, post } = clientOf();
    const { session } = await initialize();
    const { next } = messageReader(await send(ASK, session));
    const input = await next();
    expect(input).toEqual({ jsonrpc: "2.0", id: expect.any(String), ...ELICITATION });
    clientInputs.length = 0;
    expect((await post(responseTo(input?.id), session)).status).toBe(202);
    expect(await next()).toMatchObject({ id: 1, result: { structuredContent: { action: "accept" } } });
    expect(await next()).toBeNull();
    expect(clientInputs).toEqual([
      { capabilities: { elicitation: {} }, inputResponses: { sure: { action: "accept" } }, requestState: "one" },
    ]);
  });

  it("a result of more than 65,536 characters counts as an error of the client", async () => {
    const { initialize, send, post } = clientOf();
    const { session } = await initialize();
    const { next } = messageReader(await send(ASK, session));
    const input = await next();
    const content = { text: "x".repeat(65_536) };
    expect((await post(responseTo(input?.id, { action: "accept", content }), session)).status).toBe(202);
    expect(await next()).toMatchObject({ id: 1, error: { code: -32600 } });
  });

  it("a request for input is sent on the newest GET stream if the call accepts only JSON", async () => {
    const { initialize, request, send, post } = clientOf();
    const { session } = await initialize();
    const [older, newer] = [messageReader(await request("GET", session)), messageReader(await request("GET", session))];
    const pending = send(ASK, { ...session, accept: "application/json" });
    const input = await newer.next();
    expect(input).toMatchObject({ method: "elicitation/create" });
    await post(responseTo(input?.id), session);
    expect(await (await pending).json()).toMatchObject({ result: { structuredContent: { action: "accept" } } });
    await newer.cancel();
    await request("DELETE", session);
    expect(await older.next()).toBeNull();
  });

  it.each<[string, object]>([
    ["an error", { error: { code: -1, message: "No." } }],
    ["a malformed result", { result: "yes" }],
  ])("a call whose request for input gets %s ends with an error", async (_, response) => {
    const { initialize, send, post } = clientOf();
    const { session } = await initialize();
    const { next } = messageReader(await send(ASK, session));
    const { id } = (await next()) ?? {};
    await post({ jsonrpc: "2.0", id, ...response }, session);
    expect(await next()).toMatchObject({
      id: 1,
      error: { code: -32600, message: expect.stringContaining("did not receive one") },
    });
  });

  it("a request for input takes no response of another user or session", async () => {
    const [ada, eve] = [clientOf(), clientOf()];
    const [eveSession, session] = [(await eve.initialize()).session, (await ada.initialize()).session];
    const { next } = messageReader(await ada.send(ASK, session));
    const { id } = (await next()) ?? {};
    expect((await eve.post(responseTo(id, { action: "evil" }), eveSession)).status).toBe(202);
    expect((await eve.post(responseTo(id, { action: "evil" }), session)).status).toBe(404);
    await ada.post(responseTo(id), session);
    expect(await next()).toMatchObject({ result: { structuredContent: { action: "accept" } } });
  });

  it("a call is an error if its client lacks the capability for the input, or has no open stream", async () => {
    const { initialize, legacy } = clientOf();
    const missing = await legacy("tools/call", ASK.params, (await initialize({ roots: {} })).session);
    expect(messagesIn(missing.body)).toMatchObject([
      { error: { code: -32600, data: { requiredCapabilities: { elicitation: {} } } } },
    ]);
    const withoutStream = await legacy("tools/call", ASK.params, {
      ...(await initialize()).session,
      accept: "application/json",
    });
    expect(withoutStream.body).toMatchObject({
      error: { code: -32600, message: expect.stringContaining("did not receive one") },
    });
  });

  it("a request for input without a response ends after two minutes", async () => {
    const stub = env.MCP_SESSION.get(env.MCP_SESSION.newUniqueId());
    const results = await runInDurableObject(stub, async (object) => {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
      const [late = "", timely = ""] = await object.expect(2, 1, 0);
      const pending = object.responsesTo([late, timely]);
      await vi.advanceTimersByTimeAsync(119_000);
      await object.resolve(timely, { action: "accept" });
      await vi.advanceTimersByTimeAsync(2000);
      return pending;
    });
    expect(results).toEqual([undefined, { action: "accept" }]);
  });

  it("a session has at most a hundred pending requests for input", async () => {
    const stub = env.MCP_SESSION.get(env.MCP_SESSION.newUniqueId());
    const ids = await stub.expect(100, 1, 0);
    expect([ids.length, await stub.expect(1, 1, 0)]).toEqual([100, []]);
    await Promise.all(ids.map((id) => stub.resolve(id, null)));
    expect(await stub.responsesTo(ids)).toEqual(ids.map(() => null));
    expect(await stub.expect(1, 1, 0)).toHaveLength(1);
  });

  it("the end of a session ends its pending requests for input", async () => {
    const { initialize, send, request } = clientOf();
    const { session } = await initialize();
    const { next } = messageReader(await send(ASK, session));
    await next();
    await request("DELETE", session);
    expect(await next()).toMatchObject({ method: "notifications/cancelled" });
    expect(await next()).toMatchObject({ id: 1, error: { code: -32600 } });
  });
});
