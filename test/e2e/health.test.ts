// The system as a whole: each URL reaches the Worker that serves it.
import { expect, it } from "vitest";
import { useSystem } from "../support/system.ts";

const system = useSystem();

it("responds to GET /health without a credential", async () => {
  const response = await system.fetch("/health");
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ status: "ok" });
});

it("names the origin of the request in discovery documents", async () => {
  const response = await system.fetch("/.well-known/oauth-protected-resource/mcp");
  expect(await response.json()).toMatchObject({
    resource: `${system.origin}/mcp`,
    authorization_servers: [system.origin],
  });
});

it("leads a client that knows the host only to the endpoint, which requires a token (SEP-2127)", async () => {
  const catalog = await system.fetch("/.well-known/ai-catalog.json");
  const { entries } = (await catalog.json()) as { entries: { type: string; url: string }[] };
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

it("challenges a request without a token with its metadata URL (RFC 9728 section 5.1)", async () => {
  const response = await system.fetch("/mcp", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  expect(response.status).toBe(401);
  expect(response.headers.get("www-authenticate")).toContain(`${system.origin}/.well-known/oauth-protected-resource`);
});

it("passes the social bridge to the auth Worker, which refuses a foreign return URL", async () => {
  const query = new URLSearchParams({
    provider: "github",
    return_url: "https://evil.example/",
    state: "s",
    code_challenge: "c",
  });
  const response = await system.fetch(`/social-bridge?${query}`, { redirect: "manual" });
  expect(response.status).toBe(400);
});

it("passes pictures to img-forge, which responds with 404 to an unknown one", async () => {
  const response = await system.fetch("/images/00000000-0000-4000-8000-000000000000.png");
  expect(response.status).toBe(404);
});
