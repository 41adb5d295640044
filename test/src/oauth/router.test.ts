// Properties of every page: its headers, its words when the auth Worker or the gateway fails, and
// the pages while sign-up is closed.
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  authorizePath,
  Browser,
  envWith,
  json,
  PASSWORD,
  quiet,
  REDIRECT,
  register,
  send,
  throwing,
  userId,
} from "./browser.ts";

const env = envWith();
const client = await register(env);

afterEach(() => {
  vi.restoreAllMocks();
});

describe("every page", () => {
  it("can be neither framed nor cached nor scripted, and its one style is allowed by its hash", async () => {
    const response = await send(env, "/");
    const [, style = ""] = /<style>(.*?)<\/style>/s.exec(await response.clone().text()) ?? [];
    const digest = btoa(
      String.fromCharCode(...new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style)))),
    );
    expect(response.headers.get("Content-Security-Policy")).toBe(
      `default-src 'none'; style-src 'sha256-${digest}'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
    );
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    expect(response.headers.get("X-Frame-Options")).toBe("DENY");
    expect(response.headers.get("Referrer-Policy")).toBe("same-origin");
    expect(await response.text()).not.toMatch(/<script|style="|\son\w+=/);
  });

  it("responds to HEAD as to GET, without a body", async () => {
    const response = await send(env, "/", { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });

  it("of a step that was not started tells where to start", async () => {
    for (const path of ["/login", "/signup", "/consent", "/login?tx=aaaaaaaaaaaa"]) {
      const response = await send(env, path);
      expect(response.status).toBe(400);
      expect(await response.text()).toContain("Start again from your app");
    }
  });

  it("keeps the transaction in a cookie that no script, no other site and no plain connection gets", async () => {
    const started = await send(env, await authorizePath(client));
    expect(started.headers.get("Set-Cookie")).toMatch(
      /^__Host-gw_tx_[\w-]{12}=[^;]+; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=600$/,
    );
  });
});

describe("a failure of the auth Worker", () => {
  it.each([
    ["crashes", { authenticateUser: throwing }],
    ["returns a malformed reply", { authenticateUser: async () => ({ valid: "yes" }) as never }],
    ["cannot provide a tenant", { provisionTenant: throwing }],
    [
      "returns another user's tenant",
      {
        provisionTenant: async () => ({
          tenantId: "t" as never,
          userId: userId("u_eve"),
          tier: "pro" as const,
          delinquent: false,
          createdAt: 1,
        }),
      },
    ],
    [
      "returns a user id that no token can hold",
      { authenticateUser: async () => ({ valid: true as const, userId: userId("a:b"), email: "a@b.c", name: "" }) },
    ],
  ])("that %s never looks like a wrong password, and signs no user in", async (_, auth) => {
    const log = quiet();
    const browser = new Browser(envWith(auth));
    const failed = await browser.signIn(await browser.signInPage(client));
    expect([failed.status, failed.response.headers.get("Retry-After"), failed.next]).toEqual([503, "10", ""]);
    const [, traceId = "-"] = /<code>([0-9a-f]{32})<\/code>/.exec(failed.text) ?? [];
    expect(log).toHaveBeenCalledOnce();
    expect(String(log.mock.calls[0]?.[0])).toContain(traceId);
    expect(String(log.mock.calls[0]?.[0])).not.toMatch(/ada[@+]|secret|horse/);
  });
});

it("an unexpected error is a page with a trace id", async () => {
  const log = quiet();
  const broken = envWith({}, { OAUTH_KV: { get: throwing } as never });
  const failed = await new Browser(broken).open(await authorizePath(client));
  expect(failed.status).toBe(500);
  expect(failed.text).toMatch(/<code>[0-9a-f]{32}<\/code>/);
  expect(failed.text).not.toContain("a secret of");
  expect(log).toHaveBeenCalledOnce();
});

describe("while sign-up is closed", () => {
  const closed = envWith({}, { PUBLIC_SIGNUPS_ENABLED: "TRUE", OAUTH_KV: { get: throwing } as never });

  it.each(["/authorize", "/login", "/signup", "/oauth/github", "/oauth/callback", "/consent"])(
    "%s shows the coming-soon page, whatever the method",
    async (path) => {
      for (const method of ["GET", "POST", "DELETE", "HEAD"]) {
        const response = await send(closed, path, { method });
        expect([response.status, response.headers.get("X-Robots-Tag"), response.headers.get("Set-Cookie")]).toEqual([
          503,
          "noindex",
          null,
        ]);
      }
    },
  );

  it("the account page opens for a signed-in user, and does not ask others to sign in", async () => {
    const browser = new Browser(envWith());
    await browser.submit(await browser.open((await browser.open("/apps")).next), "/login", {
      email: "ada@example.com",
      password: PASSWORD,
    });
    const shut = envWith({}, { PUBLIC_SIGNUPS_ENABLED: "false" });
    expect((await browser.copy(shut).open("/apps")).status).toBe(200);
    const stranger = await new Browser(shut).open("/apps");
    expect([stranger.status, stranger.response.headers.get("Set-Cookie")]).toEqual([503, null]);
  });

  it("no client can register, and the metadata stays available", async () => {
    const refused = await send(closed, "/register", json({ redirect_uris: [REDIRECT] }));
    expect([refused.status, await refused.json<{ error: string }>()]).toMatchObject([403, { error: "access_denied" }]);
    expect((await send(closed, "/.well-known/oauth-authorization-server")).status).toBe(200);
  });
});
