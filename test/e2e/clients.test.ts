// What real clients send, each from its registration to a working tools/list, and the small differences between them at which other
// servers fail. The requests are theirs, as their sources and their issue trackers show them; nothing of them runs here.
import { beforeAll, describe, expect, it } from "vitest";
import { useSystem } from "../support/system.ts";
import type { Page } from "../support/user.ts";
import { countTools, postMcp, register, type Tokens, WireClient } from "../support/wire-client.ts";

const system = useSystem();

const TOOLS = 10;
const CODE_AND_REFRESH = { grant_types: ["authorization_code", "refresh_token"], response_types: ["code"] };
const PUBLIC = { ...CODE_AND_REFRESH, token_endpoint_auth_method: "none" };

const CLAUDE_CODE = { client_name: "Claude Code (stackbilt)", ...PUBLIC };
/** It names both hosts with two ports, and every grant type of ours that it knows; `scope` is what the 401 asked for. */
const VS_CODE = {
  ...{
    client_name: "Visual Studio Code",
    client_uri: "https://code.visualstudio.com",
    application_type: "native",
    ...PUBLIC,
  },
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

/** The page is ours, explains itself, and sends nobody anywhere. */
function expectLocalPage(page: Page, text: string): void {
  expect(page.status).toBe(400);
  expect(page.url.origin).toBe(system.origin);
  expect(page.headers.get("location")).toBeNull();
  expect(page.html).not.toContain('http-equiv="refresh"');
  expect(page.html).toContain(text);
}

const NOT_REGISTERED = "It asks to be answered at an address that the app has not registered.";

describe("a client that listens on this computer", () => {
  it.each([
    ["Claude Code", "http://localhost:53123/callback", "http://localhost:61999/callback"],
    ["Claude Code, by its document", "http://localhost/callback", "http://localhost:50001/callback"],
    ["mcp-remote", "http://127.0.0.1:3334/oauth/callback", "http://127.0.0.1:14159/oauth/callback"],
    ["a client on IPv6", "http://[::1]:3118/callback", "http://[::1]:40400/callback"],
  ])("is answered on whichever port it has: %s (RFC 8252 section 7.3)", async (_, registered, used) => {
    const client = await WireClient.register(system, { ...CLAUDE_CODE, redirect_uris: [registered] });
    const { tokens, callback } = await client.connect(used);
    expect(callback.href.startsWith(`${used}?`)).toBe(true);
    expect(await countTools(system, tokens)).toBe(TOOLS);
  });

  it.each([
    ["another host of this computer", "http://127.0.0.1:53123/callback"],
    ["its IPv6 host", "http://[::1]:53123/callback"],
    ["another path", "http://localhost:53123/callback/more"],
    ["another case", "http://localhost:53123/Callback"],
    ["a query", "http://localhost:53123/callback?next=1"],
    ["another scheme", "https://localhost:53123/callback"],
    ["a name before it", "http://localhost.example.com:53123/callback"],
    ["a user name before it", "http://user@localhost:53123/callback"],
    ["a fragment", "http://localhost:53123/callback#here"],
  ])("is not answered at %s", async (_, redirectUri) => {
    const client = await WireClient.register(system, {
      ...CLAUDE_CODE,
      redirect_uris: ["http://localhost:53123/callback"],
    });
    expectLocalPage(await client.open(client.ask(redirectUri)), NOT_REGISTERED);
  });

  it("is not answered on another port once its code is out (RFC 6749 section 4.1.3)", async () => {
    const client = await WireClient.register(system, {
      ...CLAUDE_CODE,
      redirect_uris: ["http://localhost:53123/callback"],
    });
    const ask = client.ask("http://localhost:60001/callback");
    const refused = await client.redeem(ask, await client.decide(ask), {
      redirect_uri: "http://localhost:60002/callback",
    });
    expect(await errorOf(refused)).toEqual([400, "invalid_grant"]);
  });
});

describe("VS Code", () => {
  let client: WireClient;
  beforeAll(async () => {
    client = await WireClient.register(system, VS_CODE);
  });

  it("keeps what it registers", () => {
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
  ])("is connected through %s", async (redirectUri) => {
    const { tokens, callback } = await client.connect(redirectUri);
    const { origin, pathname } = new URL(redirectUri);
    expect(callback.origin + callback.pathname).toBe(origin + pathname);
    expect(await countTools(system, tokens)).toBe(TOOLS);
  });

  it("finds the very address that it was given as the resource (microsoft/vscode#259251)", async () => {
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

  it("registers its three addresses together (better-auth/better-auth#10946)", () => {
    expect(client.registration.redirect_uris).toEqual(CURSOR.redirect_uris);
  });

  it.each(["http://localhost:8787/callback", "https://www.cursor.com/agents/mcp/oauth/callback"])(
    "is connected through %s",
    async (uri) => {
      const { tokens } = await client.connect(uri);
      expect(await countTools(system, tokens)).toBe(TOOLS);
    },
  );

  it("gets a page, and no code, for the address that any app on the computer could take", async () => {
    const page = await client.open(client.ask("cursor://anysphere.cursor-mcp/oauth/callback"));
    expectLocalPage(page, "Your app’s request cannot be used");
    expect(page.html).not.toContain("cursor://");
  });

  it("cannot register that address alone", async () => {
    const refused = await register(system, { ...CURSOR, redirect_uris: CURSOR.redirect_uris.slice(0, 1) });
    expect(await errorOf(refused)).toEqual([400, expect.stringMatching(/^invalid_(redirect_uri|client_metadata)$/)]);
  });
});

describe("claude.ai", () => {
  it("keeps a secret, sends it in the body, and is connected and refreshed", async () => {
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

  it("finds metadata wherever it looks, and the endpoints where it would guess them (anthropics/claude-ai-mcp#82)", async () => {
    const first = await postMcp(system, "initialize", null);
    expect(first.status).toBe(401);
    const challenge = first.headers.get("www-authenticate") ?? "";
    expect(challenge).toContain(`resource_metadata="${system.origin}/.well-known/oauth-protected-resource/mcp"`);
    expect(challenge).toContain('scope="read generate"');
    expect(challenge).not.toContain("error=");
    const probes = [
      ...["/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server/mcp"],
      ...[
        "/.well-known/openid-configuration",
        "/.well-known/openid-configuration/mcp",
        "/mcp/.well-known/openid-configuration",
      ],
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

  it("is told of an error only by a click: what it says of itself proves nothing (RFC 9700 section 4.11.2)", async () => {
    const client = await WireClient.register(system, CLAUDE_AI);
    const page = await client.open(client.ask("https://claude.ai/api/mcp/auth_callback", { code_challenge: null }));
    expectLocalPage(page, "Return to claude.ai");
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
  ])("may ask before it asks %s, without a token", async (path, method, asked) => {
    const allowed = await system.fetch(path, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": method, "access-control-request-headers": asked },
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
    for (const header of asked.split(", "))
      expect(headers.includes(header) || (headers.includes("*") && header !== "authorization"), header).toBe(true);
  });

  it("reads every answer on its way to the tools", async () => {
    const readable = (answer: Response) =>
      expect(["*", origin]).toContain(answer.headers.get("access-control-allow-origin"));
    const challenge = await postMcp(system, "initialize", null, { origin });
    expect(challenge.status).toBe(401);
    readable(challenge);
    const exposed = (challenge.headers.get("access-control-expose-headers") ?? "").toLowerCase();
    for (const name of ["www-authenticate", "mcp-session-id", "mcp-protocol-version"]) expect(exposed).toContain(name);
    for (const path of ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-authorization-server"]) {
      readable(await system.fetch(path, { headers: { origin } }));
    }
    const registered = await register(system, INSPECTOR, { origin });
    expect(registered.status).toBe(201);
    readable(registered);
    const client = new WireClient(system, (await registered.json()) as ConstructorParameters<typeof WireClient>[1]);
    const { tokens } = await client.connect(`${origin}/oauth/callback`);
    const tools = await postMcp(system, "tools/list", tokens.access_token, { origin });
    expect(tools.status).toBe(200);
    readable(tools);
    const wrong = await system.fetch("/token", {
      method: "POST",
      headers: { origin },
      body: new URLSearchParams({ grant_type: "nonsense" }),
    });
    expect(wrong.status).toBeGreaterThanOrEqual(400);
    readable(wrong);
  });

  it("is a browser like any other elsewhere: a page of another origin is kept from /mcp", async () => {
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
      "Codex: another port and another path with each sign-in, registered each time",
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
      "mcp-remote: scopes of OpenID Connect, and fields about its software",
      {
        ...{ client_name: "MCP CLI Proxy", client_uri: "https://github.com/modelcontextprotocol/mcp-cli", ...PUBLIC },
        ...{
          software_id: "2e6dc280-f3c3-4e01-99a7-8181dbd1d23d",
          software_version: "0.1.38",
          scope: "openid email profile",
        },
      },
      "http://localhost:14159/oauth/callback",
      { scope: "openid email profile read generate" },
      "read generate",
    ],
    [
      "ChatGPT, where it registers itself",
      { client_name: "ChatGPT", ...PUBLIC },
      "https://chatgpt.com/connector/oauth/Ab3dEfGhIjKl",
      { scope: "read generate offline_access" },
      "read generate offline_access",
    ],
    [
      "a client with a secret that it sends as Basic (RFC 6749 section 2.3.1)",
      { client_name: "Backend", ...CODE_AND_REFRESH, token_endpoint_auth_method: "client_secret_basic" },
      "https://backend.example/oauth/callback",
      {},
      "read generate",
    ],
    [
      "a client of 2025-03-26 that knows no resource, and so no PRM either (RFC 8707 section 2)",
      { client_name: "Older client", ...PUBLIC },
      "http://localhost:3000/callback",
      { resource: null },
      "read generate",
    ],
    [
      "a client with fields that nobody has heard of (RFC 7591 section 2)",
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
  ] as const)("%s", async (_, fields, redirectUri, asked, scope) => {
    const client = await WireClient.register(system, { ...fields, redirect_uris: [redirectUri] });
    const { tokens } = await client.connect(
      redirectUri,
      asked,
      "resource" in asked ? { resource: asked.resource } : {},
    );
    expect(tokens).toMatchObject({ token_type: expect.stringMatching(/^bearer$/i), scope });
    expect(await countTools(system, tokens)).toBe(TOOLS);
    const refreshed = await client.token({ grant_type: "refresh_token", refresh_token: tokens.refresh_token ?? "" });
    expect(await countTools(system, (await refreshed.json()) as Tokens)).toBe(TOOLS);
  });

  it("a client that asks about the endpoint with HEAD or GET, without a token, is challenged (Gemini CLI)", async () => {
    for (const method of ["HEAD", "GET"]) {
      const answer = await system.fetch("/mcp", { method, headers: { accept: "text/event-stream" } });
      expect(answer.status, method).toBe(401);
      expect(answer.headers.get("www-authenticate"), method).toContain("resource_metadata=");
    }
  });
});

describe("what a client names as the resource (RFC 8707)", () => {
  const redirectUri = "http://localhost:3118/callback";
  let client: WireClient;
  beforeAll(async () => {
    client = await WireClient.register(system, { ...CLAUDE_CODE, redirect_uris: [redirectUri] });
  });

  it.each([
    ["in capitals where case does not count", () => `${system.origin.replace("http", "HTTP")}/mcp`],
    ["with a query of its own", () => `${system.origin}/mcp?profile=work`],
    ["with a slash at the end", () => `${system.origin}/mcp/`],
  ])("may be written %s", async (_, resource) => {
    const { tokens } = await client.connect(redirectUri, { resource: resource() }, { resource: resource() });
    expect(await countTools(system, tokens)).toBe(TOOLS);
  });

  it.each([
    ["foreign", () => "https://mcp.example.com/mcp"],
    ["another path of ours", () => `${system.origin}/mcp/other`],
    ["our origin", () => system.origin],
    ["a path in capitals", () => `${system.origin}/MCP`],
    ["with a fragment", () => `${system.origin}/mcp#part`],
    ["no address at all", () => "mcp"],
  ])("is not good when it is %s, at neither end", async (_, resource) => {
    const refused = await client.open(client.ask(redirectUri, { resource: resource() }));
    expect(refused.url.href).toMatch(/^http:\/\/localhost:3118\/callback\?/);
    expect(refused.url.searchParams.get("error")).toBe("invalid_target");
    const ask = client.ask(redirectUri);
    const callback = await client.decide(ask);
    expect(await errorOf(await client.redeem(ask, callback, { resource: resource() }))).toEqual([
      400,
      "invalid_target",
    ]);
    const tokens = await client.redeem(ask, callback);
    expect(tokens.status, "the code has not been used up by that").toBe(200);
  });

  it("is one: twice the same is still one for a program, two different ones are none, and a page takes no parameter twice", async () => {
    const [own, foreign] = [`${system.origin}/mcp`, "https://mcp.example.com/mcp"];
    for (const resource of [
      [own, own],
      [own, foreign],
    ]) {
      expectLocalPage(await client.open(client.ask(redirectUri, { resource })), "It names a parameter twice.");
    }
    const ask = client.ask(redirectUri);
    const callback = await client.decide(ask);
    expect(await errorOf(await client.redeem(ask, callback, { resource: [own, foreign] }))).toEqual([
      400,
      "invalid_target",
    ]);
    const answer = await client.redeem(ask, callback, { resource: [own, own] });
    expect(await countTools(system, (await answer.json()) as Tokens)).toBe(TOOLS);
  });

  it("counts on a refresh too", async () => {
    const { tokens } = await client.connect(redirectUri);
    const refresh = (resource: string | null) =>
      client.token({ grant_type: "refresh_token", refresh_token: tokens.refresh_token ?? "", resource });
    expect(await errorOf(await refresh("https://mcp.example.com/mcp"))).toEqual([400, "invalid_target"]);
    const refreshed = await refresh(`${system.origin}/mcp`);
    expect(await countTools(system, (await refreshed.json()) as Tokens)).toBe(TOOLS);
  });
});

describe("what a client hears", () => {
  const redirectUri = "http://127.0.0.1:3118/callback";
  let client: WireClient;
  beforeAll(async () => {
    client = await WireClient.register(system, { ...CLAUDE_CODE, redirect_uris: [redirectUri] });
  });

  it("is signed with the issuer of its metadata, to the byte, and carries its state: on success and on denial (RFC 9207)", async () => {
    const { issuer } = (await (await system.fetch("/.well-known/oauth-authorization-server")).json()) as {
      issuer: string;
    };
    for (const decision of ["approve", "deny"] as const) {
      const ask = client.ask(redirectUri);
      const { searchParams } = await client.decide(ask, decision);
      expect(searchParams.getAll("iss"), decision).toEqual([issuer]);
      expect(searchParams.getAll("state"), decision).toEqual([ask.state]);
      expect([...searchParams.keys()].filter((name) => name === "code" || name === "error")).toEqual([
        decision === "approve" ? "code" : "error",
      ]);
    }
  });

  it.each([
    ["no PKCE", { code_challenge: null, code_challenge_method: null }, "invalid_request"],
    ["a challenge without a method, which would mean plain", { code_challenge_method: null }, "invalid_request"],
    ["PKCE in the plain", { code_challenge_method: "plain" }, "invalid_request"],
    ["a challenge that no SHA-256 has", { code_challenge: "short" }, "invalid_request"],
    ["another response type", { response_type: "token" }, "unsupported_response_type"],
    ["a silent sign-in", { prompt: "none" }, "login_required"],
    ["a foreign resource", { resource: "https://mcp.example.com/mcp" }, "invalid_target"],
  ])("is told with issuer and state that it asked with %s", async (_, changes, error) => {
    const ask = client.ask(redirectUri, changes);
    const { url, status } = await client.open(ask);
    expect(status).toBe(303);
    expect(url.href.startsWith(`${redirectUri}?`)).toBe(true);
    expect(url.searchParams.getAll("error")).toEqual([error]);
    expect(url.searchParams.getAll("iss")).toEqual([system.origin]);
    expect(url.searchParams.getAll("state")).toEqual([ask.state]);
    expect(url.searchParams.has("code")).toBe(false);
  });

  it("is nothing but its own state: one with anything in it comes back as it was", async () => {
    const state = "a+b%20c&d=é\"'<x>/../?#";
    const { searchParams } = await client.decide(client.ask(redirectUri, { state }));
    expect(searchParams.getAll("state")).toEqual([state]);
    expect(searchParams.has("d")).toBe(false);
  });

  it("a code without its verifier, or with another one, is none", async () => {
    for (const code_verifier of [null, "v".repeat(43)]) {
      const ask = client.ask(redirectUri);
      const [status, error] = await errorOf(await client.redeem(ask, await client.decide(ask), { code_verifier }));
      expect([status, ["invalid_grant", "invalid_request"].includes(error)]).toEqual([400, true]);
    }
  });
});

describe("what a client asks for", () => {
  const redirectUri = "http://localhost:3118/callback";
  let client: WireClient;
  beforeAll(async () => {
    client = await WireClient.register(system, { ...CLAUDE_CODE, redirect_uris: [redirectUri] });
  });

  it.each([
    ["offline access, as Claude does", "read generate offline_access", "read generate offline_access"],
    ["nothing", null, "read"],
    ["only what nobody knows", "openid profile admin", "read"],
    ["more than there is, twice", "generate generate * read:all", "read generate"],
  ])("is granted as far as it exists: %s", async (_, scope, granted) => {
    const { tokens } = await client.connect(redirectUri, { scope });
    expect(tokens.scope).toBe(granted);
    expect(tokens.refresh_token).toBeTruthy();
  });

  it("may be less on a refresh, and never more (RFC 6749 section 6)", async () => {
    const refresh = async (granted: string) => {
      const { tokens } = await client.connect(redirectUri, { scope: granted });
      return (scope: string) =>
        client.token({ grant_type: "refresh_token", refresh_token: tokens.refresh_token ?? "", scope });
    };
    const narrowed = await (await refresh("read generate"))("read");
    expect([narrowed.status, await narrowed.json()]).toEqual([200, expect.objectContaining({ scope: "read" })]);
    const widened = await (await refresh("read"))("read generate");
    expect([widened.status, await widened.json()]).toEqual([200, expect.objectContaining({ scope: "read" })]);
  });
});

describe("a client whose registration is gone (anthropics/claude-code#84614)", () => {
  it("hears invalid_client as JSON at /token, and its user reads what to do", async () => {
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
    expectLocalPage(
      await client.open(client.ask("http://localhost:3118/callback")),
      "Remove the connection in your app and add it again.",
    );
  });
});

async function errorOf(answer: Response): Promise<[number, string]> {
  return [answer.status, ((await answer.json()) as { error: string }).error];
}
