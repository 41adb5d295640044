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

/** Every limit by the minute is reached. */
const REACHED = { limit: async () => ({ success: false }) };
const OVER_LIMITS = envWith(
  {},
  Object.fromEntries([5, 10, 20, 30, 60, 300].map((perMinute) => [`LIMIT_${perMinute}`, REACHED])),
);

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
    for (const path of ["/signup?tx=b", "/consent", "/login?tx=aaaaaaaaaaaa"]) {
      const response = await send(env, path);
      expect(response.status).toBe(400);
      expect(await response.text()).toContain("Start again from your app");
    }
  });

  it.each([
    ["POST /login?tx=aaaaaaaaaaaa", "/login?tx=aaaaaaaaaaaa", "Back to the form"],
    ["POST /signup?tx=aaaaaaaaaaaa", "/signup?tx=aaaaaaaaaaaa", "Back to the form"],
    ["POST /authorize?tx=aaaaaaaaaaaa", "/consent?tx=aaaaaaaaaaaa", "Back to the form"],
    ["POST /consent?tx=aaaaaaaaaaaa", "/consent?tx=aaaaaaaaaaaa", "Back to the form"],
    ["POST /oauth/github?tx=aaaaaaaaaaaa", "/login?tx=aaaaaaaaaaaa", "Back to the form"],
    ["POST /oauth/google?tx=aaaaaaaaaaaa", "/login?tx=aaaaaaaaaaaa", "Back to the form"],
    ["GET /oauth/callback?state=x&code=y", "/oauth/callback?state=x&amp;code=y", "Try again"],
    ['GET /authorize?client_id="x', "/authorize?client_id=%22x", "Try again"],
    ["GET /apps/picture?job=x", "/apps/picture?job=x", "Try again"],
    ["POST /apps/revoke", "/apps", "Back to the form"],
    ["POST /apps/revoke-all", "/apps", "Back to the form"],
    ["POST /apps/keys", "/apps#keys", "Back to the form"],
    ["POST /apps/keys/revoke", "/apps#keys", "Back to the form"],
    ["POST /apps/token", "/apps#token", "Back to the form"],
    ["POST /apps/data", "/apps#data", "Back to the form"],
    ["POST /apps/delete", "/apps/delete", "Back to the form"],
    ["POST /apps/delete/sign-in", "/apps/delete", "Back to the form"],
    ["POST /logout", "/logout", "Back to the form"],
  ])("that a limit refuses leads back to its form: %s", async (route, form, label) => {
    const [method, path = ""] = route.split(" ");
    const response = await send(OVER_LIMITS, path, { method: method ?? "" });
    expect([response.status, response.headers.get("Retry-After")]).toEqual([429, "60"]);
    const text = await response.text();
    expect(text).toContain("Nothing was changed. Wait a minute, then try again.");
    expect(text).toContain(`<a class="button" href="${form}">${label}</a>`);
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
    expect(failed.text).toMatch(/<a class="button" href="\/login\?tx=[\w-]{12}">Back to the form<\/a>/);
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

it("a page and an endpoint are 503 if storage hangs", async () => {
  const log = quiet();
  const hung = () => new Promise<never>(() => undefined);
  const hanging = envWith({}, { OAUTH_KV: { get: hung, put: hung } as never });
  const path = await authorizePath(client);
  const { setTimeout: wait } = globalThis;
  const waits = vi.spyOn(globalThis, "setTimeout");
  waits.mockImplementation(((run: () => void, ms: number) => wait(run, ms > 40_000 ? 20 : ms)) as typeof setTimeout);
  const [page, endpoint] = await Promise.all([
    send(hanging, path),
    send(hanging, "/register", json({ redirect_uris: [REDIRECT] })),
  ]);
  expect([page.status, page.headers.get("Retry-After"), await page.text()]).toEqual([
    503,
    "10",
    expect.stringMatching(/This takes too long.*<a class="button" href="\/authorize\?[^"]*">Try again<\/a>/s),
  ]);
  expect([endpoint.status, endpoint.headers.get("Retry-After")]).toEqual([503, "10"]);
  expect(await endpoint.json()).toMatchObject({ error: "temporarily_unavailable" });
  const events = log.mock.calls.map(([line]) => JSON.parse(String(line)) as { event: string; route: string });
  expect(events.map(({ event, route }) => `${event} ${route}`).sort()).toEqual([
    "oauth.timeout /authorize",
    "oauth.timeout /register",
  ]);
});

it("a sign-in or sign-up without an app leads to the account page", async () => {
  expect((await send(env, "/login")).headers.get("Location")).toBe("/apps");
  const browser = new Browser(env);
  const form = await browser.open((await browser.open("/signup")).next);
  expect(form.text).toMatch(/Create your account.*to manage your account/s);
});

describe("while sign-up is closed", () => {
  const closed = envWith({}, { PUBLIC_SIGNUPS_ENABLED: "TRUE", OAUTH_KV: { get: throwing } as never });

  it.each(["/authorize", "/signup", "/oauth/github", "/oauth/callback", "/consent"])(
    "%s shows the coming-soon page, whatever the method",
    async (path) => {
      for (const method of ["GET", "POST", "DELETE", "HEAD"]) {
        const response = await send(closed, path, { method });
        expect([response.status, response.headers.get("X-Robots-Tag"), response.headers.get("Set-Cookie")]).toEqual([
          503,
          "noindex",
          null,
        ]);
        if (method !== "HEAD") expect(await response.text()).toContain('<a class="button" href="/apps">');
      }
    },
  );

  it("a user can sign in for the account page, and nothing offers a new account", async () => {
    const browser = new Browser(envWith({}, { PUBLIC_SIGNUPS_ENABLED: "false" }));
    const form = await browser.open((await browser.open((await browser.open("/login")).next)).next);
    expect(form.text).toContain("New accounts cannot be made yet.");
    expect(form.text).not.toMatch(/\/signup|\/oauth\//);
    const signedIn = await browser.submit(form, "/login", { email: "ada@example.com", password: PASSWORD });
    expect(signedIn.next).toBe("/apps");
    expect((await browser.open("/apps")).status).toBe(200);
  });

  it("a sign-in for an app that was begun before is not continued", async () => {
    const browser = new Browser(envWith());
    const address = (await browser.open(await authorizePath(client))).next;
    const form = await browser.open(address);
    const shut = browser.copy(envWith({}, { PUBLIC_SIGNUPS_ENABLED: "false" }));
    const fields = { email: "ada@example.com", password: PASSWORD };
    expect((await shut.submit(form, "/login", fields)).status).toBe(503);
    expect((await shut.open(address)).status).toBe(503);
  });

  it("the account page opens for a signed-in user, and asks others to sign in", async () => {
    const browser = new Browser(envWith());
    await browser.submit(await browser.open((await browser.open("/apps")).next), "/login", {
      email: "ada@example.com",
      password: PASSWORD,
    });
    const shut = envWith({}, { PUBLIC_SIGNUPS_ENABLED: "false" });
    expect((await browser.copy(shut).open("/apps")).status).toBe(200);
    const stranger = await new Browser(shut).open("/apps");
    expect([stranger.status, stranger.next]).toEqual([303, expect.stringMatching(/^\/login\?tx=/)]);
  });

  it("no client can register, and the metadata stays available", async () => {
    const refused = await send(closed, "/register", json({ redirect_uris: [REDIRECT] }));
    expect([refused.status, await refused.json<{ error: string }>()]).toMatchObject([403, { error: "access_denied" }]);
    expect((await send(closed, "/.well-known/oauth-authorization-server")).status).toBe(200);
  });
});
