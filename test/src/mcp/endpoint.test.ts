// The MCP wire without anything behind it: what goes in over HTTP, what comes out, to the letter.
import { describe, expect, it } from "vitest";
import { handleMcp } from "../../../src/mcp/endpoint.ts";
import type { CallToolResult, OpenTool } from "../../../src/mcp/port.ts";
import { type Answer, circumstances, listedTool, MODERN, envelope as meta, features as minimal, wire } from "./http.ts";

const features = { ...minimal, tools: [listedTool("add")] };
const opened: { name: string; args: unknown; traceparent: string | undefined }[] = [];
const result: CallToolResult = { content: [{ type: "text", text: "3" }], structuredContent: { sum: 3 } };

const open: OpenTool = (name, args, traceparent) => {
  opened.push({ name, args, traceparent });
  if (name === "forbidden") return { state: "insufficient_scope", scopes: ["read", "generate"] };
  if (name !== "add") return { state: "unknown_tool" };
  return {
    state: "ready",
    async run(progress) {
      const verdicts = [];
      for (const step of [1, 1, 2, "x", 3])
        verdicts.push(await progress?.({ progress: step as number, total: 3, message: "working" }));
      return { ...result, _meta: { verdicts } };
    },
  };
};
const { host, post, modern, legacy } = wire({ features, openTool: open });
const error = (code: number, id: unknown = 7) => ({ jsonrpc: "2.0", id, error: expect.objectContaining({ code }) });
const errorWithoutId = (code: number) => ({ jsonrpc: "2.0", error: { code, message: expect.any(String) } });

describe("what cannot be read as one message", () => {
  it.each<[string, unknown, Record<string, string>, number, number]>([
    ["is not JSON", "{", {}, 400, -32700],
    ["is empty", "", {}, 400, -32700],
    ["is announced as something else", "{}", { "content-type": "text/plain" }, 415, -32600],
    ["is a form", "a=b", { "content-type": "application/x-www-form-urlencoded" }, 415, -32600],
    ["is announced in another charset", "{}", { "content-type": "application/json; charset=utf-16" }, 415, -32600],
    ["is announced in Latin-1", "{}", { "content-type": 'application/json; charset="ISO-8859-1"' }, 415, -32600],
    ["is a string", '"hi"', {}, 400, -32600],
    ["is null", "null", {}, 400, -32600],
    ["is of another JSON-RPC", { jsonrpc: "1.0", id: 1, method: "ping" }, {}, 400, -32600],
    ["has a null id", { jsonrpc: "2.0", id: null, method: "ping" }, {}, 400, -32600],
    ["has a fractional id", { jsonrpc: "2.0", id: 1.5, method: "ping" }, {}, 400, -32600],
    ["has an object as id", { jsonrpc: "2.0", id: {}, method: "ping" }, {}, 400, -32600],
    [
      "is deeper than 64 levels",
      `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":${"[".repeat(100)}${"]".repeat(100)}}}`,
      {},
      400,
      -32600,
    ],
    ["is 200,000 levels deep", "[".repeat(200_000) + "]".repeat(200_000), {}, 400, -32600],
    [
      "has more than 10,000 parts",
      JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping", params: { a: Array(20_000).fill(0) } }),
      {},
      400,
      -32600,
    ],
  ])("is refused without an id when it %s", async (_, body, headers, status, code) => {
    const answer = await post(body, headers);
    expect([answer.status, answer.body]).toEqual([status, errorWithoutId(code)]);
  });

  it("is refused with its id when only the rest is wrong", async () => {
    expect(await post({ jsonrpc: "2.0", id: "x", method: 5 })).toMatchObject({ status: 400, body: error(-32600, "x") });
    expect(await post({ jsonrpc: "2.0", id: "x", method: "ping", params: [1] })).toMatchObject({
      status: 400,
      body: error(-32600, "x"),
    });
  });

  it("is refused as invalid UTF-8 instead of being repaired", async () => {
    const body = new Uint8Array([
      ...new TextEncoder().encode('{"jsonrpc":"2.0","id":1,"method":"'),
      0xff,
      0xfe,
      ...new TextEncoder().encode('"}'),
    ]);
    const request = new Request("http://localhost/mcp", {
      method: "POST",
      body,
      headers: { "content-type": "application/json; charset=utf-8" },
    });
    const answer = await handleMcp(request, host, circumstances);
    expect(answer instanceof Response && answer.status).toBe(400);
  });

  it("is refused at 413 when its stream passes 1 MiB, without being parsed", async () => {
    expect(await post(`{"a":"${"x".repeat(1024 * 1024)}"}`)).toMatchObject({
      status: 413,
      body: errorWithoutId(-32600),
    });
  });

  it.each([null, "", "abc", "-1", "0x10", "1e3", "1048577"])(
    "is read no further than 1 MiB where Content-Length is %j",
    async (announced) => {
      let given = 0;
      const endless = new ReadableStream<Uint8Array>({
        pull(controller) {
          given++;
          if (given > 100) controller.error(new Error("who reads on has not counted"));
          else controller.enqueue(new Uint8Array(64 * 1024).fill(32));
        },
      });
      const headers = {
        "content-type": "application/json",
        ...(announced !== null && { "content-length": announced }),
      };
      const answer = await handleMcp(
        new Request("http://localhost/mcp", { method: "POST", headers, body: endless }),
        host,
        circumstances,
      );
      expect(answer instanceof Response && answer.status).toBe(413);
      expect(given).toBeLessThan(20);
    },
  );

  it("is no larger than it says: one that is is refused", async () => {
    const body = new Blob(["x".repeat(1024 * 1024 + 1)]).stream();
    const headers = { "content-type": "application/json", "content-length": "5" };
    const answer = await handleMcp(
      new Request("http://localhost/mcp", { method: "POST", headers, body }),
      host,
      circumstances,
    );
    expect(answer instanceof Response && answer.status).toBe(413);
  });

  it.each(["GET", "DELETE", "PUT", "PATCH"])("is refused at 405 when it comes by %s", async (method) => {
    const answer = await handleMcp(new Request("http://localhost/mcp", { method }), host, circumstances);
    expect(answer instanceof Response && [answer.status, answer.headers.get("allow")]).toEqual([405, "POST"]);
  });
});

describe("the era of a request", () => {
  it("is modern where the body says so, whatever the method", async () => {
    expect(await modern("initialize")).toMatchObject({ status: 404, body: error(-32601) });
    expect(await modern("ping")).toMatchObject({ status: 404, body: error(-32601) });
  });

  it.each<[string, string, object | undefined, string | undefined, number, object]>([
    ["a modern header without an envelope", "tools/list", {}, MODERN, 400, error(-32602)],
    ["a later header without an envelope", "tools/list", {}, "2027-01-01", 400, error(-32602)],
    ["initialize under a modern header", "initialize", { protocolVersion: "2025-11-25" }, MODERN, 400, error(-32020)],
    ["an unknown old header", "tools/list", {}, "2023-01-01", 400, error(-32022)],
    ["a header that is no revision", "tools/list", {}, "latest", 400, error(-32022)],
    ["no header at all", "ping", undefined, undefined, 200, { jsonrpc: "2.0", id: 7, result: {} }],
    ["2025-11-25", "ping", undefined, "2025-11-25", 200, { jsonrpc: "2.0", id: 7, result: {} }],
    ["2025-06-18", "ping", undefined, "2025-06-18", 200, { jsonrpc: "2.0", id: 7, result: {} }],
    ["2025-03-26", "ping", undefined, "2025-03-26", 200, { jsonrpc: "2.0", id: 7, result: {} }],
    [
      "initialize under any old header",
      "initialize",
      { protocolVersion: "2025-06-18" },
      "2024-01-01",
      200,
      { result: { protocolVersion: "2025-06-18" } },
    ],
  ])("with %s is decided as the transport document says", async (_, method, params, header, status, body) => {
    expect(await legacy(method, params, header === undefined ? {} : { "mcp-protocol-version": header })).toMatchObject({
      status,
      body,
    });
  });

  it("names what is served where a version is not", async () => {
    const wanted = { ...meta, "io.modelcontextprotocol/protocolVersion": "2099-01-01" };
    const answer = await modern("tools/list", { _meta: wanted }, { "mcp-protocol-version": "2099-01-01" });
    expect(answer).toMatchObject({
      status: 400,
      body: { id: 7, error: { code: -32022, data: { supported: [MODERN], requested: "2099-01-01" } } },
    });
    const old = { ...meta, "io.modelcontextprotocol/protocolVersion": "2025-11-25" };
    expect(await modern("tools/list", { _meta: old }, { "mcp-protocol-version": "2025-11-25" })).toMatchObject({
      status: 400,
      body: error(-32022),
    });
  });

  it("does not matter to notifications and answers of either era", async () => {
    for (const headers of [{}, { "mcp-protocol-version": MODERN }, { "mcp-protocol-version": "2025-11-25" }]) {
      expect(await post({ jsonrpc: "2.0", method: "notifications/cancelled", params: {} }, headers)).toMatchObject({
        status: 202,
        body: "",
      });
    }
    expect(await post({ jsonrpc: "2.0", id: 1, result: {} })).toMatchObject({ status: 202, body: "" });
    expect(await post({ jsonrpc: "2.0", id: 1, result: {} }, { "mcp-protocol-version": MODERN })).toMatchObject({
      status: 400,
      body: errorWithoutId(-32600),
    });
  });
});

describe("the modern envelope (2026-07-28, basic and transports)", () => {
  it.each<[string, Record<string, unknown>, Record<string, string | null>, number]>([
    ["capabilities are missing", { _meta: { "io.modelcontextprotocol/protocolVersion": MODERN } }, {}, -32602],
    ["the version is no string", { _meta: { ...meta, "io.modelcontextprotocol/protocolVersion": 3 } }, {}, -32602],
    ["the version header is missing", {}, { "mcp-protocol-version": null }, -32020],
    ["the version header differs", {}, { "mcp-protocol-version": "2025-11-25" }, -32020],
    ["the method header is missing", {}, { "mcp-method": null }, -32020],
    ["the method header differs", {}, { "mcp-method": "tools/list" }, -32020],
    ["the method header differs only in case", {}, { "mcp-method": "Tools/Call" }, -32020],
    ["the name header is missing", {}, { "mcp-name": null }, -32020],
    ["the name header differs", {}, { "mcp-name": "other" }, -32020],
    ["the name header is bad base64", {}, { "mcp-name": "=?base64?a?=" }, -32020],
    ["the name header is base64 of another name", {}, { "mcp-name": "=?base64?b3RoZXI=?=" }, -32020],
  ])("is refused at 400 when %s", async (_, params, headers, code) => {
    expect(await modern("tools/call", { name: "add", ...params }, headers)).toMatchObject({
      status: 400,
      body: error(code),
    });
  });

  it("is accepted with white space around a header and with a name in base64", async () => {
    expect(
      await modern("tools/call", { name: "add" }, { "mcp-name": "=?base64?YWRk?=", "mcp-method": "tools/call" }),
    ).toMatchObject({
      status: 200,
    });
    expect(await modern("tools/call", { name: "add" }, { "mcp-name": " add " })).toMatchObject({ status: 200 });
  });

  it("is 404 and -32601 for a method that is not served", async () => {
    for (const method of ["resources/list", "logging/setLevel", "constructor", "__proto__"]) {
      expect(await modern(method)).toMatchObject({ status: 404, body: error(-32601) });
    }
  });

  it("answers server/discover with versions, capabilities, instructions and who we are", async () => {
    const answer = await modern("server/discover");
    expect(answer.body).toEqual({
      jsonrpc: "2.0",
      id: 7,
      result: {
        resultType: "complete",
        supportedVersions: [MODERN],
        capabilities: { tools: {} },
        instructions: "Use the tools.",
        ttlMs: expect.any(Number),
        cacheScope: "private",
        _meta: { "io.modelcontextprotocol/serverInfo": features.info },
      },
    });
  });

  it("marks every result complete, signed with who we are", async () => {
    expect((await modern("tools/list")).body).toMatchObject({
      result: { resultType: "complete", tools: features.tools, cacheScope: "private", ttlMs: 300_000 },
    });
    expect((await modern("tools/call", { name: "add" })).body).toMatchObject({
      result: { resultType: "complete", ...result, _meta: { "io.modelcontextprotocol/serverInfo": features.info } },
    });
  });
});

describe("the legacy handshake (2025-11-25, basic/lifecycle)", () => {
  it.each([
    ["2025-11-25", "2025-11-25"],
    ["2025-06-18", "2025-06-18"],
    ["2024-11-05", "2025-11-25"],
    ["2026-07-28", "2025-11-25"],
    ["nonsense", "2025-11-25"],
  ])("offered %s answers %s", async (requested, answered) => {
    const answer = await legacy("initialize", {
      protocolVersion: requested,
      capabilities: {},
      clientInfo: { name: "c", version: "1" },
    });
    expect(answer.body).toEqual({
      jsonrpc: "2.0",
      id: 7,
      result: {
        protocolVersion: answered,
        capabilities: { tools: {} },
        serverInfo: features.info,
        instructions: "Use the tools.",
      },
    });
    expect(answer.headers.get("mcp-session-id")).toBeNull();
  });

  it("keeps results free of what later revisions added", async () => {
    expect((await legacy("tools/list")).body).toEqual({ jsonrpc: "2.0", id: 7, result: { tools: features.tools } });
  });

  it("answers an unknown method with -32601 and its id", async () => {
    expect(await legacy("resources/list")).toMatchObject({ status: 200, body: error(-32601) });
  });
});

describe.each<[string, (params: Record<string, unknown>, headers?: Record<string, string>) => Promise<Answer>]>([
  ["modern", (params, headers) => modern("tools/call", params, headers)],
  ["legacy", (params, headers) => legacy("tools/call", params, headers)],
])("tools/call, %s", (era, call) => {
  it("takes absent arguments for {}, and hands on the message's own trace", async () => {
    const traceparent = `00-${"d".repeat(32)}-${"e".repeat(16)}-01`;
    await call({ name: "add", _meta: { ...(era === "modern" ? meta : {}), traceparent } });
    expect(opened.at(-1)).toEqual({ name: "add", args: {}, traceparent });
  });

  it("is -32602 for a tool that does not exist, also for names that every object knows", async () => {
    for (const name of ["nope", "constructor", "__proto__", "toString"])
      expect((await call({ name })).body).toMatchObject(error(-32602));
  });

  it("is -32602 for arguments that are no object and for a missing name", async () => {
    expect((await call({ name: "add", arguments: [1] })).body).toMatchObject(error(-32602));
    expect((await call({})).body).toMatchObject(error(-32602));
  });

  it("names every scope that is missing, before anything is run", async () => {
    expect((await call({ name: "forbidden" })).body).toEqual({ scopesNeeded: ["read", "generate"] });
  });

  it("answers JSON where no progress is asked for, whatever the client accepts", async () => {
    for (const accept of ["application/json, text/event-stream", "*/*", "application/json", "text/html"]) {
      expect((await call({ name: "add" }, { accept })).headers.get("content-type")).toBe("application/json");
    }
  });

  it("streams progress that only grows, then the answer, where the client asks for it", async () => {
    const withToken = { name: "add", _meta: { ...(era === "modern" ? meta : {}), progressToken: "p1" } };
    const answer = await call(withToken, { accept: "application/json, text/event-stream" });
    expect(answer.headers.get("content-type")).toBe("text/event-stream");
    const events = String(answer.body)
      .split("\n\n")
      .filter(Boolean)
      .map((event) => JSON.parse(event.replace(/^event: message\ndata: /, "")) as Record<string, unknown>);
    expect(events.slice(0, -1)).toEqual(
      [1, 2, 3].map((progress) => ({
        jsonrpc: "2.0",
        method: "notifications/progress",
        params: { progressToken: "p1", progress, total: 3, message: "working" },
      })),
    );
    expect(events.at(-1)).toMatchObject({
      id: 7,
      result: { ...result, _meta: { verdicts: Array(5).fill("continue") } },
    });
  });

  it("answers JSON to a client that wants progress but cannot read a stream, and a stream to one that reads nothing else", async () => {
    const withToken = { name: "add", _meta: { ...(era === "modern" ? meta : {}), progressToken: 1 } };
    expect((await call(withToken, { accept: "application/json" })).headers.get("content-type")).toBe(
      "application/json",
    );
    expect((await call({ name: "add" }, { accept: "text/event-stream" })).headers.get("content-type")).toBe(
      "text/event-stream",
    );
  });
});
