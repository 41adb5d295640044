// The order in which a request of 2026-07-28 is judged. Each case breaks one rung and every rung below it, so that only the right
// order gives the right answer; after each, the next request is served.
import { describe, expect, it } from "vitest";
import { handleMcp } from "../../../src/mcp/endpoint.ts";
import type { McpServer } from "../../../src/mcp/port.ts";
import {
  circumstances,
  envelope,
  eventsOf,
  listedTool,
  MODERN,
  features as nothing,
  rightHeaders,
  wire,
} from "./http.ts";

const routed = listedTool("route", {
  type: "object",
  properties: {
    region: { type: "string", "x-mcp-header": "Region" },
    shard: { type: "integer", "x-mcp-header": "Shard" },
    dry: { type: "boolean", "x-mcp-header": "Dry" },
    deep: { type: "object", properties: { city: { type: "string", "x-mcp-header": "City" } } },
    list: {
      type: "array",
      items: { type: "object", properties: { x: { type: "string", "x-mcp-header": "Unreachable" } } },
    },
  },
});
const calls: { name: string; args: unknown }[] = [];
const host: Partial<McpServer> = {
  features: { ...nothing, tools: [routed] },
  openTool(name, args) {
    calls.push({ name, args });
    if (name === "route" && (args as { region?: string }).region === "forbidden")
      return { state: "insufficient_scope", scopes: ["generate"] };
    return name === "route" ? { state: "ready", run: async () => ({ content: [] }) } : { state: "unknown_tool" };
  },
};
const { post, modern, legacy, host: whole } = wire(host);
const failed = (code: number, id: unknown = 7) => ({
  jsonrpc: "2.0",
  id,
  error: expect.objectContaining({ code, message: expect.any(String) }),
});
const failedWithoutId = (code: number) => ({ jsonrpc: "2.0", error: { code, message: expect.any(String) } });

/** Every rung from `_meta` down is wrong in this request. */
const wrong = { jsonrpc: "2.0", id: 7, method: "nope", params: { _meta: { ...envelope } } as Record<string, unknown> };
const withMeta = (changes: object) => ({ ...wrong, params: { ...wrong.params, _meta: { ...envelope, ...changes } } });
const VERSION = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";
const call = (params: object) => ({ ...wrong, method: "tools/call", params: { ...wrong.params, ...params } });
const forCall = rightHeaders("tools/call", { name: "route" });

const OLDER = { "mcp-protocol-version": "2025-11-25" };
const older = { jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "route" } };

describe("the validation ladder (2026-07-28, basic/transports and basic/index)", () => {
  it.each<[string, unknown, Record<string, string | null>, number, object]>([
    [
      "415: the content type, before the body is read",
      "{",
      { "content-type": "text/plain" },
      415,
      failedWithoutId(-32600),
    ],
    ["413: its size, before it is parsed", "x".repeat(1024 * 1024 + 1), {}, 413, failedWithoutId(-32600)],
    ["-32700: JSON", "{", {}, 400, failedWithoutId(-32700)],
    ["-32600: one object", "[]", { "mcp-protocol-version": MODERN }, 400, failedWithoutId(-32600)],
    ["-32600: of JSON-RPC 2.0", { ...withMeta({ [VERSION]: 1 }), jsonrpc: "1.0" }, {}, 400, failedWithoutId(-32600)],
    ["-32600: an id", { ...withMeta({ [VERSION]: 1 }), id: null }, {}, 400, failedWithoutId(-32600)],
    ["-32600: a method, with the id", { ...withMeta({ [VERSION]: 1 }), method: 1 }, {}, 400, failed(-32600)],
    ["-32600: params, with the id", { ...wrong, params: [] }, {}, 400, failed(-32600)],
    ["-32602: the envelope's version", withMeta({ [VERSION]: 1, [CAPABILITIES]: 1 }), {}, 400, failed(-32602)],
    ["-32602: the envelope's capabilities", withMeta({ [CAPABILITIES]: [] }), {}, 400, failed(-32602)],
    [
      "-32602: no envelope under a modern header",
      { ...wrong, params: {} },
      { "mcp-protocol-version": MODERN },
      400,
      failed(-32602),
    ],
    ["-32020: the version header, before the version", withMeta({ [VERSION]: "2099-01-01" }), {}, 400, failed(-32020)],
    [
      "-32022: the version",
      withMeta({ [VERSION]: "2099-01-01" }),
      { "mcp-protocol-version": "2099-01-01" },
      400,
      failed(-32022),
    ],
    ["-32020: Mcp-Method", call({ name: "route" }), { "mcp-protocol-version": MODERN }, 400, failed(-32020)],
    ["-32020: Mcp-Name", call({ name: "route" }), { ...forCall, "mcp-name": null }, 400, failed(-32020)],
    ["404: the method", wrong, rightHeaders("nope", {}), 404, failed(-32601)],
    ["-32602: params", call({ name: "route", arguments: [] }), forCall, 200, failed(-32602)],
    [
      "-32020: Mcp-Param, before the scopes",
      call({ name: "route", arguments: { region: "forbidden" } }),
      forCall,
      400,
      failed(-32020),
    ],
    [
      "403: the scopes",
      call({ name: "route", arguments: { region: "forbidden" } }),
      { ...forCall, "mcp-param-region": "forbidden" },
      403,
      { scopesNeeded: ["generate"] },
    ],
  ])("%s", async (_, body, headers, status, answer) => {
    const refused = await post(body, headers);
    expect([refused.status, refused.body]).toEqual([status, answer]);
    expect(await modern("tools/call", { name: "route" })).toMatchObject({
      status: 200,
      body: { id: 7, result: { resultType: "complete" } },
    });
  });

  it.each<[string, unknown, Record<string, string | null>, number, object]>([
    ["-32700: JSON", "{", OLDER, 400, failedWithoutId(-32700)],
    ["-32600: an id", { ...older, id: 1.5 }, OLDER, 400, failedWithoutId(-32600)],
    ["-32600: a method, with the id", { ...older, method: "" }, OLDER, 400, failed(-32600)],
    ["-32600: params, with the id", { ...older, params: null }, OLDER, 400, failed(-32600)],
    ["-32600: no batch", [older], OLDER, 400, failedWithoutId(-32600)],
    ["-32022: the version", older, { "mcp-protocol-version": "2025-01-01" }, 400, failed(-32022)],
    ["-32022: one version, not two", older, { "mcp-protocol-version": "2025-11-25, 2025-06-18" }, 400, failed(-32022)],
    ["-32601: the method, at 200", { ...older, method: "server/discover" }, OLDER, 200, failed(-32601)],
    ["-32602: the tool", { ...older, params: { name: "nope" } }, OLDER, 200, failed(-32602)],
    ["-32602: its arguments", { ...older, params: { name: "route", arguments: "{}" } }, OLDER, 200, failed(-32602)],
    [
      "403: the scopes",
      { ...older, params: { name: "route", arguments: { region: "forbidden" } } },
      OLDER,
      403,
      { scopesNeeded: ["generate"] },
    ],
  ])("has fewer rungs before 2026-07-28: %s", async (_, body, headers, status, answer) => {
    const refused = await post(body, headers);
    expect([refused.status, refused.body]).toEqual([status, answer]);
    expect(await post(older, OLDER)).toMatchObject({ status: 200, body: { id: 7, result: {} } });
  });

  it("ends with who asks too often: 429 with the id, before any tool is opened", async () => {
    const count = calls.length;
    const limited = wire(host, { ...circumstances, admit: async () => 30 });
    const refused = [await limited.modern("tools/call", { name: "route" }), await limited.post(older, OLDER)];
    for (const { status, body, headers } of refused) {
      expect([status, body, headers.get("retry-after")]).toEqual([429, failed(-32600), "30"]);
    }
    expect(calls).toHaveLength(count);
  });

  it("refuses a level of logging that is none, and logs nothing for one that is (server/utilities/logging)", async () => {
    const withLevel = (level: unknown) =>
      modern("tools/list", { _meta: { ...envelope, "io.modelcontextprotocol/logLevel": level } });
    for (const level of ["verbose", "DEBUG", "", 5, null, ["debug"]]) {
      expect(await withLevel(level), String(level)).toMatchObject({ status: 400, body: failed(-32602) });
    }
    for (const level of ["debug", "emergency"]) expect((await withLevel(level)).status).toBe(200);
  });
});

describe("arguments that are repeated in headers (2026-07-28, basic/transports, custom headers)", () => {
  const route = (args: object, headers: Record<string, string> = {}) =>
    modern("tools/call", { name: "route", arguments: args }, headers);
  const hello = btoa("Hello");

  it.each<[string, object, Record<string, string>]>([
    ["nothing, where there is no argument", {}, {}],
    ["nothing, for null", { region: null, deep: null }, {}],
    ["a string", { region: "us-west1" }, { "Mcp-Param-Region": "us-west1" }],
    ["a string with white space around it", { region: "us" }, { "mcp-param-region": "  us\t" }],
    ["base64 of UTF-8", { region: "Hello, 世界" }, { "mcp-param-region": "=?base64?SGVsbG8sIOS4lueVjA==?=" }],
    ["base64 of plain words", { region: "Hello" }, { "mcp-param-region": `=?base64?${hello}?=` }],
    [
      "base64 of what looks like base64",
      { region: "=?base64?literal?=" },
      { "mcp-param-region": "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=" },
    ],
    ["a literal without the prefix", { region: hello }, { "mcp-param-region": hello }],
    ["a literal without the suffix", { region: `=?base64?${hello}` }, { "mcp-param-region": `=?base64?${hello}` }],
    [
      "a literal with the prefix in capitals",
      { region: `=?BASE64?${hello}?=` },
      { "mcp-param-region": `=?BASE64?${hello}?=` },
    ],
    ["the empty string", { region: "" }, { "mcp-param-region": "" }],
    ["an integer", { shard: 42 }, { "mcp-param-shard": "42" }],
    ["an integer, by its value", { shard: -7 }, { "mcp-param-shard": "-007" }],
    ["a boolean", { dry: false }, { "mcp-param-dry": "false" }],
    ["a property of a property", { deep: { city: "Oslo" } }, { "mcp-param-city": "Oslo" }],
    ["one that no schema knows", {}, { "mcp-param-whatever": "x" }],
    ["one within a list, which cannot be reached", { list: [{ x: "a" }] }, {}],
    ["an argument of another kind, left to the tool's own words", { region: { a: 1 } }, { "mcp-param-region": "x" }],
  ])("are accepted: %s", async (_, args, headers) => {
    expect(await route(args, headers)).toMatchObject({ status: 200, body: { result: {} } });
  });

  it.each<[string, object, Record<string, string>]>([
    ["missing", { region: "us" }, {}],
    ["different", { region: "us" }, { "mcp-param-region": "eu" }],
    ["different in case", { region: "us" }, { "mcp-param-region": "US" }],
    ["sent twice", { region: "us" }, { "mcp-param-region": "us, us" }],
    ["there without an argument", {}, { "mcp-param-region": "us" }],
    ["there for null", { region: null }, { "mcp-param-region": "null" }],
    ["base64 with bad padding", { region: "Hello" }, { "mcp-param-region": "=?base64?SGVsbG8?=" }],
    ["base64 of another alphabet", { region: "Hello" }, { "mcp-param-region": "=?base64?SGVs!!!bG8=?=" }],
    ["base64 of no UTF-8", { region: "\ufffd" }, { "mcp-param-region": "=?base64?/w==?=" }],
    ["bytes that no header may have", { region: "caf\u00e9" }, { "mcp-param-region": "caf\u00e9" }],
    ["another integer", { shard: 42 }, { "mcp-param-shard": "43" }],
    ["an integer in another notation", { shard: 42 }, { "mcp-param-shard": "0x2a" }],
    ["an integer with a fraction", { shard: 42 }, { "mcp-param-shard": "42.0" }],
    ["a boolean in capitals", { dry: true }, { "mcp-param-dry": "True" }],
    ["missing below", { deep: { city: "Oslo" } }, {}],
  ])("are refused at 400 with -32020, before the tool is opened, when one is %s", async (_, args, headers) => {
    const count = calls.length;
    expect(await route(args, headers)).toMatchObject({ status: 400, body: failed(-32020) });
    expect(calls).toHaveLength(count);
  });

  it("mean nothing in the legacy era", async () => {
    const answer = await legacy(
      "tools/call",
      { name: "route", arguments: { region: "us" } },
      { "mcp-param-region": "eu" },
    );
    expect(answer).toMatchObject({ status: 200, body: { result: {} } });
  });
});

describe("subscriptions/listen (2026-07-28, basic/patterns/subscriptions)", () => {
  const all = {
    toolsListChanged: true,
    promptsListChanged: true,
    resourcesListChanged: true,
    resourceSubscriptions: ["pic://1"],
  };

  it.each([7, "listen-1", 0, ""])(
    "acknowledges nothing, since nothing changes, and ends gracefully, naming its id %j each time",
    async (id) => {
      const request = {
        jsonrpc: "2.0",
        id,
        method: "subscriptions/listen",
        params: { _meta: envelope, notifications: all },
      };
      const answer = await post(request, {
        ...rightHeaders("subscriptions/listen", {}),
        accept: "application/json, text/event-stream",
      });
      expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
      const subscription = { "io.modelcontextprotocol/subscriptionId": id };
      expect(eventsOf(answer.body)).toEqual([
        {
          jsonrpc: "2.0",
          method: "notifications/subscriptions/acknowledged",
          params: { notifications: {}, _meta: subscription },
        },
        {
          jsonrpc: "2.0",
          id,
          result: {
            resultType: "complete",
            _meta: { ...subscription, "io.modelcontextprotocol/serverInfo": nothing.info },
          },
        },
      ]);
    },
  );

  it("is -32602 where it does not say what for", async () => {
    for (const notifications of [
      undefined,
      null,
      [],
      "all",
      { toolsListChanged: "yes" },
      { resourceSubscriptions: [1] },
    ]) {
      expect(await modern("subscriptions/listen", { notifications })).toMatchObject({
        status: 200,
        body: failed(-32602),
      });
    }
    expect((await modern("subscriptions/listen", { notifications: {} })).headers.get("content-type")).toBe(
      "text/event-stream",
    );
  });

  it("does not exist in the legacy era", async () => {
    expect(await legacy("subscriptions/listen", { notifications: all })).toMatchObject({
      status: 200,
      body: failed(-32601),
    });
  });
});

describe("input that is meant to hurt", () => {
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
  ])("is refused: %s", async (_, body, status, code) => {
    const refused = await post(body);
    expect([refused.status, refused.body]).toEqual([status, failedWithoutId(code)]);
    expect(await legacy("ping")).toMatchObject({ status: 200, body: { id: 7, result: {} } });
  });

  it("may have an id of any length that fits into a message: no revision bounds it", async () => {
    for (const id of ["x".repeat(500_000), "", "\u0000\u2028夕", Number.MAX_SAFE_INTEGER, -1, 0]) {
      expect((await post({ jsonrpc: "2.0", id, method: "ping" })).body).toEqual({ jsonrpc: "2.0", id, result: {} });
    }
  });

  it("is judged by the last of two keys alike, in the body as in the headers (RFC 8259 section 4)", async () => {
    const text = (last: string) =>
      `{"jsonrpc":"2.0","id":1,"id":7,"method":"tools/list","method":"tools/call","params":{"name":"other","name":"${last}","_meta":${JSON.stringify(envelope)}}}`;
    expect(await post(text("route"), forCall)).toMatchObject({ status: 200, body: { id: 7, result: {} } });
    expect(calls.at(-1)?.name).toBe("route");
    expect(await post(text("other"), forCall)).toMatchObject({ status: 400, body: failed(-32020) });
    expect(await post(text("route"), { ...forCall, "mcp-method": "tools/list" })).toMatchObject({
      status: 400,
      body: failed(-32020),
    });
  });

  it("cannot smuggle a second value into a header", async () => {
    for (const name of ["mcp-protocol-version", "mcp-method", "mcp-name"]) {
      const headers = new Headers({ "content-type": "application/json", ...forCall });
      headers.append(name, headers.get(name) ?? "");
      const body = JSON.stringify(call({ name: "route" }));
      const answer = await handleMcp(
        new Request("http://localhost/mcp", { method: "POST", body, headers }),
        whole,
        circumstances,
      );
      expect(answer instanceof Response && [answer.status, await answer.json()], name).toEqual([400, failed(-32020)]);
    }
  });

  it("cannot smuggle a second media type, nor a line of its own in base64", async () => {
    for (const type of ["application/json, text/plain", "text/plain, application/json"]) {
      expect(await legacy("ping", {}, { "content-type": type }), type).toMatchObject({
        status: 415,
        body: failedWithoutId(-32600),
      });
    }
    const split = `=?base64?${btoa("route\r\nmcp-method: ping")}?=`;
    expect(await modern("tools/call", { name: "route" }, { "mcp-name": split })).toMatchObject({
      status: 400,
      body: failed(-32020),
    });
  });

  it("asks for progress under no name that is none, and is served without", async () => {
    for (const progressToken of [null, 1.5, {}, ["p"], true]) {
      const answer = await legacy(
        "tools/call",
        { name: "route", _meta: { progressToken } },
        { accept: "application/json, text/event-stream" },
      );
      expect([answer.status, answer.headers.get("content-type")], JSON.stringify(progressToken)).toEqual([
        200,
        "application/json",
      ]);
    }
  });

  it("may begin with a byte order mark, which says nothing (RFC 8259 section 8.1)", async () => {
    expect(await post(bytes([0xef, 0xbb, 0xbf], JSON.stringify(older)))).toMatchObject({
      status: 200,
      body: { id: 7 },
    });
  });

  it("finds no method and no tool in what every object has", async () => {
    const poisoned = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"route","arguments":{"__proto__":{"region":"us"}}}}`;
    expect(await post(poisoned)).toMatchObject({ status: 200, body: { id: 7, result: {} } });
    expect(({} as { region?: string }).region).toBeUndefined();
    for (const name of ["constructor", "__proto__", "hasOwnProperty", "toString"]) {
      expect(await legacy(name)).toMatchObject({ status: 200, body: failed(-32601) });
      expect(await modern(name)).toMatchObject({ status: 404, body: failed(-32601) });
    }
  });

  it.each([
    "application/json;charset=UTF-8",
    'application/json; charset="utf-8"',
    "Application/JSON ; Charset=utf8 ; a=b",
    "application/json;",
  ])("is not suspected in %s", async (type) => {
    expect((await legacy("ping", {}, { "content-type": type })).status).toBe(200);
  });

  it.each([
    "application/json; charset=utf-16",
    "application/json;charset=latin1",
    "application/json; charset=utf-8x",
    "application/json; charset=utf-8; charset=latin1",
    "text/json",
    "",
  ])("is refused in %s at 415", async (type) => {
    expect(await legacy("ping", {}, { "content-type": type })).toMatchObject({
      status: 415,
      body: failedWithoutId(-32600),
    });
  });
});
