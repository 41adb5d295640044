// The revisions before 2026-07-28: fields that later revisions added are absent, and features that
// later revisions removed are present.
import { describe, expect, it } from "vitest";
import { overrunOf } from "../../../src/limits/rate-limits.ts";
import type { McpServer, ServerFeatures } from "../../../src/mcp/port.ts";
import type { CallToolResult } from "../../../src/mcp/schema.ts";
import { emptyFeatures, endpointOf, envelope, toolNamed } from "./http.ts";

const features: ServerFeatures = {
  ...emptyFeatures,
  tools: [toolNamed("draw")],
  prompts: [{ name: "design", title: "Design", description: "Designs.", arguments: [] }],
  resources: [{ uri: "pic://1", name: "pic", title: "Picture", description: "A picture.", mimeType: "image/png" }],
};
const link = { type: "resource_link", uri: "pic://1", name: "pic", title: "A lighthouse", mimeType: "image/png" };
const text = { type: "text", text: "Drawn." };
const picture = { type: "image", data: "AAAA", mimeType: "image/png" };
const drawn: CallToolResult = {
  content: [text, picture, link],
  structuredContent: { id: 1 },
  _meta: { "com.example/a": 1 },
};
const linkAsText = { type: "text", text: "A lighthouse: pic://1" };
const calls: string[] = [];

const server: Partial<McpServer> = {
  features,
  prepareCall(name) {
    calls.push(name);
    if (name === "forbidden") return { state: "insufficient_scope", scopes: ["read", "generate"] };
    return name === "draw" ? { state: "ready", run: async () => drawn } : { state: "unknown_tool" };
  },
  getPrompt: async () => ({ state: "filled", description: "Designs.", messages: [{ role: "user", content: link }] }),
};
const { post, legacy, modern } = endpointOf(server);
const version = (header: string) => ({ "mcp-protocol-version": header });
const result = (response: { body: unknown }) => (response.body as { result: unknown }).result;

describe("the handshake (2025-11-25, basic/lifecycle)", () => {
  it("initialize returns 2025-03-26 to a client of that revision, without later fields", async () => {
    const response = await legacy("initialize", {
      protocolVersion: "2025-03-26",
      capabilities: {},
      clientInfo: { name: "c", version: "1" },
    });
    expect(result(response)).toEqual({
      protocolVersion: "2025-03-26",
      capabilities: { tools: {}, prompts: {}, resources: {}, completions: {} },
      serverInfo: { name: "test", version: "1.2.3" },
      instructions: "Use the tools.",
    });
  });

  it("initialize is -32602 without a version", async () => {
    for (const params of [{}, { protocolVersion: 20250618 }, { protocolVersion: null }]) {
      expect(await legacy("initialize", params)).toMatchObject({
        status: 200,
        body: { id: 7, error: { code: -32602 } },
      });
    }
  });
});

describe.each(["2025-11-25", "2025-06-18"])("a client of %s", (header) => {
  it(`a client of ${header} gets titles, output schemas, structured content and links`, async () => {
    expect(result(await legacy("tools/list", {}, version(header)))).toEqual({ tools: features.tools });
    expect(result(await legacy("tools/call", { name: "draw" }, version(header)))).toEqual(drawn);
    expect(result(await legacy("prompts/get", { name: "design" }, version(header)))).toMatchObject({
      messages: [{ content: link }],
    });
  });
});

describe("a client of 2025-03-26", () => {
  const header = version("2025-03-26");

  it("a client of 2025-03-26 gets no title and no output schema", async () => {
    const { title: _, outputSchema: __, ...tool } = toolNamed("draw");
    expect(result(await legacy("tools/list", {}, header))).toEqual({ tools: [tool] });
    expect(JSON.stringify(result(await legacy("prompts/list", {}, header)))).not.toContain("title");
    expect(JSON.stringify(result(await legacy("resources/list", {}, header)))).not.toContain("title");
  });

  it("a client of 2025-03-26 gets text instead of a link, and no structured content", async () => {
    expect(result(await legacy("tools/call", { name: "draw" }, header))).toEqual({
      content: [text, picture, linkAsText],
      _meta: { "com.example/a": 1 },
    });
    expect(result(await legacy("prompts/get", { name: "design" }, header))).toMatchObject({
      messages: [{ content: linkAsText }],
    });
  });
});

describe("a client without a version header (2025-11-25, basic/transports: assume 2025-03-26)", () => {
  it("a client without a version header gets no later content block, and keeps structured content", async () => {
    expect(result(await legacy("tools/list"))).toEqual({ tools: features.tools });
    expect(result(await legacy("tools/call", { name: "draw" }))).toEqual({
      ...drawn,
      content: [text, picture, linkAsText],
    });
  });
});

describe("a batch (2025-03-26, basic/index)", () => {
  const ping = (id: unknown) => ({ jsonrpc: "2.0", id, method: "ping" });
  const pong = (id: unknown) => ({ jsonrpc: "2.0", id, result: {} });
  const notification = { jsonrpc: "2.0", method: "notifications/initialized" };
  const refused = { status: 400, body: { jsonrpc: "2.0", error: { code: -32600, message: expect.any(String) } } };

  it.each([{}, version("2025-03-26"), { accept: "text/event-stream" }])(
    "a batch gets one array of responses in its order, with headers %j",
    async (headers) => {
      const unknown = { jsonrpc: "2.0", id: "b", method: "nope" };
      const call = {
        jsonrpc: "2.0",
        id: 3,
        method: "tools/call",
        params: { name: "draw", _meta: { progressToken: 1 } },
      };
      const response = await post(
        [ping(1), notification, unknown, call, { jsonrpc: "2.0", id: 9, result: {} }],
        headers,
      );
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toBe("application/json");
      expect(response.body).toEqual([
        pong(1),
        { jsonrpc: "2.0", id: "b", error: { code: -32601, message: expect.any(String) } },
        { jsonrpc: "2.0", id: 3, result: expect.objectContaining({ content: [text, picture, linkAsText] }) },
      ]);
    },
  );

  it("a batch of one message gets an array of one", async () => {
    expect((await post([ping(1)])).body).toEqual([pong(1)]);
  });

  it("a batch of notifications and responses is 202", async () => {
    expect(await post([notification, notification, { jsonrpc: "2.0", id: 1, result: {} }])).toMatchObject({
      status: 202,
      body: "",
    });
  });

  it("each invalid message of a batch gets its own error (JSON-RPC 2.0 section 6)", async () => {
    const broken = [1, null, [ping(1)], { jsonrpc: "2.0", id: 4, method: 5 }];
    const invalid = { jsonrpc: "2.0", error: { code: -32600, message: expect.any(String) } };
    expect(await post([...broken, ping(2)])).toMatchObject({
      status: 200,
      body: [invalid, invalid, invalid, { ...invalid, id: 4 }, pong(2)],
    });
  });

  it("a batch that is empty, too long or contains a message that must be sent alone is refused whole", async () => {
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

  it("a batch is refused in every other revision", async () => {
    for (const header of ["2025-06-18", "2025-11-25", "2026-07-28", "2099-01-01", "nonsense"]) {
      expect(await post([ping(1)], version(header)), header).toMatchObject(refused);
    }
  });

  it("a request of a batch that needs scopes gets an error in the array that lists them", async () => {
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

  it("each read of a batch gets its own error over the rate limit", async () => {
    let reads = 0;
    const limitedEndpoint = endpointOf({
      ...server,
      readResource: async () =>
        ++reads > 1 ? { state: "rate_limited", ...overrunOf("plan.free", 30) } : { state: "not_found" },
    });
    const tooMany = (id: number) => ({
      jsonrpc: "2.0",
      id,
      error: { code: -32600, message: expect.any(String), data: expect.objectContaining({ retryAfterSeconds: 30 }) },
    });
    const read = (id: number) => ({ jsonrpc: "2.0", id, method: "resources/read", params: { uri: "x://1" } });
    const { body } = await limitedEndpoint.post([ping(1), read(2), notification, read(3), read(4), ping(5)]);
    expect(body).toEqual([
      pong(1),
      expect.objectContaining({ id: 2, error: expect.objectContaining({ code: -32002 }) }),
      tooMany(3),
      tooMany(4),
      pong(5),
    ]);
  });
});

describe("content negotiation (RFC 9110 section 12.5.1)", () => {
  it.each([
    null,
    "*/*",
    "application/json",
    "application/*",
    "text/html",
    "application/json, text/event-stream;q=0",
    "",
  ])("a response is JSON for Accept: %s", async (accept) => {
    for (const params of [{ name: "draw" }, { name: "draw", _meta: { progressToken: 1 } }]) {
      const response = await legacy("tools/call", params, { accept });
      expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
    }
  });

  it.each([
    "text/event-stream",
    "text/event-stream, text/html",
    "Text/Event-Stream;q=0.5",
    "text/event-stream, application/json;q=0.0",
  ])("a response is a stream of one event for Accept: %s, whatever the method", async (accept) => {
    for (const method of ["ping", "tools/list", "tools/call"]) {
      const response = await legacy(method, { name: "draw" }, { accept });
      expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
      expect(response.body).toMatch(/^event: message\ndata: {"jsonrpc":"2.0","id":7,"result":.*}\n\n$/);
    }
    const notFound = await modern("nope", {}, { accept });
    expect(notFound).toMatchObject({ status: 404, body: { error: { code: -32601 } } });
  });
});
