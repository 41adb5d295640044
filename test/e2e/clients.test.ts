// Requests of real clients, from registration to tools/list, with the small differences at which
// other servers fail. They are copied from the clients' sources and issue trackers; no client runs
// here.
import { beforeAll, describe, expect, it } from "vitest";
import { useSystem } from "../support/system.ts";
import { countTools, errorOf, locationOf, postMcp, register, type Tokens, WireClient } from "../support/wire-client.ts";

const system = useSystem();

const TOOLS = 10;
const CODE_AND_REFRESH = { grant_types: ["authorization_code", "refresh_token"], response_types: ["code"] };
const PUBLIC = { ...CODE_AND_REFRESH, token_endpoint_auth_method: "none" };

/** Both loopback hosts with two ports each, and the `scope` of the challenge. */
const VS_CODE = {
  client_name: "Visual Studio Code",
  client_uri: "https://code.visualstudio.com",
  application_type: "native",
  ...PUBLIC,
  redirect_uris: [
    ...["https://insiders.vscode.dev/redirect", "https://vscode.dev/redirect"],
    ...["http://localhost/", "http://localhost:33418/", "http://127.0.0.1/", "http://127.0.0.1:33418/"],
  ],
  scope: "read generate",
};
const CURSOR = {
  client_name: "Cursor",
  redirect_uris: [
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "https://www.cursor.com/agents/mcp/oauth/callback",
    "http://localhost:8787/callback",
  ],
  ...PUBLIC,
};
const CLAUDE_AI = {
  client_name: "Claude",
  redirect_uris: ["https://claude.ai/api/mcp/auth_callback"],
  ...CODE_AND_REFRESH,
  token_endpoint_auth_method: "client_secret_post",
  scope: "read generate",
};

/** An error page of the gateway, which redirects to no client. */
const errorPage = () => ({ status: 400, origin: system.origin, location: null, refreshes: false });

describe("VS Code", () => {
  let client: WireClient;
  beforeAll(async () => {
    client = await WireClient.register(system, VS_CODE);
  });

  it("gets back the redirect URIs that it registers, and no secret", () => {
    expect(client.registration).toMatchObject({
      redirect_uris: VS_CODE.redirect_uris,
      token_endpoint_auth_method: "none",
    });
    expect(client.registration).not.toHaveProperty("client_secret");
  });

  it.each([
    "http://127.0.0.1:33418/",
    "http://127.0.0.1:51234/",
    "http://127.0.0.1:51234",
    "http://localhost:51234/",
    "https://vscode.dev/redirect",
  ])("connects with the redirect URI %s", async (redirectUri) => {
    const { tokens, callback } = await client.connect(redirectUri);
    const { origin, pathname } = new URL(redirectUri);
    expect(callback.origin + callback.pathname).toBe(origin + pathname);
    expect(await countTools(system, tokens)).toBe(TOOLS);
  });

  it("finds the endpoint's own URL as the resource in both metadata documents (microsoft/vscode#259251)", async () => {
    for (const path of ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"]) {
      const found = await system.fetch(path, { headers: { "mcp-protocol-version": "2025-11-25" } });
      expect(await found.json(), path).toMatchObject({
        resource: `${system.origin}/mcp`,
        authorization_servers: [system.origin],
        scopes_supported: ["read", "generate"],
      });
    }
  });
});

describe("Cursor", () => {
  let client: WireClient;
  beforeAll(async () => {
    client = await WireClient.register(system, CURSOR);
  });

  it("registers its three redirect URIs together (better-auth/better-auth#10946)", () => {
    expect(client.registration.redirect_uris).toEqual(CURSOR.redirect_uris);
  });

  it.each(["http://localhost:8787/callback", "https://www.cursor.com/agents/mcp/oauth/callback"])(
    "connects with the redirect URI %s",
    async (uri) => {
      const { tokens } = await client.connect(uri);
      expect(await countTools(system, tokens)).toBe(TOOLS);
    },
  );

  it("gets an error page, and no code, for its private-use scheme, which any app on the computer can claim", async () => {
    const page = await client.open(client.authorizationRequest("cursor://anysphere.cursor-mcp/oauth/callback"));
    expect(locationOf(page)).toEqual(errorPage());
    expect(page.html).toContain("Your app’s request cannot be used");
    expect(page.html).not.toContain("cursor://");
  });

  it("cannot register a private-use scheme alone", async () => {
    const refused = await register(system, { ...CURSOR, redirect_uris: CURSOR.redirect_uris.slice(0, 1) });
    expect(await errorOf(refused)).toEqual([400, expect.stringMatching(/^invalid_(redirect_uri|client_metadata)$/)]);
  });
});

describe("claude.ai", () => {
  it("gets a secret, connects and refreshes with it in the body, and is refused without it", async () => {
    const client = await WireClient.register(system, CLAUDE_AI);
    expect(client.registration.client_secret).toMatch(/^.{32,}$/);
    const { tokens, callback } = await client.connect("https://claude.ai/api/mcp/auth_callback");
    expect(callback.origin + callback.pathname).toBe("https://claude.ai/api/mcp/auth_callback");
    expect(await countTools(system, tokens)).toBe(TOOLS);
    const refreshed = await client.token({ grant_type: "refresh_token", refresh_token: tokens.refresh_token ?? "" });
    expect(await countTools(system, (await refreshed.json()) as Tokens)).toBe(TOOLS);
    const stolen = await client.token({
      grant_type: "refresh_token",
      refresh_token: tokens.refresh_token ?? "",
      client_secret: "guessed",
    });
    expect(await errorOf(stolen)).toEqual([401, "invalid_client"]);
    const bare = await client.token({
      grant_type: "refresh_token",
      refresh_token: tokens.refresh_token ?? "",
      client_secret: null,
    });
    expect(await errorOf(bare)).toEqual([401, "invalid_client"]);
  });

  it("finds metadata at each well-known URL that it probes (anthropics/claude-ai-mcp#82)", async () => {
    const first = await postMcp(system, "initialize", null);
    expect(first.status).toBe(401);
    const challenge = first.headers.get("www-authenticate") ?? "";
    expect(challenge).toContain(`resource_metadata="${system.origin}/.well-known/oauth-protected-resource/mcp"`);
    expect(challenge).toContain('scope="read generate"');
    expect(challenge).not.toContain("error=");
    const probes = [
      "/.well-known/oauth-authorization-server",
      "/.well-known/oauth-authorization-server/mcp",
      "/.well-known/openid-configuration",
      "/.well-known/openid-configuration/mcp",
      "/mcp/.well-known/openid-configuration",
      "/mcp/.well-known/oauth-authorization-server",
    ];
    for (const path of probes) {
      const found = await system.fetch(path);
      expect(found.status, path).toBe(200);
      expect(await found.json(), path).toMatchObject({
        issuer: system.origin,
        authorization_endpoint: `${system.origin}/authorize`,
        token_endpoint: `${system.origin}/token`,
        registration_endpoint: `${system.origin}/register`,
      });
    }
  });

  it("gets an error only after a click of its user, because it is self-registered (RFC 9700 section 4.11.2)", async () => {
    const client = await WireClient.register(system, CLAUDE_AI);
    const page = await client.open(
      client.authorizationRequest("https://claude.ai/api/mcp/auth_callback", { code_challenge: null }),
    );
    expect(locationOf(page)).toEqual(errorPage());
    expect(page.html).toContain("Return to claude.ai");
  });
});

describe("the MCP Inspector, in a browser at its own origin", () => {
  const origin = "http://localhost:6274";
  const INSPECTOR = {
    ...{ client_name: "MCP Inspector", client_uri: "https://github.com/modelcontextprotocol/inspector", ...PUBLIC },
    redirect_uris: [`${origin}/oauth/callback`, `${origin}/oauth/callback/debug`],
  };

  it.each([
    ["/.well-known/oauth-protected-resource/mcp", "GET", "mcp-protocol-version"],
    ["/.well-known/oauth-authorization-server", "GET", "mcp-protocol-version"],
    ["/register", "POST", "content-type"],
    ["/token", "POST", "content-type"],
    [
      "/mcp",
      "POST",
      "authorization, content-type, mcp-protocol-version, mcp-session-id, mcp-method, mcp-name, mcp-param-size",
    ],
  ])("gets a preflight response for %s without a token", async (path, method, wanted) => {
    const allowed = await system.fetch(path, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": method, "access-control-request-headers": wanted },
    });
    expect(allowed.status).toBeLessThan(300);
    expect(["*", origin]).toContain(allowed.headers.get("access-control-allow-origin"));
    expect(allowed.headers.get("access-control-allow-credentials")).toBeNull();
    const list = (name: string) => (allowed.headers.get(name) ?? "").toLowerCase().split(/, */);
    expect(list("access-control-allow-methods")).toEqual(
      expect.arrayContaining([expect.stringMatching(/^(\*|get|post)$/)]),
    );
    const headers = list("access-control-allow-headers");
    // A star grants every header but Authorization (Fetch, CORS protocol).
    for (const header of wanted.split(", "))
      expect(headers.includes(header) || (headers.includes("*") && header !== "authorization"), header).toBe(true);
  });

  it("can read each response from the challenge to the tools", async () => {
    const allowed = ["*", origin];
    const allowedOrigin = (response: Response) => response.headers.get("access-control-allow-origin");
    const challenge = await postMcp(system, "initialize", null, { origin });
    expect(challenge.status).toBe(401);
    expect(allowed).toContain(allowedOrigin(challenge));
    const exposed = (challenge.headers.get("access-control-expose-headers") ?? "").toLowerCase();
    for (const name of ["www-authenticate", "mcp-session-id", "mcp-protocol-version"]) expect(exposed).toContain(name);
    for (const path of ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-authorization-server"]) {
      expect(allowed).toContain(allowedOrigin(await system.fetch(path, { headers: { origin } })));
    }
    const registered = await register(system, INSPECTOR, { origin });
    expect(registered.status).toBe(201);
    expect(allowed).toContain(allowedOrigin(registered));
    const client = new WireClient(system, (await registered.json()) as ConstructorParameters<typeof WireClient>[1]);
    const { tokens } = await client.connect(`${origin}/oauth/callback`);
    const tools = await postMcp(system, "tools/list", tokens.access_token, { origin });
    expect(tools.status).toBe(200);
    expect(allowed).toContain(allowedOrigin(tools));
    const wrong = await system.fetch("/token", {
      method: "POST",
      headers: { origin },
      body: new URLSearchParams({ grant_type: "nonsense" }),
    });
    expect(wrong.status).toBeGreaterThanOrEqual(400);
    expect(allowed).toContain(allowedOrigin(wrong));
  });

  it("cannot use /mcp from a page of another origin", async () => {
    const { tokens } = await (await WireClient.register(system, INSPECTOR)).connect(`${origin}/oauth/callback`);
    for (const other of ["http://localhost:6275", "https://evil.example", "null"]) {
      const refused = await postMcp(system, "tools/list", tokens.access_token, { origin: other });
      expect(refused.status, other).toBe(403);
      expect(refused.headers.get("access-control-allow-origin"), other).toBeNull();
    }
  });
});

describe("other clients", () => {
  it.each([
    [
      "Codex: another port and another path at each sign-in, registered each time",
      { client_name: "Codex", application_type: "native", ...PUBLIC, scope: "read generate" },
      "http://127.0.0.1:57463/callback/Ui-hkzeEt_FU",
      { scope: "read generate" },
      "read generate",
    ],
    [
      "Gemini CLI: an empty scope in its registration, none in its request",
      { client_name: "Gemini CLI MCP Client", ...PUBLIC, scope: "" },
      "http://localhost:65290/oauth/callback",
      { scope: null },
      "read",
    ],
    [
      "mcp-remote: scopes of OpenID Connect, and metadata about its software",
      {
        client_name: "MCP CLI Proxy",
        client_uri: "https://github.com/modelcontextprotocol/mcp-cli",
        ...PUBLIC,
        software_id: "2e6dc280-f3c3-4e01-99a7-8181dbd1d23d",
        software_version: "0.1.38",
        scope: "openid email profile",
      },
      "http://localhost:14159/oauth/callback",
      { scope: "openid email profile read generate" },
      "read generate",
    ],
    [
      "ChatGPT: dynamic registration, and offline_access",
      { client_name: "ChatGPT", ...PUBLIC },
      "https://chatgpt.com/connector/oauth/Ab3dEfGhIjKl",
      { scope: "read generate offline_access" },
      "read generate offline_access",
    ],
    [
      "a client that sends its secret by HTTP Basic (RFC 6749 section 2.3.1)",
      { client_name: "Backend", ...CODE_AND_REFRESH, token_endpoint_auth_method: "client_secret_basic" },
      "https://backend.example/oauth/callback",
      {},
      "read generate",
    ],
    [
      "a client of 2025-03-26: no resource parameter (RFC 8707 section 2)",
      { client_name: "Older client", ...PUBLIC },
      "http://localhost:3000/callback",
      { resource: null },
      "read generate",
    ],
    [
      "a client with unknown metadata fields (RFC 7591 section 2)",
      {
        client_name: "Novelty",
        ...PUBLIC,
        application_type: "native",
        "client_name#de": "Neuheit",
        dpop_bound: false,
        x: { y: [1] },
      },
      "http://127.0.0.1:3000/cb",
      {},
      "read generate",
    ],
  ] as const)("connect, list tools and refresh: %s", async (_, fields, redirectUri, changes, scope) => {
    const client = await WireClient.register(system, { ...fields, redirect_uris: [redirectUri] });
    const { tokens } = await client.connect(
      redirectUri,
      changes,
      "resource" in changes ? { resource: changes.resource } : {},
    );
    expect(tokens).toMatchObject({ token_type: expect.stringMatching(/^bearer$/i), scope });
    expect(await countTools(system, tokens)).toBe(TOOLS);
    const refreshed = await client.token({ grant_type: "refresh_token", refresh_token: tokens.refresh_token ?? "" });
    expect(await countTools(system, (await refreshed.json()) as Tokens)).toBe(TOOLS);
  });

  it("are challenged for HEAD and GET without a token, as Gemini CLI probes the endpoint", async () => {
    for (const method of ["HEAD", "GET"]) {
      const response = await system.fetch("/mcp", { method, headers: { accept: "text/event-stream" } });
      expect(response.status, method).toBe(401);
      expect(response.headers.get("www-authenticate"), method).toContain("resource_metadata=");
    }
  });
});

describe("a client whose registration is deleted (anthropics/claude-code#84614)", () => {
  it("gets invalid_client as JSON at /token, and its user a page that says what to do", async () => {
    const registration = { client_id: "AbCdEfGhIjKlMnOp", token_endpoint_auth_method: "none", redirect_uris: [] };
    const client = new WireClient(system, registration);
    for (const fields of [
      { grant_type: "refresh_token", refresh_token: "u_x:AAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" },
      {
        grant_type: "authorization_code",
        code: "u_x:AAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        code_verifier: "v".repeat(43),
      },
    ]) {
      const refused = await client.token(fields);
      expect(refused.headers.get("content-type")).toContain("application/json");
      expect(refused.headers.get("cache-control")).toContain("no-store");
      expect(await errorOf(refused)).toEqual([401, "invalid_client"]);
    }
    const page = await client.open(client.authorizationRequest("http://localhost:3118/callback"));
    expect(locationOf(page)).toEqual(errorPage());
    expect(page.html).toContain("Remove the connection in your app and add it again.");
  });
});
