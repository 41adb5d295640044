// Every path of the gateway, as literals, with the status of a GET and a POST without credentials.
// Paths are a promise to clients; any other path is 404.
import { createExecutionContext } from "cloudflare:test";
import { expect, it } from "vitest";
import gateway from "../../entrypoints/gateway/index.ts";
import { withAddress } from "../support/address.ts";
import { envWith, ORIGIN } from "./oauth/browser.ts";

const ROUTES: Readonly<Record<string, readonly [get: number, post: number]>> = {
  "/": [200, 405],
  "/health": [200, 200],
  "/favicon.svg": [200, 405],
  "/mcp": [401, 401],
  "/.well-known/oauth-protected-resource": [200, 405],
  "/.well-known/oauth-protected-resource/mcp": [200, 405],
  "/.well-known/oauth-authorization-server": [200, 405],
  "/.well-known/oauth-authorization-server/mcp": [200, 405],
  "/.well-known/openid-configuration": [200, 405],
  "/.well-known/openid-configuration/mcp": [200, 405],
  "/mcp/.well-known/oauth-authorization-server": [200, 405],
  "/mcp/.well-known/openid-configuration": [200, 405],
  "/mcp/server-card": [200, 405],
  "/.well-known/mcp/server-card.json": [200, 405],
  "/.well-known/ai-catalog.json": [200, 405],
  "/.well-known/mcp-registry-auth": [404, 404],
  "/authorize": [400, 415],
  "/token": [405, 400],
  "/register": [405, 415],
  "/login": [400, 415],
  "/signup": [400, 415],
  "/consent": [400, 415],
  "/oauth/github": [405, 415],
  "/oauth/google": [405, 415],
  "/oauth/callback": [400, 405],
  "/apps": [303, 405],
  "/apps/revoke": [405, 415],
  "/apps/revoke-all": [405, 415],
  "/apps/keys": [405, 415],
  "/apps/keys/revoke": [405, 415],
  "/apps/token": [405, 415],
  "/logout": [200, 415],
  "/mcp/": [404, 404],
  "/oauth/token": [404, 404],
  "/admin": [404, 404],
  "/constructor": [404, 404],
  "/__proto__": [404, 404],
};

async function statusOf(path: string, method: string): Promise<number> {
  const request = new Request<unknown, IncomingRequestCfProperties>(ORIGIN + path, {
    method,
    redirect: "manual",
    headers: withAddress({}),
  });
  const response = await gateway.fetch(request, envWith(), createExecutionContext());
  await response.body?.cancel();
  return response.status;
}

it.each(Object.entries(ROUTES))("%s responds to GET and POST with %j", async (path, expected) => {
  expect([await statusOf(path, "GET"), await statusOf(path, "POST")]).toEqual(expected);
});

it("HEAD gets the status of GET", async () => {
  for (const path of ["/", "/health", "/.well-known/oauth-authorization-server", "/mcp/server-card"])
    expect(await statusOf(path, "HEAD"), path).toBe(200);
});
