// The revisions before 2026-07-28, each as its own clients expect it: what later ones added is taken out, what they removed is there.
import { describe, expect, it, vi } from "vitest";
import type { CallToolResult, McpServer, ServerFeatures } from "../../../src/mcp/port.ts";
import { circumstances, envelope, listedTool, features as nothing, wire } from "./http.ts";

const features: ServerFeatures = {
  ...nothing,
  tools: [listedTool("draw")],
  prompts: [{ name: "design", title: "Design", description: "Designs.", arguments: [] }],
  resources: [{ uri: "pic://1", name: "pic", title: "Picture", description: "A picture.", mimeType: "image/png" }],
};
const link = { type: "resource_link", uri: "pic://1", name: "pic", title: "A lighthouse", mimeType: "image/png" };
const words = { type: "text", text: "Drawn." };
const picture = { type: "image", data: "AAAA", mimeType: "image/png" };
const drawn: CallToolResult = {
  content: [words, picture, link],
  structuredContent: { id: 1 },
  _meta: { "com.example/a": 1 },
};
const said = { type: "text", text: "A lighthouse: pic://1" };
const calls: string[] = [];

const host: Partial<McpServer> = {
  features,
  openTool(name) {
    calls.push(name);
    if (name === "forbidden") return { state: "insufficient_scope", scopes: ["read", "generate"] };
    if (name === "silent") return { state: "ready", run: async () => ({ content: [], structuredContent: { id: 2 } }) };
    return name === "draw" ? { state: "ready", run: async () => drawn } : { state: "unknown_tool" };
  },
  getPrompt: async () => ({ state: "filled", description: "Designs.", messages: [{ role: "user", content: link }] }),
};
const { post, legacy, modern } = wire(host);
const version = (header: string) => ({ "mcp-protocol-version": header });
const result = (answer: { body: unknown }) => (answer.body as { result: unknown }).result;

describe("the handshake (2025-11-25, basic/lifecycle)", () => {
  it("answers 2025-03-26 to whoever asks for it, with nothing that it does not know", async () => {
    const answer = await legacy("initialize", {
      protocolVersion: "2025-03-26",
      capabilities: {},
      clientInfo: { name: "c", version: "1" },
    });
    expect(result(answer)).toEqual({
      protocolVersion: "2025-03-26",
      capabilities: { tools: {}, prompts: {}, resources: {}, completions: {} },
      serverInfo: { name: "test", version: "1.2.3" },
      instructions: "Use the tools.",
    });
  });

  it("is -32602 without a version", async () => {
    for (const params of [{}, { protocolVersion: 20250618 }, { protocolVersion: null }]) {
      expect(await legacy("initialize", params)).toMatchObject({
        status: 200,
        body: { id: 7, error: { code: -32602 } },
      });
    }
  });
});

describe.each(["2025-11-25", "2025-06-18"])("a client of %s", (header) => {
  it("gets titles, schemas of outputs, values and links as they are", async () => {
    expect(result(await legacy("tools/list", {}, version(header)))).toEqual({ tools: features.tools });
    expect(result(await legacy("tools/call", { name: "draw" }, version(header)))).toEqual(drawn);
    expect(result(await legacy("prompts/get", { name: "design" }, version(header)))).toMatchObject({
      messages: [{ content: link }],
    });
  });
});

describe("a client of 2025-03-26", () => {
  const header = version("2025-03-26");

  it("is shown no title and no schema of outputs", async () => {
    const { title: _, outputSchema: __, ...tool } = listedTool("draw");
    expect(result(await legacy("tools/list", {}, header))).toEqual({ tools: [tool] });
    expect(JSON.stringify(result(await legacy("prompts/list", {}, header)))).not.toContain("title");
    expect(JSON.stringify(result(await legacy("resources/list", {}, header)))).not.toContain("title");
  });

  it("gets words in the place of a link, and no value beside the content", async () => {
    expect(result(await legacy("tools/call", { name: "draw" }, header))).toEqual({
      content: [words, picture, said],
      _meta: { "com.example/a": 1 },
    });
    expect(result(await legacy("prompts/get", { name: "design" }, header))).toMatchObject({
      messages: [{ content: said }],
    });
  });

  it("gets the value as words where a tool has no others", async () => {
    expect(result(await legacy("tools/call", { name: "silent" }, header))).toEqual({
      content: [{ type: "text", text: '{"id":2}' }],
    });
  });
});

describe("a client that names no revision (2025-11-25, basic/transports: assume 2025-03-26)", () => {
  it("gets no block that a reader of 2025-03-26 would refuse, and keeps what later readers look for", async () => {
    expect(result(await legacy("tools/list"))).toEqual({ tools: features.tools });
    expect(result(await legacy("tools/call", { name: "draw" }))).toEqual({ ...drawn, content: [words, picture, said] });
  });
});

describe("a batch (2025-03-26, basic/index)", () => {
  const ping = (id: unknown) => ({ jsonrpc: "2.0", id, method: "ping" });
  const pong = (id: unknown) => ({ jsonrpc: "2.0", id, result: {} });
  const notification = { jsonrpc: "2.0", method: "notifications/initialized" };
  const refused = { status: 400, body: { jsonrpc: "2.0", error: { code: -32600, message: expect.any(String) } } };

  it.each([{}, version("2025-03-26"), { accept: "text/event-stream" }])(
    "is answered as one array, in its order: %j",
    async (headers) => {
      const unknown = { jsonrpc: "2.0", id: "b", method: "nope" };
      const call = {
        jsonrpc: "2.0",
        id: 3,
        method: "tools/call",
        params: { name: "draw", _meta: { progressToken: 1 } },
      };
      const answer = await post([ping(1), notification, unknown, call, { jsonrpc: "2.0", id: 9, result: {} }], headers);
      expect(answer.status).toBe(200);
      expect(answer.headers.get("content-type")).toBe("application/json");
      expect(answer.body).toEqual([
        pong(1),
        { jsonrpc: "2.0", id: "b", error: { code: -32601, message: expect.any(String) } },
        { jsonrpc: "2.0", id: 3, result: expect.objectContaining({ content: [words, picture, said] }) },
      ]);
    },
  );

  it("of one is an array of one", async () => {
    expect((await post([ping(1)])).body).toEqual([pong(1)]);
  });

  it("of nothing but notifications and answers is 202", async () => {
    expect(await post([notification, notification, { jsonrpc: "2.0", id: 1, result: {} }])).toMatchObject({
      status: 202,
      body: "",
    });
  });

  it("answers its broken members one by one (JSON-RPC 2.0 section 6)", async () => {
    const broken = [1, null, [ping(1)], { jsonrpc: "2.0", id: 4, method: 5 }];
    const invalid = { jsonrpc: "2.0", error: { code: -32600, message: expect.any(String) } };
    expect(await post([...broken, ping(2)])).toMatchObject({
      status: 200,
      body: [invalid, invalid, invalid, { ...invalid, id: 4 }, pong(2)],
    });
  });

  it("is refused whole when it is empty, too long, or holds what must come alone, and nothing of it is run", async () => {
    const count = calls.length;
    const call = { jsonrpc: "2.0", id: 3, method: "tools/call", params: { name: "draw" } };
    const initialize = { jsonrpc: "2.0", id: 4, method: "initialize", params: { protocolVersion: "2025-03-26" } };
    const modernCall = { ...call, params: { ...call.params, _meta: envelope } };
    const modernNotification = { ...notification, params: { _meta: envelope } };
    for (const batch of [
      [],
      Array(21).fill(call),
      [call, initialize],
      [call, modernCall],
      [call, modernNotification],
    ]) {
      expect(await post(batch)).toEqual({ ...refused, headers: expect.anything() });
    }
    expect(calls).toHaveLength(count);
    expect((await post(Array.from({ length: 20 }, (_, id) => ping(id)))).body).toHaveLength(20);
  });

  it("is refused in every other revision", async () => {
    for (const header of ["2025-06-18", "2025-11-25", "2026-07-28", "2099-01-01", "nonsense"]) {
      expect(await post([ping(1)], version(header)), header).toMatchObject(refused);
    }
  });

  it("names missing scopes in its array, because a challenge would speak for all of it", async () => {
    const call = { jsonrpc: "2.0", id: 3, method: "tools/call", params: { name: "forbidden" } };
    expect((await post([call, ping(1)])).body).toEqual([
      {
        jsonrpc: "2.0",
        id: 3,
        error: {
          code: -32600,
          message: expect.stringContaining("read generate"),
          data: { scopes: ["read", "generate"] },
        },
      },
      pong(1),
    ]);
  });

  it("counts each piece of work, and answers those that are too many one by one", async () => {
    const admit = vi.fn(async () => (admit.mock.calls.length > 1 ? 30 : 0));
    const limited = wire(host, { ...circumstances, admit });
    const tooMany = (id: number) => ({
      jsonrpc: "2.0",
      id,
      error: { code: -32600, message: expect.any(String), data: { retryAfterSeconds: 30 } },
    });
    const read = (id: number) => ({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "nothing" } });
    const { body } = await limited.post([ping(1), read(2), notification, read(3), read(4), ping(5)]);
    expect(body).toEqual([
      pong(1),
      expect.objectContaining({ id: 2, error: expect.objectContaining({ code: -32602 }) }),
      tooMany(3),
      tooMany(4),
      pong(5),
    ]);
    expect(admit).toHaveBeenCalledTimes(3);
  });
});

describe("what a client can read (RFC 9110 section 12.5.1)", () => {
  it.each([
    null,
    "*/*",
    "application/json",
    "application/*",
    "text/html",
    "application/json, text/event-stream;q=0",
    "",
  ])("is JSON for Accept: %s", async (accept) => {
    for (const params of [{ name: "draw" }, { name: "draw", _meta: { progressToken: 1 } }]) {
      const answer = await legacy("tools/call", params, { accept });
      expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json"]);
    }
  });

  it.each([
    "text/event-stream",
    "text/event-stream, text/html",
    "Text/Event-Stream;q=0.5",
    "text/event-stream, application/json;q=0.0",
  ])("is a stream of one event for Accept: %s, whatever the method", async (accept) => {
    for (const method of ["ping", "tools/list", "tools/call"]) {
      const answer = await legacy(method, { name: "draw" }, { accept });
      expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
      expect(answer.body).toMatch(/^event: message\ndata: {"jsonrpc":"2.0","id":7,"result":.*}\n\n$/);
    }
    const refusedWithStatus = await modern("nope", {}, { accept });
    expect(refusedWithStatus).toMatchObject({ status: 404, body: { error: { code: -32601 } } });
  });
});
