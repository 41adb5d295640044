// A backend that misbehaves, an auth Worker that is gone, a request that is nonsense: each gets the right answer, and the next
// request is served.
import { describe, expect, it } from "vitest";
import { connect } from "../support/mcp-clients.ts";
import { useSystem } from "../support/system.ts";
import { newAccount, Person } from "../support/user.ts";

describe("a misbehaving backend", () => {
  const system = useSystem({ standIns: { stackbilder: "test/support/bad-backend.ts" } });

  it("is a clear tool error with our words and a trace id, and hurts nobody else", async () => {
    const { client, close } = await connect(system.origin, "modern");
    const call = (name: string, args: object) => client.callTool({ name, arguments: { ...args } });
    const hanging = call("flow_status", { flowId: "hangs" });
    const expected: Record<string, string> = {
      "throws-a-secret": "unavailable",
      "throws-an-object": "unavailable",
      "answers-nothing": "internal",
      "answers-words": "internal",
      "breaks-the-contract": "internal",
      "invents-a-code": "internal",
      crashed: "internal",
    };
    for (const [flowId, code] of Object.entries(expected)) {
      const result = await call("flow_status", { flowId });
      expect(result, flowId).toMatchObject({
        isError: true,
        _meta: { "com.stackbilt/error": { code, traceId: expect.stringMatching(/^[0-9a-f]{32}$/) } },
      });
      expect(JSON.stringify(result), flowId).not.toMatch(/hunter2|postgres|html/);
    }
    expect(await call("flow_create", { policy: {} }), "a method that the backend lacks").toMatchObject({
      isError: true,
      _meta: { "com.stackbilt/error": { code: "unavailable" } },
    });
    const tolerated = await call("flow_status", { flowId: "adds-fields" });
    expect(tolerated.structuredContent).toEqual({
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
  const system = useSystem({ standIns: { "img-forge": "test/support/stalled-picture.ts" } });

  it("is left out, and its address is given all the same", async () => {
    const { client, close } = await connect(system.origin, "modern");
    const result = await client.callTool({ name: "image_generate", arguments: { prompt: "a" } });
    expect(result).toMatchObject({
      structuredContent: { status: "completed" },
      content: [{ type: "text", text: expect.stringContaining("https://") }],
    });
    await close();
  });
});

describe("an auth Worker that is gone", () => {
  const system = useSystem({ standIns: { auth: "test/support/dead-auth.ts" } });

  it("is 503 to whoever signs in, never a wrong password", async () => {
    const person = new Person();
    const client = await registered(system.origin);
    const account = newAccount();
    const login = await person.open(authorizeUrl(system.origin, client));
    const page = await person.submit(login, "/login", { email: account.email, password: account.password });
    expect(page.status).toBe(503);
    expect(page.html).toMatch(/trace id/i);
    expect(page.html).not.toMatch(/wrong|incorrect|hunter2/i);
  });

  it("is 503 to whoever shows a key or a JWT, never a refusal that would make them throw it away", async () => {
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: system.origin, aud: `${system.origin}/mcp`, iat: now, exp: now + 60 };
    const jwt = `${encode({ alg: "HS256", typ: "at+jwt" })}.${encode(claims)}.${encode({})}`;
    for (const bearer of [`sb_live_${"k".repeat(43)}`, `sb_test_${"k".repeat(43)}`, jwt]) {
      const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
      const answer = await system.fetch("/mcp", { method: "POST", headers, body: "{}" });
      expect([answer.status, answer.headers.get("retry-after"), answer.headers.get("www-authenticate")]).toEqual([
        503,
        "5",
        null,
      ]);
      expect(await answer.json()).toEqual({
        error: "temporarily_unavailable",
        error_description: expect.stringMatching(
          /^The credential could not be checked just now\. Try again shortly\. Trace id [0-9a-f]{32}\.$/,
        ),
      });
    }
    expect(system.logs().join("\n")).not.toContain("kkkkkkkk");
  });

  it("does not take the metadata, the health check or the rest of the gateway with it", async () => {
    expect((await system.fetch("/health")).status).toBe(200);
    expect((await system.fetch("/.well-known/oauth-authorization-server")).status).toBe(200);
    expect((await system.fetch("/mcp", { method: "POST" })).status).toBe(401);
  });
});

describe("a request that is nonsense", () => {
  const system = useSystem();

  it("gets its status and a sentence, at every address, and the next one is served", async () => {
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
      ["a token as long as a book", 401, post("{}", { ...json, authorization: `Bearer ${"x".repeat(8000)}` })],
      ["an API key that nobody made", 401, post("{}", { ...json, authorization: `Bearer sb_live_${"k".repeat(43)}` })],
      ["a JWT that nobody signed", 401, post("{}", { ...json, authorization: "Bearer eyJhbGciOiJub25lIn0.e30.e30" })],
      [
        "a token in the address",
        401,
        system.fetch(`/mcp?access_token=${auth.saved?.access_token}`, { method: "POST", body: "{}" }),
      ],
      ["basic authentication", 401, post("{}", { ...json, authorization: "Basic dTpw" })],
      ["broken JSON", 400, post("{", json)],
      ["a wrong content type", 415, post("{}", { ...json, "content-type": "text/plain" })],
      ["2 MB", 413, post(`{"a":"${"x".repeat(2_000_000)}"}`, json)],
      [
        "2 MB that nobody vouches for: refused by its announced length",
        413,
        post("x".repeat(2_000_000), { "content-type": "application/json" }),
      ],
      ["GET", 405, system.fetch("/mcp", { headers: { authorization } })],
      ["DELETE", 405, system.fetch("/mcp", { method: "DELETE", headers: { authorization } })],
      ["a foreign page's origin", 403, post("{}", { ...json, origin: "https://evil.example" })],
      ["the null origin", 403, post("{}", { ...json, origin: "null" })],
      ["an unknown address", 404, system.fetch("/nowhere")],
      ["below the endpoint", 404, system.fetch("/mcp/nowhere", { headers: { authorization } })],
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
    for (const [what, status, answer] of cases) {
      const response = await answer;
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

  it("is answered at one host only", async () => {
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

  it("may ask first, without a token, and reads what it needs (CORS)", async () => {
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

async function registered(origin: string): Promise<string> {
  const body = JSON.stringify({
    client_name: "Test",
    redirect_uris: ["http://localhost:33418/callback"],
    token_endpoint_auth_method: "none",
  });
  const response = await fetch(`${origin}/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  return ((await response.json()) as { client_id: string }).client_id;
}

function authorizeUrl(origin: string, clientId: string): string {
  const query = new URLSearchParams({
    response_type: "code",
    client_id: clientId,
    redirect_uri: "http://localhost:33418/callback",
    code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    code_challenge_method: "S256",
    scope: "read generate",
    state: "s",
    resource: `${origin}/mcp`,
  });
  return `${origin}/authorize?${query}`;
}
