// Stored approvals: the clients that may have one, the requests that one covers, and the events
// that delete it. And the audit records of decisions.
import { runInDurableObject } from "cloudflare:test";
import { env as bound } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { TenantId, UserId } from "../../../../contracts/rpc/identity.ts";
import { userObjectOf } from "../../../../src/durable/user-object.ts";
import type { Env } from "../../../../src/env.ts";
import { network } from "../../../../src/oauth/authorization-server/client-document.ts";
import { revokeGrant } from "../../../../src/oauth/authorization-server/revocation.ts";
import { newContext } from "../../context.ts";
import { authorizePath, Browser, envWith, REDIRECT, register, type Seen, throwing, userId } from "../browser.ts";

const env = bound as unknown as Env; // the pool types its bindings by another interface
const { OAUTH_KV } = env;
const SESSION = "__Host-gw_s";
let users = 0;
let apps = 0;

/** The metadata documents on the internet, by URL. */
const documents = new Map<string, object>();

beforeEach(() => {
  vi.spyOn(network, "fetch").mockImplementation(async (input) => {
    const document = documents.get(input instanceof Request ? input.url : String(input));
    return document ? Response.json(document) : new Response(null, { status: 404 });
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** An app with a metadata document on a site of its own. */
function newApp(changes: object = {}) {
  const site = `https://app${++apps}.example.com`;
  const id = `${site}/client.json`;
  const redirect = `${site}/callback`;
  const document = {
    client_id: id,
    client_name: "Helpful app",
    redirect_uris: [redirect],
    token_endpoint_auth_method: "none",
    ...changes,
  };
  documents.set(id, document);
  return { id, redirect, document };
}

/** A user that no other test has, and their browser. */
function newUser() {
  const user = userId(`u_approving_${++users}`);
  const auth = {
    authenticateUser: async (email: string) => ({ valid: true as const, userId: user, email, name: "Grace" }),
  };
  const env = envWith(auth, { CIMD_ENABLED: "true" });
  return { user, env, browser: new Browser(env) };
}

type App = ReturnType<typeof newApp>;

const authorize = async (browser: Browser, app: App, changes: Record<string, string> = {}, init: RequestInit = {}) =>
  browser.open(await authorizePath(app.id, { redirect_uri: app.redirect, ...changes }), init);

/** Allows the app all requested scopes, and stores the approval. */
async function approve(
  browser: Browser,
  app: App,
  fields: Record<string, string> = { scope: "generate", remember: "yes" },
): Promise<Seen> {
  const started = await authorize(browser, app);
  const page = await browser.open(started.next);
  const consent = page.text.includes('action="/login') ? await browser.open((await browser.signIn(page)).next) : page;
  return browser.submit(consent, "/authorize", { decision: "approve", ...fields });
}

const isAsked = async (browser: Browser, app: App, changes: Record<string, string> = {}, init: RequestInit = {}) =>
  (await authorize(browser, app, changes, init)).next.startsWith("/consent?tx=");

/** The scopes of the grant whose code the browser takes to the app. */
async function grantedScopes({ next }: Seen): Promise<readonly string[] | undefined> {
  const [user, grant] = (new URL(next).searchParams.get("code") ?? "").split(":");
  return (await OAUTH_KV.get<{ scope: string[] }>(`grant:${user}:${grant}`, "json"))?.scope;
}

/** The approvals in the user's object. */
const approvalsOf = (user: UserId) =>
  runInDurableObject(userObjectOf(env, user), async (_, { storage }) => [
    ...(await storage.list<{ clientId: string; atMs: number }>({ prefix: "approval:" })).values(),
  ]);

describe("storing an approval", () => {
  it("is offered, unticked, for an app on the host that its id proves", async () => {
    const { browser } = newUser();
    const app = newApp();
    const consent = await browser.consentPage(app.id, { redirect_uri: app.redirect });
    expect(consent.text).toContain('<input type="checkbox" name="remember" value="yes">');
  });

  it.each([
    [
      "registered itself",
      async (env: Env) => [await register(env, { redirect_uris: ["https://app.test/cb"] }), "https://app.test/cb"],
    ],
    ["runs on this computer", async () => [newApp({ redirect_uris: [REDIRECT] }).id, REDIRECT]],
    [
      "redirects to another host",
      async () => [newApp({ redirect_uris: ["https://else.test/cb"] }).id, "https://else.test/cb"],
    ],
    [
      "redirects to a subdomain",
      async () => [newApp({ redirect_uris: [`https://x.app${apps + 1}.test/cb`] }).id, `https://x.app${apps}.test/cb`],
    ],
    [
      "redirects to another port",
      async () => [
        newApp({ redirect_uris: [`https://app${apps + 1}.test:8443/cb`] }).id,
        `https://app${apps}.test:8443/cb`,
      ],
    ],
  ])("is neither offered for an app that %s, nor done if a form requests it", async (_, make) => {
    const { browser, env, user } = newUser();
    const [id = "", redirect_uri = ""] = await make(env);
    const consent = await browser.consentPage(id, { redirect_uri });
    expect(consent.text).not.toContain("remember");
    const left = await browser.submit(consent, "/authorize", { decision: "approve", remember: "yes" });
    expect(new URL(left.next).searchParams.has("code")).toBe(true);
    expect(await approvalsOf(user)).toEqual([]);
    expect((await browser.open(await authorizePath(id, { redirect_uri }))).next).toMatch(/^\/consent/);
  });

  it("lasts 90 days, by user and with the client's id", async () => {
    const { browser, user } = newUser();
    const app = newApp();
    await approve(browser, app);
    expect(await approvalsOf(user)).toMatchObject([{ clientId: app.id }]);
    vi.useFakeTimers({ now: Date.now() + 89.9 * 86_400_000, toFake: ["Date"] });
    try {
      await browser.signIn(await browser.signInPage(app.id, { redirect_uri: app.redirect, prompt: "login" }));
      expect(await isAsked(browser, app)).toBe(false);
      vi.setSystemTime(Date.now() + 0.2 * 86_400_000);
      await browser.signIn(await browser.signInPage(app.id, { redirect_uri: app.redirect, prompt: "login" }));
      expect(await isAsked(browser, app)).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("a stored approval", () => {
  it("redirects a signed-in browser to the app at once, with a code for the requested scopes only", async () => {
    const { browser, user } = newUser();
    const app = newApp();
    await approve(browser, app);
    const before = browser.cookies.get(SESSION);
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    const back = await authorize(browser, app, { scope: "read" });
    expect([back.status, back.response.headers.get("Location")?.startsWith(`${app.redirect}?code=`)]).toEqual([
      303,
      true,
    ]);
    expect(await grantedScopes(back)).toEqual(["read"]);
    expect(browser.cookies.get(SESSION), "the session is extended").not.toBe(before);
    expect(log.mock.calls.map(([line]) => JSON.parse(String(line)))).toMatchObject([
      { type: "grant.made", subject: user, clientId: app.id, scopes: ["read"] },
    ]);
  });

  it("after a sign-in leads, once, to a page that continues by itself, because our own policy would block a redirect", async () => {
    const { browser, user } = newUser();
    const app = newApp();
    await approve(browser, app);
    browser.cookies.clear();
    const entered = await browser.signIn(await browser.signInPage(app.id, { redirect_uri: app.redirect }));
    const twin = browser.copy();
    expect([entered.status, entered.next]).toEqual([303, expect.stringMatching(/^\/consent\?tx=/)]);
    const [left, again] = await Promise.all([browser.open(entered.next), twin.open(entered.next)]);
    expect([left.status, again.status]).toEqual([200, 200]);
    expect(again.next, "the same code").toBe(left.next);
    expect(left.text).toContain('http-equiv="refresh"');
    expect(await grantedScopes(left)).toEqual(["read", "generate"]);
    const { keys } = await OAUTH_KV.list({ prefix: `grant:${user}:` });
    expect(keys, "the one that the user allowed, and this one").toHaveLength(2);
  });

  it("does not cover more scopes than were approved", async () => {
    const { browser } = newUser();
    const app = newApp();
    await approve(browser, app, { remember: "yes" });
    expect(await isAsked(browser, app)).toBe(true);
    const back = await authorize(browser, app, { scope: "read" });
    expect(await grantedScopes(back)).toEqual(["read"]);
  });

  it.each([
    ["another name", () => ({ client_name: "Helpful app, really" })],
    [
      "another redirect address beside the used one",
      ({ redirect }: App) => ({ redirect_uris: [redirect, "https://else.test/cb"] }),
    ],
  ])("does not cover the same app after its document has %s", async (_, change) => {
    const { browser } = newUser();
    const app = newApp();
    await approve(browser, app);
    expect(await isAsked(browser, app)).toBe(false);
    documents.set(app.id, { ...app.document, ...change(app) });
    expect(await isAsked(browser, app)).toBe(true);
    documents.set(app.id, app.document);
    expect(await isAsked(browser, app)).toBe(false);
  });

  it("covers no other user in the same browser, no other app, and no other address of the same app", async () => {
    const [ada, eve] = [newUser(), newUser()];
    const other = newApp();
    const app = newApp({
      redirect_uris: [`https://app${apps + 1}.example.com/callback`, `https://app${apps + 1}.example.com/second`],
    });
    await approve(ada.browser, app);
    expect(await isAsked(ada.browser, app)).toBe(false);
    expect(await isAsked(ada.browser, other)).toBe(true);
    expect(await isAsked(ada.browser, app, { redirect_uri: app.redirect.replace("callback", "second") })).toBe(true);
    await eve.browser.signIn(await eve.browser.signInPage(other.id, { redirect_uri: other.redirect }));
    expect(await isAsked(eve.browser, app)).toBe(true);
  });

  it("does not count if the app wants the user to be asked (prompt=consent), also after a sign-in", async () => {
    const { browser } = newUser();
    const app = newApp();
    await approve(browser, app);
    expect(await isAsked(browser, app, { prompt: "consent" })).toBe(true);
    const consent = await browser.consentPage(app.id, { redirect_uri: app.redirect, prompt: "login consent" });
    expect(consent.text).toContain("<h1>Allow ");
  });

  it("gives a code to an app that wants the user not to be asked (prompt=none); without one the app gets an error", async () => {
    const { browser } = newUser();
    const app = newApp();
    const callback = async () => new URL((await authorize(browser, app, { prompt: "none" })).next).searchParams;
    expect((await callback()).get("error")).toBe("login_required");
    await approve(browser, app, {});
    const refused = await callback();
    expect([refused.get("error"), refused.get("state"), refused.has("iss")]).toEqual([
      "consent_required",
      "a state & more",
      true,
    ]);
    await approve(browser, app);
    expect((await callback()).has("code")).toBe(true);
  });

  it("does not reveal to an untrusted address that a user is signed in: that takes a click (RFC 9700 section 4.11.2)", async () => {
    const { browser, env } = newUser();
    const redirect_uri = "https://stranger.test/cb";
    const stranger = await register(env, { redirect_uris: [redirect_uri] });
    await browser.consentPage(stranger, { redirect_uri });
    const refused = await browser.open(await authorizePath(stranger, { redirect_uri, prompt: "none" }));
    expect([refused.status, refused.response.headers.get("Location")]).toEqual([400, null]);
  });

  it.each([
    ["a probe", { method: "HEAD" }],
    ["a frame", { headers: { "Sec-Fetch-Dest": "iframe" } }],
    ["an image", { headers: { "Sec-Fetch-Dest": "image" } }],
  ])("does not count for %s, which no user looks at", async (_, init) => {
    const { browser } = newUser();
    const app = newApp();
    await approve(browser, app);
    expect(await isAsked(browser, app, {}, init)).toBe(true);
    for (const ahead of [{ "Sec-Purpose": "prefetch;prerender" }, { Purpose: "prefetch" }])
      expect((await authorize(browser, app, {}, { headers: ahead })).next, "a prefetch").toBe("");
    expect(await isAsked(browser, app, {}, { headers: { "Sec-Fetch-Dest": "document" } })).toBe(false);
  });
});

describe("a stored approval is deleted", () => {
  it.each([
    ["declines", { decision: "deny" }],
    ["allows without storing the approval again", { decision: "approve", scope: "generate" }],
  ])("when the user is asked again and %s", async (_, fields) => {
    const { browser, user } = newUser();
    const app = newApp();
    await approve(browser, app);
    const consent = await browser.open((await authorize(browser, app, { prompt: "consent" })).next);
    await browser.submit(consent, "/authorize", fields);
    expect(await approvalsOf(user)).toEqual([]);
    expect(await isAsked(browser, app)).toBe(true);
  });

  it("with the access of its app, before that ends, and with that of no other app", async () => {
    const { browser, env, user } = newUser();
    const [app, other] = [newApp(), newApp()];
    await approve(browser, app);
    await approve(browser, other);
    const withoutGrants = { ...env, GRANTS: { idFromName: () => ({}), get: () => ({ revoke: throwing }) } as never };
    const grant = { id: "g".repeat(16), clientId: app.id };
    const account = { userId: user, tenantId: "t1" as TenantId }; // the brand lives in TypeScript only
    await expect(revokeGrant(newContext(withoutGrants).context, account, grant)).rejects.toThrow();
    expect([await isAsked(browser, app), await isAsked(browser, other)]).toEqual([true, false]);
  });

  it("at once when everything of the user is ended", async () => {
    const { browser, env, user } = newUser();
    const app = newApp();
    await approve(browser, app);
    await userObjectOf(env, user).endEverything();
    expect(await approvalsOf(user)).toEqual([]);
    await browser.signIn(await browser.signInPage(app.id, { redirect_uri: app.redirect }));
    expect(await isAsked(browser, app)).toBe(true);
  });
});

describe("the audit record of a decision", () => {
  it.each([
    [
      "has the granted scopes after Allow",
      { decision: "approve", scope: "generate" },
      { type: "grant.made", scopes: ["read", "generate"] },
    ],
    ["has no scopes after Deny", { decision: "deny" }, { type: "grant.declined" }],
  ])("%s", async (_, fields, record) => {
    const { browser, env, user } = newUser();
    const id = await register(env);
    const consent = await browser.consentPage(id);
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    await browser.submit(consent, "/authorize", fields);
    expect(log.mock.calls.map(([line]) => JSON.parse(String(line)))).toMatchObject([
      { ...record, subject: user, clientId: id },
    ]);
  });
});
