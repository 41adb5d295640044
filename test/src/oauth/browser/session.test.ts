// Sessions of signed-in browsers: they replace the password, never the decision; and everything
// that ends them.
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env as bound } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import gateway from "../../../../entrypoints/gateway/index.ts";
import { configOf } from "../../../../src/config.ts";
import { userObjectOf } from "../../../../src/durable/user-object.ts";
import type { Env } from "../../../../src/env.ts";
import { openTransaction } from "../../../../src/oauth/browser/transaction.ts";
import {
  AUTH,
  authorizePath,
  Browser,
  envWith,
  freshEmail,
  ORIGIN,
  PASSWORD,
  quiet,
  redeem,
  register,
  throwing,
  userId,
} from "../browser.ts";

const SESSION = "__Host-gw_s";
const env = envWith();
const client = await register(env);
let users = 0;

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/**
 * A user of this test only, so that no other test ends the sessions. `known`: the reply of the auth
 * Worker.
 */
function newUser(changes: { isActive?: boolean; sessionVersion?: number; signedOutAtMs?: number } = {}) {
  const user = userId(`u_session_${++users}`);
  const known = { isActive: true, sessionVersion: 3, ...changes };
  const replies = {
    authenticateUser: async (email: string) => ({ valid: true as const, userId: user, email, name: "Grace" }),
    registerUser: async (name: string, email: string) => ({ valid: true as const, userId: user, email, name }),
    getUser: (async (call, input) => {
      const reply = await AUTH.getUser(call, input);
      return reply.ok ? { ok: true, value: { ...reply.value, ...known } } : reply;
    }) as typeof AUTH.getUser,
  };
  return { user, known, env: envWith(replies) };
}

/** A browser in which the user has just signed in. */
async function signedInBrowser(over: Env): Promise<Browser> {
  const browser = new Browser(over);
  await browser.consentPage(client);
  return browser;
}

/** The name of the page to which GET /authorize redirects. */
async function nextPage(browser: Browser, changes: Record<string, string> = {}): Promise<string> {
  const { next } = await browser.open(await authorizePath(client, changes));
  return /^\/(login|consent)\?tx=/.exec(next)?.[1] ?? next;
}

/** Advances the clock, for everything but storage. */
function advanceClock(seconds: number): void {
  vi.useFakeTimers({ now: Date.now() + seconds * 1000, toFake: ["Date"] });
}

describe("a session", () => {
  it("replaces the sign-in for the next app, and never the decision", async () => {
    const browser = await signedInBrowser(env);
    const second = await browser.open(await authorizePath(client, { state: "second" }));
    expect(second.next).toMatch(/^\/consent\?tx=/);
    const consent = await browser.open(second.next);
    expect(consent.text).toContain('You are signed in as <bdi class="app">ada@example.com</bdi>');
    const left = await browser.submit(consent, "/authorize", { decision: "approve" });
    expect(new URL(left.next).searchParams.get("state")).toBe("second");
    expect((await redeem(env, client, left.next)).scope).toBe("read");
  });

  it("is a cookie that no script, no other site and no plain connection gets, and that reveals no user", async () => {
    const browser = new Browser(env);
    const entered = await browser.signIn(await browser.signInPage(client));
    const line = entered.response.headers.getSetCookie().find((cookie) => cookie.startsWith(SESSION));
    expect(line).toMatch(
      /^__Host-gw_s=[0-9a-f]{8}\.[\w-]{16}\.[\w-]+; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=3600$/,
    );
  });

  it("leaves an audit record when it starts", async () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    await signedInBrowser(env);
    const records = log.mock.calls.map(([line]) => JSON.parse(String(line)));
    expect(records).toMatchObject([{ event: "audit", type: "session.started", subject: "u_ada", clientId: null }]);
  });

  it("authorizes nothing at /mcp", async () => {
    const browser = await signedInBrowser(env);
    const ctx = createExecutionContext();
    const headers = { Cookie: `${SESSION}=${browser.cookies.get(SESSION)}`, "Content-Type": "application/json" };
    const request = new Request<unknown, IncomingRequestCfProperties>(`${ORIGIN}/mcp`, {
      method: "POST",
      headers,
      body: "{}",
    });
    const response = await gateway.fetch(request, env, ctx);
    await waitOnExecutionContext(ctx);
    expect(response.status).toBe(401);
  });

  it("is neither a transaction's cookie under another name, nor a cookie from before two rotations of the secret", async () => {
    const browser = await signedInBrowser(env);
    const transaction = [...browser.cookies].find(([name]) => name.startsWith("__Host-gw_tx_"))?.[1] ?? "";
    const confused = new Browser(env);
    confused.cookies.set(SESSION, transaction);
    expect(await nextPage(confused)).toBe("login");
    const rotated = new Browser(envWith({}, { SERVICE_BINDING_SECRET: "quite another root secret, 32 bytes or more" }));
    rotated.cookies.set(SESSION, browser.cookies.get(SESSION) ?? "");
    expect(await nextPage(rotated)).toBe("login");
    expect(rotated.cookies.has(SESSION), "the cookie is deleted").toBe(false);
  });

  it("is ignored for an app with prompt=login, and used again for the next one", async () => {
    const browser = await signedInBrowser(env);
    expect(await nextPage(browser, { prompt: "login" })).toBe("login");
    expect(await nextPage(browser, { prompt: "select_account" }), "an unknown prompt").toBe("consent");
  });

  it("is not used by “Not you?”, whichever user then signs in", async () => {
    const eve = envWith({
      authenticateUser: async (email) =>
        email === "eve@example.com"
          ? { valid: true, userId: userId("u_new"), email, name: "Eve" }
          : { valid: false, error: "x" },
    });
    const browser = await signedInBrowser(env);
    const consent = await browser.open((await browser.open(await authorizePath(client))).next);
    const [, notYou = ""] = /<a href="([^"]*)">Not you\?<\/a>/.exec(consent.text) ?? [];
    const evesBrowser = browser.copy(eve);
    const login = await evesBrowser.open(notYou);
    expect(login.text).toContain("<h1>Sign in</h1>");
    const entered = await evesBrowser.submit(login, "/login", { email: "eve@example.com", password: PASSWORD });
    expect((await evesBrowser.open(entered.next)).text).toContain("new@example.com");
    const nextConsent = await evesBrowser.open((await evesBrowser.open(await authorizePath(client))).next);
    expect(nextConsent.text).toContain("new@example.com");
  });
});

describe("signing in", () => {
  it("makes a new session each time, and ends the previous one", async () => {
    const browser = await signedInBrowser(env);
    const before = browser.copy();
    await browser.signIn(await browser.signInPage(client, { prompt: "login" }));
    expect(browser.cookies.get(SESSION)).not.toBe(before.cookies.get(SESSION));
    expect(await nextPage(before)).toBe("login");
    expect(await nextPage(browser)).toBe("consent");
  });

  it("changes the transaction, so that one planted or captured before is useless", async () => {
    const browser = new Browser(env);
    const login = await browser.signInPage(client);
    const thief = browser.copy();
    const entered = await browser.signIn(login);
    const id = entered.next.slice(-12);
    const open = ({ cookies }: Browser) =>
      openTransaction(
        configOf(env),
        [...cookies].map(([name, value]) => `${name}=${value}`).join("; "),
        id,
        Math.floor(Date.now() / 1000),
      );
    const [mine, stolen] = [await open(browser), await open(thief)];
    expect([mine?.stage, stolen?.stage]).toEqual(["consent", "login"]);
    expect(mine?.jti).not.toBe(stolen?.jti);
    expect((await thief.open(entered.next)).next).toBe(`/login?tx=${id}`);
    const consent = await browser.open(entered.next);
    expect((await thief.submit(consent, "/authorize", { decision: "approve" })).status).toBe(400);
  });

  it("fails for a disabled user with the words of any failed sign-in", async () => {
    const browser = new Browser(newUser({ isActive: false }).env);
    const login = await browser.signInPage(client);
    const refused = await browser.signIn(login);
    expect([refused.status, /role="alert">(.*?)<\/p>/.exec(refused.text)?.[1]]).toEqual([
      401,
      "E-mail or password is wrong. Check both and try again.",
    ]);
    const signup = await browser.open(login.text.match(/\/signup\?tx=[\w-]{12}/)?.[0] ?? "");
    const fields = { name: "Grace", email: freshEmail("grace"), password: PASSWORD };
    const again = await browser.submit(signup, "/signup", fields);
    expect([again.status, again.text.includes("We could not create that account.")]).toEqual([400, true]);
    expect(browser.cookies.has(SESSION)).toBe(false);
  });

  it("is 503 without a session while the auth Worker cannot tell if the account is active", async () => {
    quiet();
    const browser = new Browser(envWith({ getUser: throwing }));
    const failed = await browser.signIn(await browser.signInPage(client));
    expect([failed.status, failed.response.headers.get("Retry-After"), browser.cookies.has(SESSION)]).toEqual([
      503,
      "10",
      false,
    ]);
  });
});

describe("a session ends", () => {
  it("when the user signs out, also in a copy of the cookie, and with it every pending decision", async () => {
    const browser = await signedInBrowser(newUser().env);
    const undecided = await browser.open((await browser.open(await authorizePath(client))).next);
    const thief = browser.copy();
    await browser.submit(await browser.open("/logout"), "/logout");
    expect(browser.cookies.has(SESSION)).toBe(false);
    const other = thief.copy();
    expect([await nextPage(thief), thief.cookies.has(SESSION)]).toEqual(["login", false]);
    expect([(await other.open("/apps")).next, other.cookies.has(SESSION)]).toEqual([
      expect.stringMatching(/^\/login\?tx=/),
      false,
    ]);
    for (const copy of [thief, browser]) {
      const decided = await copy.submit(undecided, "/authorize", { decision: "approve" });
      expect(decided.next).toMatch(/^\/login\?tx=[\w-]{12}&e=ended$/);
      expect((await copy.open(decided.next)).text).toContain("You have signed out in the meantime.");
    }
    const [id = ""] = [...thief.cookies.keys()]
      .filter((name) => name.startsWith("__Host-gw_tx_"))
      .map((name) => name.slice(-12));
    expect((await thief.open(`/consent?tx=${id}`)).next, "the page does not reveal the user").toContain("/login?tx=");
  });

  it("when all sessions of the user are ended, and with it every pending decision", async () => {
    const { env: own, user } = newUser();
    const browser = await signedInBrowser(own);
    const undecided = await browser.open((await browser.open(await authorizePath(client))).next);
    await userObjectOf(own, user).endEverything();
    expect((await browser.submit(undecided, "/authorize", { decision: "approve" })).next).toContain("&e=ended");
    expect(await nextPage(browser)).toBe("login");
  });

  it("after an hour without use, and lives while it is used", async () => {
    const browser = await signedInBrowser(newUser().env);
    advanceClock(3_500);
    expect(await nextPage(browser)).toBe("consent");
    advanceClock(3_500);
    expect(await nextPage(browser)).toBe("consent");
    advanceClock(3_601);
    expect(await nextPage(browser)).toBe("login");
  });

  it("after eight hours, however much it is used", async () => {
    const browser = await signedInBrowser(newUser().env);
    for (let minutes = 50; minutes < 8 * 60; minutes += 50) {
      advanceClock(3_000);
      expect(await nextPage(browser), `after ${minutes} minutes`).toBe("consent");
    }
    advanceClock(1_801);
    expect(await nextPage(browser)).toBe("login");
  });

  it.each([
    ["the auth Worker has raised the user's session version", { sessionVersion: 4 }],
    ["the user is disabled", { isActive: false }],
  ])("when %s, and the cookie is deleted", async (_, change) => {
    const { env: own, known } = newUser();
    const browser = await signedInBrowser(own);
    Object.assign(known, change);
    expect(await nextPage(browser)).toBe("login");
    expect(browser.cookies.has(SESSION)).toBe(false);
  });

  it.each([
    ["the auth Worker has raised the user's session version", { sessionVersion: 4 }],
    ["the user was signed out everywhere", { signedOutAtMs: Date.now() + 60_000 }],
    ["the user is disabled", { isActive: false }],
  ])("so that an open decision decides nothing once %s", async (_, change) => {
    const { env: own, known, user } = newUser();
    const browser = await signedInBrowser(own);
    const { next } = await browser.open(await authorizePath(client));
    const undecided = await browser.open(next);
    Object.assign(known, change);
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    for (const decision of ["approve", "deny"]) {
      const refused = await browser.submit(undecided, "/authorize", { decision });
      expect([refused.status, refused.next]).toEqual([303, expect.stringMatching(/^\/login\?tx=[\w-]{12}&e=ended$/)]);
    }
    expect((await browser.open(next)).next, "the page").toContain("&e=ended");
    const { keys } = await (bound as unknown as Env).OAUTH_KV.list({ prefix: `grant:${user}:` });
    expect([keys, log.mock.calls]).toEqual([[], []]);
  });

  it("not because the auth Worker fails during a decision: that is 503, and the decision can be sent again", async () => {
    quiet();
    const { env: own } = newUser();
    const browser = await signedInBrowser(own);
    const undecided = await browser.open((await browser.open(await authorizePath(client))).next);
    const failed = await browser
      .copy({ ...own, AUTH_SERVICE: envWith({ getUser: throwing }).AUTH_SERVICE })
      .submit(undecided, "/authorize", { decision: "approve" });
    expect([failed.status, failed.response.headers.get("Retry-After")]).toEqual([503, "10"]);
    const left = await browser.submit(undecided, "/authorize", { decision: "approve" });
    expect(new URL(left.next).searchParams.has("code")).toBe(true);
  });

  it("when the user is deleted, although no tenant can be provided", async () => {
    quiet();
    const browser = await signedInBrowser(env);
    const deleted = new Browser(
      envWith({ getUser: async () => ({ ok: false, error: { code: "user_not_found" } }), provisionTenant: throwing }),
    );
    deleted.cookies.set(SESSION, browser.cookies.get(SESSION) ?? "");
    expect(await nextPage(deleted)).toBe("login");
  });

  it("not because the auth Worker fails: that is 503, and the session stays", async () => {
    quiet();
    const browser = await signedInBrowser(env);
    const withoutAuth = new Browser(envWith({ getUser: throwing }));
    withoutAuth.cookies.set(SESSION, browser.cookies.get(SESSION) ?? "");
    const failed = await withoutAuth.open(await authorizePath(client));
    expect([failed.status, failed.response.headers.get("Retry-After"), withoutAuth.cookies.has(SESSION)]).toEqual([
      503,
      "10",
      true,
    ]);
  });
});

describe("a user who opens the account page", () => {
  it("signs in for that page only: the sign-in's cookie is of no use any more, and is gone after a minute", async () => {
    const browser = new Browser(env);
    const started = await browser.open("/apps");
    expect(started.next).toMatch(/^\/login\?tx=[\w-]{12}$/);
    const login = await browser.open(started.next);
    expect(login.text).toContain("<h1>Sign in</h1>\n<p>to manage your account</p>");
    const entered = await browser.signIn(login);
    expect([entered.status, entered.next]).toEqual([303, "/apps"]);
    const [done = "", session] = entered.response.headers.getSetCookie();
    expect([done, session]).toEqual([expect.stringContaining("Max-Age=60"), expect.stringContaining(SESSION)]);
    for (const page of ["login", "signup", "consent"])
      expect((await browser.open(started.next.replace("login", page))).status, page).toBe(400);
    expect(await nextPage(browser)).toBe("consent");
  });

  it("may sign up, or continue with a provider", async () => {
    const browser = new Browser(env);
    const signup = await browser.open((await browser.open("/apps")).next.replace("/login", "/signup"));
    expect(signup.text).toContain("to manage your account");
    const entered = await browser.submit(signup, "/signup", {
      name: "New",
      email: freshEmail("new"),
      password: PASSWORD,
    });
    expect(entered.next).toBe("/apps");

    const other = new Browser(env);
    const left = await other.submit(await other.open((await other.open("/apps")).next), "/oauth/github");
    const bridge = new URL(left.next).searchParams;
    const back = await other.open(
      `/oauth/callback?state=${bridge.get("state")}&code=code-${bridge.get("code_challenge")}`,
    );
    expect([back.next, other.cookies.has(SESSION)]).toEqual(["/apps", true]);
  });

  it("cannot decide on anything, whatever address or form the browser is led to", async () => {
    const browser = new Browser(env);
    const login = await browser.open((await browser.open("/apps")).next);
    const [, id = ""] = /\?tx=([\w-]{12})/.exec(login.text) ?? [];
    expect((await browser.open(`/consent?tx=${id}`)).next).toBe(`/login?tx=${id}`);
    const [, csrf = ""] = /name="csrf" value="([^"]*)"/.exec(login.text) ?? [];
    const forced = await browser.open(`/authorize?tx=${id}`, {
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded", Origin: ORIGIN },
      body: new URLSearchParams({ csrf, decision: "approve" }).toString(),
    });
    const grants = await (bound as unknown as Env).OAUTH_KV.list({ prefix: "grant:u_unknown" });
    expect([forced.status, grants.keys]).toEqual([400, []]);
  });

  it("finds a link to it on the home page", async () => {
    const home = await new Browser(env).open("/");
    expect(home.text).toContain('<a href="/apps">Your connected apps</a>');
  });
});
