// Requests at every URL that are refused, each with its own status and sentence, and those of a
// page in a browser.
import { describe, expect, it } from "vitest";
import { connect } from "../support/mcp-clients.ts";
import { useSystem } from "../support/system.ts";

const system = useSystem();

describe("an invalid request", () => {
  it("gets its status and a sentence at every URL, and the next one succeeds", async () => {
    const { auth, client, close } = await connect(system.origin, "modern");
    const authorization = `Bearer ${auth.saved?.access_token}`;
    const json = { authorization, "content-type": "application/json" };
    const post = (body: string, headers: Record<string, string>) =>
      system.fetch("/mcp", { method: "POST", body, headers });
    const cases: [string, number, Promise<Response>][] = [
      ["no token", 401, post("{}", { "content-type": "application/json" })],
      [
        "a foreign token",
        401,
        post("{}", { ...json, authorization: "Bearer u1:0123456789abcdef:ABCDEFGHIJKLMNOPQRSTUVWXYZ012345" }),
      ],
      ["a token of 8,000 characters", 401, post("{}", { ...json, authorization: `Bearer ${"x".repeat(8000)}` })],
      [
        "an API key that was never issued",
        401,
        post("{}", { ...json, authorization: `Bearer sb_live_${"k".repeat(43)}` }),
      ],
      ["an unsigned JWT", 401, post("{}", { ...json, authorization: "Bearer eyJhbGciOiJub25lIn0.e30.e30" })],
      [
        "a token in the URL",
        401,
        system.fetch(`/mcp?access_token=${auth.saved?.access_token}`, { method: "POST", body: "{}" }),
      ],
      ["basic authentication", 401, post("{}", { ...json, authorization: "Basic dTpw" })],
      ["broken JSON", 400, post("{", json)],
      ["a wrong content type", 415, post("{}", { ...json, "content-type": "text/plain" })],
      ["2 MB", 413, post(`{"a":"${"x".repeat(2_000_000)}"}`, json)],
      [
        "2 MB without a credential: refused by its Content-Length",
        413,
        post("x".repeat(2_000_000), { "content-type": "application/json" }),
      ],
      ["GET", 405, system.fetch("/mcp", { headers: { authorization } })],
      ["DELETE", 405, system.fetch("/mcp", { method: "DELETE", headers: { authorization } })],
      ["a foreign page's origin", 403, post("{}", { ...json, origin: "https://evil.example" })],
      ["the null origin", 403, post("{}", { ...json, origin: "null" })],
      ["an unknown URL", 404, system.fetch("/nowhere")],
      ["a URL below the endpoint", 404, system.fetch("/mcp/nowhere", { headers: { authorization } })],
      ["GET at the token endpoint", 405, system.fetch("/token")],
      [
        "a token request without a client",
        401,
        system.fetch("/token", { method: "POST", body: new URLSearchParams({ grant_type: "password" }) }),
      ],
      [
        "a registration without redirect URIs",
        400,
        system.fetch("/register", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" }),
      ],
      ["an authorization request without a client", 400, system.fetch("/authorize")],
      ["a sign-in without a transaction", 400, system.fetch("/login")],
    ];
    for (const [what, status, pending] of cases) {
      const response = await pending;
      const body = await response.text();
      expect(response.status, `${what}: ${body.slice(0, 300)}`).toBe(status);
      expect(body, what).toMatch(/[a-z]{3} [a-z]/i);
      expect(body, what).not.toMatch(/\bat \w+ \(|\.ts:\d|node_modules/);
    }
    expect(await client.callTool({ name: "image_list_models", arguments: {} })).toMatchObject({
      structuredContent: { models: expect.any(Array) },
    });
    await close();
  });

  it("is refused with 421 at another host", async () => {
    const { port } = new URL(system.origin);
    const response = await fetch(`http://localhost:${port}/.well-known/oauth-authorization-server`);
    expect([response.status, await response.json()]).toEqual([
      421,
      expect.objectContaining({ error_description: expect.stringContaining(system.origin) }),
    ]);
  });
});

describe("a page in a browser", () => {
  it("gets a preflight response without a token, and can read the headers that it needs (CORS)", async () => {
    const origin = "http://localhost:6274";
    const headers = {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers":
        "authorization,content-type,mcp-protocol-version,mcp-method,mcp-name,mcp-param-region",
    };
    const preflight = await system.fetch("/mcp", { method: "OPTIONS", headers });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe(origin);
    const allowed = preflight.headers.get("access-control-allow-headers")?.split(", ") ?? [];
    for (const name of [
      ...headers["access-control-request-headers"].split(","),
      "accept",
      "mcp-session-id",
      "last-event-id",
    ])
      expect(allowed).toContain(name);
    const refused = await system.fetch("/mcp", { method: "POST", headers: { origin } });
    expect(refused.status).toBe(401);
    expect(refused.headers.get("access-control-allow-origin")).toBe(origin);
    expect(refused.headers.get("access-control-expose-headers")).toMatch(/WWW-Authenticate/);
    expect(
      (await system.fetch("/mcp", { method: "OPTIONS", headers: { ...headers, origin: "https://evil.example" } }))
        .status,
    ).toBe(403);
  });
});
