// Every method in every revision, with requests sent by hand. What an answer looks like is for the judge to say, who looks at every
// message in these tests (`test/support/message-validator.ts`); that it does is said here.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { type Connected, connect } from "../support/mcp-clients.ts";
import { useSystem } from "../support/system.ts";
import { judgedFetch, judgedMessages } from "../support/validating-fetch.ts";

const system = useSystem();

type Fields = Readonly<Record<string, unknown>>;

const MODERN = "2026-07-28";
const HANDSHAKE = { capabilities: {}, clientInfo: { name: "e2e", version: "1" } };
const DRAW = { name: "image_generate", arguments: { prompt: "a kite over a lake", quality_tier: "draft" } };

/** What a client of any revision may ask, once somebody has a picture. */
const SHARED: readonly (readonly [method: string, params: Fields])[] = [
  ["tools/list", {}],
  ["tools/call", DRAW],
  ["tools/call", { name: "flow_create", arguments: { policy: {} } }],
  ["tools/call", { name: "image_check_job", arguments: {} }],
  ["resources/list", {}],
  ["resources/templates/list", {}],
  ["resources/read", { uri: "ui://stackbilt/picture" }],
  ["prompts/list", {}],
  ["prompts/get", { name: "design_system", arguments: { description: "A weather station" } }],
  [
    "completion/complete",
    { ref: { type: "ref/prompt", name: "design_system" }, argument: { name: "profile", value: "" } },
  ],
];

/** One request in this revision, and the result or error that it got. */
async function ask(
  { auth }: Connected,
  revision: string | null,
  method: string,
  params: Fields,
  accept = "application/json",
) {
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": revision,
    "io.modelcontextprotocol/clientCapabilities": {},
    progressToken: 1,
  };
  const modern = { "mcp-method": method, "mcp-name": String(params.name ?? params.uri ?? "") };
  const answer = await system.fetch("/mcp", {
    method: "POST",
    headers: {
      ...{ authorization: `Bearer ${auth.saved?.access_token}`, "content-type": "application/json", accept },
      ...(revision === null ? {} : { "mcp-protocol-version": revision }),
      ...(revision === MODERN ? modern : {}),
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method,
      params: { ...(revision === MODERN && { _meta }), ...params },
    }),
  });
  return answer.text();
}

describe.each([MODERN, "2025-11-25", "2025-06-18", "2025-03-26", null])("revision %s", (revision) => {
  it("has each method answered, as JSON and as a stream, and every answer judged", async () => {
    const ada = await connect(system.origin, "modern");
    await ada.client.callTool(DRAW);
    const own: readonly (readonly [method: string, params: Fields])[] =
      revision === MODERN
        ? [
            ["server/discover", {}],
            ["subscriptions/listen", { notifications: {} }],
          ]
        : [
            ["initialize", { ...HANDSHAKE, protocolVersion: revision ?? "2025-03-26" }],
            ["ping", {}],
          ];
    for (const [method, params] of [...own, ...SHARED]) {
      for (const accept of ["application/json", "text/event-stream"]) {
        const before = judgedMessages();
        expect(await ask(ada, revision, method, params, accept), method).toContain('"result":');
        expect(judgedMessages(), method).toBeGreaterThan(before);
      }
    }
    for (const [method, params] of [
      ["magic", {}],
      ["tools/call", { name: "magic" }],
      ["resources/read", { uri: "ui://magic" }],
    ] as const) {
      expect(await ask(ada, revision, method, params), method).toContain('"error":');
    }
    await ada.close();
  });
});

it.fails("a test fails by what the judge sees, though it says nothing itself", async () => {
  const server = createServer((_, response) => response.end(JSON.stringify({ jsonrpc: "2.0", result: {} })));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  await judgedFetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, { method: "POST" });
  server.closeAllConnections();
  server.close();
});
