// Batches of revision 2025-03-26 in a session.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { answering, FIRST, reading, SAMPLE, somebody, told, unlucky, works } from "./fake-server.ts";
import type { Sent } from "./http.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});
beforeEach(() => {
  works.length = 0;
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
    expect(await post([call(1, "plain"), answering("x")], held)).toMatchObject({
      status: 503,
      body: { error: { code: -32603 } },
    });
    expect(told).toEqual([]);
  });

  it("is 404 once the session has ended, and nothing of it is run", async () => {
    const { begin, by, post } = somebody();
    const { held } = await begin({ roots: {} }, FIRST);
    await by("DELETE", held);
    told.length = 0;
    for (const batch of [
      [call(1, "plain")],
      [answering("x")],
      [{ jsonrpc: "2.0", method: "notifications/initialized" }],
    ]) {
      expect(await post(batch, held)).toMatchObject({ status: 404, body: { error: { code: -32600 } } });
    }
    expect(told).toEqual([]);
  });

  it("is refused in a session of a later revision, which has no batches, also where no header says so", async () => {
    const { begin, post } = somebody();
    const { held } = await begin();
    told.length = 0;
    expect(await post([call(1, "plain")], unnamed(held))).toMatchObject({
      status: 400,
      body: { error: { code: -32600 } },
    });
    expect(told).toEqual([]);
  });
});
