// `Mcp-Param-*` headers, which repeat arguments of a tool call (2026-07-28, basic/transports).
import { describe, expect, it } from "vitest";
import { endpointOf, errorBody } from "./http.ts";
import { calls, ROUTED_SERVER } from "./routed-server.ts";

const { modern, legacy } = endpointOf(ROUTED_SERVER);

describe("arguments repeated in headers (2026-07-28, basic/transports, custom headers)", () => {
  const route = (args: object, headers: Record<string, string> = {}) =>
    modern("tools/call", { name: "route", arguments: args }, headers);
  const hello = btoa("Hello");

  it.each<[string, object, Record<string, string>]>([
    ["no header without an argument", {}, {}],
    ["no header for null", { region: null, deep: null }, {}],
    ["a string", { region: "us-west1" }, { "Mcp-Param-Region": "us-west1" }],
    ["a string with white space around it", { region: "us" }, { "mcp-param-region": "  us\t" }],
    ["base64 of UTF-8", { region: "Hello, 世界" }, { "mcp-param-region": "=?base64?SGVsbG8sIOS4lueVjA==?=" }],
    ["base64 of plain ASCII", { region: "Hello" }, { "mcp-param-region": `=?base64?${hello}?=` }],
    [
      "base64 of a value that looks like base64",
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
    ["a header that is in no schema", {}, { "mcp-param-whatever": "x" }],
    ["no header for an array item", { list: [{ x: "a" }] }, {}],
    ["an argument of another type, which the tool's schema refuses", { region: { a: 1 } }, { "mcp-param-region": "x" }],
  ])("repeated arguments are accepted: %s", async (_, args, headers) => {
    expect(await route(args, headers)).toMatchObject({ status: 200, body: { result: {} } });
  });

  it.each<[string, object, Record<string, string>]>([
    ["missing", { region: "us" }, {}],
    ["different", { region: "us" }, { "mcp-param-region": "eu" }],
    ["different in case", { region: "us" }, { "mcp-param-region": "US" }],
    ["sent twice", { region: "us" }, { "mcp-param-region": "us, us" }],
    ["present without an argument", {}, { "mcp-param-region": "us" }],
    ["present for null", { region: null }, { "mcp-param-region": "null" }],
    ["base64 with bad padding", { region: "Hello" }, { "mcp-param-region": "=?base64?SGVsbG8?=" }],
    ["base64 of another alphabet", { region: "Hello" }, { "mcp-param-region": "=?base64?SGVs!!!bG8=?=" }],
    ["base64 of invalid UTF-8", { region: "\ufffd" }, { "mcp-param-region": "=?base64?/w==?=" }],
    ["a character that no header may have", { region: "caf\u00e9" }, { "mcp-param-region": "caf\u00e9" }],
    ["another integer", { shard: 42 }, { "mcp-param-shard": "43" }],
    ["an integer in another notation", { shard: 42 }, { "mcp-param-shard": "0x2a" }],
    ["an integer with a fraction", { shard: 42 }, { "mcp-param-shard": "42.0" }],
    ["a boolean in capitals", { dry: true }, { "mcp-param-dry": "True" }],
    ["missing for a nested property", { deep: { city: "Oslo" } }, {}],
  ])("a repeated argument is refused at 400 with -32020 if its header is %s", async (_, args, headers) => {
    const count = calls.length;
    expect(await route(args, headers)).toMatchObject({ status: 400, body: errorBody(-32020) });
    expect(calls).toHaveLength(count);
  });

  it("headers that repeat arguments are ignored in the legacy era", async () => {
    const response = await legacy(
      "tools/call",
      { name: "route", arguments: { region: "us" } },
      { "mcp-param-region": "eu" },
    );
    expect(response).toMatchObject({ status: 200, body: { result: {} } });
  });
});
