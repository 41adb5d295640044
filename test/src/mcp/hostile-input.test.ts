// Bodies and headers that are malformed on purpose: encodings, sizes, duplicate keys and values.
// After each, the endpoint serves the next request.
import { describe, expect, it } from "vitest";
import { handleMcp } from "../../../src/mcp/endpoint.ts";
import {
  ACCEPT,
  emptyFeatures,
  endpointOf,
  envelope,
  errorBody,
  errorBodyWithoutId,
  statelessContext,
} from "./http.ts";
import { calls, LEGACY_CALL, ROUTE_HEADERS, ROUTED_SERVER } from "./routed-server.ts";

const { post, modern, legacy, server } = endpointOf(ROUTED_SERVER);

const LONG = "x".repeat(400_000);

describe("an error repeats only the beginning of the client's text", () => {
  const template = { uriTemplate: "x://{id}", name: "x", title: "X", description: "An x.", mimeType: "text/plain" };
  const prompt = { name: "p", title: "P", description: "P.", arguments: [] };
  const { legacy: send } = endpointOf({ features: { ...emptyFeatures, templates: [template], prompts: [prompt] } });
  const ref = { type: "ref/prompt", name: "p" };

  it.each<[string, object]>([
    [LONG, {}],
    ["tools/call", { name: LONG }],
    ["tools/call", { name: "t", _meta: { progressToken: LONG } }],
    ["prompts/get", { name: LONG }],
    ["prompts/get", { name: "p", arguments: { [LONG]: 1 } }],
    ["resources/read", { uri: LONG }],
    ["resources/list", { cursor: LONG }],
    ["completion/complete", { ref, argument: { name: "a", value: "" }, context: { arguments: { [LONG]: 1 } } }],
    ["tools/list", { _meta: { "io.modelcontextprotocol/protocolVersion": LONG } }],
    ["initialize", { protocolVersion: LONG }],
  ])("%.20s", async (method, params) => {
    expect(JSON.stringify((await send(method, params)).body).length).toBeLessThan(1_000);
  });

  it("cut between characters, never within one", async () => {
    for (const shift of ["", "x"]) {
      const { body } = await send("tools/call", { name: `${shift}${"😀".repeat(100)}` });
      expect(JSON.stringify(body)).not.toMatch(/\\ud|\ufffd/);
    }
  });

  it("the requested revision", async () => {
    const requested = `2026-07-28${"x".repeat(10_000)}`;
    const _meta = { ...envelope, "io.modelcontextprotocol/protocolVersion": requested };
    const refused = await modern("tools/list", { _meta }, { "mcp-protocol-version": requested });
    expect(refused.body).toMatchObject({ error: { code: -32022 } });
    expect(JSON.stringify(refused.body).length).toBeLessThan(1_000);
  });
});

describe("text that is not well-formed", () => {
  const lone = "\\ud83d";

  it("becomes well-formed as it arrives: id, method, names, arguments and their keys", async () => {
    const message = (name: string) =>
      `{"jsonrpc":"2.0","id":"a${lone}","method":"tools/call","params":{"name":"${name}","arguments":{"k${lone}":["${lone}b","\\ud83d\\ude00"]}}}`;
    expect(await post(message("route"))).toMatchObject({ status: 200, body: { id: "a\ufffd", result: {} } });
    expect(calls.at(-1)?.args).toEqual({ "k\ufffd": ["\ufffdb", "😀"] });
    const { body } = await post(`[${message(`x${lone}`)}]`);
    expect(body).toMatchObject([{ id: "a\ufffd", error: { message: expect.stringContaining('"x\ufffd"') } }]);
  });
});

describe("hostile input", () => {
  const encoder = new TextEncoder();
  const bytes = (...parts: (string | number[])[]) =>
    new Uint8Array(parts.flatMap((part) => (typeof part === "string" ? Array.from(encoder.encode(part)) : part)));
  const nested = (depth: number) =>
    `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":${"[".repeat(depth)}${"]".repeat(depth)}}}`;

  it.each<[string, string | Uint8Array, number, number]>([
    [
      "invalid UTF-8 in a string",
      bytes('{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"', [0xc3, 0x28], '"}}'),
      400,
      -32700,
    ],
    ["an overlong form of a slash", bytes('{"jsonrpc":"2.0","id":1,"method":"ping', [0xc0, 0xaf], '"}'), 400, -32700],
    ["a surrogate in UTF-8", bytes('{"jsonrpc":"2.0","id":1,"method":"ping', [0xed, 0xa0, 0x80], '"}'), 400, -32700],
    ["UTF-16", bytes([0xff, 0xfe, 0x7b, 0, 0x7d, 0]), 400, -32700],
    ["two values", '{"jsonrpc":"2.0","id":1,"method":"ping"}{}', 400, -32700],
    ["a comment", '{"jsonrpc":"2.0","id":1,"method":"ping"}//', 400, -32700],
    ["NaN", '{"jsonrpc":"2.0","id":NaN,"method":"ping"}', 400, -32700],
    ["500,000 levels, closed", nested(500_000), 400, -32600],
    ["500,000 levels, not closed", "[".repeat(500_000), 400, -32700],
    [
      "a batch of 100,000 levels",
      `[{"jsonrpc":"2.0","id":1,"method":"ping"},${"[".repeat(100_000)}${"]".repeat(100_000)}]`,
      400,
      -32600,
    ],
    ["20,000 keys of one object", `{${Array.from({ length: 20_000 }, (_, at) => `"k${at}":0`).join()}}`, 400, -32600],
    ["an id beyond what a number can hold", '{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}', 400, -32600],
    ["an id of infinite size", '{"jsonrpc":"2.0","id":1e999,"method":"ping"}', 400, -32600],
    ["a boolean as id", '{"jsonrpc":"2.0","id":true,"method":"ping"}', 400, -32600],
  ])("a body is refused: %s", async (_, body, status, code) => {
    const refused = await post(body);
    expect([refused.status, refused.body]).toEqual([status, errorBodyWithoutId(code)]);
    expect(await legacy("ping")).toMatchObject({ status: 200, body: { id: 7, result: {} } });
  });

  it("an id has at most 1,024 characters, because responses repeat it", async () => {
    for (const id of ["x".repeat(1024), "", "\u0000\u2028夕", Number.MAX_SAFE_INTEGER, -1, 0])
      expect((await post({ jsonrpc: "2.0", id, method: "ping" })).body).toEqual({ jsonrpc: "2.0", id, result: {} });
    const refused = await post({ jsonrpc: "2.0", id: "x".repeat(1025), method: "ping" });
    expect([refused.status, refused.body]).toEqual([400, errorBodyWithoutId(-32600)]);
  });

  it("_meta is refused with more than 16,384 characters, 500 values or 10 levels", async () => {
    const deep = JSON.parse(`${'{"a":'.repeat(11)}1${"}".repeat(11)}`) as object;
    for (const extra of ["x".repeat(16_384), { ["k".repeat(16_384)]: 1 }, Array(500).fill(0), deep]) {
      const refused = await modern("ping", { _meta: { ...envelope, extra } });
      expect([refused.status, refused.body]).toEqual([400, errorBody(-32600)]);
    }
    expect((await modern("tools/list", { _meta: { ...envelope, extra: "x".repeat(10_000) } })).status).toBe(200);
  });

  it("the last of two equal keys is the one that headers must repeat (RFC 8259 section 4)", async () => {
    const text = (last: string) =>
      `{"jsonrpc":"2.0","id":1,"id":7,"method":"tools/list","method":"tools/call","params":{"name":"other","name":"${last}","_meta":${JSON.stringify(envelope)}}}`;
    expect(await post(text("route"), ROUTE_HEADERS)).toMatchObject({ status: 200, body: { id: 7, result: {} } });
    expect(calls.at(-1)?.name).toBe("route");
    expect(await post(text("other"), ROUTE_HEADERS)).toMatchObject({ status: 400, body: errorBody(-32020) });
    expect(await post(text("route"), { ...ROUTE_HEADERS, "mcp-method": "tools/list" })).toMatchObject({
      status: 400,
      body: errorBody(-32020),
    });
  });

  it("a second value of a header is refused", async () => {
    for (const name of ["mcp-protocol-version", "mcp-method", "mcp-name"]) {
      const headers = new Headers({ "content-type": "application/json", ...ROUTE_HEADERS });
      headers.append(name, headers.get(name) ?? "");
      const body = JSON.stringify({ ...LEGACY_CALL, params: { name: "route", _meta: envelope } });
      const response = await handleMcp(
        new Request("http://localhost/mcp", { method: "POST", body, headers }),
        server,
        statelessContext,
      );
      expect(response instanceof Response && [response.status, await response.json()], name).toEqual([
        400,
        errorBody(-32020),
      ]);
    }
  });

  it("a second media type, and a header line in base64, are refused", async () => {
    for (const type of ["application/json, text/plain", "text/plain, application/json"]) {
      expect(await legacy("ping", {}, { "content-type": type }), type).toMatchObject({
        status: 415,
        body: errorBodyWithoutId(-32600),
      });
    }
    const split = `=?base64?${btoa("route\r\nmcp-method: ping")}?=`;
    expect(await modern("tools/call", { name: "route" }, { "mcp-name": split })).toMatchObject({
      status: 400,
      body: errorBody(-32020),
    });
  });

  it("a malformed progress token is ignored", async () => {
    for (const progressToken of [null, 1.5, {}, ["p"], true]) {
      const response = await legacy("tools/call", { name: "route", _meta: { progressToken } }, { accept: ACCEPT });
      expect([response.status, response.headers.get("content-type")], JSON.stringify(progressToken)).toEqual([
        200,
        "application/json",
      ]);
    }
  });

  it("a byte order mark is ignored (RFC 8259 section 8.1)", async () => {
    expect(await post(bytes([0xef, 0xbb, 0xbf], JSON.stringify(LEGACY_CALL)))).toMatchObject({
      status: 200,
      body: { id: 7 },
    });
  });

  it("no method is found by the name of an inherited property", async () => {
    const withPrototype = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"route","arguments":{"__proto__":{"region":"us"}}}}`;
    expect(await post(withPrototype)).toMatchObject({ status: 200, body: { id: 7, result: {} } });
    expect(({} as { region?: string }).region).toBeUndefined();
    for (const name of ["constructor", "__proto__", "hasOwnProperty", "toString"]) {
      expect(await legacy(name)).toMatchObject({ status: 200, body: errorBody(-32601) });
      expect(await modern(name)).toMatchObject({ status: 404, body: errorBody(-32601) });
    }
  });

  it.each([
    "application/json;charset=UTF-8",
    'application/json; charset="utf-8"',
    "Application/JSON ; Charset=utf8 ; a=b",
    "application/json;",
  ])("a body is accepted as %s", async (type) => {
    expect((await legacy("ping", {}, { "content-type": type })).status).toBe(200);
  });

  it.each([
    "application/json; charset=utf-16",
    "application/json;charset=latin1",
    "application/json; charset=utf-8x",
    "application/json; charset=utf-8; charset=latin1",
    "text/json",
    "",
  ])("a body is refused at 415 as %s", async (type) => {
    expect(await legacy("ping", {}, { "content-type": type })).toMatchObject({
      status: 415,
      body: errorBodyWithoutId(-32600),
    });
  });
});
