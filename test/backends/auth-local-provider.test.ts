// Social sign-in over HTTP, as the browser and the gateway see it: with the local provider of a
// developer's machine, and the requests that the bridge refuses.
import { createHash, randomUUID } from "node:crypto";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AuthWorker, startAuth, useAuth } from "../support/auth-worker.ts";
import {
  Browser,
  gatewayRequest,
  ORIGIN,
  RETURN_URL,
  randomToken,
  redeemCode,
  s256,
} from "../support/social-sign-in.ts";

const FOLDER = `${import.meta.dirname}/../../entrypoints/auth`;

/** Overrides OAuth clients in a developer's own .dev.vars. */
const NO_CLIENTS = { GITHUB_CLIENT_ID: "", GITHUB_CLIENT_SECRET: "", GOOGLE_CLIENT_ID: "", GOOGLE_CLIENT_SECRET: "" };

const deployed = useAuth();
let local: AuthWorker;
beforeAll(async () => {
  local = await startAuth({ BETTER_AUTH_SECRET: randomToken(), ...NO_CLIENTS }, "local.ts");
});
afterAll(() => local?.stop());

describe("social sign-in on a developer's machine", () => {
  const newUser = () => ({
    name: "Grace Hopper",
    email: `${randomUUID()}@example.com`,
    verified: "yes",
    decision: "continue",
  });

  /** Submits the form of the local provider, without opening the callback. */
  async function submitForm(browser: Browser, form: Record<string, string>, request = gatewayRequest()) {
    const { location, query } = await browser.open(request.url);
    const page = await browser.open(location, { state: query.get("state") ?? "", ...form });
    const callback = /id="continue" href="([^"]+)"/.exec(page.text)?.[1]?.replaceAll("&amp;", "&") ?? "";
    return { request, page, callback };
  }

  /** Completes a sign-in up to the redirect to the gateway. */
  async function signIn(form: Record<string, string>, provider = "github") {
    const browser = new Browser(local);
    const { request, callback } = await submitForm(browser, form, gatewayRequest(provider));
    return { request, browser, end: await browser.open(callback) };
  }

  it("opens a page of the local provider without scripts, with a strict policy", async () => {
    const browser = new Browser(local);
    const start = await browser.open(gatewayRequest("google").url);
    expect(start.status).toBe(302);
    expect(start.location).toMatch(/^http:\/\/localhost:8790\/social-bridge\/local\/google\?state=[\w-]{43}$/);
    const page = await browser.open(start.location);
    expect(page.status).toBe(200);
    expect(page.text).toContain("This page replaces Google on your machine.");
    expect(page.text).not.toMatch(/<script|style="|https?:/);
    const style = /<style>([^<]*)<\/style>/.exec(page.text)?.[1] ?? "";
    const digest = createHash("sha256").update(style).digest("base64");
    expect(page.headers.get("content-security-policy")).toBe(
      `default-src 'none'; style-src 'sha256-${digest}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
    );
  });

  it.each(["github", "google"])(
    "signs in the entered user with %s, and the same user the next time",
    async (provider) => {
      const form = newUser();
      const { request, browser, end } = await signIn(form, provider);
      expect(end.status).toBe(302);
      expect(end.location.startsWith(`${RETURN_URL}?`)).toBe(true);
      expect([...end.query.keys()].toSorted()).toEqual(["code", "state"]);
      expect(end.query.get("state")).toBe(request.state);
      expect(browser.cookies.size).toBe(0);
      const user = await redeemCode(local, end.query.get("code"), request.verifier);
      expect(user).toEqual({
        valid: true,
        userId: expect.stringMatching(/^[A-Za-z0-9]{32}$/),
        email: form.email,
        name: "Grace Hopper",
      });
      const again = await signIn(form, provider);
      expect(await redeemCode(local, again.end.query.get("code"), again.request.verifier)).toEqual(user);
    },
  );

  it("issues a code that is valid once", async () => {
    const { request, end } = await signIn(newUser());
    const code = end.query.get("code");
    const replies = await Promise.all([1, 2, 3].map(() => redeemCode(local, code, request.verifier)));
    expect(replies.filter((reply) => reply.valid)).toHaveLength(1);
    expect(await redeemCode(local, code, request.verifier)).toEqual({ valid: false, error: "INVALID_TOKEN" });
  });

  it("issues a code that is valid only with its verifier and return_url, and void after a failed attempt", async () => {
    for (const [verifier, returnUrl] of [
      [randomToken(), RETURN_URL] as const,
      [undefined, "https://evil.example/"] as const,
    ]) {
      const { request, end } = await signIn(newUser());
      const code = end.query.get("code");
      expect(await redeemCode(local, code, verifier ?? request.verifier, returnUrl)).toEqual({
        valid: false,
        error: "INVALID_TOKEN",
      });
      expect(await redeemCode(local, code, request.verifier)).toEqual({ valid: false, error: "INVALID_TOKEN" });
    }
  });

  it("issues a code that expires after 60 seconds and is stored only as its hash", async () => {
    const { request, end } = await signIn(newUser());
    const code = end.query.get("code") ?? "";
    const { DB } = await local.worker.getEnv();
    const row = await DB.prepare("SELECT code_hash, expires_at FROM social_codes WHERE code_hash = ?")
      .bind(s256(code))
      .first();
    expect(row.expires_at - Date.now() / 1000).toBeLessThanOrEqual(60);
    await DB.prepare("UPDATE social_codes SET expires_at = expires_at - 61 WHERE code_hash = ?").bind(s256(code)).run();
    expect(await redeemCode(local, code, request.verifier)).toEqual({ valid: false, error: "INVALID_TOKEN" });
  });

  it.each([
    [null, {}],
    ["x", null],
    [randomToken(), "proof"],
    [randomToken(), { codeVerifier: "short", returnUrl: RETURN_URL }],
  ])("refuses the arguments %j and %j of exchangeSocialCode with INVALID_TOKEN", async (code, proof) => {
    expect(await local.invoke("exchangeSocialCode", code, proof)).toEqual({ valid: false, error: "INVALID_TOKEN" });
  });

  it("returns access_denied when the user denies", async () => {
    const { request, end } = await signIn({ decision: "deny" });
    expect(end.location).toBe(`${RETURN_URL}?error=access_denied&state=${request.state}`);
  });

  it("returns email_not_verified for an unverified address", async () => {
    const { name, email, decision } = newUser();
    const { request, end } = await signIn({ name, email, decision });
    expect(end.location).toBe(`${RETURN_URL}?error=email_not_verified&state=${request.state}`);
  });

  it("returns account_exists for the address of an existing account, with a password or at the other provider, which is never linked", async () => {
    const form = newUser();
    await local.invoke("registerUser", "Owner", form.email, "seven green turtles");
    expect((await signIn(form)).end.query.get("error")).toBe("account_exists");
    const other = newUser();
    await signIn(other, "github");
    expect((await signIn(other, "google")).end.query.get("error")).toBe("account_exists");
    expect(await local.invoke("registerUser", "Thief", other.email, "seven green turtles")).toEqual({
      valid: false,
      error: "EMAIL_EXISTS",
    });
  });

  it("returns account_disabled for a disabled user", async () => {
    const form = newUser();
    await signIn(form);
    const { DB } = await local.worker.getEnv();
    await DB.prepare("UPDATE user SET disabledAt = '2026-01-01T00:00:00.000Z' WHERE email = ?").bind(form.email).run();
    expect((await signIn(form)).end.query.get("error")).toBe("account_disabled");
  });

  it("issues a code that is void once its user is disabled", async () => {
    const form = newUser();
    const { request, end } = await signIn(form);
    const { DB } = await local.worker.getEnv();
    await DB.prepare("UPDATE user SET disabledAt = '2026-01-01T00:00:00.000Z' WHERE email = ?").bind(form.email).run();
    expect(await redeemCode(local, end.query.get("code"), request.verifier)).toEqual({
      valid: false,
      error: "INVALID_TOKEN",
    });
  });

  it("has a callback that another browser cannot use, nor the same browser with another state", async () => {
    const { callback } = await submitForm(new Browser(local), newUser());
    const otherBrowser = new Browser(local);
    await otherBrowser.open(gatewayRequest().url);
    expect(await otherBrowser.open(callback)).toMatchObject({ status: 400, location: "" });
    const [name = "", value = ""] = [...otherBrowser.cookies][0] ?? [];
    const state = new URL(callback).searchParams.get("state") ?? "";
    otherBrowser.cookies.set(`__Host-social_${state.slice(0, 12)}`, value);
    expect(await otherBrowser.open(callback)).toMatchObject({ status: 400, location: "" });
    expect(name).toMatch(/^__Host-social_/);
  });

  it("uses a __Host- cookie that is HttpOnly and expires after five minutes", async () => {
    const { headers } = await new Browser(local).open(gatewayRequest().url);
    expect(headers.get("set-cookie")).toMatch(
      /^__Host-social_[\w-]{12}=[\w.-]+; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=300$/,
    );
  });

  it("issues a code that is refused for another sign-in, another provider or another issuer", async () => {
    const browser = new Browser(local);
    const first = new URL((await submitForm(browser, newUser())).callback);
    const second = new URL((await submitForm(browser, newUser())).callback);
    const open = async (change: (url: URL) => void) => {
      const url = new URL(second);
      change(url);
      const cookies = new Map(browser.cookies);
      const { status, query } = await browser.open(url.href);
      for (const cookie of cookies) browser.cookies.set(...cookie);
      return query.get("error") ?? status;
    };
    expect(await open((url) => url.searchParams.set("code", first.searchParams.get("code") ?? ""))).toBe(
      "provider_failed",
    );
    expect(await open((url) => url.searchParams.set("code", "nonsense"))).toBe("provider_failed");
    expect(await open((url) => url.searchParams.delete("code"))).toBe("provider_failed");
    expect(await open((url) => url.searchParams.set("iss", "https://evil.example"))).toBe("provider_failed");
    expect(await open((url) => url.searchParams.append("code", "again"))).toBe(400);
    expect(await open((url) => (url.pathname = "/social-bridge/callback/google"))).toBe(400);
  });

  it("shows the form again for invalid input, which is escaped", async () => {
    const { page } = await submitForm(new Browser(local), { name: '"><b>x', email: "nope", decision: "continue" });
    expect(page.status).toBe(422);
    expect(page.text).toContain('role="alert"');
    expect(page.text).toContain("&quot;&gt;&lt;b&gt;x");
    expect(page.text).not.toContain("<b>");
  });

  it("has the local provider on loopback only", async () => {
    const page = await new Browser(local).open(
      `http://auth.example.com/social-bridge/local/github?state=${randomToken()}`,
    );
    expect(page.status).toBe(404);
  });
});

describe("the social bridge", () => {
  it.each([
    ["an unknown provider", { provider: "gitlab" }],
    ["a foreign return_url", { return_url: "https://evil.example/oauth/callback" }],
    ["a return_url with something added", { return_url: `${RETURN_URL}?x=1` }],
    ["a short state", { state: "short" }],
    ["a state with markup", { state: "<script>alert(1)</script>" }],
    ["no S256 challenge", { code_challenge: "plain" }],
  ])("refuses %s with 400 and does not redirect", async (_, overrides) => {
    const reply = await new Browser(local).open(gatewayRequest("github", overrides).url);
    expect(reply).toMatchObject({ status: 400, location: "" });
    expect(reply.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(reply.headers.get("set-cookie")).toBeNull();
  });

  it("refuses a repeated parameter, another method and another path", async () => {
    const browser = new Browser(local);
    expect((await browser.open(`${gatewayRequest().url}&provider=google`)).status).toBe(400);
    expect(await browser.open(gatewayRequest().url, {})).toMatchObject({ status: 405 });
    for (const path of ["/", "/social-bridge/", "/social-bridge/callback/gitlab", "/api/auth/sign-up/email"]) {
      expect((await browser.open(ORIGIN + path)).status).toBe(404);
    }
  });

  it("has no local provider in production: without a client it returns provider_not_configured", async () => {
    const { state, url } = gatewayRequest("google");
    const browser = new Browser(deployed.backend);
    expect((await browser.open(url)).location).toBe(`${RETURN_URL}?error=provider_not_configured&state=${state}`);
    expect((await browser.open(`${ORIGIN}/social-bridge/local/google?state=${randomToken()}`)).status).toBe(404);
  });

  it("has the local provider in the development bundle only", async () => {
    const bundle = async (main: string) => {
      const { outputFiles } = await build({
        entryPoints: [`${FOLDER}/${main}`],
        bundle: true,
        write: false,
        format: "esm",
        conditions: ["workerd", "worker", "browser"],
        external: ["cloudflare:*", "node:*", "better-auth"],
      });
      return outputFiles[0]?.text ?? "";
    };
    expect(await bundle("local.ts")).toMatch(/This page replaces/);
    expect(await bundle("worker.ts")).not.toMatch(/This page replaces|social-bridge\/local/);
  });
});
