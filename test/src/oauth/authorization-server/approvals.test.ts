// Approvals that a person asked to be remembered: which apps may be remembered at all, when one applies, and what ends it.
import { env as bound } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { revocationsOf } from "../../../../src/durable/user-revocations.ts";
import type { Env } from "../../../../src/env.ts";
import { forgetApprovals } from "../../../../src/oauth/authorization-server/approvals.ts";
import { authorizePath, Browser, envWith, REDIRECT, register, type Seen, userId } from "../browser.ts";

const { OAUTH_KV } = bound as unknown as Env; // the pool types its bindings by another interface
const SESSION = "__Host-gw_s";
let people = 0;
let apps = 0;

/** The metadata documents of the internet, by address. */
const documents = new Map<string, object>();

beforeEach(() => {
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
    const document = documents.get(input instanceof Request ? input.url : String(input));
    return document ? Response.json(document) : new Response(null, { status: 404 });
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** An app with a document on a site of its own. */
function newApp(changes: object = {}) {
  const site = `https://app${++apps}.test`;
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

/** Somebody of their own, and their browser. */
function somebody() {
  const user = userId(`u_approving_${++people}`);
  const auth = {
    authenticateUser: async (email: string) => ({ valid: true as const, userId: user, email, name: "Grace" }),
  };
  const env = envWith(auth, { CIMD_ENABLED: "true" });
  return { user, env, browser: new Browser(env) };
}

type App = ReturnType<typeof newApp>;

const ask = async (browser: Browser, app: App, changes: Record<string, string> = {}, init: RequestInit = {}) =>
  browser.open(await authorizePath(app.id, { redirect_uri: app.redirect, ...changes }), init);

/** The person allows the app everything it asks for, and to come back without asking. */
async function remember(
  browser: Browser,
  app: App,
  fields: Record<string, string> = { scope: "generate", remember: "yes" },
): Promise<Seen> {
  const started = await ask(browser, app);
  const page = await browser.open(started.next);
  const consent = page.text.includes('action="/login') ? await browser.open((await browser.signIn(page)).next) : page;
  return browser.submit(consent, "/authorize", { decision: "approve", ...fields });
}

const isAsked = async (browser: Browser, app: App, changes: Record<string, string> = {}, init: RequestInit = {}) =>
  (await ask(browser, app, changes, init)).next.startsWith("/consent?tx=");

/** The scopes of the grant whose code the browser takes to the app. */
async function grantedBy({ next }: Seen): Promise<readonly string[] | undefined> {
  const [user, grant] = (new URL(next).searchParams.get("code") ?? "").split(":");
  return (await OAUTH_KV.get<{ scope: string[] }>(`grant:${user}:${grant}`, "json"))?.scope;
}

const approvalsOf = async (user: string) =>
  (await OAUTH_KV.list<{ clientId: string }>({ prefix: `approval:${user}:` })).keys;

describe("remembering an approval", () => {
  it("is offered, unticked, for an app on the very host that its id proves", async () => {
    const { browser } = somebody();
    const app = newApp();
    const consent = await browser.reachConsent(app.id, { redirect_uri: app.redirect });
    expect(consent.text).toContain('<input type="checkbox" name="remember" value="yes">');
  });

  it.each([
    [
      "registered itself",
      async (env: Env) => [await register(env, { redirect_uris: ["https://app.test/cb"] }), "https://app.test/cb"],
    ],
    ["runs on this computer", async () => [newApp({ redirect_uris: [REDIRECT] }).id, REDIRECT]],
    [
      "is answered at another host",
      async () => [newApp({ redirect_uris: ["https://else.test/cb"] }).id, "https://else.test/cb"],
    ],
    [
      "is answered at a neighbour",
      async () => [newApp({ redirect_uris: [`https://x.app${apps + 1}.test/cb`] }).id, `https://x.app${apps}.test/cb`],
    ],
    [
      "is answered at another port",
      async () => [
        newApp({ redirect_uris: [`https://app${apps + 1}.test:8443/cb`] }).id,
        `https://app${apps}.test:8443/cb`,
      ],
    ],
  ])("is neither offered for an app that %s, nor done where a form asks for it", async (_, make) => {
    const { browser, env, user } = somebody();
    const [id = "", redirect_uri = ""] = await make(env);
    const consent = await browser.reachConsent(id, { redirect_uri });
    expect(consent.text).not.toContain("remember");
    const left = await browser.submit(consent, "/authorize", { decision: "approve", remember: "yes" });
    expect(new URL(left.next).searchParams.has("code")).toBe(true);
    expect(await approvalsOf(user)).toEqual([]);
    expect((await browser.open(await authorizePath(id, { redirect_uri }))).next).toMatch(/^\/consent/);
  });

  it("lasts 90 days, and is kept under the user's and the client's name", async () => {
    const { browser, user } = somebody();
    const app = newApp();
    await remember(browser, app);
    const [key] = await approvalsOf(user);
    expect(key?.metadata).toEqual({ clientId: app.id });
    expect((key?.expiration ?? 0) / 86_400 - Date.now() / 86_400_000).toBeCloseTo(90, 2);
  });
});

describe("a remembered approval", () => {
  it("sends the browser of somebody signed in straight back with a code for just these scopes", async () => {
    const { browser, user } = somebody();
    const app = newApp();
    await remember(browser, app);
    const before = browser.cookies.get(SESSION);
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    const back = await ask(browser, app, { scope: "read" });
    expect([back.status, back.response.headers.get("Location")?.startsWith(`${app.redirect}?code=`)]).toEqual([
      303,
      true,
    ]);
    expect(await grantedBy(back)).toEqual(["read"]);
    expect(browser.cookies.get(SESSION), "used, so kept for another while").not.toBe(before);
    expect(log.mock.calls.map(([line]) => JSON.parse(String(line)))).toMatchObject([
      { type: "grant.made", subject: user, clientId: app.id, scopes: ["read"] },
    ]);
  });

  it("after signing in ends in a page that goes on by itself, once, because a redirect would be stopped by our own policy", async () => {
    const { browser, user } = somebody();
    const app = newApp();
    await remember(browser, app);
    browser.cookies.clear();
    const entered = await browser.signIn(await browser.arrive(app.id, { redirect_uri: app.redirect }));
    const twin = browser.copy();
    expect([entered.status, entered.next]).toEqual([303, expect.stringMatching(/^\/consent\?tx=/)]);
    const [left, again] = await Promise.all([browser.open(entered.next), twin.open(entered.next)]);
    expect([left.status, again.status].toSorted()).toEqual([200, 400]);
    const [done, late] = left.status === 200 ? [left, again] : [again, left];
    expect([late.next, late.text.includes("Already used")]).toEqual(["", true]);
    expect(done.text).toContain('http-equiv="refresh"');
    expect(await grantedBy(done)).toEqual(["read", "generate"]);
    expect((await OAUTH_KV.list({ prefix: `grant:${user}:` })).keys).toHaveLength(1);
  });

  it("does not go beyond what was approved", async () => {
    const { browser } = somebody();
    const app = newApp();
    await remember(browser, app, { remember: "yes" });
    expect(await isAsked(browser, app)).toBe(true);
    const back = await ask(browser, app, { scope: "read" });
    expect(await grantedBy(back)).toEqual(["read"]);
  });

  it.each([
    ["another name", () => ({ client_name: "Helpful app, really" })],
    [
      "another address beside the one that it uses",
      ({ redirect }: App) => ({ redirect_uris: [redirect, "https://else.test/cb"] }),
    ],
  ])("is none of the same app under %s", async (_, change) => {
    const { browser } = somebody();
    const app = newApp();
    await remember(browser, app);
    expect(await isAsked(browser, app)).toBe(false);
    documents.set(app.id, { ...app.document, ...change(app) });
    expect(await isAsked(browser, app)).toBe(true);
    documents.set(app.id, app.document);
    expect(await isAsked(browser, app)).toBe(false);
  });

  it("is none of another user in the same browser, of another app, or of another address of the same app", async () => {
    const [ada, eve] = [somebody(), somebody()];
    const other = newApp();
    const app = newApp({
      redirect_uris: [`https://app${apps + 1}.test/callback`, `https://app${apps + 1}.test/second`],
    });
    await remember(ada.browser, app);
    expect(await isAsked(ada.browser, app)).toBe(false);
    expect(await isAsked(ada.browser, other)).toBe(true);
    expect(await isAsked(ada.browser, app, { redirect_uri: app.redirect.replace("callback", "second") })).toBe(true);
    await eve.browser.signIn(await eve.browser.arrive(other.id, { redirect_uri: other.redirect }));
    expect(await isAsked(eve.browser, app)).toBe(true);
  });

  it("does not count where the app wants the person to be asked (prompt=consent), also after signing in", async () => {
    const { browser } = somebody();
    const app = newApp();
    await remember(browser, app);
    expect(await isAsked(browser, app, { prompt: "consent" })).toBe(true);
    const consent = await browser.reachConsent(app.id, { redirect_uri: app.redirect, prompt: "login consent" });
    expect(consent.text).toContain("<h1>Allow ");
  });

  it("answers a client that wants nobody to be asked (prompt=none); otherwise it hears what is missing", async () => {
    const { browser } = somebody();
    const app = newApp();
    const silently = async () => new URL((await ask(browser, app, { prompt: "none" })).next).searchParams;
    expect((await silently()).get("error")).toBe("login_required");
    await remember(browser, app, {});
    const asked = await silently();
    expect([asked.get("error"), asked.get("state"), asked.has("iss")]).toEqual([
      "consent_required",
      "a state & more",
      true,
    ]);
    await remember(browser, app);
    expect((await silently()).has("code")).toBe(true);
  });

  it("tells a stranger's address nothing about who is signed in: that takes a click (RFC 9700 section 4.11.2)", async () => {
    const { browser, env } = somebody();
    const redirect_uri = "https://stranger.test/cb";
    const stranger = await register(env, { redirect_uris: [redirect_uri] });
    await browser.reachConsent(stranger, { redirect_uri });
    const refused = await browser.open(await authorizePath(stranger, { redirect_uri, prompt: "none" }));
    expect([refused.status, refused.response.headers.get("Location")]).toEqual([400, null]);
  });

  it.each([
    ["a probe", { method: "HEAD" }],
    ["a fetch ahead of time", { headers: { "Sec-Purpose": "prefetch;prerender" } }],
    ["a frame", { headers: { "Sec-Fetch-Dest": "iframe" } }],
    ["a picture", { headers: { "Sec-Fetch-Dest": "image" } }],
  ])("lets nobody in by %s, which no person looks at", async (_, init) => {
    const { browser } = somebody();
    const app = newApp();
    await remember(browser, app);
    expect(await isAsked(browser, app, {}, init)).toBe(true);
    expect(await isAsked(browser, app, {}, { headers: { "Sec-Fetch-Dest": "document" } })).toBe(false);
  });
});

describe("a remembered approval is forgotten", () => {
  it.each([
    ["declines", { decision: "deny" }],
    ["allows and does not ask for it again", { decision: "approve", scope: "generate" }],
  ])("when the person is asked again and %s", async (_, fields) => {
    const { browser, user } = somebody();
    const app = newApp();
    await remember(browser, app);
    const consent = await browser.open((await ask(browser, app, { prompt: "consent" })).next);
    await browser.submit(consent, "/authorize", fields);
    expect(await approvalsOf(user)).toEqual([]);
    expect(await isAsked(browser, app)).toBe(true);
  });

  it("with the access of its app, and only of that one", async () => {
    const { browser, env, user } = somebody();
    const [app, other] = [newApp(), newApp()];
    await remember(browser, app);
    await remember(browser, other);
    await forgetApprovals(env, user, app.id);
    expect([await isAsked(browser, app), await isAsked(browser, other)]).toEqual([true, false]);
    await forgetApprovals(env, user, null);
    expect(await isAsked(browser, other)).toBe(true);
  });

  it("at once when everything of the user's is ended, even where storage has not heard of it", async () => {
    const { browser, env, user } = somebody();
    const app = newApp();
    await remember(browser, app);
    vi.useFakeTimers({ now: Date.now() + 2_000, toFake: ["Date"] });
    try {
      await revocationsOf(env, user).endTokens();
      expect(await approvalsOf(user)).toHaveLength(1);
      expect(await isAsked(browser, app)).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("a decision is told to the platform", () => {
  it.each([
    [
      "an approval, with what was allowed",
      { decision: "approve", scope: "generate" },
      { type: "grant.made", scopes: ["read", "generate"] },
    ],
    ["a refusal", { decision: "deny" }, { type: "grant.declined" }],
  ])("%s", async (_, fields, record) => {
    const { browser, env, user } = somebody();
    const id = await register(env);
    const consent = await browser.reachConsent(id);
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    await browser.submit(consent, "/authorize", fields);
    expect(log.mock.calls.map(([line]) => JSON.parse(String(line)))).toMatchObject([
      { ...record, subject: user, clientId: id },
    ]);
  });
});
