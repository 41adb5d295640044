// Signing in by way of GitHub or Google: what the door sends to the bridge of the auth Worker, and whom it believes on the way back.
import { env as bound } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import type { Env } from "../../../src/env.ts";
import { Browser, envWith, ORIGIN, PASSWORD, register, send, sha256, throwing } from "./visitor.ts";

const env = envWith();
const client = await register(env);

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
