// Batches of revision 2025-03-26 in a session.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  clientInputs,
  clientOf,
  clientWithFailingSessions,
  FIRST_VERSION,
  longCalls,
  messageReader,
  responseTo,
  SAMPLING,
} from "./fake-server.ts";
import type { HeaderChanges } from "./http.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});
beforeEach(() => {
  longCalls.length = 0;
});

describe("a batch in a session (2025-03-26, basic/index)", () => {
  const call = (id: number, name: string) => ({ jsonrpc: "2.0", id, method: "tools/call", params: { name } });
  const setLevel = (level: string) => ({ jsonrpc: "2.0", id: 5, method: "logging/setLevel", params: { level } });
  const withoutVersion = (session: HeaderChanges) => ({ ...session, "mcp-protocol-version": null });

  it("a batch requests input on a GET stream, receives it in another batch, and has one array as its response", async () => {
    const { initialize, request, send, post } = clientOf();
    const { session } = await initialize({ sampling: {} }, FIRST_VERSION);
    const { next, cancel } = messageReader(await request("GET", session));
    // Revision 2025-03-26 has no version header.
    const pending = send([setLevel("info"), call(1, "sample"), call(2, "plain")], withoutVersion(session));
    const input = await next();
    expect(input).toEqual({ jsonrpc: "2.0", id: expect.any(String), ...SAMPLING });
    const message = { role: "assistant", content: { type: "text", text: "Hm." }, model: "m" };
    expect((await post([responseTo(input?.id, message), responseTo("x")], session)).status).toBe(202);
    const response = await pending;
    expect([response.headers.get("content-type"), await response.json()]).toEqual([
      "application/json",
      [
        { jsonrpc: "2.0", id: 5, result: {} },
        // 2025-03-26 has no `structuredContent`.
        { jsonrpc: "2.0", id: 1, result: { content: [{ type: "text", text: JSON.stringify(message) }] } },
        { jsonrpc: "2.0", id: 2, result: { content: [] } },
      ],
    ]);
    await cancel();
  });

  it("a batch looks up its session once", async () => {
    let finds = 0;
    const { initialize, post } = clientOf(undefined, (sessions) => ({
      ...sessions,
      find: (id) => {
        finds++;
        return sessions.find(id);
      },
    }));
    const { session } = await initialize({ roots: {} }, FIRST_VERSION);
    const { body } = await post([call(1, "plain"), setLevel("info"), responseTo("x"), call(2, "plain")], session);
    expect([finds, body]).toMatchObject([1, [{ id: 1 }, { id: 5 }, { id: 2 }]]);
  });

  it("a notification in one batch cancels a call that waits in another", async () => {
    const { initialize, request, send, post } = clientOf();
    const { session } = await initialize({ sampling: {} }, FIRST_VERSION);
    const { next, cancel } = messageReader(await request("GET", session));
    const pending = send([call(1, "sample"), call(2, "plain")], session);
    await next();
    await post([{ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } }], session);
    expect(await (await pending).json()).toMatchObject([
      { id: 1, error: { message: "This call was cancelled." } },
      { id: 2, result: {} },
    ]);
    await cancel();
  });

  it("a batch is 503 if its session fails, and no request in it runs", async () => {
    const { initialize, post } = clientWithFailingSessions("used");
    const { session } = await initialize({ roots: {} }, FIRST_VERSION);
    clientInputs.length = 0;
    expect(await post([call(1, "plain"), responseTo("x")], session)).toMatchObject({
      status: 503,
      body: { error: { code: -32603 } },
    });
    expect(clientInputs).toEqual([]);
  });

  it("a batch is 404 once its session has ended, and no request in it runs", async () => {
    const { initialize, request, post } = clientOf();
    const { session } = await initialize({ roots: {} }, FIRST_VERSION);
    await request("DELETE", session);
    clientInputs.length = 0;
    for (const batch of [
      [call(1, "plain")],
      [responseTo("x")],
      [{ jsonrpc: "2.0", method: "notifications/initialized" }],
    ]) {
      expect(await post(batch, session)).toMatchObject({ status: 404, body: { error: { code: -32600 } } });
    }
    expect(clientInputs).toEqual([]);
  });

  it("a batch in a session of a later revision is 400, also without a version header", async () => {
    const { initialize, post } = clientOf();
    const { session } = await initialize();
    clientInputs.length = 0;
    expect(await post([call(1, "plain")], withoutVersion(session))).toMatchObject({
      status: 400,
      body: { error: { code: -32600 } },
    });
    expect(clientInputs).toEqual([]);
  });
});
