// The MCP endpoint with a fake server: requests over HTTP and their responses, to the letter.
import { describe, expect, it } from "vitest";
import { handleMcp } from "../../../src/mcp/endpoint.ts";
import type { PrepareCall } from "../../../src/mcp/port.ts";
import type { CallToolResult } from "../../../src/mcp/schema.ts";
import {
  emptyFeatures,
  endpointOf,
  envelope,
  errorBody,
  errorBodyWithoutId,
  MODERN,
  type ParsedResponse,
  statelessContext,
  toolNamed,
} from "./http.ts";

const features = { ...emptyFeatures, tools: [toolNamed("add")] };
const preparedCalls: { name: string; args: unknown; traceparent: string | undefined }[] = [];
const result: CallToolResult = { content: [{ type: "text", text: "3" }], structuredContent: { sum: 3 } };

const prepareCall: PrepareCall = (name, args, { traceparent }) => {
  preparedCalls.push({ name, args, traceparent });
  if (name === "forbidden") return { state: "insufficient_scope", scopes: ["read", "generate"] };
  if (name !== "add") return { state: "unknown_tool" };
  return {
    state: "ready",
    async run(progress) {
      const replies = [];
      for (const step of [1, 1, 2, "x", 3])
        replies.push(await progress?.({ progress: step as number, total: 3, message: "working" }));
      return { ...result, _meta: { replies } };
    },
  };
};
const { server, post, modern, legacy } = endpointOf({ features, prepareCall });

describe("an invalid body", () => {
  it.each<[string, unknown, Record<string, string>, number, number]>([
    ["is not JSON", "{", {}, 400, -32700],
    ["is empty", "", {}, 400, -32700],
    ["has another media type", "{}", { "content-type": "text/plain" }, 415, -32600],
    ["is a form", "a=b", { "content-type": "application/x-www-form-urlencoded" }, 415, -32600],
    ["declares UTF-16", "{}", { "content-type": "application/json; charset=utf-16" }, 415, -32600],
    ["declares Latin-1", "{}", { "content-type": 'application/json; charset="ISO-8859-1"' }, 415, -32600],
    ["is a string", '"hi"', {}, 400, -32600],
    ["is null", "null", {}, 400, -32600],
    ["has another JSON-RPC version", { jsonrpc: "1.0", id: 1, method: "ping" }, {}, 400, -32600],
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
      "has more than 10,000 values",
      JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping", params: { a: Array(20_000).fill(0) } }),
      {},
      400,
      -32600,
    ],
  ])("a body that %s is refused without an id", async (_, body, headers, status, code) => {
    const response = await post(body, headers);
    expect([response.status, response.body]).toEqual([status, errorBodyWithoutId(code)]);
  });

  it("an invalid request with a valid id is refused with that id", async () => {
    expect(await post({ jsonrpc: "2.0", id: "x", method: 5 })).toMatchObject({
      status: 400,
      body: errorBody(-32600, "x"),
    });
    expect(await post({ jsonrpc: "2.0", id: "x", method: "ping", params: [1] })).toMatchObject({
      status: 400,
      body: errorBody(-32600, "x"),
    });
  });

  it("a body in invalid UTF-8 is refused, not repaired", async () => {
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
    const response = await handleMcp(request, server, statelessContext);
    expect(response instanceof Response && response.status).toBe(400);
  });

  it("a body over 1 MiB is refused at 413, before it is parsed", async () => {
    expect(await post(`{"a":"${"x".repeat(1024 * 1024)}"}`)).toMatchObject({
      status: 413,
      body: errorBodyWithoutId(-32600),
    });
  });

  it.each([null, "", "abc", "-1", "0x10", "1e3", "1048577"])(
    "a body is read only up to 1 MiB with Content-Length: %j",
    async (announced) => {
      let chunks = 0;
      const endlessBody = new ReadableStream<Uint8Array>({
        pull(controller) {
          chunks++;
          if (chunks > 100) controller.error(new Error("The body was read without a limit."));
          else controller.enqueue(new Uint8Array(64 * 1024).fill(32));
        },
      });
      const headers = {
        "content-type": "application/json",
        ...(announced !== null && { "content-length": announced }),
      };
      const response = await handleMcp(
        new Request("http://localhost/mcp", { method: "POST", headers, body: endlessBody }),
        server,
        statelessContext,
      );
      expect(response instanceof Response && response.status).toBe(413);
      expect(chunks).toBeLessThan(20);
    },
  );

  it("a body over 1 MiB with a small Content-Length is refused at 413", async () => {
    const body = new Blob(["x".repeat(1024 * 1024 + 1)]).stream();
    const headers = { "content-type": "application/json", "content-length": "5" };
    const response = await handleMcp(
      new Request("http://localhost/mcp", { method: "POST", headers, body }),
      server,
      statelessContext,
    );
    expect(response instanceof Response && response.status).toBe(413);
  });

  it.each(["GET", "DELETE", "PUT", "PATCH"])("%s without a session is refused at 405", async (method) => {
    const response = await handleMcp(new Request("http://localhost/mcp", { method }), server, statelessContext);
    expect(response instanceof Response && [response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
  });
});

describe("the era of a request", () => {
  it("a request with an envelope is modern, whatever its method", async () => {
    expect(await modern("initialize")).toMatchObject({ status: 404, body: errorBody(-32601) });
    expect(await modern("ping")).toMatchObject({ status: 404, body: errorBody(-32601) });
  });

  it.each<[string, string, object | undefined, string | undefined, number, object]>([
    ["a modern header without an envelope", "tools/list", {}, MODERN, 400, errorBody(-32602)],
    ["a later header without an envelope", "tools/list", {}, "2027-01-01", 400, errorBody(-32602)],
    [
      "initialize with a modern header",
      "initialize",
      { protocolVersion: "2025-11-25" },
      MODERN,
      400,
      errorBody(-32020),
    ],
    ["an unknown legacy header", "tools/list", {}, "2023-01-01", 400, errorBody(-32022)],
    ["a malformed header", "tools/list", {}, "latest", 400, errorBody(-32022)],
    ["no header at all", "ping", undefined, undefined, 200, { jsonrpc: "2.0", id: 7, result: {} }],
    ["2025-11-25", "ping", undefined, "2025-11-25", 200, { jsonrpc: "2.0", id: 7, result: {} }],
    ["2025-06-18", "ping", undefined, "2025-06-18", 200, { jsonrpc: "2.0", id: 7, result: {} }],
    ["2025-03-26", "ping", undefined, "2025-03-26", 200, { jsonrpc: "2.0", id: 7, result: {} }],
    [
      "initialize with any legacy header",
      "initialize",
      { protocolVersion: "2025-06-18" },
      "2024-01-01",
      200,
      { result: { protocolVersion: "2025-06-18" } },
    ],
  ])(
    "a request with %s gets the response that the transport specification requires",
    async (_, method, params, header, status, body) => {
      expect(
        await legacy(method, params, header === undefined ? {} : { "mcp-protocol-version": header }),
      ).toMatchObject({
        status,
        body,
      });
    },
  );

  it("an unsupported version is refused with the list of supported ones", async () => {
    const future = { ...envelope, "io.modelcontextprotocol/protocolVersion": "2099-01-01" };
    const response = await modern("tools/list", { _meta: future }, { "mcp-protocol-version": "2099-01-01" });
    expect(response).toMatchObject({
      status: 400,
      body: { id: 7, error: { code: -32022, data: { supported: [MODERN], requested: "2099-01-01" } } },
    });
    const old = { ...envelope, "io.modelcontextprotocol/protocolVersion": "2025-11-25" };
    expect(await modern("tools/list", { _meta: old }, { "mcp-protocol-version": "2025-11-25" })).toMatchObject({
      status: 400,
      body: errorBody(-32022),
    });
  });

  it("notifications of both eras are 202, and responses are 202 in the legacy era and 400 in the modern one", async () => {
    for (const headers of [{}, { "mcp-protocol-version": MODERN }, { "mcp-protocol-version": "2025-11-25" }]) {
      expect(await post({ jsonrpc: "2.0", method: "notifications/cancelled", params: {} }, headers)).toMatchObject({
        status: 202,
        body: "",
      });
    }
    expect(await post({ jsonrpc: "2.0", id: 1, result: {} })).toMatchObject({ status: 202, body: "" });
    expect(await post({ jsonrpc: "2.0", id: 1, result: {} }, { "mcp-protocol-version": MODERN })).toMatchObject({
      status: 400,
      body: errorBodyWithoutId(-32600),
    });
  });
});

describe("the modern envelope (2026-07-28, basic and transports)", () => {
  it.each<[string, Record<string, unknown>, Record<string, string | null>, number]>([
    ["capabilities are missing", { _meta: { "io.modelcontextprotocol/protocolVersion": MODERN } }, {}, -32602],
    [
      "the version is not a string",
      { _meta: { ...envelope, "io.modelcontextprotocol/protocolVersion": 3 } },
      {},
      -32602,
    ],
    ["the version header is missing", {}, { "mcp-protocol-version": null }, -32020],
    ["the version header differs", {}, { "mcp-protocol-version": "2025-11-25" }, -32020],
    ["the method header is missing", {}, { "mcp-method": null }, -32020],
    ["the method header differs", {}, { "mcp-method": "tools/list" }, -32020],
    ["the method header differs only in case", {}, { "mcp-method": "Tools/Call" }, -32020],
    ["the name header is missing", {}, { "mcp-name": null }, -32020],
    ["the name header differs", {}, { "mcp-name": "other" }, -32020],
    ["the name header is bad base64", {}, { "mcp-name": "=?base64?a?=" }, -32020],
    ["the name header is base64 of another name", {}, { "mcp-name": "=?base64?b3RoZXI=?=" }, -32020],
  ])("a modern request is refused at 400 if %s", async (_, params, headers, code) => {
    expect(await modern("tools/call", { name: "add", ...params }, headers)).toMatchObject({
      status: 400,
      body: errorBody(code),
    });
  });

  it("a modern request may have white space around a header, and its name in base64", async () => {
    expect(
      await modern("tools/call", { name: "add" }, { "mcp-name": "=?base64?YWRk?=", "mcp-method": "tools/call" }),
    ).toMatchObject({
      status: 200,
    });
    expect(await modern("tools/call", { name: "add" }, { "mcp-name": " add " })).toMatchObject({ status: 200 });
  });

  it("an unknown method is 404 and -32601 in the modern era", async () => {
    for (const method of ["resources/list", "logging/setLevel", "constructor", "__proto__"]) {
      expect(await modern(method)).toMatchObject({ status: 404, body: errorBody(-32601) });
    }
  });

  it("server/discover returns versions, capabilities, instructions and serverInfo", async () => {
    const response = await modern("server/discover");
    expect(response.body).toEqual({
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

  it("every modern result has a resultType and serverInfo", async () => {
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
  ])("initialize with version %s returns version %s", async (requested, negotiated) => {
    const response = await legacy("initialize", {
      protocolVersion: requested,
      capabilities: {},
      clientInfo: { name: "c", version: "1" },
    });
    expect(response.body).toEqual({
      jsonrpc: "2.0",
      id: 7,
      result: {
        protocolVersion: negotiated,
        capabilities: { tools: {} },
        serverInfo: features.info,
        instructions: "Use the tools.",
      },
    });
    expect(response.headers.get("mcp-session-id")).toBeNull();
  });

  it("a legacy result has no field of a later revision", async () => {
    expect((await legacy("tools/list")).body).toEqual({ jsonrpc: "2.0", id: 7, result: { tools: features.tools } });
  });

  it("an unknown method is 200 and -32601 in the legacy era", async () => {
    expect(await legacy("resources/list")).toMatchObject({ status: 200, body: errorBody(-32601) });
  });
});

describe.each<[string, (params: Record<string, unknown>, headers?: Record<string, string>) => Promise<ParsedResponse>]>(
  [
    ["modern", (params, headers) => modern("tools/call", params, headers)],
    ["legacy", (params, headers) => legacy("tools/call", params, headers)],
  ],
)("tools/call, %s", (era, call) => {
  it("tools/call treats absent arguments as {}, and passes on the traceparent of the message", async () => {
    const traceparent = `00-${"d".repeat(32)}-${"e".repeat(16)}-01`;
    await call({ name: "add", _meta: { ...(era === "modern" ? envelope : {}), traceparent } });
    expect(preparedCalls.at(-1)).toEqual({ name: "add", args: {}, traceparent });
  });

  it("tools/call is -32602 for an unknown tool, also with the name of an inherited property", async () => {
    for (const name of ["nope", "constructor", "__proto__", "toString"])
      expect((await call({ name })).body).toMatchObject(errorBody(-32602));
  });

  it("tools/call reads arguments that are the JSON text of an object, repaired, as the object", async () => {
    const text = JSON.stringify({ a: "x\ud83d", b: 2 });
    expect((await call({ name: "add", arguments: text })).status).toBe(200);
    expect(preparedCalls.at(-1)?.args).toEqual({ a: "x\ufffd", b: 2 });
    for (const other of ["[1]", "two", "", "[".repeat(100_000)])
      expect((await call({ name: "add", arguments: other })).body, other.slice(0, 9)).toMatchObject(errorBody(-32602));
  });

  it("tools/call is -32602 without a name, and with arguments that are not an object", async () => {
    expect((await call({ name: "add", arguments: [1] })).body).toMatchObject(errorBody(-32602));
    expect((await call({})).body).toMatchObject(errorBody(-32602));
  });

  it("tools/call returns all missing scopes, before the tool runs", async () => {
    expect((await call({ name: "forbidden" })).body).toEqual({ scopesNeeded: ["read", "generate"] });
  });

  it("tools/call without a progress token is JSON, whatever the client accepts", async () => {
    for (const accept of ["application/json, text/event-stream", "*/*", "application/json", "text/html"]) {
      expect((await call({ name: "add" }, { accept })).headers.get("content-type")).toBe("application/json");
    }
  });

  it("tools/call with a progress token streams increasing progress, then the response", async () => {
    const withToken = { name: "add", _meta: { ...(era === "modern" ? envelope : {}), progressToken: "p1" } };
    const response = await call(withToken, { accept: "application/json, text/event-stream" });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const events = String(response.body)
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
      result: { ...result, _meta: { replies: Array(5).fill("continue") } },
    });
  });

  it("tools/call is JSON for a client that accepts only JSON, and a stream for one that accepts only streams", async () => {
    const withToken = { name: "add", _meta: { ...(era === "modern" ? envelope : {}), progressToken: 1 } };
    expect((await call(withToken, { accept: "application/json" })).headers.get("content-type")).toBe(
      "application/json",
    );
    expect((await call({ name: "add" }, { accept: "text/event-stream" })).headers.get("content-type")).toBe(
      "text/event-stream",
    );
  });
});
