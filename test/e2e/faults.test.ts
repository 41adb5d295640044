// A misbehaving backend, an auth Worker that is down, an invalid request: each gets its own error,
// and the next request succeeds.
import { describe, expect, it } from "vitest";
import { connect } from "../support/mcp-clients.ts";
import { useSystem } from "../support/system.ts";
import { newAccount, User } from "../support/user.ts";
import { WireClient } from "../support/wire-client.ts";

describe("a misbehaving backend", () => {
  const system = useSystem("misbehaving");

  it("is a tool error with the gateway's own sentence and a trace id, and affects no other backend", async () => {
    const { client, close } = await connect(system.origin, "modern");
    const call = (name: string, args: object) => client.callTool({ name, arguments: { ...args } });
    const hanging = call("flow_status", { flowId: "hangs" });
    const expected: Record<string, string> = {
      "throws-a-secret": "unavailable",
      "throws-an-object": "unavailable",
      "returns-nothing": "internal",
      "returns-html": "internal",
      "breaks-the-contract": "internal",
      "invents-a-code": "internal",
      crashed: "internal",
    };
    for (const [flowId, code] of Object.entries(expected)) {
      // Five faults in a row would open the breaker.
      await call("flow_status", { flowId: "adds-fields" });
      const result = await call("flow_status", { flowId });
      expect(result, flowId).toMatchObject({
        isError: true,
        _meta: { "com.stackbilt/error": { code, traceId: expect.stringMatching(/^[0-9a-f]{32}$/) } },
      });
      expect(JSON.stringify(result), flowId).not.toMatch(/hunter2|postgres|html/);
    }
    expect(
      await call("flow_create", { projectDescription: "A kiosk" }),
      "a method that the backend lacks",
    ).toMatchObject({
      isError: true,
      _meta: { "com.stackbilt/error": { code: "unavailable" } },
    });
    const stripped = await call("flow_status", { flowId: "adds-fields" });
    expect(stripped.structuredContent).toEqual({
      flowId: "f",
      status: "draft",
      currentMode: "PRODUCT",
      progress: 0,
      estimatedRemainingSeconds: null,
    });
    expect(await call("image_list_models", {}), "another backend meanwhile").toMatchObject({
      structuredContent: { models: expect.any(Array) },
    });
    expect(await hanging).toMatchObject({ isError: true, _meta: { "com.stackbilt/error": { code: "unavailable" } } });
    await close();
    expect(system.logs().join("\n")).not.toContain("hunter2@");
  });
});

describe("a picture whose bytes stop coming", () => {
  const system = useSystem();

  it("is left out of the result, which still has its URL", async () => {
    const { client, close } = await connect(system.origin, "modern");
    const result = await client.callTool({ name: "image_generate", arguments: { prompt: "an endless kite" } });
    expect(result.structuredContent).toMatchObject({ status: "completed", url: expect.stringContaining("/images/") });
    expect(result.content).toEqual([{ type: "text", text: JSON.stringify(result.structuredContent) }]);
    await close();
  });
});

describe("an auth Worker that is down", () => {
  const system = useSystem({ replacements: { auth: "test/support/dead-auth.ts" } });

  it("is 503 for a sign-in, never a wrong password", async () => {
    const user = new User();
    const redirectUri = "http://localhost:33418/callback";
    const client = await WireClient.register(system, {
      client_name: "Test",
      redirect_uris: [redirectUri],
      token_endpoint_auth_method: "none",
    });
    const account = newAccount();
    const login = await user.open(client.authorizationRequest(redirectUri).url);
    const page = await user.submit(login, "/login", { email: account.email, password: account.password });
    expect(page.status).toBe(503);
    expect(page.html).toMatch(/trace id/i);
    expect(page.html).not.toMatch(/wrong|incorrect|hunter2/i);
  });

  it("is 503 for an API key or a JWT, never a refusal after which a client would discard it", async () => {
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: system.origin, aud: `${system.origin}/mcp`, iat: now, exp: now + 60 };
    const jwt = `${encode({ alg: "HS256", typ: "at+jwt" })}.${encode(claims)}.${encode({})}`;
    for (const bearer of [`sb_live_${"k".repeat(43)}`, `sb_test_${"k".repeat(43)}`, jwt]) {
      const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
      const response = await system.fetch("/mcp", { method: "POST", headers, body: "{}" });
      expect([response.status, response.headers.get("retry-after"), response.headers.get("www-authenticate")]).toEqual([
        503,
        "5",
        null,
      ]);
      expect(await response.json()).toEqual({
        error: "temporarily_unavailable",
        error_description: expect.stringMatching(
          /^The credential could not be checked\. Try again shortly\. Trace id [0-9a-f]{32}\.$/,
        ),
      });
    }
    expect(system.logs().join("\n")).not.toContain("kkkkkkkk");
  });

  it("does not affect the metadata, the health check and the challenge", async () => {
    expect((await system.fetch("/health")).status).toBe(200);
    expect((await system.fetch("/.well-known/oauth-authorization-server")).status).toBe(200);
    expect((await system.fetch("/mcp", { method: "POST" })).status).toBe(401);
  });
});

describe("an invalid request", () => {
  const system = useSystem();

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
  const system = useSystem();

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
