// Each method in each revision. The form of the responses is validated by the fetch of these tests
// (test/support/message-validator.ts); here each method must respond, and each response be
// validated.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { accessTokenOf, type Connected, connect } from "../support/mcp-clients.ts";
import { postRequest } from "../support/mcp-requests.ts";
import { useSystem } from "../support/system.ts";
import { validatedMessages, validatingFetch } from "../support/validating-fetch.ts";

const system = useSystem();

type Fields = Readonly<Record<string, unknown>>;

const MODERN = "2026-07-28";
const HANDSHAKE = { capabilities: {}, clientInfo: { name: "e2e", version: "1" } };
const DRAW = { name: "image_generate", arguments: { prompt: "a kite over a lake", quality_tier: "draft" } };

/** Requests that succeed in each revision, for a user who has a picture. */
const SHARED: readonly (readonly [method: string, params: Fields])[] = [
  ["tools/list", {}],
  ["tools/call", DRAW],
  ["tools/call", { name: "flow_create", arguments: { projectDescription: "A kiosk" } }],
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

/** The body of the response to a request of this revision. */
async function bodyOf(
  connected: Connected,
  revision: string | null,
  request: { readonly method: string; readonly params: Fields },
  accept = "application/json",
): Promise<string> {
  const { method, params } = request;
  const _meta = { progressToken: 1 };
  const response = await postRequest(
    system,
    accessTokenOf(connected),
    { method, params: { ...(revision === MODERN && { _meta }), ...params } },
    { revision, headers: { accept } },
  );
  return response.text();
}

describe.each([MODERN, "2025-11-25", "2025-06-18", "2025-03-26", null])("revision %s", (revision) => {
  it("has a valid response to each method, as JSON and as a stream", async () => {
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
        const before = validatedMessages();
        expect(await bodyOf(ada, revision, { method, params }, accept), method).toContain('"result":');
        expect(validatedMessages(), method).toBeGreaterThan(before);
      }
    }
    for (const [method, params] of [
      ["magic", {}],
      ["tools/call", { name: "magic" }],
      ["resources/read", { uri: "ui://magic" }],
    ] as const) {
      expect(await bodyOf(ada, revision, { method, params }), method).toContain('"error":');
    }
    await ada.close();
  });
});

it.fails("a test without expectations fails for an invalid MCP message", async () => {
  const server = createServer((_, response) => response.end(JSON.stringify({ jsonrpc: "2.0", result: {} })));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  await validatingFetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, { method: "POST" });
  server.closeAllConnections();
  server.close();
});
