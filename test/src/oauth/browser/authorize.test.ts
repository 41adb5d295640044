// Authorization requests: what a client may request, where a response may go, and how a client is
// known.
import { afterEach, describe, expect, it, vi } from "vitest";
import { network } from "../../../../src/oauth/authorization-server/client-document.ts";
import {
  authorizePath,
  Browser,
  envWith,
  form,
  ORIGIN,
  quiet,
  REDIRECT,
  register,
  send,
  VERIFIER,
} from "../browser.ts";

const env = envWith();
const client = await register(env);

afterEach(() => {
  vi.restoreAllMocks();
});

describe("an authorization request", () => {
  const open = async (changes: Record<string, string | undefined>, clientId = client) => {
    quiet();
    return new Browser(env).open(await authorizePath(clientId, changes));
  };

  it("of an unknown client shows an error page, and redirects nowhere", async () => {
    for (const id of ["unknown", "x".repeat(600), "https://app.test/client.json"]) {
      const refused = await open({}, id);
      expect([refused.status, refused.next]).toEqual([400, ""]);
      expect(refused.text).toContain("not known here");
    }
  });

  it("may not redirect to an unregistered address, or to the gateway itself", async () => {
    expect((await open({ redirect_uri: "https://evil.test/cb" })).next).toBe("");
    const own = await register(env, { redirect_uris: ["http://localhost:1234/oauth/callback"] });
    // The library allows every port of a loopback address (RFC 8252 section 7.3).
    for (const changes of [{}, { response_type: "token" }, { code_challenge: undefined }, { prompt: "none" }]) {
      const refused = await open({ redirect_uri: `${ORIGIN}/oauth/callback`, ...changes }, own);
      expect([refused.status, refused.next]).toEqual([400, ""]);
      expect(refused.text).toContain("Its redirect address belongs to this server.");
      expect(refused.text).not.toContain(`href="${ORIGIN}`);
    }
  });

  it.each([
    ["no PKCE", { code_challenge: undefined, code_challenge_method: undefined }, "invalid_request"],
    ["plain PKCE", { code_challenge_method: "plain" }, "invalid_request"],
    ["a challenge that is no SHA-256", { code_challenge: "short" }, "invalid_request"],
    ["another resource", { resource: "https://other.test/mcp" }, "invalid_target"],
    ["the implicit flow", { response_type: "token" }, "unsupported_response_type"],
    ["prompt=none", { prompt: "none" }, "login_required"],
  ])("with %s returns an error to a client on this computer", async (_, changes, code) => {
    const refused = await open(changes);
    const callback = new URL(refused.next).searchParams;
    expect([refused.status, callback.get("error"), callback.get("state"), callback.get("iss")]).toEqual([
      303,
      code,
      "a state & more",
      ORIGIN,
    ]);
  });

  it("needs PKCE from clients with a secret too", async () => {
    const confidential = await register(env, { token_endpoint_auth_method: "client_secret_basic" });
    const refused = await open({ code_challenge: undefined, code_challenge_method: undefined }, confidential);
    expect(new URL(refused.next).searchParams.get("error")).toBe("invalid_request");
  });

  it("with an error is no open redirector: an untrusted address takes a click", async () => {
    const web = await register(env, { redirect_uris: ["https://app.test/cb"] });
    const refused = await open({ redirect_uri: "https://app.test/cb", response_type: "token" }, web);
    expect([refused.status, refused.response.headers.get("Location")]).toEqual([400, null]);
    expect(refused.text).toContain("Return to app.test");
    const elsewhere = await open({ redirect_uri: "https://app.test/cb", resource: ORIGIN }, web);
    expect(elsewhere.text).toContain(`It names another address than ${ORIGIN}/mcp, the MCP server’s.`);
  });

  it("names each parameter once, is no request object, and fits into a cookie", async () => {
    const path = await authorizePath(client);
    for (const bad of [
      `${path}&state=2`,
      `${path}&request=x`,
      `${path}&request_uri=x`,
      `${path}&x=${"x".repeat(8_200)}`,
    ]) {
      expect((await send(env, bad)).status).toBe(400);
    }
    expect((await open({ state: "x".repeat(3_000) })).status).toBe(400);
  });

  it("may have empty parameters, and any number of unknown ones (RFC 6749 section 3.1)", async () => {
    const path = await authorizePath(client, { resource: "", scope: "", state: "" });
    const odd = `${path}&prompt=&request=&request_uri=&state=mine&audience=a&audience=b&nonce=1`;
    expect((await send(env, odd)).status).toBe(303);
    for (const twice of ["&scope=read&scope=generate", "&prompt=login&prompt=login", "&client_id=other"])
      expect((await send(env, path + twice)).status, twice).toBe(400);
  });

  it("names its resource as often as it likes, if it is the same one (RFC 8707 section 2)", async () => {
    const again = (resource: string) => `&resource=${encodeURIComponent(resource)}`;
    const path = await authorizePath(client);
    const same = await send(env, path + again(`${ORIGIN}/mcp`) + again(`${ORIGIN}/mcp/`) + again(""));
    expect([same.status, same.headers.get("Location")]).toEqual([303, expect.stringMatching(/^\/login/)]);
    const other = await send(env, path + again("https://other.example.com/mcp"));
    const callback = new URL(other.headers.get("Location") ?? "").searchParams;
    expect([callback.get("error"), callback.get("state")]).toEqual(["invalid_target", "a state & more"]);
    expect(callback.get("error_description")).toBe(`The address of this MCP server is ${ORIGIN}/mcp`);
  });

  it("may leave out the redirect address if one is registered (RFC 6749 section 3.1.2.3)", async () => {
    const left = await new Browser(env).connect(client, undefined, { redirect_uri: undefined });
    const callback = new URL(left.next);
    expect(callback.origin + callback.pathname).toBe(REDIRECT);
    const code = callback.searchParams.get("code") ?? "";
    const exchange = { grant_type: "authorization_code", client_id: client, code, code_verifier: VERIFIER };
    expect((await send(env, "/token", form(exchange))).status).toBe(200);
    const several = await register(env, { redirect_uris: [REDIRECT, "http://127.0.0.1/other"] });
    const refused = await open({ redirect_uri: undefined }, several);
    expect([refused.status, refused.next, refused.text]).toEqual([400, "", expect.stringContaining("not registered")]);
  });

  it("shows the client's name as text, never as markup", async () => {
    const odd = await register(env, { client_name: `<img src=x onerror=alert(1)>"'&` });
    const login = await new Browser(env).signInPage(odd);
    expect(login.text).toContain("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;");
    expect(login.text).not.toContain("<img");
  });
});

describe("a client with a metadata document (CIMD)", () => {
  const id = "https://app.example.com/oauth/client.json";
  const cimd = envWith({}, { CIMD_ENABLED: "true" });
  const serve = (document: object) =>
    vi.spyOn(network, "fetch").mockImplementation(async () => Response.json(document));

  it("is shown with the domain that the document proves", async () => {
    serve({ client_id: id, client_name: "Helpful app", redirect_uris: [REDIRECT], token_endpoint_auth_method: "none" });
    const consent = await new Browser(cimd).consentPage(id);
    expect(consent.text).toContain('<dt>Verified domain</dt><dd><bdi class="host">app.example.com</bdi></dd>');
  });

  it("is refused without a redirect if the document describes another client", async () => {
    quiet();
    serve({ client_id: "https://other.example.com/x", client_name: "Helpful app", redirect_uris: [REDIRECT] });
    const refused = await new Browser(cimd).open(await authorizePath(id));
    expect([refused.status, refused.next]).toEqual([400, ""]);
  });

  it("gets no code if the document has become unusable before the decision", async () => {
    quiet();
    serve({ client_id: id, client_name: "Helpful app", redirect_uris: [REDIRECT], token_endpoint_auth_method: "none" });
    const browser = new Browser(cimd);
    const consent = await browser.consentPage(id);
    serve({});
    const refused = await browser.submit(consent, "/authorize", { decision: "approve" });
    expect([refused.status, refused.next]).toEqual([400, ""]);
  });

  it("is not fetched from an address that is no public site", async () => {
    const fetched = serve({});
    for (const address of [
      "https://localhost/c",
      "https://10.0.0.1/c",
      "https://app.test:444/c",
      `https://app.test/${"x".repeat(500)}`,
    ]) {
      expect((await new Browser(cimd).open(await authorizePath(address))).status).toBe(400);
      expect((await send(cimd, "/token", form({ client_id: address, grant_type: "refresh_token" }))).status).toBe(401);
    }
    expect(fetched).not.toHaveBeenCalled();
  });
});
