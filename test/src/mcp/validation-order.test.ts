// The order of validation in 2026-07-28. Each case breaks one check and all that follow it, so that
// only the right order gives the expected error. After each, the next request succeeds.
import { describe, expect, it } from "vitest";
import { overrunOf } from "../../../src/limits/rate-limits.ts";
import { emptyFeatures, endpointOf, envelope, errorBody, errorBodyWithoutId, MODERN, modernHeaders } from "./http.ts";
import { LEGACY_CALL, ROUTE_HEADERS, ROUTED_SERVER } from "./routed-server.ts";

const { post, modern } = endpointOf(ROUTED_SERVER);

/** A request in which every check from `_meta` on fails. */
const wrong = { jsonrpc: "2.0", id: 7, method: "nope", params: { _meta: { ...envelope } } as Record<string, unknown> };
const withMeta = (changes: object) => ({ ...wrong, params: { ...wrong.params, _meta: { ...envelope, ...changes } } });
const VERSION = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";
const call = (params: object) => ({ ...wrong, method: "tools/call", params: { ...wrong.params, ...params } });

const LEGACY_HEADERS = { "mcp-protocol-version": "2025-11-25" };

describe("the order of validation (2026-07-28, basic/transports and basic/index)", () => {
  it.each<[string, unknown, Record<string, string | null>, number, object]>([
    [
      "415: the content type, before the body is read",
      "{",
      { "content-type": "text/plain" },
      415,
      errorBodyWithoutId(-32600),
    ],
    ["413: its size, before it is parsed", "x".repeat(1024 * 1024 + 1), {}, 413, errorBodyWithoutId(-32600)],
    ["-32700: JSON", "{", {}, 400, errorBodyWithoutId(-32700)],
    ["-32600: one object", "[]", { "mcp-protocol-version": MODERN }, 400, errorBodyWithoutId(-32600)],
    ["-32600: JSON-RPC 2.0", { ...withMeta({ [VERSION]: 1 }), jsonrpc: "1.0" }, {}, 400, errorBodyWithoutId(-32600)],
    ["-32600: an id", { ...withMeta({ [VERSION]: 1 }), id: null }, {}, 400, errorBodyWithoutId(-32600)],
    ["-32600: a method, with the id", { ...withMeta({ [VERSION]: 1 }), method: 1 }, {}, 400, errorBody(-32600)],
    ["-32600: params, with the id", { ...wrong, params: [] }, {}, 400, errorBody(-32600)],
    ["-32602: the envelope's version", withMeta({ [VERSION]: 1, [CAPABILITIES]: 1 }), {}, 400, errorBody(-32602)],
    ["-32602: the envelope's capabilities", withMeta({ [CAPABILITIES]: [] }), {}, 400, errorBody(-32602)],
    [
      "-32602: no envelope under a modern header",
      { ...wrong, params: {} },
      { "mcp-protocol-version": MODERN },
      400,
      errorBody(-32602),
    ],
    [
      "-32020: the version header, before the version",
      withMeta({ [VERSION]: "2099-01-01" }),
      {},
      400,
      errorBody(-32020),
    ],
    [
      "-32022: the version",
      withMeta({ [VERSION]: "2099-01-01" }),
      { "mcp-protocol-version": "2099-01-01" },
      400,
      errorBody(-32022),
    ],
    ["-32020: Mcp-Method", call({ name: "route" }), { "mcp-protocol-version": MODERN }, 400, errorBody(-32020)],
    ["-32020: Mcp-Name", call({ name: "route" }), { ...ROUTE_HEADERS, "mcp-name": null }, 400, errorBody(-32020)],
    ["404: the method", wrong, modernHeaders("nope", {}), 404, errorBody(-32601)],
    ["-32602: params", call({ name: "route", arguments: [] }), ROUTE_HEADERS, 200, errorBody(-32602)],
    [
      "-32020: Mcp-Param, before the scopes",
      call({ name: "route", arguments: { region: "forbidden" } }),
      ROUTE_HEADERS,
      400,
      errorBody(-32020),
    ],
    [
      "403: the scopes",
      call({ name: "route", arguments: { region: "forbidden" } }),
      { ...ROUTE_HEADERS, "mcp-param-region": "forbidden" },
      403,
      { scopesNeeded: ["generate"] },
    ],
  ])("a modern request is validated in order: %s", async (_, body, headers, status, response) => {
    const refused = await post(body, headers);
    expect([refused.status, refused.body]).toEqual([status, response]);
    expect(await modern("tools/call", { name: "route" })).toMatchObject({
      status: 200,
      body: { id: 7, result: { resultType: "complete" } },
    });
  });

  it.each<[string, unknown, Record<string, string | null>, number, object]>([
    ["-32700: JSON", "{", LEGACY_HEADERS, 400, errorBodyWithoutId(-32700)],
    ["-32600: an id", { ...LEGACY_CALL, id: 1.5 }, LEGACY_HEADERS, 400, errorBodyWithoutId(-32600)],
    ["-32600: a method, with the id", { ...LEGACY_CALL, method: "" }, LEGACY_HEADERS, 400, errorBody(-32600)],
    ["-32600: params, with the id", { ...LEGACY_CALL, params: [] }, LEGACY_HEADERS, 400, errorBody(-32600)],
    ["-32600: a batch", [LEGACY_CALL], LEGACY_HEADERS, 400, errorBodyWithoutId(-32600)],
    ["-32022: the version", LEGACY_CALL, { "mcp-protocol-version": "2025-01-01" }, 400, errorBody(-32022)],
    [
      "-32022: one version, not two",
      LEGACY_CALL,
      { "mcp-protocol-version": "2025-11-25, 2025-06-18" },
      400,
      errorBody(-32022),
    ],
    [
      "-32601: the method, at 200",
      { ...LEGACY_CALL, method: "server/discover" },
      LEGACY_HEADERS,
      200,
      errorBody(-32601),
    ],
    ["-32602: the tool", { ...LEGACY_CALL, params: { name: "nope" } }, LEGACY_HEADERS, 200, errorBody(-32602)],
    [
      "-32602: its arguments",
      { ...LEGACY_CALL, params: { name: "route", arguments: "none" } },
      LEGACY_HEADERS,
      200,
      errorBody(-32602),
    ],
    [
      "403: the scopes",
      { ...LEGACY_CALL, params: { name: "route", arguments: { region: "forbidden" } } },
      LEGACY_HEADERS,
      403,
      { scopesNeeded: ["generate"] },
    ],
  ])("a legacy request is validated in order: %s", async (_, body, headers, status, response) => {
    const refused = await post(body, headers);
    expect([refused.status, refused.body]).toEqual([status, response]);
    expect(await post(LEGACY_CALL, LEGACY_HEADERS)).toMatchObject({ status: 200, body: { id: 7, result: {} } });
  });

  it("a read over the rate limit is 429 with its id", async () => {
    const template = { uriTemplate: "x://{id}", name: "x", title: "X", description: "An x.", mimeType: "text/plain" };
    const limited = endpointOf({
      features: { ...emptyFeatures, templates: [template] },
      readResource: async () => ({ state: "rate_limited", ...overrunOf("plan.free", 30) }),
    });
    const refused = [
      await limited.modern("resources/read", { uri: "x://1" }),
      await limited.legacy("resources/read", { uri: "x://1" }),
    ];
    for (const { status, body, headers } of refused)
      expect([status, body, headers.get("retry-after")]).toEqual([429, errorBody(-32600), "30"]);
  });

  it("an unknown log level is refused, and a known one has no effect (server/utilities/logging)", async () => {
    const withLevel = (level: unknown) =>
      modern("tools/list", { _meta: { ...envelope, "io.modelcontextprotocol/logLevel": level } });
    for (const level of ["verbose", "DEBUG", "", 5, ["debug"]]) {
      expect(await withLevel(level), String(level)).toMatchObject({ status: 400, body: errorBody(-32602) });
    }
    for (const level of ["debug", "emergency"]) expect((await withLevel(level)).status).toBe(200);
  });
});
