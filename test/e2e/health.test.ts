// The system as a whole is up, and each address reaches the Worker that it belongs to.
import { expect, test } from "vitest";
import { useSystem } from "../support/system.ts";

const system = useSystem();

test("GET /health answers without a credential", async () => {
  const response = await system.fetch("/health");
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ status: "ok" });
});

test("the discovery documents name the origin that the client uses", async () => {
  const response = await system.fetch("/.well-known/oauth-protected-resource/mcp");
  expect(await response.json()).toMatchObject({
    resource: `${system.origin}/mcp`,
    authorization_servers: [system.origin],
  });
});

test("who knows only the host finds the endpoint, and that it wants a token (SEP-2127)", async () => {
  const host = await system.fetch("/.well-known/ai-catalog.json");
  const { entries } = (await host.json()) as { entries: { type: string; url: string }[] };
  expect(entries).toMatchObject([
    { type: "application/mcp-server-card+json", url: `${system.origin}/mcp/server-card` },
  ]);
  const card = await system.fetch("/mcp/server-card", { headers: { accept: entries[0]?.type ?? "" } });
  const { remotes } = (await card.json()) as { remotes: { url: string; supportedProtocolVersions: string[] }[] };
  expect(remotes).toMatchObject([
    { url: `${system.origin}/mcp`, supportedProtocolVersions: expect.arrayContaining(["2026-07-28"]) },
  ]);
  const head = await system.fetch("/mcp/server-card", { method: "HEAD" });
  expect([head.status, head.headers.get("etag"), await head.text()]).toEqual([200, card.headers.get("etag"), ""]);
  expect((await system.fetch("/mcp", { method: "POST" })).status).toBe(401);
});

test("the MCP endpoint asks for a token and says where to get one (RFC 9728 section 5.1)", async () => {
  const response = await system.fetch("/mcp", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  expect(response.status).toBe(401);
  expect(response.headers.get("www-authenticate")).toContain(`${system.origin}/.well-known/oauth-protected-resource`);
});

test("the social bridge is the auth Worker's, and refuses a foreign return address", async () => {
  const query = new URLSearchParams({
    provider: "github",
    return_url: "https://evil.example/",
    state: "s",
    code_challenge: "c",
  });
  const response = await system.fetch(`/social-bridge?${query}`, { redirect: "manual" });
  expect(response.status).toBe(400);
});

test("the pictures are img-forge's, and one that does not exist is not found", async () => {
  const response = await system.fetch("/images/00000000-0000-4000-8000-000000000000.png");
  expect(response.status).toBe(404);
});
