// Sign-in and sign-up with a password, from the client's request to its response.
import { describe, expect, it, vi } from "vitest";
import { authorizationServer } from "../../../../src/oauth/authorization-server/server.ts";
import {
  authorizePath,
  Browser,
  envWith,
  freshEmail,
  ORIGIN,
  PASSWORD,
  REDIRECT,
  redeem,
  register,
  type Seen,
  throwing,
} from "../browser.ts";

const env = envWith();
const client = await register(env);

describe("signing in", () => {
  it("returns to the client with a code, its state and our issuer (RFC 9207), and the code becomes a token for this user", async () => {
    const browser = new Browser(env);
    const consent = await browser.consentPage(client);
    expect(consent.text).toContain("ada@example.com");
    const left = await browser.submit(consent, "/authorize", { decision: "approve", scope: "generate" });
    expect(left.status).toBe(200);
    const callback = new URL(left.next);
    expect(callback.origin + callback.pathname).toBe(REDIRECT);
    expect(callback.searchParams.get("state")).toBe("a state & more");
    expect(callback.searchParams.get("iss")).toBe(ORIGIN);
    const [done, ...others] = left.response.headers.getSetCookie();
    expect([done, others], "the transaction is done").toEqual([expect.stringContaining("Max-Age=60"), []]);

    const tokens = await redeem(env, client, left.next);
    expect(tokens.scope).toBe("read generate");
    const grant = await authorizationServer(env).validateToken(`${ORIGIN}/mcp`, tokens.access_token, env);
    const signedInAtMs = expect.closeTo(Date.now(), -4);
    expect(grant?.props).toEqual({ userId: "u_ada", signedInAtMs, sessionVersion: 0, v: 1 });
  });

  it("grants no scope that the user unticks", async () => {
    const left = await new Browser(env).connect(client, { decision: "approve" });
    expect((await redeem(env, client, left.next)).scope).toBe("read");
  });

  it("can end with a refusal, which the client receives as an error (RFC 6749 4.1.2.1)", async () => {
    const left = await new Browser(env).connect(client, { decision: "deny" });
    const callback = new URL(left.next).searchParams;
    expect([callback.get("error"), callback.get("state"), callback.get("iss")]).toEqual([
      "access_denied",
      "a state & more",
      ORIGIN,
    ]);
    expect(callback.has("code")).toBe(false);
  });

  it("with a wrong password shows the same page with 401, and keeps the e-mail address but not the password", async () => {
    const browser = new Browser(env);
    const again = await browser.submit(await browser.signInPage(client), "/login", {
      email: " ADA@example.com ",
      password: "guess 1",
    });
    expect(again.status).toBe(401);
    expect(again.text).toContain('role="alert"');
    expect(again.text).toContain('value="ada@example.com"');
    expect(again.text).not.toContain("guess 1");
    expect((await browser.signIn(again)).status).toBe(303);
  });

  it("too often shows the same page with 429 and the time to wait", async () => {
    const browser = new Browser(envWith({ authenticateUser: async () => ({ valid: false, error: "RATE_LIMITED" }) }));
    const refused = await browser.signIn(await browser.signInPage(client));
    expect([refused.status, refused.response.headers.get("Retry-After")]).toEqual([429, "300"]);
    expect(refused.text).toContain("Too many attempts.");
  });

  it("again, after returning to the form, makes the earlier consent page void", async () => {
    const browser = new Browser(env);
    const consent = await browser.consentPage(client);
    const [, id] = /\?tx=([\w-]{12})/.exec(consent.text) ?? [];
    const login = await browser.open(`/login?tx=${id}`);
    expect([login.status, login.response.headers.getSetCookie()]).toEqual([200, []]);
    expect((await browser.open(`/consent?tx=${id}`)).text).toContain("<h1>Allow");
    expect((await browser.signIn(login)).next).toBe(`/consent?tx=${id}`);
    expect((await browser.submit(consent, "/authorize", { decision: "approve" })).status).toBe(400);
  });

  it("is not undone by a look at the form: the open decision can still be made", async () => {
    const browser = new Browser(env);
    const consent = await browser.consentPage(client);
    const [, id] = /\?tx=([\w-]{12})/.exec(consent.text) ?? [];
    for (const page of ["login", "signup"]) await browser.open(`/${page}?tx=${id}`);
    expect((await browser.submit(consent, "/authorize", { decision: "approve" })).next).toContain("code=");
  });

  it("passes the password on unchanged", async () => {
    const authenticateUser = vi.fn(async () => ({ valid: false as const, error: "INVALID_CREDENTIALS" }));
    const browser = new Browser(envWith({ authenticateUser }));
    await browser.submit(await browser.signInPage(client), "/login", {
      email: "ada@example.com",
      password: "  p\u0061\u0308ß &+%  ",
    });
    expect(authenticateUser).toHaveBeenCalledWith("ada@example.com", "  p\u0061\u0308ß &+%  ");
  });
});

describe("signing up", () => {
  const signUpPage = async (browser: Browser): Promise<Seen> =>
    browser.open((await browser.open(await authorizePath(client))).next.replace("/login", "/signup"));
  const newAccount = (password = PASSWORD) => ({ name: "New", email: freshEmail("new"), password });

  it("signs the user in at once", async () => {
    const browser = new Browser(env);
    const entered = await browser.submit(await signUpPage(browser), "/signup", newAccount());
    expect((await browser.open(entered.next)).text).toContain("new@example.com");
  });

  it.each(["INVALID_CREDENTIALS", "RATE_LIMITED", "A_NEWER_CODE"])(
    "shows the same page for a refusal of the auth Worker that it does not know: %s",
    async (error) => {
      const browser = new Browser(envWith({ registerUser: async () => ({ valid: false, error }) }));
      const refused = await browser.submit(await signUpPage(browser), "/signup", newAccount());
      expect([refused.status, /role="alert">(.*?)<\/p>/.exec(refused.text)?.[1]]).toEqual([
        400,
        "We could not create that account. Check each field. If you already have an account, sign in.",
      ]);
    },
  );

  it("points out a mistake that the user can correct, without asking the auth Worker", async () => {
    const registerUser = vi.fn(throwing);
    const browser = new Browser(envWith({ registerUser }));
    const refused = await browser.submit(await signUpPage(browser), "/signup", newAccount("too short"));
    expect(refused.status).toBe(400);
    expect(refused.text).toContain("at least 15 characters");
    expect(registerUser).not.toHaveBeenCalled();
  });
});
