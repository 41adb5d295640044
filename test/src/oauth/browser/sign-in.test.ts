// A person who signs in or up with a password and decides, from the client's request to its answer.
import { describe, expect, it, vi } from "vitest";
import { authorizationServer } from "../../../../src/oauth/router.ts";
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
  throwing,
} from "../browser.ts";

const env = envWith();
const client = await register(env);

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
    expect([...browser.cookies.keys()]).toEqual(["__Host-gw_s"]);

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
    expect([answer.get("error"), answer.get("state"), answer.get("iss")]).toEqual([
      "access_denied",
      "a state & more",
      ORIGIN,
    ]);
    expect(answer.has("code")).toBe(false);
  });

  it("with a wrong password is 401 on the same page, which keeps the e-mail and not the password", async () => {
    const browser = new Browser(env);
    const again = await browser.submit(await browser.arrive(client), "/login", {
      email: " ADA@example.com ",
      password: "guess 1",
    });
    expect(again.status).toBe(401);
    expect(again.text).toContain('role="alert"');
    expect(again.text).toContain('value="ada@example.com"');
    expect(again.text).not.toContain("guess 1");
    expect((await browser.signIn(again)).status).toBe(303);
  });

  it("too often is 429 on the same page, with the time to wait", async () => {
    const browser = new Browser(envWith({ authenticateUser: async () => ({ valid: false, error: "RATE_LIMITED" }) }));
    const refused = await browser.signIn(await browser.arrive(client));
    expect([refused.status, refused.response.headers.get("Retry-After")]).toEqual([429, "300"]);
    expect(refused.text).toContain("Too many attempts.");
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
    await browser.submit(await browser.arrive(client), "/login", {
      email: "ada@example.com",
      password: "  p\u0061\u0308ß &+%  ",
    });
    expect(asked).toHaveBeenCalledWith("ada@example.com", "  p\u0061\u0308ß &+%  ");
  });
});

describe("signing up", () => {
  it("signs in at once", async () => {
    const browser = new Browser(env);
    const signup = await browser.open(
      (await browser.open(await authorizePath(client))).next.replace("/login", "/signup"),
    );
    const entered = await browser.submit(signup, "/signup", {
      name: "New",
      email: freshEmail("new"),
      password: PASSWORD,
    });
    expect((await browser.open(entered.next)).text).toContain("new@example.com");
  });

  it("says the same whatever the auth Worker's reason is", async () => {
    const texts = [];
    for (const error of ["EMAIL_EXISTS", "INVALID_CREDENTIALS", "RATE_LIMITED"]) {
      const browser = new Browser(envWith({ registerUser: async () => ({ valid: false, error }) }));
      const signup = await browser.open(
        (await browser.open(await authorizePath(client))).next.replace("/login", "/signup"),
      );
      const refused = await browser.submit(signup, "/signup", {
        name: "New",
        email: freshEmail("new"),
        password: PASSWORD,
      });
      texts.push(`${refused.status} ${/role="alert">(.*?)<\/p>/.exec(refused.text)?.[1]}`);
    }
    expect(new Set(texts)).toEqual(
      new Set(["400 We could not create that account. If you already have one, sign in."]),
    );
  });

  it("points at what the person can mend, without asking the auth Worker", async () => {
    const registerUser = vi.fn(throwing);
    const browser = new Browser(envWith({ registerUser }));
    const signup = await browser.open(
      (await browser.open(await authorizePath(client))).next.replace("/login", "/signup"),
    );
    const refused = await browser.submit(signup, "/signup", {
      name: "New",
      email: freshEmail("new"),
      password: "too short",
    });
    expect(refused.status).toBe(400);
    expect(refused.text).toContain("at least 15 characters");
    expect(registerUser).not.toHaveBeenCalled();
  });
});
