// Authorization requests: redirect URIs on loopback, resource (RFC 8707), scope, state and PKCE,
// each from the registration to a working tools/list.
import { beforeAll, describe, expect, it } from "vitest";
import { useSystem } from "../support/system.ts";
import { countTools, errorOf, locationOf, type Tokens, WireClient } from "../support/wire-client.ts";

const system = useSystem();

const TOOLS = 10;
const CODE_AND_REFRESH = { grant_types: ["authorization_code", "refresh_token"], response_types: ["code"] };
const PUBLIC = { ...CODE_AND_REFRESH, token_endpoint_auth_method: "none" };

const CLAUDE_CODE = { client_name: "Claude Code (stackbilt)", ...PUBLIC };

/** An error page of the gateway, which redirects to no client. */
const errorPage = () => ({ status: 400, origin: system.origin, location: null, refreshes: false });

const NOT_REGISTERED = "Its redirect address is not registered for this app.";

describe("a redirect URI on loopback", () => {
  it.each([
    ["Claude Code", "http://localhost:53123/callback", "http://localhost:61999/callback"],
    ["Claude Code, as in its client document", "http://localhost/callback", "http://localhost:50001/callback"],
    ["mcp-remote", "http://127.0.0.1:3334/oauth/callback", "http://127.0.0.1:14159/oauth/callback"],
    ["a client on IPv6", "http://[::1]:3118/callback", "http://[::1]:40400/callback"],
  ])("may have any port: %s (RFC 8252 section 7.3)", async (_, registered, used) => {
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
  ])("is refused with %s", async (_, redirectUri) => {
    const client = await WireClient.register(system, {
      ...CLAUDE_CODE,
      redirect_uris: ["http://localhost:53123/callback"],
    });
    const page = await client.open(client.authorizationRequest(redirectUri));
    expect(locationOf(page)).toEqual(errorPage());
    expect(page.html).toContain(NOT_REGISTERED);
  });

  it("must have the same port in the token request (RFC 6749 section 4.1.3)", async () => {
    const client = await WireClient.register(system, {
      ...CLAUDE_CODE,
      redirect_uris: ["http://localhost:53123/callback"],
    });
    const request = client.authorizationRequest("http://localhost:60001/callback");
    const refused = await client.redeem(request, await client.decide(request), {
      redirect_uri: "http://localhost:60002/callback",
    });
    expect(await errorOf(refused)).toEqual([400, "invalid_grant"]);
  });
});

describe("the resource of a request (RFC 8707)", () => {
  const redirectUri = "http://localhost:3118/callback";
  let client: WireClient;
  beforeAll(async () => {
    client = await WireClient.register(system, { ...CLAUDE_CODE, redirect_uris: [redirectUri] });
  });

  it.each([
    ["with its scheme in capitals", () => `${system.origin.replace("http", "HTTP")}/mcp`],
    ["with a query of its own", () => `${system.origin}/mcp?profile=work`],
    ["with a trailing slash", () => `${system.origin}/mcp/`],
  ])("may be written %s", async (_, resource) => {
    const { tokens } = await client.connect(redirectUri, { resource: resource() }, { resource: resource() });
    expect(await countTools(system, tokens)).toBe(TOOLS);
  });

  it.each([
    ["foreign", () => "https://mcp.example.com/mcp"],
    ["another path of the gateway", () => `${system.origin}/mcp/other`],
    ["the gateway's origin", () => system.origin],
    ["a path in capitals", () => `${system.origin}/MCP`],
    ["with a fragment", () => `${system.origin}/mcp#part`],
    ["no absolute URL", () => "mcp"],
  ])("is refused at /authorize and at /token if it is %s", async (_, resource) => {
    const refused = await client.open(client.authorizationRequest(redirectUri, { resource: resource() }));
    expect(refused.url.href).toMatch(/^http:\/\/localhost:3118\/callback\?/);
    expect(refused.url.searchParams.get("error")).toBe("invalid_target");
    const request = client.authorizationRequest(redirectUri);
    const callback = await client.decide(request);
    expect(await errorOf(await client.redeem(request, callback, { resource: resource() }))).toEqual([
      400,
      "invalid_target",
    ]);
    const tokens = await client.redeem(request, callback);
    expect(tokens.status, "the refused request did not use the code").toBe(200);
  });

  it("may be repeated with the same value, and not with another (RFC 8707 section 2)", async () => {
    const [own, foreign] = [`${system.origin}/mcp`, "https://mcp.example.com/mcp"];
    const refused = await client.open(client.authorizationRequest(redirectUri, { resource: [own, foreign] }));
    expect(refused.url.searchParams.get("error")).toBe("invalid_target");
    const request = client.authorizationRequest(redirectUri, { resource: [own, `${own}/`, own] });
    const callback = await client.decide(request);
    expect(await errorOf(await client.redeem(request, callback, { resource: [own, foreign] }))).toEqual([
      400,
      "invalid_target",
    ]);
    const response = await client.redeem(request, callback, { resource: [own, own] });
    const { refresh_token = "", ...tokens } = (await response.json()) as Tokens;
    expect(await countTools(system, tokens)).toBe(TOOLS);
    const refresh = (resource: string[]) => client.token({ grant_type: "refresh_token", refresh_token, resource });
    expect(await errorOf(await refresh([own, foreign]))).toEqual([400, "invalid_target"]);
    expect((await refresh([own, own])).status).toBe(200);
  });

  it("is checked at a refresh, too", async () => {
    const { tokens } = await client.connect(redirectUri);
    const refresh = (resource: string | null) =>
      client.token({ grant_type: "refresh_token", refresh_token: tokens.refresh_token ?? "", resource });
    expect(await errorOf(await refresh("https://mcp.example.com/mcp"))).toEqual([400, "invalid_target"]);
    const refreshed = await refresh(`${system.origin}/mcp`);
    expect(await countTools(system, (await refreshed.json()) as Tokens)).toBe(TOOLS);
  });
});

describe("the response to an authorization request", () => {
  const redirectUri = "http://127.0.0.1:3118/callback";
  let client: WireClient;
  beforeAll(async () => {
    client = await WireClient.register(system, { ...CLAUDE_CODE, redirect_uris: [redirectUri] });
  });

  it("has the exact issuer of the metadata and the state, on success and on denial (RFC 9207)", async () => {
    const { issuer } = (await (await system.fetch("/.well-known/oauth-authorization-server")).json()) as {
      issuer: string;
    };
    for (const decision of ["approve", "deny"] as const) {
      const request = client.authorizationRequest(redirectUri);
      const { searchParams } = await client.decide(request, decision);
      expect(searchParams.getAll("iss"), decision).toEqual([issuer]);
      expect(searchParams.getAll("state"), decision).toEqual([request.state]);
      expect([...searchParams.keys()].filter((name) => name === "code" || name === "error")).toEqual([
        decision === "approve" ? "code" : "error",
      ]);
    }
  });

  it.each([
    ["no PKCE", { code_challenge: null, code_challenge_method: null }, "invalid_request"],
    ["a challenge without a method, which means plain", { code_challenge_method: null }, "invalid_request"],
    ["the PKCE method plain", { code_challenge_method: "plain" }, "invalid_request"],
    ["a challenge that is no SHA-256 digest", { code_challenge: "short" }, "invalid_request"],
    ["another response type", { response_type: "token" }, "unsupported_response_type"],
    ["prompt=none for a user who is signed out", { prompt: "none" }, "login_required"],
    ["a foreign resource", { resource: "https://mcp.example.com/mcp" }, "invalid_target"],
  ])("is an error with issuer and state for %s", async (_, changes, error) => {
    const request = client.authorizationRequest(redirectUri, changes);
    const { url, status } = await client.open(request);
    expect(status).toBe(303);
    expect(url.href.startsWith(`${redirectUri}?`)).toBe(true);
    expect(url.searchParams.getAll("error")).toEqual([error]);
    expect(url.searchParams.getAll("iss")).toEqual([system.origin]);
    expect(url.searchParams.getAll("state")).toEqual([request.state]);
    expect(url.searchParams.has("code")).toBe(false);
  });

  it("has the state unchanged, whatever characters it has", async () => {
    const state = "a+b%20c&d=é\"'<x>/../?#";
    const { searchParams } = await client.decide(client.authorizationRequest(redirectUri, { state }));
    expect(searchParams.getAll("state")).toEqual([state]);
    expect(searchParams.has("d")).toBe(false);
  });

  it("has a code that is refused without its verifier, or with another one", async () => {
    for (const code_verifier of [null, "v".repeat(43)]) {
      const request = client.authorizationRequest(redirectUri);
      const callback = await client.decide(request);
      const [status, error] = await errorOf(await client.redeem(request, callback, { code_verifier }));
      expect([status, ["invalid_grant", "invalid_request"].includes(error)]).toEqual([400, true]);
    }
  });
});

describe("the scope of a request", () => {
  const redirectUri = "http://localhost:3118/callback";
  let client: WireClient;
  beforeAll(async () => {
    client = await WireClient.register(system, { ...CLAUDE_CODE, redirect_uris: [redirectUri] });
  });

  it.each([
    ["with offline_access, as Claude requests it", "read generate offline_access", "read generate offline_access"],
    ["without a scope", null, "read"],
    ["with unknown scopes only", "openid profile admin", "read"],
    ["with repeated and unknown scopes", "generate generate * read:all", "read generate"],
  ])("is granted as far as it is known: %s", async (_, scope, granted) => {
    const { tokens } = await client.connect(redirectUri, { scope });
    expect(tokens.scope).toBe(granted);
    expect(tokens.refresh_token).toBeTruthy();
  });

  it("can be narrowed at a refresh, and never widened (RFC 6749 section 6)", async () => {
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
