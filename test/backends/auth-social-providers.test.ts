// Social sign-in with OAuth clients at GitHub and Google, whose servers are faked here: a Worker's
// outgoing requests arrive at this process's `fetch`.
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type AuthWorker, startAuth } from "../support/auth-worker.ts";
import { Browser, gatewayRequest, ORIGIN, randomToken, redeemCode, s256 } from "../support/social-sign-in.ts";

let production: AuthWorker;
beforeAll(async () => {
  production = await startAuth({
    BETTER_AUTH_SECRET: randomToken(),
    GITHUB_CLIENT_ID: "gh-id",
    GITHUB_CLIENT_SECRET: "gh-secret",
    GOOGLE_CLIENT_ID: "go-id",
    GOOGLE_CLIENT_SECRET: "go-secret",
  });
});
afterAll(() => production?.stop());

describe("with an OAuth client", () => {
  const realFetch = globalThis.fetch;
  afterEach(() => {
    globalThis.fetch = realFetch;
  });

  /**
   * Fakes the providers with `responses` by URL. Every other request fails. Returns the requested
   * URLs.
   */
  function fakeProviders(responses: Record<string, (request: Request) => object | Promise<object>>) {
    const seen: string[] = [];
    globalThis.fetch = vi.fn(async (input: RequestInfo | URL, init?: RequestInit) => {
      const url = input instanceof Request ? input.url : String(input);
      const request = input instanceof Request ? input : new Request(url, init);
      seen.push(url);
      const respond = responses[url];
      return respond ? Response.json(await respond(request)) : new Response("no", { status: 500 });
    });
    return seen;
  }

  /**
   * Signs in at the provider; `atProvider` returns parameters of the callback from those of its
   * authorization URL.
   */
  async function signIn(provider: string, atProvider: (query: URLSearchParams) => Record<string, string>) {
    const browser = new Browser(production);
    const request = gatewayRequest(provider);
    const start = await browser.open(request.url);
    const callback = new URLSearchParams({
      state: start.query.get("state") ?? "",
      code: "provider-code",
      ...atProvider(start.query),
    });
    const end = await browser.open(`${ORIGIN}/social-bridge/callback/${provider}?${callback}`);
    return { request, start, end };
  }

  describe("GitHub", () => {
    const githubResponses = (emails: object[], body: (form: URLSearchParams) => void = () => undefined, id = 4711) => ({
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
    const verified = { email: "octo@example.com", primary: true, verified: true };

    it("signs in with the primary verified address, PKCE and the client secret", async () => {
      let form = new URLSearchParams();
      fakeProviders(
        githubResponses(
          [{ ...verified, email: "other@example.com", primary: false }, verified],
          (sent) => (form = sent),
        ),
      );
      const { start, end, request } = await signIn("github", () => ({ iss: "https://github.com/login/oauth" }));
      expect(start.location).toMatch(/^https:\/\/github\.com\/login\/oauth\/authorize\?/);
      expect(Object.fromEntries(start.query)).toMatchObject({
        client_id: "gh-id",
        redirect_uri: `${ORIGIN}/social-bridge/callback/github`,
        code_challenge_method: "S256",
        code_challenge: s256(form.get("code_verifier") ?? ""),
      });
      expect(Object.fromEntries(form)).toMatchObject({ client_secret: "gh-secret", code: "provider-code" });
      const user = await redeemCode(production, end.query.get("code"), request.verifier);
      expect(user).toMatchObject({ valid: true, email: "octo@example.com", name: "octocat" });
    });

    it("reads an address with a domain that is not Latin in either spelling as one", async () => {
      const signInAs = (email: string, id: number) => {
        fakeProviders(githubResponses([{ ...verified, email }], undefined, id));
        return signIn("github", () => ({}));
      };
      const first = await signInAs("octo@bücher.example", 4712);
      const user = await redeemCode(production, first.end.query.get("code"), first.request.verifier);
      expect(user).toMatchObject({ valid: true, email: "octo@bücher.example" });
      const other = await signInAs("octo@xn--bcher-kva.example", 4713);
      expect(other.end.query.get("error")).toBe("account_exists");
    });

    it("refuses an unverified primary address, a refused code and a foreign issuer", async () => {
      fakeProviders(githubResponses([{ ...verified, verified: false }]));
      expect((await signIn("github", () => ({}))).end.query.get("error")).toBe("email_not_verified");
      fakeProviders({ "https://github.com/login/oauth/access_token": () => ({ error: "bad_verification_code" }) });
      expect((await signIn("github", () => ({}))).end.query.get("error")).toBe("provider_failed");
      const seen = fakeProviders(githubResponses([verified]));
      expect((await signIn("github", () => ({ iss: "https://accounts.google.com" }))).end.query.get("error")).toBe(
        "provider_failed",
      );
      expect((await signIn("github", () => ({ error: "access_denied" }))).end.query.get("error")).toBe("access_denied");
      expect(seen).toEqual([]);
    });

    it("does not log the response of GitHub", async () => {
      production.harness.clearLogs();
      fakeProviders({
        "https://github.com/login/oauth/access_token": () => ({ error: "bad_verification_code", secret: "gho_secret" }),
      });
      await signIn("github", () => ({}));
      const logs = JSON.stringify(production.harness.getLogs());
      expect(logs).toContain("social-bridge.github");
      expect(logs).not.toMatch(/gho_secret|bad_verification|gh-secret|provider-code/);
    });
  });

  describe("Google", async () => {
    const keys = await generateKeyPair("RS256");
    const otherKeys = await generateKeyPair("RS256");
    const jwk = { ...(await exportJWK(keys.publicKey)), kid: "k1", alg: "RS256", use: "sig" };
    const now = Math.floor(Date.now() / 1000);

    async function signInWith(claims: Record<string, unknown>, key = keys.privateKey, alg = "RS256") {
      let nonce = "";
      const validClaims = {
        iss: "https://accounts.google.com",
        aud: "go-id",
        sub: "109",
        email: "ada@gmail.example",
        email_verified: true,
      };
      fakeProviders({
        "https://oauth2.googleapis.com/token": async () => ({
          id_token: await new SignJWT({ ...validClaims, name: "Ada", nonce, iat: now, exp: now + 300, ...claims })
            .setProtectedHeader({ alg, kid: "k1" })
            .sign(key),
        }),
        "https://www.googleapis.com/oauth2/v3/certs": () => ({ keys: [jwk] }),
      });
      return signIn("google", (query) => {
        nonce = query.get("nonce") ?? "";
        return {};
      });
    }

    it("signs in with a verified ID token", async () => {
      const { end, request } = await signInWith({});
      const user = await redeemCode(production, end.query.get("code"), request.verifier);
      expect(user).toMatchObject({ valid: true, email: "ada@gmail.example", name: "Ada" });
      const changed = await signInWith({ email: "ada-new@gmail.example" });
      expect(await redeemCode(production, changed.end.query.get("code"), changed.request.verifier)).toEqual(user);
    });

    it.each([
      ["for another client", { aud: "another" }],
      ["for several clients", { aud: ["go-id", "another"] }],
      ["of another issuer", { iss: "https://evil.example" }],
      ["that has expired", { exp: now - 600 }],
      ["that is old", { iat: now - 3600 }],
      ["of another sign-in", { nonce: "another" }],
      ["without a nonce", { nonce: undefined }],
    ])("refuses an ID token %s", async (_, claims) => {
      expect((await signInWith(claims)).end.query.get("error")).toBe("provider_failed");
    });

    it("refuses an ID token with another key or a symmetric signature", async () => {
      expect((await signInWith({}, otherKeys.privateKey)).end.query.get("error")).toBe("provider_failed");
      const secret = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, true, ["sign"]);
      expect((await signInWith({}, secret as typeof keys.privateKey, "HS256")).end.query.get("error")).toBe(
        "provider_failed",
      );
    });

    it("refuses an unverified address", async () => {
      expect((await signInWith({ email_verified: false })).end.query.get("error")).toBe("email_not_verified");
    });
  });
});
