// Every path of the gateway, as literals, with the status of a GET and a POST without credentials.
// Paths are a promise to clients; any other path is 404.
import { createExecutionContext } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
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
  "/.well-known/audit-keys.json": [200, 405],
  "/authorize": [400, 415],
  "/token": [405, 400],
  "/register": [405, 415],
  "/login": [303, 415],
  "/signup": [303, 415],
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
  "/apps/data": [405, 415],
  "/apps/delete": [303, 415],
  "/apps/delete/sign-in": [405, 415],
  "/logout": [200, 415],
  "/mcp/": [401, 401],
  "//mcp": [401, 401],
  "/mcp//": [401, 401],
  "/.well-known/oauth-protected-resource/mcp/": [200, 405],
  "/.well-known/oauth-authorization-server/": [200, 405],
  "/mcp/server-card/": [200, 405],
  "/mcp/other/": [404, 404],
  "/login/": [404, 404],
  "/oauth/token": [404, 404],
  "/admin": [404, 404],
  "/constructor": [404, 404],
  "/__proto__": [404, 404],
};

/** A request without credentials. */
interface Init {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

function send(
  path: string,
  { method = "GET", headers = {}, body }: Init,
  env = envWith(),
  origin = ORIGIN,
): Promise<Response> {
  const request = new Request<unknown, IncomingRequestCfProperties>(origin + path, {
    ...{ method, body: body ?? null, redirect: "manual" },
    headers: withAddress(headers),
  });
  return gateway.fetch(request, env, createExecutionContext());
}

async function statusOf(path: string, method: string): Promise<number> {
  const response = await send(path, { method });
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

it("the deep health check is closed if the gateway has no HEALTH_TOKEN", async () => {
  for (const authorization of ["Bearer undefined", "Bearer ", "Bearer null"])
    expect((await send("/health?deep=1", { headers: { authorization } })).status, authorization).toBe(401);
});

it("/mcp/ is /mcp for a preflight, a challenge and the resource's metadata", async () => {
  const headers = { origin: ORIGIN };
  for (const path of ["/mcp", "/mcp/"]) {
    const allowed = await send(path, { method: "OPTIONS", headers });
    expect([allowed.status, allowed.headers.get("access-control-allow-origin")], path).toEqual([204, ORIGIN]);
    const challenge = await send(path, { method: "POST", headers, body: "{}" });
    expect(challenge.headers.get("www-authenticate"), path).toContain(
      `resource_metadata="${ORIGIN}/.well-known/oauth-protected-resource/mcp"`,
    );
    const metadata = await send(`/.well-known/oauth-protected-resource${path}`, {});
    expect(await metadata.json(), path).toMatchObject({ resource: `${ORIGIN}/mcp` });
  }
});

it.each([
  ["POST", "application/json, text/event-stream", 405],
  ["POST", "*/*", 405],
  ["DELETE", "*/*", 405],
  ["GET", "text/event-stream", 404],
  ["GET", "application/json", 404],
])("a program that sends %s with Accept: %s to / gets JSON that names the endpoint", async (method, accept, status) => {
  const headers = { accept, origin: ORIGIN, "content-type": "application/json" };
  const response = await send("/", { method, headers, ...(method === "POST" && { body: "{}" }) });
  expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([status, ORIGIN]);
  expect(await response.json()).toMatchObject({ error: "not_found", mcp_endpoint: `${ORIGIN}/mcp` });
});

it("a browser gets the front page, and a program of another origin gets nothing", async () => {
  const page = await send("/", { headers: { accept: "text/html,application/xhtml+xml,*/*;q=0.8" } });
  expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
  const foreign = await send("/", { method: "POST", headers: { origin: "https://evil.example" } });
  expect([foreign.status, foreign.headers.get("access-control-allow-origin")]).toEqual([403, null]);
});

it("a browser gets a page at an address that is none, and a program gets JSON", async () => {
  for (const path of ["/nothing", "/.well-known/nothing"]) {
    const page = await send(path, { headers: { accept: "text/html,*/*;q=0.8" } });
    expect([page.status, await page.text()]).toEqual([404, expect.stringContaining("There is no such page")]);
    expect(page.headers.get("Content-Security-Policy")).toContain("default-src 'none'");
    const json = await send(path, { headers: { accept: "*/*" } });
    expect([json.status, await json.json()]).toEqual([404, expect.objectContaining({ error: "not_found" })]);
  }
});

it("a browser gets a page at the endpoint, with the challenge for clients", async () => {
  const page = await send("/mcp", { headers: { accept: "text/html,*/*;q=0.8" } });
  expect([page.status, page.headers.get("content-type")]).toEqual([401, "text/html; charset=utf-8"]);
  expect(page.headers.get("www-authenticate")).toContain("resource_metadata=");
  expect(await page.text()).toContain("This address is for apps");
  const program = await send("/mcp", { headers: { accept: "application/json, text/event-stream" } });
  expect([program.status, program.headers.get("content-type")]).toEqual([401, "application/json"]);
});

it("a browser at another host gets a page that leads to the gateway", async () => {
  const page = await send("/apps", { headers: { accept: "text/html,*/*;q=0.8" } }, envWith(), "http://127.0.0.1:8790");
  expect([page.status, await page.text()]).toEqual([421, expect.stringContaining(`href="${ORIGIN}/"`)]);
  expect(page.headers.get("Content-Security-Policy")).toContain("default-src 'none'");
});

it.each([{ PUBLIC_SIGNUPS_ENABLED: "false" }, { DYNAMIC_REGISTRATION_ENABLED: "false", CIMD_ENABLED: "false" }])(
  "a browser is offered no connection at these addresses with %o",
  async (settings) => {
    for (const path of ["/nothing", "/mcp"]) {
      const closed = envWith({}, settings);
      const page = await (await send(path, { headers: { accept: "text/html,*/*;q=0.8" } }, closed)).text();
      expect(page).not.toMatch(/Connect your app|signs you in/);
      expect(page).toContain('href="/"');
    }
  },
);

describe("no response may be read as another type than it declares: nosniff", () => {
  const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"];

  it.each(Object.keys(ROUTES))("at %s, with any method", async (path) => {
    for (const method of METHODS) {
      const { headers } = await send(path, { method });
      expect(headers.get("X-Content-Type-Options"), method).toBe("nosniff");
    }
  });

  const large = { method: "POST", body: "x".repeat(5_000_000) };
  it.each<[refusal: string, status: number, path: string, init: Init]>([
    ["a page of an unknown origin", 403, "/mcp", { headers: { Origin: "https://evil.test" } }],
    ["its preflight", 403, "/mcp", { method: "OPTIONS", headers: { Origin: "https://evil.test" } }],
    ["a body that is too large", 413, "/mcp", { ...large, headers: { "Content-Length": "5000000" } }],
    ["a body that is too large", 413, "/token", large],
  ])("of %s (%i at %s)", async (_, status, path, init) => {
    const response = await send(path, init);
    expect([response.status, response.headers.get("X-Content-Type-Options")]).toEqual([status, "nosniff"]);
  });

  it("of another host", async () => {
    const response = await send("/mcp", {}, envWith(), "https://other.test");
    expect([response.status, response.headers.get("X-Content-Type-Options")]).toEqual([421, "nosniff"]);
  });

  it("of a gateway that is not configured", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const response = await send("/mcp", {}, envWith({}, { API_BASE_URL: "" }));
    expect([response.status, response.headers.get("X-Content-Type-Options")]).toEqual([500, "nosniff"]);
    vi.restoreAllMocks();
  });
});
