// Sign-in with GitHub or Google: the redirect to the auth Worker's bridge, and the callbacks that
// are accepted.
import { env as bound } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../../../src/env.ts";
import { AUTH, Browser, envWith, ORIGIN, register, send, sha256, slowStorage, throwing } from "../browser.ts";

const env = envWith();
const client = await register(env);
const { OAUTH_KV } = bound as unknown as Env; // the pool types its bindings by another interface

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("signing in with GitHub or Google", () => {
  /** The page on the way to the provider, and the bridge's address on it. */
  async function leave(browser: Browser, provider: string) {
    const left = await browser.submit(await browser.signInPage(client), `/oauth/${provider}`);
    return { left, bridge: new URL(left.next) };
  }

  /** The address of the callback after a successful sign-in at the provider. */
  const callback = ({ searchParams }: URL) =>
    `/oauth/callback?state=${searchParams.get("state")}&code=code-${searchParams.get("code_challenge")}`;

  it("sends the bridge a challenge, and accepts a code that only its verifier opens", async () => {
    const browser = new Browser(env);
    const { left, bridge } = await leave(browser, "github");
    expect(left.status).toBe(200);
    expect(bridge.pathname).toBe("/social-bridge");
    expect(bridge.searchParams.get("return_url")).toBe(`${ORIGIN}/oauth/callback`);
    const back = callback(bridge);
    const entered = await browser.open(back);
    expect(entered.next).toMatch(/^\/consent\?tx=/);
    expect((await browser.open(entered.next)).text).toContain("ada@example.com");
    expect((await browser.open(back)).status).toBe(400);
  });

  it("stores nothing readable under the state", async () => {
    const { bridge } = await leave(new Browser(env), "google");
    const state = bridge.searchParams.get("state") ?? "";
    const stored = await OAUTH_KV.get(`social_state:${await sha256(state)}`);
    expect(stored).toMatch(/^[0-9a-f]{8}\.[\w-]+\.[\w-]+$/);
  });

  it("gives the verifier to the auth Worker only, and deletes the state before it asks", async () => {
    const browser = new Browser(env);
    const { left, bridge } = await leave(browser, "github");
    const back = callback(bridge);
    const exchangeSocialCode = vi.fn(async (code: string, proof: { codeVerifier: string; returnUrl: string }) => {
      expect(await OAUTH_KV.get(`social_state:${await sha256(bridge.searchParams.get("state") ?? "")}`)).toBeNull();
      return AUTH.exchangeSocialCode(code, proof);
    });
    const entered = await browser.copy(envWith({ exchangeSocialCode })).open(back);
    const { codeVerifier = "-" } = exchangeSocialCode.mock.calls[0]?.[1] ?? {};
    expect(bridge.searchParams.get("code_challenge")).toBe(await sha256(codeVerifier));
    expect([left.text, bridge.href, back, entered.next, entered.text].join()).not.toContain(codeVerifier);
    expect(entered.next).toMatch(/^\/consent/);
  });

  it("exchanges the code once, also if the callback arrives twice in parallel and storage is slow", async () => {
    const exchangeSocialCode = vi.fn(AUTH.exchangeSocialCode);
    const browser = new Browser(envWith({ exchangeSocialCode }));
    const back = callback((await leave(browser, "google")).bridge);
    slowStorage(100);
    const [one, two] = await Promise.all([browser.copy().open(back), browser.copy().open(back)]);
    expect([one.status, two.status].toSorted()).toEqual([303, 400]);
    expect(exchangeSocialCode).toHaveBeenCalledOnce();
    const late = one.status === 400 ? one : two;
    expect(late.response.headers.getSetCookie(), "the refusal changes no cookie of the other").toEqual([]);
  });

  it("takes five minutes at most", async () => {
    const exchangeSocialCode = vi.fn(AUTH.exchangeSocialCode);
    const over = envWith({ exchangeSocialCode });
    for (const [seconds, status] of [
      [299, 303],
      [300, 400],
    ] as const) {
      const browser = new Browser(over);
      vi.useFakeTimers({ now: 1_900_000_000_000, toFake: ["Date"] });
      const { bridge } = await leave(browser, "github");
      vi.setSystemTime(1_900_000_000_000 + seconds * 1000);
      expect((await browser.open(callback(bridge))).status, `after ${seconds} seconds`).toBe(status);
    }
    expect(exchangeSocialCode).toHaveBeenCalledOnce();
  });

  it("redirects to the sign-in page if the account is disabled, as after any failure", async () => {
    const getUser: typeof AUTH.getUser = async (call, input) => {
      const reply = await AUTH.getUser(call, input);
      return reply.ok ? { ok: true, value: { ...reply.value, isActive: false } } : reply;
    };
    const browser = new Browser(envWith({ getUser }));
    const entered = await browser.open(callback((await leave(browser, "github")).bridge));
    expect(entered.next).toMatch(/^\/login\?tx=[\w-]{12}&e=social$/);
    expect([...browser.cookies.keys()]).toEqual([expect.stringMatching(/^__Host-gw_tx_/)]);
  });

  it("does not sign in a browser with another browser's state, and does not ask the auth Worker", async () => {
    const exchangeSocialCode = vi.fn(throwing);
    const attacked = envWith({ exchangeSocialCode });
    const { bridge } = await leave(new Browser(attacked), "github");
    const victim = new Browser(attacked);
    await victim.signInPage(client);
    const lured = await victim.open(`/oauth/callback?state=${bridge.searchParams.get("state")}&code=stolen`);
    expect(lured.status).toBe(400);
    expect(exchangeSocialCode).not.toHaveBeenCalled();
  });

  it("accepts only the last state of a browser", async () => {
    const browser = new Browser(env);
    const { bridge } = await leave(browser, "github");
    const [cookie = ""] = browser.cookies.keys();
    await browser.submit(await browser.open(`/login?tx=${cookie.slice(-12)}`), "/oauth/github");
    expect((await browser.open(callback(bridge))).status).toBe(400);
  });

  it("redirects to the sign-in page if the provider returns an error, or the code is wrong", async () => {
    for (const result of ["error=access_denied&error_description=%3Cscript%3E", "code=wrong"]) {
      const browser = new Browser(env);
      const { bridge } = await leave(browser, "github");
      const back = await browser.open(`/oauth/callback?state=${bridge.searchParams.get("state")}&${result}`);
      expect(back.next).toMatch(/^\/login\?tx=[\w-]{12}&e=social$/);
      const login = await browser.open(back.next);
      expect(login.text).toContain("That sign-in did not work");
      expect(login.text).not.toContain("script");
      expect((await browser.signIn(login)).status).toBe(303);
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
