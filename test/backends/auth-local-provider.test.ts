// Social sign-in as a browser and the gateway see it, over HTTP: with the stand-in of a developer's machine, and how the bridge
// refuses whatever it was not built for.
import { createHash, randomUUID } from "node:crypto";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AuthWorker, startAuth } from "../support/auth-worker.ts";
import { Browser, exchange, gatewayRequest, ORIGIN, RETURN_URL, s256, token } from "../support/social-sign-in.ts";

const FOLDER = `${import.meta.dirname}/../../entrypoints/auth`;

/** Also where a developer's own .dev.vars has clients. */
const NO_CLIENTS = { GITHUB_CLIENT_ID: "", GITHUB_CLIENT_SECRET: "", GOOGLE_CLIENT_ID: "", GOOGLE_CLIENT_SECRET: "" };

let local: AuthWorker;
beforeAll(async () => {
  local = await startAuth({ BETTER_AUTH_SECRET: token(), ...NO_CLIENTS }, "local.ts");
});
afterAll(() => local?.stop());

describe("on a developer's machine, the stand-in", () => {
  const person = () => ({
    name: "Grace Hopper",
    email: `${randomUUID()}@example.com`,
    verified: "yes",
    decision: "continue",
  });

  /** Goes from the gateway's link to the stand-in's answer, without opening the callback. */
  async function answer(browser: Browser, form: Record<string, string>, request = gatewayRequest()) {
    const { location, query } = await browser.open(request.url);
    const page = await browser.open(location, { state: query.get("state") ?? "", ...form });
    const callback = /id="continue" href="([^"]+)"/.exec(page.text)?.[1]?.replaceAll("&amp;", "&") ?? "";
    return { request, page, callback };
  }

  async function arrive(form: Record<string, string>, provider = "github") {
    const browser = new Browser(local);
    const { request, callback } = await answer(browser, form, gatewayRequest(provider));
    return { request, browser, end: await browser.open(callback) };
  }

  test("is a page without script, under a strict policy, that says what it is", async () => {
    const browser = new Browser(local);
    const start = await browser.open(gatewayRequest("google").url);
    expect(start.status).toBe(302);
    expect(start.location).toMatch(/^http:\/\/localhost:8976\/social-bridge\/stand-in\/google\?state=[\w-]{43}$/);
    const page = await browser.open(start.location);
    expect(page.status).toBe(200);
    expect(page.text).toContain("This page stands in for Google on your machine.");
    expect(page.text).not.toMatch(/<script|style="|https?:/);
    const style = /<style>([^<]*)<\/style>/.exec(page.text)?.[1] ?? "";
    const digest = createHash("sha256").update(style).digest("base64");
    expect(page.headers.get("content-security-policy")).toBe(
      `default-src 'none'; style-src 'sha256-${digest}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
    );
  });

  test.each(["github", "google"])(
    "signs in a person of one's choice with %s, the same user each time",
    async (provider) => {
      const form = person();
      const { request, browser, end } = await arrive(form, provider);
      expect(end.status).toBe(302);
      expect(end.location.startsWith(`${RETURN_URL}?`)).toBe(true);
      expect([...end.query.keys()].toSorted()).toEqual(["code", "state"]);
      expect(end.query.get("state")).toBe(request.state);
      expect(browser.cookies.size).toBe(0);
      const user = await exchange(local, end.query.get("code"), request.verifier);
      expect(user).toEqual({
        valid: true,
        userId: expect.stringMatching(/^[A-Za-z0-9]{32}$/),
        email: form.email,
        name: "Grace Hopper",
      });
      const again = await arrive(form, provider);
      expect(await exchange(local, again.end.query.get("code"), again.request.verifier)).toEqual(user);
    },
  );

  test("a code is good once", async () => {
    const { request, end } = await arrive(person());
    const code = end.query.get("code");
    const replies = await Promise.all([1, 2, 3].map(() => exchange(local, code, request.verifier)));
    expect(replies.filter((reply) => reply.valid)).toHaveLength(1);
    expect(await exchange(local, code, request.verifier)).toEqual({ valid: false, error: "INVALID_TOKEN" });
  });

  test("a code is good only with its verifier and for its return_url, and a wrong try spends it", async () => {
    for (const [verifier, returnUrl] of [
      [token(), RETURN_URL] as const,
      [undefined, "https://evil.example/"] as const,
    ]) {
      const { request, end } = await arrive(person());
      const code = end.query.get("code");
      expect(await exchange(local, code, verifier ?? request.verifier, returnUrl)).toEqual({
        valid: false,
        error: "INVALID_TOKEN",
      });
      expect(await exchange(local, code, request.verifier)).toEqual({ valid: false, error: "INVALID_TOKEN" });
    }
  });

  test("a code is good for a minute, and only its hash is stored", async () => {
    const { request, end } = await arrive(person());
    const code = end.query.get("code") ?? "";
    const { DB } = await local.worker.getEnv();
    const row = await DB.prepare("SELECT code_hash, expires_at FROM social_codes WHERE code_hash = ?")
      .bind(s256(code))
      .first();
    expect(row.expires_at - Date.now() / 1000).toBeLessThanOrEqual(60);
    await DB.prepare("UPDATE social_codes SET expires_at = expires_at - 61 WHERE code_hash = ?").bind(s256(code)).run();
    expect(await exchange(local, code, request.verifier)).toEqual({ valid: false, error: "INVALID_TOKEN" });
  });

  test.each([
    [null, {}],
    ["x", null],
    [token(), "proof"],
    [token(), { codeVerifier: "short", returnUrl: RETURN_URL }],
  ])("the exchange of %j with %j is INVALID_TOKEN", async (code, proof) => {
    expect(await local.invoke("exchangeSocialCode", code, proof)).toEqual({ valid: false, error: "INVALID_TOKEN" });
  });

  test("a refusal goes back as access_denied", async () => {
    const { request, end } = await arrive({ decision: "deny" });
    expect(end.location).toBe(`${RETURN_URL}?error=access_denied&state=${request.state}`);
  });

  test("an address that the provider has not verified signs nobody in", async () => {
    const { name, email, decision } = person();
    const { request, end } = await arrive({ name, email, decision });
    expect(end.location).toBe(`${RETURN_URL}?error=email_not_verified&state=${request.state}`);
  });

  test("an address that already has an account here, with a password or at the other provider, is never linked", async () => {
    const form = person();
    await local.invoke("registerUser", "Somebody", form.email, "seven green turtles");
    expect((await arrive(form)).end.query.get("error")).toBe("account_exists");
    const other = person();
    await arrive(other, "github");
    expect((await arrive(other, "google")).end.query.get("error")).toBe("account_exists");
    expect(await local.invoke("registerUser", "Thief", other.email, "seven green turtles")).toEqual({
      valid: false,
      error: "EMAIL_EXISTS",
    });
  });

  test("a disabled user is told so", async () => {
    const form = person();
    await arrive(form);
    const { DB } = await local.worker.getEnv();
    await DB.prepare("UPDATE user SET disabledAt = '2026-01-01T00:00:00.000Z' WHERE email = ?").bind(form.email).run();
    expect((await arrive(form)).end.query.get("error")).toBe("account_disabled");
  });

  test("a code is good for nobody once its user is disabled", async () => {
    const form = person();
    const { request, end } = await arrive(form);
    const { DB } = await local.worker.getEnv();
    await DB.prepare("UPDATE user SET disabledAt = '2026-01-01T00:00:00.000Z' WHERE email = ?").bind(form.email).run();
    expect(await exchange(local, end.query.get("code"), request.verifier)).toEqual({
      valid: false,
      error: "INVALID_TOKEN",
    });
  });

  test("another browser cannot finish a sign-in, nor can the same one under another state", async () => {
    const { callback } = await answer(new Browser(local), person());
    const stranger = new Browser(local);
    await stranger.open(gatewayRequest().url);
    expect(await stranger.open(callback)).toMatchObject({ status: 400, location: "" });
    const [name = "", value = ""] = [...stranger.cookies][0] ?? [];
    const state = new URL(callback).searchParams.get("state") ?? "";
    stranger.cookies.set(`__Host-social_${state.slice(0, 12)}`, value);
    expect(await stranger.open(callback)).toMatchObject({ status: 400, location: "" });
    expect(name).toMatch(/^__Host-social_/);
  });

  test("the cookie is for this host only, not for scripts, and short-lived", async () => {
    const { headers } = await new Browser(local).open(gatewayRequest().url);
    expect(headers.get("set-cookie")).toMatch(
      /^__Host-social_[\w-]{12}=[\w.-]+; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=300$/,
    );
  });

  test("an answer for one sign-in does not serve another, nor another provider, nor come from another issuer", async () => {
    const browser = new Browser(local);
    const first = new URL((await answer(browser, person())).callback);
    const second = new URL((await answer(browser, person())).callback);
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

  test("what does not fit is asked for again, and never becomes markup", async () => {
    const { page } = await answer(new Browser(local), { name: '"><b>x', email: "nope", decision: "continue" });
    expect(page.status).toBe(422);
    expect(page.text).toContain('role="alert"');
    expect(page.text).toContain("&quot;&gt;&lt;b&gt;x");
    expect(page.text).not.toContain("<b>");
  });

  test("is on loopback only", async () => {
    const page = await new Browser(local).open(
      `http://auth.example.com/social-bridge/stand-in/github?state=${token()}`,
    );
    expect(page.status).toBe(404);
  });
});

describe("the bridge", () => {
  test.each([
    ["an unknown provider", { provider: "gitlab" }],
    ["a foreign return_url", { return_url: "https://evil.example/oauth/callback" }],
    ["a return_url with something added", { return_url: `${RETURN_URL}?x=1` }],
    ["a short state", { state: "short" }],
    ["a state with markup", { state: "<script>alert(1)</script>" }],
    ["no S256 challenge", { code_challenge: "plain" }],
  ])("refuses %s with 400 and redirects nobody", async (_, overrides) => {
    const reply = await new Browser(local).open(gatewayRequest("github", overrides).url);
    expect(reply).toMatchObject({ status: 400, location: "" });
    expect(reply.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(reply.headers.get("set-cookie")).toBeNull();
  });

  test("refuses a repeated parameter, another method and another path", async () => {
    const browser = new Browser(local);
    expect((await browser.open(`${gatewayRequest().url}&provider=google`)).status).toBe(400);
    expect(await browser.open(gatewayRequest().url, {})).toMatchObject({ status: 405 });
    for (const path of ["/", "/social-bridge/", "/social-bridge/callback/gitlab", "/api/auth/sign-up/email"]) {
      expect((await browser.open(ORIGIN + path)).status).toBe(404);
    }
  });

  test("in production has no stand-in: without a client it goes back with provider_not_configured", async () => {
    const bare = await startAuth({ BETTER_AUTH_SECRET: token(), ...NO_CLIENTS });
    try {
      const { state, url } = gatewayRequest("google");
      const browser = new Browser(bare);
      expect((await browser.open(url)).location).toBe(`${RETURN_URL}?error=provider_not_configured&state=${state}`);
      expect((await browser.open(`${ORIGIN}/social-bridge/stand-in/google?state=${token()}`)).status).toBe(404);
    } finally {
      await bare.stop();
    }
  }, 20_000);

  test("the stand-in is in the development bundle and not in production's", async () => {
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
    expect(await bundle("local.ts")).toMatch(/stands in for/);
    expect(await bundle("worker.ts")).not.toMatch(/stands in for|stand-in\//);
  });
});
