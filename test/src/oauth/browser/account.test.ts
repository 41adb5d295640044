// The account page: the connected apps as their user sees them, and signing out.
import { runInDurableObject } from "cloudflare:test";
import { env as bound } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import type { UserId } from "../../../../contracts/rpc/identity.ts";
import { grantObjectOf } from "../../../../src/durable/grant-object.ts";
import { userObjectOf } from "../../../../src/durable/user-object.ts";
import type { Env } from "../../../../src/env.ts";
import { EVENTUALLY } from "../../../support/eventually.ts";
import { AUTH, Browser, envWith, quiet, type Seen, sha256, throwing } from "../browser.ts";
import {
  COOKIE,
  env,
  fakeKeyStore,
  KEY_FIELDS,
  keyWith,
  newGrant,
  newUserId,
  redeemAt,
  signedInBrowser,
  submit,
  useAuditLog,
  words,
} from "../signed-in-user.ts";

const { OAUTH_KV } = bound as unknown as Env; // the pool types its bindings by another interface
/** The ids of the grants on a page. */
const grantIds = ({ text }: Seen) => Array.from(text.matchAll(/name="grantId" value="([^"]*)"/g), ([, id]) => id);

const audit = useAuditLog();

describe("the account page", () => {
  it("redirects a browser without a session to sign-in", async () => {
    const seen = await new Browser(env).open("/apps");
    expect([seen.status, seen.next]).toEqual([303, expect.stringMatching(/^\/login\?tx=[\w-]{12}$/)]);
  });

  it("is what the front page offers a user who is signed in, and where /signup leads without ending the session", async () => {
    const browser = await signedInBrowser();
    const home = await browser.open("/");
    expect([home.text.includes('href="/apps">Your account<'), home.text.includes("/signup")]).toEqual([true, false]);
    const signUp = await browser.open("/signup");
    expect([signUp.status, signUp.next, signUp.response.headers.getSetCookie()]).toEqual([303, "/apps", []]);
    browser.cookies.delete(COOKIE);
    expect((await browser.open("/")).text).toContain('href="/signup">Create account<');
    expect((await browser.open("/signup")).next).toMatch(/^\/signup\?tx=/);
  });

  it("shows the signed-in user, and the name, place, scopes, times and browser of each app", async () => {
    const user = newUserId();
    await newGrant(user, {
      name: "Elsewhere",
      scope: ["read", "generate", "offline_access"],
      redirectUri: "https://app.example:8443/cb",
      madeFrom: "Firefox on Windows, Germany",
    });
    await newGrant(user, { name: "Here" });
    const seen = await (await signedInBrowser(user)).open("/apps");
    expect(seen.status).toBe(200);
    const [today, end] = [0, 30].map((days) =>
      new Date(Date.now() + days * 86_400_000).toLocaleDateString("en-GB", {
        day: "numeric",
        month: "short",
        year: "numeric",
      }),
    );
    expect(words(seen)).toContain(`Signed in as ${user.replace("u_", "")}@example.com`);
    expect(words(seen)).toContain(
      `Elsewhere on app.example:8443 Can see your architecture flows; see your images and the image models; create and run architecture flows; generate images, which costs credits. Connected ${today} at `,
    );
    expect(words(seen)).toMatch(/ at \d\d:\d\d UTC from Firefox on Windows, Germany; works until /);
    expect(words(seen)).toContain(`works until ${end} .`);
    expect(words(seen)).toContain(
      "Here on this computer ( 127.0.0.1:41414 ) Can see your architecture flows; see your images and the image models.",
    );
    expect(seen.text).toMatch(/<time datetime="\d{4}-\d\d-\d\dT[\d:.]+Z">/);
    expect(seen.text).not.toContain("offline_access");
  });

  it("extends the session", async () => {
    const { response } = await (await signedInBrowser()).open("/apps");
    expect(response.headers.get("Set-Cookie")).toMatch(
      /^__Host-gw_s=[^;]+; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=3600$/,
    );
  });

  it("is neither cached nor framed, and runs no script", async () => {
    const { response, text } = await (await signedInBrowser()).open("/apps");
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    expect(response.headers.get("Content-Security-Policy")).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; .*frame-ancestors 'none'/,
    );
    expect(text).not.toContain("<script");
  });

  it("leads a user to the set-up of apps, unless none can be connected", async () => {
    const browser = await signedInBrowser();
    const { text } = await browser.open("/apps");
    expect(text).toContain('<p>No app is connected.</p>\n\n<p><a href="/">Connect an app</a></p>');
    const closed = browser.copy(envWith({}, { PUBLIC_SIGNUPS_ENABLED: "false" }));
    expect((await closed.open("/apps")).text).not.toContain("Connect an app");
  });

  it.each([
    "日本語アプリ",
    "שלום (עולם)",
    `"><img src=x onerror=alert(1)>'&amp;`,
    "</bdi></li></ul><form action=//evil.test>",
  ])("shows the name %s as text, never as markup", async (name) => {
    const user = newUserId();
    await newGrant(user, { name });
    const { text } = await (await signedInBrowser(user)).open("/apps");
    const escaped = name.replace(
      /[&<>"']/g,
      (character) => `&${{ "&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "#39" }[character]};`,
    );
    expect(text).toContain(`<bdi class="app">${escaped}</bdi>`);
    expect(text).toContain(`aria-label="Disconnect ${escaped}"`);
    expect(text).not.toMatch(/<img|<form action=/);
  });

  it("shows an app that has not redeemed its code, and can disconnect it", async () => {
    const user = newUserId();
    const { client, redirectTo } = await newGrant(user, { isRedeemed: false });
    const browser = await signedInBrowser(user);
    const seen = await browser.open("/apps");
    expect(words(seen)).toContain("waiting for the app to finish");
    await submit(browser, seen, "/apps/revoke");
    expect(await redeemAt(client, redirectTo)).toMatchObject({ error: "invalid_grant" });
  });

  it("shows an app whose record it cannot fully read, so that it can be disconnected", async () => {
    const user = newUserId();
    const { grantId, refresh } = await newGrant(user);
    const name = `grant:${user}:${grantId}`;
    const stored = await OAUTH_KV.get<object>(name, "json");
    await OAUTH_KV.put(name, JSON.stringify({ ...stored, metadata: null }));
    await refresh();
    expect(words(await (await signedInBrowser(user)).open("/apps"))).toContain("Unnamed application on this computer");
  });

  it("shows no app whose access has ended, although KV still has the grant", async () => {
    const user = newUserId();
    const { grantId } = await newGrant(user);
    const name = `grant:${user}:${grantId}`;
    const stored = (await OAUTH_KV.get(name)) ?? "";
    await grantObjectOf(env, { userId: user, grantId }).revoke({ userId: user, grantId });
    await OAUTH_KV.put(name, stored);
    expect(grantIds(await (await signedInBrowser(user)).open("/apps"))).toEqual([]);
  });

  it("shows an app from before the list of grants once it uses its token", async () => {
    const user = newUserId();
    const { grantId, works } = await newGrant(user);
    const browser = await signedInBrowser(user);
    await runInDurableObject(userObjectOf(env, user), (_, { storage }) => storage.delete(`grant:${grantId}`));
    expect(grantIds(await browser.open("/apps"))).toEqual([]);
    expect(await works()).toBe(true);
    await vi.waitFor(async () => expect(grantIds(await browser.open("/apps"))).toEqual([grantId]), EVENTUALLY);
  });
});

describe("a list of many apps", () => {
  /** Ids of grants made one after the other, newest first. The ids do not show their order. */
  async function newGrants(user: UserId, count: number): Promise<string[]> {
    const { grantId } = await newGrant(user);
    const [first] = await userObjectOf(env, user).listGrants();
    if (!first) throw new Error("There is no grant.");
    const ids = [grantId];
    for (let made = 1; made < count; made++) {
      const id = (await sha256(`${user} ${made}`)).slice(0, 16);
      // Three of each millisecond, each of an app of its own.
      const createdAtMs = first.createdAtMs + Math.floor(made / 3);
      await userObjectOf(env, user).registerGrant({ ...first, id, clientId: `app ${made}`, createdAtMs });
      ids.unshift(id);
    }
    const listed = await userObjectOf(env, user).listGrants();
    if (listed.length !== ids.length) throw new Error("Not all are listed.");
    return listed.map(({ id }) => id);
  }

  it("is sorted newest first, with 20 on a page", async () => {
    const user = newUserId();
    const newest = await newGrants(user, 43);
    const browser = await signedInBrowser(user);
    const pages = [await browser.open("/apps")];
    for (let clicks = 0; clicks < 5; clicks++) {
      const [, more] = /href="(\/apps\?cursor=[^"]+)"/.exec(pages.at(-1)?.text ?? "") ?? [];
      if (more === undefined) break;
      pages.push(await browser.open(more));
    }
    expect(pages.map((page) => grantIds(page).length)).toEqual([20, 20, 3]);
    expect(pages.flatMap(grantIds)).toEqual(newest);
  });

  it("continues after the same app if the last one of a page was disconnected meanwhile", async () => {
    const user = newUserId();
    const newest = await newGrants(user, 22);
    const browser = await signedInBrowser(user);
    const first = await browser.open("/apps");
    const [, more = ""] = /href="(\/apps\?cursor=[^"]+)"/.exec(first.text) ?? [];
    await submit(browser, first, "/apps/revoke", { grantId: newest[19] ?? "" });
    expect(grantIds(await browser.open(more))).toEqual(newest.slice(20));
  });

  it.each([
    "",
    "x",
    "1",
    "a".repeat(99),
    "0.AAAAAAAAAAAAAAAA",
    "99999999999999999999.AAAAAAAAAAAAAAAA",
    "%00",
    "1.AAAAAAAAAAAAAAA%3A",
  ])("starts at the first page for the cursor %s", async (cursor) => {
    const user = newUserId();
    const { grantId } = await newGrant(user);
    const seen = await (await signedInBrowser(user)).open(`/apps?cursor=${cursor}`);
    expect([seen.status, grantIds(seen)]).toEqual([200, [grantId]]);
  });

  it("shows no other user's apps, whatever the cursor", async () => {
    const [ada, eve] = [newUserId(), newUserId()];
    await newGrants(ada, 22);
    const [, cursor = ""] =
      /href="\/apps\?cursor=([^"]+)"/.exec((await (await signedInBrowser(ada)).open("/apps")).text) ?? [];
    const { grantId } = await newGrant(eve);
    expect(grantIds(await (await signedInBrowser(eve)).open(`/apps?cursor=${cursor}`))).toEqual([grantId]);
  });
});

it("an app whose letters are not what they seem is listed with how its name reads", async () => {
  const user = newUserId();
  await newGrant(user, { name: "N\u043etion" });
  const page = await (await signedInBrowser(user)).open("/apps");
  expect(words(page)).toContain("N\u043etion (unusual letters, reads “ Notion ”) on");
  await newGrant(user, { name: "ChatGPT 日本語" });
  expect((await (await signedInBrowser(user)).open("/apps")).text.match(/unusual letters/g)).toHaveLength(1);
});

describe("while the auth Worker is down", () => {
  const down = envWith({
    createApiKey: throwing,
    listApiKeys: throwing,
    revokeApiKey: throwing,
    mintToken: throwing,
    getUser: throwing,
  });

  it("the page and its forms are 503, say when to try again, and change nothing", async () => {
    quiet();
    const user = newUserId();
    const { works } = await newGrant(user);
    const live = await signedInBrowser(user);
    const page = await live.open("/apps");
    const browser = live.copy(down);
    const seen = [await browser.open("/apps"), await submit(browser, page, "/apps/revoke")];
    for (const { status, response } of seen) expect([status, response.headers.get("Retry-After")]).toEqual([503, "10"]);
    expect(browser.cookies.has(COOKIE), "the session stays").toBe(true);
    expect(await works()).toBe(true);
  });

  it("the page is shown without its keys if only they cannot be fetched", async () => {
    quiet();
    const user = newUserId();
    const { grantId } = await newGrant(user);
    const page = await (await signedInBrowser(user, envWith({ listApiKeys: throwing }))).open("/apps");
    expect([page.status, grantIds(page)]).toEqual([200, [grantId]]);
    expect(words(page)).toContain("Your keys cannot be shown just now.");
  });

  it("every user can sign out", async () => {
    quiet();
    const browser = await signedInBrowser(newUserId(), down);
    expect((await submit(browser, await browser.open("/logout"), "/logout")).status).toBe(200);
    expect(browser.cookies.has(COOKIE)).toBe(false);
  });
});

describe("a session whose account was disabled, or that ended at the auth Worker", () => {
  it.each<[string, object]>([
    ["is disabled", { isActive: false }],
    ["has a higher session version", { sessionVersion: 1 }],
    ["was signed out everywhere", { signedOutAtMs: Date.now() + 60_000 }],
  ])("opens neither the page nor its forms: the user %s", async (_, change) => {
    const user = newUserId();
    const { works, grantId } = await newGrant(user);
    const keys = fakeKeyStore([keyWith()]).auth;
    const live = await signedInBrowser(user, envWith(keys));
    const page = await live.open("/apps");
    const over = envWith({
      ...keys,
      getUser: async (call, input) => {
        const reply = await AUTH.getUser(call, input);
        return reply.ok ? { ok: true, value: { ...reply.value, ...change } } : reply;
      },
    });
    for (const path of ["/apps/revoke", "/apps/revoke-all", "/apps/keys", "/apps/keys/revoke", "/apps/token"]) {
      const copy = live.copy(over);
      const refused = await submit(copy, page, path, { grantId, keyId: "key_a", ...KEY_FIELDS });
      expect([refused.status, refused.next], path).toEqual([303, expect.stringMatching(/^\/login\?tx=/)]);
      expect(copy.cookies.has(COOKIE), "the cookie is deleted").toBe(false);
    }
    expect((await live.copy(over).open("/apps")).next).toMatch(/^\/login\?tx=/);
    expect(await works()).toBe(true);
  });
});

describe("signing out", () => {
  it("is confirmed first, ends the session everywhere, and leaves apps connected", async () => {
    const user = newUserId();
    const { works } = await newGrant(user);
    const browser = await signedInBrowser(user);
    const copied = browser.cookies.get(COOKIE) ?? "";
    const page = await browser.open("/logout");
    expect(words(page)).toContain("Sign out?");
    expect((await browser.open("/apps")).status, "a link does not sign out").toBe(200);
    const seen = await submit(browser, page, "/logout");
    expect(words(seen)).toContain("You are signed out");
    expect(words(seen)).toContain("Connected apps stay connected.");
    expect(seen.response.headers.get("Set-Cookie")).toMatch(/^__Host-gw_s=; .*Max-Age=0$/);
    const thief = new Browser(env);
    thief.cookies.set(COOKIE, copied);
    expect((await thief.open("/apps")).status).toBe(303);
    expect(await works()).toBe(true);
    expect(audit.mock.calls).toMatchObject([[{ type: "session.ended", subject: user }]]);
  });

  it("without a session shows that the user is not signed in", async () => {
    expect(words(await new Browser(env).open("/logout"))).toContain("You are not signed in");
  });
});
