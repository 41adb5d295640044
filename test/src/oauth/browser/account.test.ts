// A person's own page: what they see of the apps that have access to their account, and how they take it away and sign out.
import { env as bound } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { grantObjectOf } from "../../../../src/durable/grant-object.ts";
import type { Env } from "../../../../src/env.ts";
import { Browser, envWith, ORIGIN, quiet, type Seen, sha256, throwing } from "../browser.ts";
import { COOKIE, connect, env, redeemAt, signedIn, someone, submit, words } from "../signed-in-user.ts";

const { OAUTH_KV } = bound as unknown as Env; // the pool types its bindings by another interface
/** The grants on the screen. */
const rows = ({ text }: Seen) => Array.from(text.matchAll(/name="grantId" value="([^"]*)"/g), ([, id]) => id);

const audit = vi.fn();
beforeEach(() => {
  vi.spyOn(console, "log").mockImplementation((line: unknown) => audit(JSON.parse(String(line))));
});
afterEach(() => {
  vi.restoreAllMocks();
  audit.mockClear();
});

describe("the apps page", () => {
  it("asks whoever is not signed in to sign in", async () => {
    const seen = await new Browser(env).open("/apps");
    expect([seen.status, seen.next]).toEqual([303, expect.stringMatching(/^\/login\?tx=[\w-]{12}$/)]);
  });

  it("says who is signed in, and of each app its name, place, powers and dates", async () => {
    const user = someone();
    await connect(user, {
      name: "Elsewhere",
      scope: ["read", "generate", "offline_access"],
      redirectUri: "https://app.example:8443/cb",
    });
    await connect(user, { name: "Here" });
    const seen = await (await signedIn(user)).open("/apps");
    expect(seen.status).toBe(200);
    const [today, end] = [0, 30].map((days) =>
      new Date(Date.now() + days * 86_400_000).toLocaleDateString("en-GB", {
        day: "numeric",
        month: "short",
        year: "numeric",
      }),
    );
    expect(words(seen)).toContain(`Signed in as ${user}@example.com`);
    expect(words(seen)).toContain(
      `Elsewhere on app.example:8443 Can see your flows, your pictures and the image models, run flows and make images on your plan. Connected ${today} , ends ${end} .`,
    );
    expect(words(seen)).toContain(
      "Here on this computer ( 127.0.0.1:41414 ) Can see your flows, your pictures and the image models.",
    );
    expect(seen.text).toMatch(/<time datetime="\d{4}-\d\d-\d\dT[\d:.]+Z">/);
    expect(seen.text).not.toContain("offline_access");
  });

  it("keeps the session going", async () => {
    const { response } = await (await signedIn()).open("/apps");
    expect(response.headers.get("Set-Cookie")).toMatch(
      /^__Host-gw_s=[^;]+; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=3600$/,
    );
  });

  it("is kept by no cache, framed by nobody, and runs no script", async () => {
    const { response, text } = await (await signedIn()).open("/apps");
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    expect(response.headers.get("Content-Security-Policy")).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; .*frame-ancestors 'none'/,
    );
    expect(text).not.toContain("<script");
  });

  it("tells somebody without apps how to connect one", async () => {
    expect(words(await (await signedIn()).open("/apps"))).toContain(
      `No app is connected. To connect one, add this address to your MCP client: ${ORIGIN}/mcp`,
    );
  });

  it.each([
    "日本語アプリ",
    "שלום (עולם)",
    `"><img src=x onerror=alert(1)>'&amp;`,
    "</bdi></li></ul><form action=//evil.test>",
  ])("shows the name %s as the text that it is", async (name) => {
    const user = someone();
    await connect(user, { name });
    const { text } = await (await signedIn(user)).open("/apps");
    const escaped = name.replace(
      /[&<>"']/g,
      (character) => `&${{ "&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "#39" }[character]};`,
    );
    expect(text).toContain(`<bdi class="app">${escaped}</bdi>`);
    expect(text).toContain(`aria-label="Disconnect ${escaped}"`);
    expect(text).not.toMatch(/<img|<form action=/);
  });

  it("shows an app that has not fetched its token yet, which can be disconnected", async () => {
    const user = someone();
    const { client, redirectTo } = await connect(user, { isRedeemed: false });
    const browser = await signedIn(user);
    const seen = await browser.open("/apps");
    expect(words(seen)).toContain("not finished by the app yet");
    await submit(browser, seen, "/apps/revoke");
    expect(await redeemAt(client, redirectTo)).toMatchObject({ error: "invalid_grant" });
  });

  it("shows an app whose record it cannot read in full, so that it can be disconnected", async () => {
    const user = someone();
    const { grantId } = await connect(user);
    const name = `grant:${user}:${grantId}`;
    const stored = await OAUTH_KV.get<object>(name, "json");
    await OAUTH_KV.put(name, JSON.stringify({ ...stored, metadata: null }));
    expect(words(await (await signedIn(user)).open("/apps"))).toContain("Unnamed application on this computer");
  });

  it("shows no app whose access has ended, also where storage has not heard of it", async () => {
    const user = someone();
    const { grantId } = await connect(user);
    const name = `grant:${user}:${grantId}`;
    const stored = (await OAUTH_KV.get(name)) ?? "";
    await grantObjectOf(env, { userId: user, grantId }).revoke({ userId: user, grantId });
    await OAUTH_KV.put(name, stored);
    expect(rows(await (await signedIn(user)).open("/apps"))).toEqual([]);
  });
});

describe("many apps", () => {
  /** Grants made one after the other, under ids that say nothing about their order. */
  async function crowd(user: string, count: number): Promise<string[]> {
    const { grantId } = await connect(user);
    const first = await OAUTH_KV.get<{ createdAt: number; expiresAt: number }>(`grant:${user}:${grantId}`, "json");
    if (!first) throw new Error("There is no grant.");
    const ids = [grantId];
    for (let made = 1; made < count; made++) {
      const id = (await sha256(`${user} ${made}`)).slice(0, 16);
      const [createdAt, expiresAt] = [first.createdAt + made, first.expiresAt + made];
      await OAUTH_KV.put(`grant:${user}:${id}`, JSON.stringify({ ...first, id, createdAt, expiresAt }), {
        expiration: expiresAt,
      });
      ids.unshift(id);
    }
    return ids;
  }

  it("come newest first, 20 a page", async () => {
    const user = someone();
    const newest = await crowd(user, 43);
    const browser = await signedIn(user);
    const pages = [await browser.open("/apps")];
    for (let turns = 0; turns < 5; turns++) {
      const [, more] = /href="(\/apps\?cursor=[^"]+)"/.exec(pages.at(-1)?.text ?? "") ?? [];
      if (more === undefined) break;
      pages.push(await browser.open(more));
    }
    expect(pages.map((page) => rows(page).length)).toEqual([20, 20, 3]);
    expect(pages.flatMap(rows)).toEqual(newest);
  });

  it("go on after the same app when the last one of a page is disconnected meanwhile", async () => {
    const user = someone();
    const newest = await crowd(user, 22);
    const browser = await signedIn(user);
    const first = await browser.open("/apps");
    const [, more = ""] = /href="(\/apps\?cursor=[^"]+)"/.exec(first.text) ?? [];
    await submit(browser, first, "/apps/revoke", { grantId: newest[19] ?? "" });
    expect(rows(await browser.open(more))).toEqual(newest.slice(20));
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
  ])("start at the first page for the cursor %s", async (cursor) => {
    const user = someone();
    const { grantId } = await connect(user);
    const seen = await (await signedIn(user)).open(`/apps?cursor=${cursor}`);
    expect([seen.status, rows(seen)]).toEqual([200, [grantId]]);
  });

  it("show nobody else's, whatever the cursor", async () => {
    const [ada, eve] = [someone(), someone()];
    await crowd(ada, 22);
    const [, cursor = ""] =
      /href="\/apps\?cursor=([^"]+)"/.exec((await (await signedIn(ada)).open("/apps")).text) ?? [];
    const { grantId } = await connect(eve);
    expect(rows(await (await signedIn(eve)).open(`/apps?cursor=${cursor}`))).toEqual([grantId]);
  });
});

describe("disconnecting an app", () => {
  it("ends its token and its refresh at once, forgets its approvals, leaves a record, and goes back to the page", async () => {
    const user = someone();
    const [doomed, kept] = [await connect(user, { name: "Doomed" }), await connect(user, { name: "Kept" })];
    const approval = (name: string) => `approval:${user}:${name}`;
    await OAUTH_KV.put(approval("doomed"), "{}", { metadata: { clientId: doomed.client } });
    await OAUTH_KV.put(approval("kept"), "{}", { metadata: { clientId: kept.client } });
    const browser = await signedIn(user);
    const gone = await submit(browser, await browser.open("/apps"), "/apps/revoke", { grantId: doomed.grantId });
    expect([gone.status, gone.next]).toEqual([303, "/apps"]);
    expect([await doomed.works(), await doomed.refresh(), await kept.works(), await kept.refresh()]).toEqual([
      false,
      400,
      true,
      200,
    ]);
    expect([await OAUTH_KV.get(approval("doomed")), await OAUTH_KV.get(approval("kept"))]).toEqual([null, "{}"]);
    expect(rows(await browser.open("/apps"))).toEqual([kept.grantId]);
    expect(audit.mock.calls).toMatchObject([
      [{ event: "audit", type: "grant.revoked", subject: user, clientId: doomed.client }],
    ]);
  });

  it("a second time says that it is not connected any more", async () => {
    const user = someone();
    await connect(user);
    const browser = await signedIn(user);
    const page = await browser.open("/apps");
    await submit(browser, page, "/apps/revoke");
    const again = await submit(browser, page, "/apps/revoke");
    expect(again.status).toBe(404);
    expect(words(again)).toContain("Not connected any more");
    expect(audit).toHaveBeenCalledOnce();
  });

  it("of somebody else changes nothing", async () => {
    const [ada, eve] = [await connect(someone()), someone()];
    await connect(eve);
    const browser = await signedIn(eve);
    const page = await browser.open("/apps");
    expect((await submit(browser, page, "/apps/revoke", { grantId: ada.grantId })).status).toBe(404);
    expect([await ada.works(), await ada.refresh()]).toEqual([true, 200]);
    expect(audit).not.toHaveBeenCalled();
  });

  it.each([
    "",
    "x",
    "AAAAAAAAAAAAAAAAA",
    "a:b:c:d:e:f:g:h:",
    "../../../../../../",
    "AAAAAAAAAAAAAAA\n",
    "A".repeat(600),
  ])("needs the name of a grant, not %j", async (grantId) => {
    const user = someone();
    await connect(user);
    const browser = await signedIn(user);
    expect((await submit(browser, await browser.open("/apps"), "/apps/revoke", { grantId })).status).toBe(404);
  });
});

describe("disconnecting everything", () => {
  it("ends every app, every approval and every browser session, and says so", async () => {
    const user = someone();
    const apps = [await connect(user), await connect(user)];
    const other = await connect(someone());
    await OAUTH_KV.put(`approval:${user}:one`, "{}", { metadata: { clientId: "anybody" } });
    const [browser, elsewhere] = [await signedIn(user), await signedIn(user)];
    const seen = await submit(browser, await browser.open("/apps"), "/apps/revoke-all");
    expect(seen.status).toBe(200);
    expect(words(seen)).toContain(
      "No app has access to your account any more, and you are signed out in every browser.",
    );
    for (const { works, refresh } of apps) expect([await works(), await refresh()]).toEqual([false, 400]);
    expect(await other.works()).toBe(true);
    expect(await OAUTH_KV.get(`approval:${user}:one`)).toBeNull();
    expect(browser.cookies.has(COOKIE)).toBe(false);
    expect((await elsewhere.open("/apps")).status).toBe(303);
    expect(audit.mock.calls).toMatchObject([[{ type: "user.revoked", subject: user }]]);
  });
});

describe("while the auth Worker is down", () => {
  const down = envWith({
    createApiKey: throwing,
    listApiKeys: throwing,
    revokeApiKey: throwing,
    mintToken: throwing,
    getUser: throwing,
  });

  it("apps are shown and can be disconnected, and the page says that keys cannot be shown", async () => {
    quiet();
    const user = someone();
    const { grantId, works } = await connect(user);
    const browser = await signedIn(user, down);
    const page = await browser.open("/apps");
    expect([page.status, rows(page)]).toEqual([200, [grantId]]);
    expect(words(page)).toContain("Your keys cannot be shown right now.");
    expect((await submit(browser, page, "/apps/revoke")).status).toBe(303);
    expect(await works()).toBe(false);
  });

  it("everything can be disconnected, and anybody can sign out", async () => {
    quiet();
    const user = someone();
    const { works } = await connect(user);
    const [browser, other] = [await signedIn(user, down), await signedIn(user, down)];
    expect((await submit(other, await other.open("/apps"), "/logout")).status).toBe(200);
    expect((await submit(browser, await browser.open("/apps"), "/apps/revoke-all")).status).toBe(200);
    expect(await works()).toBe(false);
  });
});

describe("signing out", () => {
  it("is asked for, ends the session everywhere, and leaves apps connected", async () => {
    const user = someone();
    const { works } = await connect(user);
    const browser = await signedIn(user);
    const copied = browser.cookies.get(COOKIE) ?? "";
    const page = await browser.open("/logout");
    expect(words(page)).toContain("Sign out?");
    expect((await browser.open("/apps")).status, "a link signs nobody out").toBe(200);
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

  it("of nobody says that nobody is signed in", async () => {
    expect(words(await new Browser(env).open("/logout"))).toContain("Nobody is signed in");
  });
});
