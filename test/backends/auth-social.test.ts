// Social sign-in as a browser and the gateway see it: with the local stand-in, over HTTP, and with GitHub and Google, whose servers
// are played here (a Worker's outgoing requests arrive at this process's `fetch`).
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { auth, type SignIn } from "../../contracts/auth.ts";
import { type Backend, startBackend } from "../support/backend.ts";

const FOLDER = `${import.meta.dirname}/../../entrypoints/auth`;
const ORIGIN = "http://localhost:8976";
const RETURN_URL = `${ORIGIN}/oauth/callback`;

/** Also where a developer's own .dev.vars has clients. */
const NO_CLIENTS = { GITHUB_CLIENT_ID: "", GITHUB_CLIENT_SECRET: "", GOOGLE_CLIENT_ID: "", GOOGLE_CLIENT_SECRET: "" };

const token = () => randomBytes(32).toString("base64url");
const s256 = (verifier: string) => createHash("sha256").update(verifier).digest("base64url");

let local: Backend<typeof auth>;
let production: Backend<typeof auth>;

beforeAll(async () => {
  const config = readFileSync(`${FOLDER}/wrangler.toml`, "utf8");
  writeFileSync(`${FOLDER}/local.generated.toml`, config.replace('main = "worker.ts"', 'main = "local.ts"'));
  const common = { contract: auth, entrypoint: "AuthEntrypoint", d1: "DB" } as const;
  const clients = {
    GITHUB_CLIENT_ID: "gh-id",
    GITHUB_CLIENT_SECRET: "gh-secret",
    GOOGLE_CLIENT_ID: "go-id",
    GOOGLE_CLIENT_SECRET: "go-secret",
  };
  local = await startBackend({
    ...common,
    configPath: "entrypoints/auth/local.generated.toml",
    secrets: { BETTER_AUTH_SECRET: token(), ...NO_CLIENTS },
  });
  production = await startBackend({
    ...common,
    configPath: "entrypoints/auth/wrangler.toml",
    secrets: { BETTER_AUTH_SECRET: token(), ...clients },
  });
}, 60_000);
afterAll(() => Promise.all([local.stop(), production.stop()]));

/** A browser: follows nothing by itself, keeps cookies. */
class Browser {
  readonly cookies = new Map<string, string>();
  readonly #backend: Backend<typeof auth>;

  constructor(backend: Backend<typeof auth>) {
    this.#backend = backend;
  }

  async open(url: string, form?: Record<string, string>) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const post = form && { method: "POST", body: new URLSearchParams(form).toString() };
    const type = form && { "content-type": "application/x-www-form-urlencoded" };
    const response = await this.#backend.worker.fetch(url, { ...post, headers: { cookie, ...type }, redirect: "manual" });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === "") this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    const text = await response.text();
    const location = response.headers.get("location") ?? "";
    return { status: response.status, headers: response.headers, text, location, query: new URL(location || ORIGIN).searchParams };
  }
}

/** The gateway's half of one sign-in. */
function gatewayRequest(provider = "github", overrides: Record<string, string> = {}) {
  const verifier = token();
  const state = token();
  const query = new URLSearchParams({ provider, return_url: RETURN_URL, state, code_challenge: s256(verifier), ...overrides });
  return { verifier, state, url: `${ORIGIN}/social-bridge?${query}` };
}

function exchange(backend: Backend<typeof auth>, code: string | null, codeVerifier: string, returnUrl = RETURN_URL) {
  return backend.invoke("exchangeSocialCode", code, { codeVerifier, returnUrl }) as Promise<SignIn>;
}

describe("on a developer's machine, the stand-in", () => {
  const person = () => ({ name: "Grace Hopper", email: `${randomUUID()}@example.com`, verified: "yes", decision: "continue" });

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

  test.each(["github", "google"])("signs in a person of one's choice with %s, the same user each time", async (provider) => {
    const form = person();
    const { request, browser, end } = await arrive(form, provider);
    expect(end.status).toBe(302);
    expect(end.location.startsWith(`${RETURN_URL}?`)).toBe(true);
    expect([...end.query.keys()].toSorted()).toEqual(["code", "state"]);
    expect(end.query.get("state")).toBe(request.state);
    expect(browser.cookies.size).toBe(0);
    const user = await exchange(local, end.query.get("code"), request.verifier);
    expect(user).toEqual({ valid: true, userId: expect.stringMatching(/^[A-Za-z0-9]{32}$/), email: form.email, name: "Grace Hopper" });
    const again = await arrive(form, provider);
    expect(await exchange(local, again.end.query.get("code"), again.request.verifier)).toEqual(user);
  });

  test("a code is good once", async () => {
    const { request, end } = await arrive(person());
    const code = end.query.get("code");
    const replies = await Promise.all([1, 2, 3].map(() => exchange(local, code, request.verifier)));
    expect(replies.filter((reply) => reply.valid)).toHaveLength(1);
    expect(await exchange(local, code, request.verifier)).toEqual({ valid: false, error: "INVALID_TOKEN" });
  });

  test("a code is good only with its verifier and for its return_url, and a wrong try spends it", async () => {
    for (const [verifier, returnUrl] of [[token(), RETURN_URL] as const, [undefined, "https://evil.example/"] as const]) {
      const { request, end } = await arrive(person());
      const code = end.query.get("code");
      expect(await exchange(local, code, verifier ?? request.verifier, returnUrl)).toEqual({ valid: false, error: "INVALID_TOKEN" });
      expect(await exchange(local, code, request.verifier)).toEqual({ valid: false, error: "INVALID_TOKEN" });
    }
  });

  test("a code is good for a minute, and only its hash is stored", async () => {
    const { request, end } = await arrive(person());
    const code = end.query.get("code") ?? "";
    const { DB } = await local.worker.getEnv();
    const row = await DB.prepare("SELECT code_hash, expires_at FROM social_codes WHERE code_hash = ?").bind(s256(code)).first();
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
    expect(headers.get("set-cookie")).toMatch(/^__Host-social_[\w-]{12}=[\w.-]+; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=300$/);
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
    expect(await open((url) => url.searchParams.set("code", first.searchParams.get("code") ?? ""))).toBe("provider_failed");
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
    const page = await new Browser(local).open(`http://auth.example.com/social-bridge/stand-in/github?state=${token()}`);
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
    const bare = await startBackend({
      contract: auth,
      configPath: "entrypoints/auth/wrangler.toml",
      entrypoint: "AuthEntrypoint",
      secrets: { BETTER_AUTH_SECRET: token(), ...NO_CLIENTS },
    });
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

describe("with a client of its own", () => {
  const internet = globalThis.fetch;
  afterEach(() => {
    globalThis.fetch = internet;
  });

  /** Plays the providers: `answers` by URL. Anything else fails. */
  function play(answers: Record<string, (request: Request) => object | Promise<object>>) {
    const seen: string[] = [];
    globalThis.fetch = vi.fn(async (input: RequestInfo | URL, init?: RequestInit) => {
      const url = input instanceof Request ? input.url : String(input);
      const request = input instanceof Request ? input : new Request(url, init);
      seen.push(url);
      const known = answers[url];
      return known ? Response.json(await known(request)) : new Response("no", { status: 500 });
    });
    return seen;
  }

  async function dance(provider: string, atProvider: (query: URLSearchParams) => Record<string, string>) {
    const browser = new Browser(production);
    const request = gatewayRequest(provider);
    const start = await browser.open(request.url);
    const answer = new URLSearchParams({ state: start.query.get("state") ?? "", code: "provider-code", ...atProvider(start.query) });
    const end = await browser.open(`${ORIGIN}/social-bridge/callback/${provider}?${answer}`);
    return { request, start, end };
  }

  describe("GitHub", () => {
    const github = (emails: object[], body: (form: URLSearchParams) => void = () => undefined, id = 4711) => ({
      "https://github.com/login/oauth/access_token": async (request: Request) => {
        body(new URLSearchParams(await request.text()));
        return { access_token: "gho_secret", token_type: "bearer" };
      },
      "https://api.github.com/user": (request: Request) => {
        expect(request.headers.get("authorization")).toBe("Bearer gho_secret");
        return { id, login: "octocat", name: null };
      },
      "https://api.github.com/user/emails": () => emails,
    });
    const mine = { email: "octo@example.com", primary: true, verified: true };

    test("signs in by the primary verified address, with PKCE and the client's secret", async () => {
      let form = new URLSearchParams();
      play(github([{ ...mine, email: "other@example.com", primary: false }, mine], (sent) => (form = sent)));
      const { start, end, request } = await dance("github", () => ({ iss: "https://github.com/login/oauth" }));
      expect(start.location).toMatch(/^https:\/\/github\.com\/login\/oauth\/authorize\?/);
      expect(Object.fromEntries(start.query)).toMatchObject({
        client_id: "gh-id",
        redirect_uri: `${ORIGIN}/social-bridge/callback/github`,
        code_challenge_method: "S256",
        code_challenge: s256(form.get("code_verifier") ?? ""),
      });
      expect(Object.fromEntries(form)).toMatchObject({ client_secret: "gh-secret", code: "provider-code" });
      const user = await exchange(production, end.query.get("code"), request.verifier);
      expect(user).toMatchObject({ valid: true, email: "octo@example.com", name: "octocat" });
    });

    test("an unverified primary address, a refused code and a foreign issuer sign nobody in", async () => {
      play(github([{ ...mine, verified: false }]));
      expect((await dance("github", () => ({}))).end.query.get("error")).toBe("email_not_verified");
      play({ "https://github.com/login/oauth/access_token": () => ({ error: "bad_verification_code" }) });
      expect((await dance("github", () => ({}))).end.query.get("error")).toBe("provider_failed");
      const seen = play(github([mine]));
      expect((await dance("github", () => ({ iss: "https://accounts.google.com" }))).end.query.get("error")).toBe("provider_failed");
      expect((await dance("github", () => ({ error: "access_denied" }))).end.query.get("error")).toBe("access_denied");
      expect(seen).toEqual([]);
    });

    test("what GitHub said is not logged", async () => {
      production.harness.clearLogs();
      play({ "https://github.com/login/oauth/access_token": () => ({ error: "bad_verification_code", secret: "gho_secret" }) });
      await dance("github", () => ({}));
      const logs = JSON.stringify(production.harness.getLogs());
      expect(logs).toContain("social-bridge.github");
      expect(logs).not.toMatch(/gho_secret|bad_verification|gh-secret|provider-code/);
    });
  });

  describe("Google", async () => {
    const keys = await generateKeyPair("RS256");
    const stranger = await generateKeyPair("RS256");
    const jwk = { ...(await exportJWK(keys.publicKey)), kid: "k1", alg: "RS256", use: "sig" };
    const now = Math.floor(Date.now() / 1000);

    async function signInWith(claims: Record<string, unknown>, key = keys.privateKey, alg = "RS256") {
      let nonce = "";
      const good = { iss: "https://accounts.google.com", aud: "go-id", sub: "109", email: "ada@gmail.example", email_verified: true };
      play({
        "https://oauth2.googleapis.com/token": async () => ({
          id_token: await new SignJWT({ ...good, name: "Ada", nonce, iat: now, exp: now + 300, ...claims })
            .setProtectedHeader({ alg, kid: "k1" })
            .sign(key),
        }),
        "https://www.googleapis.com/oauth2/v3/certs": () => ({ keys: [jwk] }),
      });
      return dance("google", (query) => {
        nonce = query.get("nonce") ?? "";
        return {};
      });
    }

    test("signs in by a verified ID token", async () => {
      const { end, request } = await signInWith({});
      const user = await exchange(production, end.query.get("code"), request.verifier);
      expect(user).toMatchObject({ valid: true, email: "ada@gmail.example", name: "Ada" });
      const changed = await signInWith({ email: "ada-new@gmail.example" });
      expect(await exchange(production, changed.end.query.get("code"), changed.request.verifier)).toEqual(user);
    });

    test.each([
      ["for another client", { aud: "another" }],
      ["for several clients", { aud: ["go-id", "another"] }],
      ["of another issuer", { iss: "https://evil.example" }],
      ["that has expired", { exp: now - 600 }],
      ["that is old", { iat: now - 3600 }],
      ["of another sign-in", { nonce: "another" }],
      ["without a nonce", { nonce: undefined }],
    ])("an ID token %s signs nobody in", async (_, claims) => {
      expect((await signInWith(claims)).end.query.get("error")).toBe("provider_failed");
    });

    test("an ID token under another key, or with a symmetric signature, signs nobody in", async () => {
      expect((await signInWith({}, stranger.privateKey)).end.query.get("error")).toBe("provider_failed");
      const secret = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, true, ["sign"]);
      expect((await signInWith({}, secret as typeof keys.privateKey, "HS256")).end.query.get("error")).toBe("provider_failed");
    });

    test("an unverified address signs nobody in", async () => {
      expect((await signInWith({ email_verified: false })).end.query.get("error")).toBe("email_not_verified");
    });
  });
});
