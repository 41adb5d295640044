// The signed-in browser: what a session spares a person, what it never decides for them, and everything that ends it.
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env as bound } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import gateway from "../../../../entrypoints/gateway/index.ts";
import { configOf } from "../../../../src/config.ts";
import { browserKeys } from "../../../../src/crypto/browser-keys.ts";
import { revocationsOf } from "../../../../src/durable/user-revocations.ts";
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
let people = 0;

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Somebody of their own, so that nothing that ends their sessions ends another test's, and what the auth Worker says of them. */
function somebody(changes: { isActive?: boolean; sessionVersion?: number } = {}) {
  const user = userId(`u_session_${++people}`);
  const known = { isActive: true, sessionVersion: 3, ...changes };
  const answers = {
    authenticateUser: async (email: string) => ({ valid: true as const, userId: user, email, name: "Grace" }),
    registerUser: async (name: string, email: string) => ({ valid: true as const, userId: user, email, name }),
    getUser: (async (call, input) => {
      const reply = await AUTH.getUser(call, input);
      return reply.ok ? { ok: true, value: { ...reply.value, ...known } } : reply;
    }) as typeof AUTH.getUser,
  };
  return { user, known, env: envWith(answers) };
}

/** A browser in which this person has just signed in. */
async function signedIn(theirs: Env): Promise<Browser> {
  const browser = new Browser(theirs);
  await browser.reachConsent(client);
  return browser;
}

/** Where GET /authorize sends the browser: the page's name. */
async function nextPage(browser: Browser, changes: Record<string, string> = {}): Promise<string> {
  const { next } = await browser.open(await authorizePath(client, changes));
  return /^\/(login|consent)\?tx=/.exec(next)?.[1] ?? next;
}

/** Moves the clock on, for everything but storage. */
function later(seconds: number): void {
  vi.useFakeTimers({ now: Date.now() + seconds * 1000, toFake: ["Date"] });
}

describe("a session", () => {
  it("spares the next app's sign-in, and never the decision", async () => {
    const browser = await signedIn(env);
    const second = await browser.open(await authorizePath(client, { state: "second" }));
    expect(second.next).toMatch(/^\/consent\?tx=/);
    const consent = await browser.open(second.next);
    expect(consent.text).toContain('You are signed in as <bdi class="app">ada@example.com</bdi>');
    const left = await browser.submit(consent, "/authorize", { decision: "approve" });
    expect(new URL(left.next).searchParams.get("state")).toBe("second");
    expect((await redeem(env, client, left.next)).scope).toBe("read");
  });

  it("is a cookie that no script, no other site and no plain connection gets, and that names nobody", async () => {
    const browser = new Browser(env);
    const entered = await browser.signIn(await browser.arrive(client));
    const line = entered.response.headers.getSetCookie().find((cookie) => cookie.startsWith(SESSION));
    expect(line).toMatch(
      /^__Host-gw_s=[0-9a-f]{8}\.[\w-]{16}\.[\w-]+; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=3600$/,
    );
  });

  it("is told to the platform when it starts", async () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    await signedIn(env);
    const records = log.mock.calls.map(([line]) => JSON.parse(String(line)));
    expect(records).toMatchObject([{ event: "audit", type: "session.started", subject: "u_ada", clientId: null }]);
  });

  it("opens nothing at /mcp", async () => {
    const browser = await signedIn(env);
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

  it("is not a transaction's cookie under another name, nor one from before the keys were changed twice", async () => {
    const browser = await signedIn(env);
    const transaction = [...browser.cookies].find(([name]) => name.startsWith("__Host-gw_tx_"))?.[1] ?? "";
    const confused = new Browser(env);
    confused.cookies.set(SESSION, transaction);
    expect(await nextPage(confused)).toBe("login");
    const elsewhere = new Browser(
      envWith({}, { SERVICE_BINDING_SECRET: "quite another root secret, 32 bytes or more" }),
    );
    elsewhere.cookies.set(SESSION, browser.cookies.get(SESSION) ?? "");
    expect(await nextPage(elsewhere)).toBe("login");
    expect(elsewhere.cookies.has(SESSION), "and the browser is freed of it").toBe(false);
  });

  it("may be ignored by an app (prompt=login), and is there again for the next one", async () => {
    const browser = await signedIn(env);
    expect(await nextPage(browser, { prompt: "login" })).toBe("login");
    expect(await nextPage(browser, { prompt: "select_account" }), "a prompt that nobody knows").toBe("consent");
  });

  it("is not used by “Not you?”, whoever signs in then", async () => {
    const eve = envWith({
      authenticateUser: async (email) =>
        email === "eve@example.com"
          ? { valid: true, userId: userId("u_new"), email, name: "Eve" }
          : { valid: false, error: "x" },
    });
    const browser = await signedIn(env);
    const consent = await browser.open((await browser.open(await authorizePath(client))).next);
    const [, notYou = ""] = /<a href="([^"]*)">Not you\?<\/a>/.exec(consent.text) ?? [];
    const theirs = new Browser(eve);
    for (const [name, value] of browser.cookies) theirs.cookies.set(name, value);
    const login = await theirs.open(notYou);
    expect(login.text).toContain("<h1>Sign in</h1>");
    const entered = await theirs.submit(login, "/login", { email: "eve@example.com", password: PASSWORD });
    expect((await theirs.open(entered.next)).text).toContain("new@example.com");
    expect((await theirs.open((await theirs.open(await authorizePath(client))).next)).text).toContain(
      "new@example.com",
    );
  });
});

describe("signing in", () => {
  it("makes a new session each time, and the one before is worth nothing any more", async () => {
    const browser = await signedIn(env);
    const before = browser.copy();
    await browser.signIn(await browser.arrive(client, { prompt: "login" }));
    expect(browser.cookies.get(SESSION)).not.toBe(before.cookies.get(SESSION));
    expect(await nextPage(before)).toBe("login");
    expect(await nextPage(browser)).toBe("consent");
  });

  it("changes the transaction, so that one which was planted or captured before leads nowhere", async () => {
    const browser = new Browser(env);
    const login = await browser.arrive(client);
    const thief = browser.copy();
    const entered = await browser.signIn(login);
    const id = entered.next.slice(-12);
    const keys = await browserKeys(configOf(env));
    const open = ({ cookies }: Browser) =>
      openTransaction(
        keys,
        [...cookies].map(([name, value]) => `${name}=${value}`).join("; "),
        id,
        Math.floor(Date.now() / 1000),
      );
    const [mine, theirs] = [await open(browser), await open(thief)];
    expect([mine?.stage, theirs?.stage]).toEqual(["consent", "login"]);
    expect(mine?.jti).not.toBe(theirs?.jti);
    expect((await thief.open(entered.next)).next).toBe(`/login?tx=${id}`);
    const consent = await browser.open(entered.next);
    expect((await thief.submit(consent, "/authorize", { decision: "approve" })).status).toBe(400);
  });

  it("is no use to somebody who is disabled: they hear what everybody hears whose sign-in is wrong", async () => {
    const { env: theirs } = somebody({ isActive: false });
    const browser = new Browser(theirs);
    const login = await browser.arrive(client);
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

  it("is 503, and nobody gets in, while it cannot be known whether the account may be used", async () => {
    quiet();
    const browser = new Browser(envWith({ getUser: throwing }));
    const failed = await browser.signIn(await browser.arrive(client));
    expect([failed.status, failed.response.headers.get("Retry-After"), browser.cookies.has(SESSION)]).toEqual([
      503,
      "10",
      false,
    ]);
  });
});

describe("a session ends", () => {
  it("when the person signs out, also where somebody copied it, and with it what they had not decided", async () => {
    const { env: theirs } = somebody();
    const browser = await signedIn(theirs);
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
      expect((await copy.open(decided.next)).text).toContain("You have signed out meanwhile.");
    }
    const [id = ""] = [...thief.cookies.keys()]
      .filter((name) => name.startsWith("__Host-gw_tx_"))
      .map((name) => name.slice(-12));
    expect((await thief.open(`/consent?tx=${id}`)).next, "nor does the page show whose it was").toContain("/login?tx=");
  });

  it("when everything of the user's is ended, and with it what they had not decided", async () => {
    const { env: theirs, user } = somebody();
    const browser = await signedIn(theirs);
    const undecided = await browser.open((await browser.open(await authorizePath(client))).next);
    await revocationsOf(theirs, user).endSessions();
    expect((await browser.submit(undecided, "/authorize", { decision: "approve" })).next).toContain("&e=ended");
    expect(await nextPage(browser)).toBe("login");
  });

  it("after an hour without use, and goes on for as long as it is used", async () => {
    const { env: theirs } = somebody();
    const browser = await signedIn(theirs);
    later(3_500);
    expect(await nextPage(browser)).toBe("consent");
    later(3_500);
    expect(await nextPage(browser)).toBe("consent");
    later(3_601);
    expect(await nextPage(browser)).toBe("login");
  });

  it("after eight hours, however much it is used", async () => {
    const { env: theirs } = somebody();
    const browser = await signedIn(theirs);
    for (let minutes = 50; minutes < 8 * 60; minutes += 50) {
      later(3_000);
      expect(await nextPage(browser), `after ${minutes} minutes`).toBe("consent");
    }
    later(1_801);
    expect(await nextPage(browser)).toBe("login");
  });

  it.each([
    ["the auth Worker has raised the user's session version", { sessionVersion: 4 }],
    ["the user is disabled", { isActive: false }],
  ])("when %s, and the browser is freed of its cookie", async (_, change) => {
    const { env: theirs, known } = somebody();
    const browser = await signedIn(theirs);
    Object.assign(known, change);
    expect(await nextPage(browser)).toBe("login");
    expect(browser.cookies.has(SESSION)).toBe(false);
  });

  it("when the user is gone, even though there is no tenant to be had for them", async () => {
    quiet();
    const browser = await signedIn(env);
    const gone = new Browser(
      envWith({ getUser: async () => ({ ok: false, error: { code: "user_not_found" } }), provisionTenant: throwing }),
    );
    gone.cookies.set(SESSION, browser.cookies.get(SESSION) ?? "");
    expect(await nextPage(gone)).toBe("login");
  });

  it("not because the auth Worker cannot be asked: that is 503, and the session stays", async () => {
    quiet();
    const browser = await signedIn(env);
    const unlucky = new Browser(envWith({ getUser: throwing }));
    unlucky.cookies.set(SESSION, browser.cookies.get(SESSION) ?? "");
    const failed = await unlucky.open(await authorizePath(client));
    expect([failed.status, failed.response.headers.get("Retry-After"), unlucky.cookies.has(SESSION)]).toEqual([
      503,
      "10",
      true,
    ]);
  });
});

describe("a person who opens their own page", () => {
  it("signs in for that alone, and comes to the page with nothing left over", async () => {
    const browser = new Browser(env);
    const sent = await browser.open("/apps");
    expect(sent.next).toMatch(/^\/login\?tx=[\w-]{12}$/);
    const login = await browser.open(sent.next);
    expect(login.text).toContain("<h1>Sign in</h1>\n<p>to manage your account</p>");
    const entered = await browser.signIn(login);
    expect([entered.status, entered.next, [...browser.cookies.keys()]]).toEqual([303, "/apps", [SESSION]]);
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
    expect([back.next, [...other.cookies.keys()]]).toEqual(["/apps", [SESSION]]);
  });

  it("finds nothing to decide, whatever their browser is sent to", async () => {
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
    expect([forced.status, (await (bound as unknown as Env).OAUTH_KV.list({ prefix: "grant:u_nobody" })).keys]).toEqual(
      [400, []],
    );
  });

  it("gets there from the front page", async () => {
    const home = await new Browser(env).open("/");
    expect(home.text).toContain('<a href="/apps">Your connected apps</a>');
  });
});
