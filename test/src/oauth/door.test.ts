// A person at the door, from the client's request to its answer, and everybody who tries to get in another way.
import { env as bound } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../../src/env.ts";
import { authorizationServer } from "../../../src/oauth/door.ts";
import {
  authorizePath,
  Browser,
  envWith,
  form,
  json,
  ORIGIN,
  PASSWORD,
  REDIRECT,
  redeem,
  register,
  send,
  sha256,
  userId,
} from "./visitor.ts";

const env = envWith();
const client = await register(env);
const throwing = async () => {
  throw new Error("a secret of the auth Worker");
};

afterEach(() => {
  vi.restoreAllMocks();
});

/** Keeps the log quiet where a failure is the point, and hands it over. */
function quiet() {
  const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  return log;
}

describe("signing in", () => {
  it("ends at the client with a code, its state and our issuer (RFC 9207), and the code becomes a token for this user", async () => {
    const browser = new Browser(env);
    const consent = await browser.reachConsent(client);
    expect(consent.text).toContain("ada@example.com");
    const left = await browser.submit(consent, "/authorize", { decision: "approve", scope: "generate" });
    expect(left.status).toBe(200);
    const answer = new URL(left.next);
    expect(answer.origin + answer.pathname).toBe(REDIRECT);
    expect(answer.searchParams.get("state")).toBe("a state & more");
    expect(answer.searchParams.get("iss")).toBe(ORIGIN);
    expect(browser.cookies.size).toBe(0);

    const tokens = await redeem(env, client, left.next);
    expect(tokens.scope).toBe("read generate");
    const grant = await authorizationServer(env).validateToken(`${ORIGIN}/mcp`, tokens.access_token, env);
    expect(grant?.props).toMatchObject({ userId: "u_ada", tenantId: "t_u_ada", tier: "free", v: 1 });
  });

  it("leaves out what the person unticks", async () => {
    const browser = new Browser(env);
    const left = await browser.submit(await browser.reachConsent(client), "/authorize", { decision: "approve" });
    expect((await redeem(env, client, left.next)).scope).toBe("read");
  });

  it("can be declined, and the client is told (RFC 6749 4.1.2.1)", async () => {
    const browser = new Browser(env);
    const left = await browser.submit(await browser.reachConsent(client), "/authorize", { decision: "deny" });
    const answer = new URL(left.next).searchParams;
    expect([answer.get("error"), answer.get("state"), answer.get("iss")]).toEqual(["access_denied", "a state & more", ORIGIN]);
    expect(answer.has("code")).toBe(false);
  });

  it("with a wrong password is 401 on the same page, which keeps the e-mail and not the password", async () => {
    const browser = new Browser(env);
    const again = await browser.submit(await browser.arrive(client), "/login", { email: " ADA@example.com ", password: "guess 1" });
    expect(again.status).toBe(401);
    expect(again.text).toContain('role="alert"');
    expect(again.text).toContain('value="ada@example.com"');
    expect(again.text).not.toContain("guess 1");
    const entered = await browser.submit(again, "/login", { email: "ada@example.com", password: PASSWORD });
    expect(entered.status).toBe(303);
  });

  it("starts over when the person comes back to the form, and the decision page of before is void", async () => {
    const browser = new Browser(env);
    const consent = await browser.reachConsent(client);
    const [, id] = /\?tx=([\w-]{12})/.exec(consent.text) ?? [];
    expect((await browser.open(`/login?tx=${id}`)).status).toBe(200);
    expect((await browser.submit(consent, "/authorize", { decision: "approve" })).status).toBe(400);
    expect((await browser.open(`/consent?tx=${id}`)).next).toBe(`/login?tx=${id}`);
  });

  it("passes a password on as it is", async () => {
    const asked = vi.fn(async () => ({ valid: false as const, error: "INVALID_CREDENTIALS" }));
    const browser = new Browser(envWith({ authenticateUser: asked }));
    await browser.submit(await browser.arrive(client), "/login", { email: "ada@example.com", password: "  p\u0061\u0308ß &+%  " });
    expect(asked).toHaveBeenCalledWith("ada@example.com", "  p\u0061\u0308ß &+%  ");
  });
});

describe("signing up", () => {
  it("signs in at once", async () => {
    const browser = new Browser(env);
    const signup = await browser.open((await browser.open(await authorizePath(client))).next.replace("/login", "/signup"));
    const entered = await browser.submit(signup, "/signup", { name: "New", email: "new@example.com", password: PASSWORD });
    expect((await browser.open(entered.next)).text).toContain("new@example.com");
  });

  it("says the same whatever the auth Worker's reason is", async () => {
    const texts = [];
    for (const error of ["EMAIL_EXISTS", "INVALID_CREDENTIALS", "RATE_LIMITED"]) {
      const browser = new Browser(envWith({ registerUser: async () => ({ valid: false, error }) }));
      const signup = await browser.open((await browser.open(await authorizePath(client))).next.replace("/login", "/signup"));
      const refused = await browser.submit(signup, "/signup", { name: "New", email: "new@example.com", password: PASSWORD });
      texts.push(`${refused.status} ${/role="alert">(.*?)<\/p>/.exec(refused.text)?.[1]}`);
    }
    expect(new Set(texts)).toEqual(new Set(["400 We could not create that account. If you already have one, sign in."]));
  });

  it("points at what the person can mend, without asking the auth Worker", async () => {
    const registerUser = vi.fn(throwing);
    const browser = new Browser(envWith({ registerUser }));
    const signup = await browser.open((await browser.open(await authorizePath(client))).next.replace("/login", "/signup"));
    const refused = await browser.submit(signup, "/signup", { name: "New", email: "new@example.com", password: "too short" });
    expect(refused.status).toBe(400);
    expect(refused.text).toContain("at least 15 characters");
    expect(registerUser).not.toHaveBeenCalled();
  });
});

describe("signing in with GitHub or Google", () => {
  async function leave(browser: Browser, provider: string) {
    const left = await browser.submit(await browser.arrive(client), `/oauth/${provider}`);
    return { left, bridge: new URL(left.next) };
  }

  it("goes through the bridge with a challenge, and comes back with a code that only its verifier opens", async () => {
    const browser = new Browser(env);
    const { left, bridge } = await leave(browser, "github");
    expect(left.status).toBe(200);
    expect(bridge.pathname).toBe("/social-bridge");
    expect(bridge.searchParams.get("return_url")).toBe(`${ORIGIN}/oauth/callback`);
    const back = `/oauth/callback?state=${bridge.searchParams.get("state")}&code=code-${bridge.searchParams.get("code_challenge")}`;
    const entered = await browser.open(back);
    expect(entered.next).toMatch(/^\/consent\?tx=/);
    expect((await browser.open(entered.next)).text).toContain("ada@example.com");
    expect((await browser.open(back)).status).toBe(400);
  });

  it("keeps nothing readable under the state", async () => {
    const browser = new Browser(env);
    const { bridge } = await leave(browser, "google");
    const state = bridge.searchParams.get("state") ?? "";
    const stored = await (bound as unknown as Env).OAUTH_KV.get(`social_state:${await sha256(state)}`);
    expect(stored).toMatch(/^[0-9a-f]{8}\.[\w-]+\.[\w-]+$/);
  });

  it("signs nobody in who arrives with somebody else's state, and asks nobody about it", async () => {
    const exchangeSocialCode = vi.fn(throwing);
    const attacked = envWith({ exchangeSocialCode });
    const { bridge } = await leave(new Browser(attacked), "github");
    const victim = new Browser(attacked);
    await victim.arrive(client);
    const lured = await victim.open(`/oauth/callback?state=${bridge.searchParams.get("state")}&code=stolen`);
    expect(lured.status).toBe(400);
    expect(exchangeSocialCode).not.toHaveBeenCalled();
  });

  it("knows only the last state that a browser left with", async () => {
    const browser = new Browser(env);
    const { bridge } = await leave(browser, "github");
    const [cookie = ""] = browser.cookies.keys();
    await browser.submit(await browser.open(`/login?tx=${cookie.slice(-12)}`), "/oauth/github");
    const late = `/oauth/callback?state=${bridge.searchParams.get("state")}&code=code-${bridge.searchParams.get("code_challenge")}`;
    expect((await browser.open(late)).status).toBe(400);
  });

  it("returns to the sign-in page when the provider says no or the code is no good", async () => {
    for (const answer of ["error=access_denied&error_description=%3Cscript%3E", "code=wrong"]) {
      const browser = new Browser(env);
      const { bridge } = await leave(browser, "github");
      const back = await browser.open(`/oauth/callback?state=${bridge.searchParams.get("state")}&${answer}`);
      expect(back.next).toMatch(/^\/login\?tx=[\w-]{12}&e=social$/);
      const login = await browser.open(back.next);
      expect(login.text).toContain("Signing in there did not work");
      expect(login.text).not.toContain("script");
      expect((await browser.submit(login, "/login", { email: "ada@example.com", password: PASSWORD })).status).toBe(303);
    }
  });

  it.each([
    "",
    "?state=x&code=y",
    `?state=${"s".repeat(43)}`,
    `?state=${"s".repeat(43)}&code=a&code=b`,
    `?state=${"s".repeat(43)}&code=a&error=b`,
  ])("refuses the callback%s", async (query) => {
    expect((await send(env, `/oauth/callback${query}`)).status).toBe(400);
  });

  it("starts with a form, never with a link", async () => {
    const response = await send(env, "/oauth/github");
    expect([response.status, response.headers.get("Allow")]).toEqual([405, "POST"]);
  });
});

describe("one decision", () => {
  it("is made once, also by ten forms sent together", async () => {
    const browser = new Browser(env);
    const consent = await browser.reachConsent(client);
    const cookies = new Map(browser.cookies);
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => {
        const tab = new Browser(env);
        for (const [name, value] of cookies) tab.cookies.set(name, value);
        return tab.submit(consent, "/authorize", { decision: "approve" });
      }),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(400)]);
    expect(answers.find(({ status }) => status === 400)?.text).toContain("Already used");
  });

  it("is a decision: anything else changes nothing", async () => {
    const browser = new Browser(env);
    const consent = await browser.reachConsent(client);
    expect((await browser.submit(consent, "/authorize", { decision: "maybe" })).status).toBe(400);
    expect((await browser.submit(consent, "/authorize", { decision: "approve" })).status).toBe(200);
  });
});

describe("a forged form", () => {
  it.each([
    ["from another site", { "Sec-Fetch-Site": "cross-site" }, 403],
    ["from a neighbour's subdomain", { "Sec-Fetch-Site": "same-site" }, 403],
    ["with another Origin", { Origin: "https://evil.test" }, 403],
    ["with an opaque Origin", { Origin: "null" }, 403],
    ["of another media type", { "Content-Type": "text/plain" }, 415],
  ])("%s is refused", async (_, headers, status) => {
    const browser = new Browser(env);
    expect((await browser.submit(await browser.reachConsent(client), "/authorize", { decision: "approve" }, headers)).status).toBe(status);
  });

  it("without our token, for another step, or without the cookie is refused", async () => {
    const browser = new Browser(env);
    const login = await browser.arrive(client);
    const consent = await browser.reachConsent(client);
    expect((await browser.submit(consent, "/authorize", { decision: "approve", csrf: "x".repeat(43) })).status).toBe(400);
    const [, token = ""] = /name="csrf" value="([^"]*)"/.exec(login.text) ?? [];
    expect((await browser.submit(consent, "/authorize", { decision: "approve", csrf: token })).status).toBe(400);
    expect((await new Browser(env).submit(consent, "/authorize", { decision: "approve" })).status).toBe(400);
  });

  it("that is too long or names a field twice is refused", async () => {
    const browser = new Browser(env);
    const login = await browser.arrive(client);
    expect((await browser.submit(login, "/login", { email: "a", password: "x".repeat(9_000) })).status).toBe(413);
    const twice = new URLSearchParams([
      ["email", "a"],
      ["email", "b"],
    ]);
    expect((await browser.open("/login", form(twice))).status).toBe(400);
  });
});

describe("an authorization request", () => {
  const ask = async (changes: Record<string, string | undefined>, clientId = client) => {
    quiet();
    return new Browser(env).open(await authorizePath(clientId, changes));
  };

  it("of an unknown client is explained to the person, who is sent nowhere", async () => {
    for (const id of ["nobody", "x".repeat(600), "https://app.test/client.json"]) {
      const refused = await ask({}, id);
      expect([refused.status, refused.next]).toEqual([400, ""]);
      expect(refused.text).toContain("not known here");
    }
  });

  it("may not be answered to an address that is not registered, or to ourselves", async () => {
    expect((await ask({ redirect_uri: "https://evil.test/cb" })).next).toBe("");
    const own = await register(env, { redirect_uris: ["http://localhost:1234/oauth/callback"] });
    const refused = await ask({ redirect_uri: `${ORIGIN}/oauth/callback` }, own);
    expect([refused.status, refused.next]).toEqual([400, ""]);
  });

  it.each([
    ["no PKCE", { code_challenge: undefined, code_challenge_method: undefined }, "invalid_request"],
    ["plain PKCE", { code_challenge_method: "plain" }, "invalid_request"],
    ["a challenge that is no SHA-256", { code_challenge: "short" }, "invalid_request"],
    ["another resource", { resource: "https://other.test/mcp" }, "invalid_target"],
    ["the implicit flow", { response_type: "token" }, "unsupported_response_type"],
    ["no interaction", { prompt: "none" }, "login_required"],
  ])("with %s goes back to a client on this computer as an error", async (_, changes, code) => {
    const refused = await ask(changes);
    const answer = new URL(refused.next).searchParams;
    expect([refused.status, answer.get("error"), answer.get("state"), answer.get("iss")]).toEqual([303, code, "a state & more", ORIGIN]);
  });

  it("needs PKCE of clients with a secret too", async () => {
    const confidential = await register(env, { token_endpoint_auth_method: "client_secret_basic" });
    const refused = await ask({ code_challenge: undefined, code_challenge_method: undefined }, confidential);
    expect(new URL(refused.next).searchParams.get("error")).toBe("invalid_request");
  });

  it("with an error is no open redirector: a stranger's address takes a click", async () => {
    const web = await register(env, { redirect_uris: ["https://app.test/cb"] });
    const refused = await ask({ redirect_uri: "https://app.test/cb", response_type: "token" }, web);
    expect([refused.status, refused.response.headers.get("Location")]).toEqual([400, null]);
    expect(refused.text).toContain("Return to app.test");
  });

  it("names each parameter once, is no request object, and fits into a cookie", async () => {
    const path = await authorizePath(client);
    for (const bad of [`${path}&state=2`, `${path}&request=x`, `${path}&request_uri=x`, `${path}&x=${"x".repeat(8_200)}`]) {
      expect((await send(env, bad)).status).toBe(400);
    }
    expect((await ask({ state: "x".repeat(3_000) })).status).toBe(400);
  });

  it("shows a client's words as words", async () => {
    const odd = await register(env, { client_name: `<img src=x onerror=alert(1)>"'&` });
    const login = await new Browser(env).arrive(odd);
    expect(login.text).toContain("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;");
    expect(login.text).not.toContain("<img");
  });
});

describe("a client that is named by its metadata document (CIMD)", () => {
  const id = "https://app.test/oauth/client.json";
  const open = envWith({}, { CIMD_ENABLED: "true" });
  const serve = (document: object) => vi.spyOn(globalThis, "fetch").mockImplementation(async () => Response.json(document));

  it("is shown with the domain that the document proves", async () => {
    serve({ client_id: id, client_name: "Helpful app", redirect_uris: [REDIRECT], token_endpoint_auth_method: "none" });
    const consent = await new Browser(open).reachConsent(id);
    expect(consent.text).toContain('Verified for <bdi class="host">app.test</bdi>');
  });

  it("is refused without a redirect where the document is about somebody else", async () => {
    quiet();
    serve({ client_id: "https://other.test/x", client_name: "Helpful app", redirect_uris: [REDIRECT] });
    const refused = await new Browser(open).open(await authorizePath(id));
    expect([refused.status, refused.next]).toEqual([400, ""]);
  });

  it("gets no code where the document has become unreadable before the decision", async () => {
    quiet();
    serve({ client_id: id, client_name: "Helpful app", redirect_uris: [REDIRECT], token_endpoint_auth_method: "none" });
    const browser = new Browser(open);
    const consent = await browser.reachConsent(id);
    serve({});
    const refused = await browser.submit(consent, "/authorize", { decision: "approve" });
    expect([refused.status, refused.next]).toEqual([400, ""]);
  });

  it("is not fetched from addresses that are nobody's public site", async () => {
    const fetched = serve({});
    for (const address of ["https://localhost/c", "https://10.0.0.1/c", "https://app.test:444/c", `https://app.test/${"x".repeat(500)}`]) {
      expect((await new Browser(open).open(await authorizePath(address))).status).toBe(400);
      expect((await send(open, "/token", form({ client_id: address, grant_type: "refresh_token" }))).status).toBe(401);
    }
    expect(fetched).not.toHaveBeenCalled();
  });
});

describe("every page", () => {
  it("can be neither framed nor cached nor scripted, and its one style is allowed by its hash", async () => {
    const response = await send(env, "/");
    const [, style = ""] = /<style>(.*?)<\/style>/s.exec(await response.clone().text()) ?? [];
    const digest = btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style)))));
    expect(response.headers.get("Content-Security-Policy")).toBe(
      `default-src 'none'; style-src 'sha256-${digest}'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
    );
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    expect(response.headers.get("X-Frame-Options")).toBe("DENY");
    expect(response.headers.get("Referrer-Policy")).toBe("same-origin");
    expect(await response.text()).not.toMatch(/<script|style="|\son\w+=/);
  });

  it("answers HEAD like GET, without the page", async () => {
    const response = await send(env, "/", { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });

  it("of a step that nobody has started says where to start", async () => {
    for (const path of ["/login", "/signup", "/consent", "/login?tx=aaaaaaaaaaaa"]) {
      const response = await send(env, path);
      expect(response.status).toBe(400);
      expect(await response.text()).toContain("Start again from your app");
    }
  });

  it("keeps the transaction in a cookie that no script, no other site and no plain connection gets", async () => {
    const started = await send(env, await authorizePath(client));
    expect(started.headers.get("Set-Cookie")).toMatch(
      /^__Host-gw_tx_[\w-]{12}=[^;]+; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=600$/,
    );
  });
});

describe("when the auth Worker fails", () => {
  it.each([
    ["crashes", { authenticateUser: throwing }],
    ["answers nonsense", { authenticateUser: async () => ({ valid: "yes" }) as never }],
    ["has no tenant to give", { provisionTenant: throwing }],
    [
      "gives somebody else's tenant",
      {
        provisionTenant: async () => ({
          tenantId: "t" as never,
          userId: userId("u_eve"),
          tier: "pro" as const,
          delinquent: false,
          createdAt: 1,
        }),
      },
    ],
    [
      "gives a user id that no token can hold",
      { authenticateUser: async () => ({ valid: true as const, userId: userId("a:b"), email: "a@b.c", name: "" }) },
    ],
  ])("because it %s, nobody is told that a password was wrong, and nobody gets in", async (_, auth) => {
    const log = quiet();
    const browser = new Browser(envWith(auth));
    const failed = await browser.submit(await browser.arrive(client), "/login", { email: "ada@example.com", password: PASSWORD });
    expect([failed.status, failed.response.headers.get("Retry-After"), failed.next]).toEqual([503, "10", ""]);
    const [, traceId = "-"] = /<code>([0-9a-f]{32})<\/code>/.exec(failed.text) ?? [];
    expect(log).toHaveBeenCalledOnce();
    expect(String(log.mock.calls[0]?.[0])).toContain(traceId);
    expect(String(log.mock.calls[0]?.[0])).not.toMatch(/ada@|secret|horse/);
  });

  it("anything else unexpected is a page with a trace id", async () => {
    const log = quiet();
    const broken = envWith({}, { OAUTH_KV: { get: throwing } as never });
    const failed = await new Browser(broken).open(await authorizePath(client));
    expect(failed.status).toBe(500);
    expect(failed.text).toMatch(/<code>[0-9a-f]{32}<\/code>/);
    expect(failed.text).not.toContain("secret");
    expect(log).toHaveBeenCalledOnce();
  });
});

describe("while sign-in is not open", () => {
  const closed = envWith({}, { PUBLIC_SIGNUPS_ENABLED: "TRUE", OAUTH_KV: { get: throwing } as never });

  it.each(["/authorize", "/login", "/signup", "/oauth/github", "/oauth/callback", "/consent"])(
    "%s says so, whatever the method",
    async (path) => {
      for (const method of ["GET", "POST", "DELETE", "HEAD"]) {
        const response = await send(closed, path, { method });
        expect([response.status, response.headers.get("X-Robots-Tag"), response.headers.get("Set-Cookie")]).toEqual([503, "noindex", null]);
      }
    },
  );

  it("no client can register, and metadata stays", async () => {
    const refused = await send(closed, "/register", json({ redirect_uris: [REDIRECT] }));
    expect([refused.status, await refused.json<{ error: string }>()]).toMatchObject([403, { error: "access_denied" }]);
    expect((await send(closed, "/.well-known/oauth-authorization-server")).status).toBe(200);
  });
});
