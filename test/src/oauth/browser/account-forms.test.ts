// The forms of the account pages: each works for the signed-in user who sees it, and for no other
// request.
import { describe, expect, it } from "vitest";
import { Browser, envWith, form } from "../browser.ts";
import {
  fakeKeyStore,
  formFor,
  KEY_FIELDS,
  keyWith,
  newGrant,
  newUserId,
  SAME_ORIGIN,
  signedInBrowser,
  submit,
  useAuditLog,
  words,
} from "../signed-in-user.ts";

const audit = useAuditLog();

/** Each form with fields that make it effective. */
const FORMS: readonly (readonly [action: string, fields: Record<string, string>])[] = [
  ["/apps/revoke", {}],
  ["/apps/revoke-all", {}],
  ["/apps/keys", KEY_FIELDS],
  ["/apps/keys/revoke", {}],
  ["/apps/token", {}],
  ["/apps/data", {}],
  ["/logout", {}],
];

describe.each(FORMS)("the form for %s", (action, filled) => {
  /**
   * A user with an app and a key on the account page. `isUnchanged`: app, key and session are as
   * before.
   */
  async function newAccountPage() {
    const user = newUserId();
    const { auth, keys, calls } = fakeKeyStore([keyWith()]);
    const over = envWith(auth);
    const { works } = await newGrant(user);
    const browser = await signedInBrowser(user, over);
    const page = await browser.open("/apps");
    const isUnchanged = async () =>
      (await works()) && keys.length === 1 && calls.length === 0 && (await browser.open("/apps")).status === 200;
    return { user, over, browser, page, isUnchanged };
  }

  it("has an effect", async () => {
    const { browser, page, isUnchanged } = await newAccountPage();
    expect([200, 303]).toContain((await submit(browser, page, action, filled)).status);
    expect(audit).toHaveBeenCalledOnce();
    if (action !== "/apps/token" && action !== "/apps/data") expect(await isUnchanged()).toBe(false);
  });

  it.each([
    ["from another site", { "Sec-Fetch-Site": "cross-site" }, 403],
    ["from another subdomain of the site", { "Sec-Fetch-Site": "same-site" }, 403],
    ["with another Origin", { Origin: "https://evil.test" }, 403],
    ["with an opaque Origin from another site", { Origin: "null", "Sec-Fetch-Site": "cross-site" }, 403],
    ["with an opaque Origin from another subdomain", { Origin: "null", "Sec-Fetch-Site": "same-site" }, 403],
    ["with an opaque Origin from no site", { Origin: "null", "Sec-Fetch-Site": "none" }, 403],
    ["with an opaque Origin and no statement about the site", { Origin: "null", "Sec-Fetch-Site": "" }, 403],
    ["of another media type", { "Content-Type": "text/plain" }, 415],
  ])("%s is refused", async (_, headers, status) => {
    const { browser, page, isUnchanged } = await newAccountPage();
    expect((await submit(browser, page, action, filled, headers)).status).toBe(status);
    expect(await isUnchanged()).toBe(true);
  });

  it("is accepted with an opaque Origin from this page, as privacy settings send it", async () => {
    const { browser, page } = await newAccountPage();
    expect([200, 303]).toContain((await submit(browser, page, action, filled, { Origin: "null" })).status);
    expect(audit).toHaveBeenCalledOnce();
  });

  it("without our token, or with that of another form or session, is refused", async () => {
    const { user, over, browser, page, isUnchanged } = await newAccountPage();
    const otherSession = await (await signedInBrowser(user, over)).open("/apps");
    const tokens = [
      "",
      "x",
      "A".repeat(43),
      formFor(page, action === "/logout" ? "/apps/revoke" : "/logout").fields.csrf ?? "",
      formFor(otherSession, action).fields.csrf ?? "",
    ];
    for (const csrf of tokens) {
      const refused = await submit(browser, page, action, { ...filled, csrf });
      expect(refused.status, csrf).toBe(400);
      expect(words(refused)).toContain("This page was out of date");
    }
    expect(await isUnchanged()).toBe(true);
  });

  it("that is too long, or repeats a field, is refused", async () => {
    const { browser, page, isUnchanged } = await newAccountPage();
    expect((await submit(browser, page, action, { ...filled, padding: "x".repeat(8_192) })).status).toBe(413);
    const fields = [...Object.entries({ ...formFor(page, action).fields, ...filled })];
    for (const [name] of fields) {
      const repeated = new URLSearchParams([...fields, [name, "again"]]);
      const init = { ...form({}, SAME_ORIGIN), body: repeated.toString() };
      expect((await browser.open(action, init)).status, name).toBe(400);
    }
    expect((await browser.open(`${action}?a=1&a=2`, form(formFor(page, action).fields, SAME_ORIGIN))).status).toBe(400);
    expect(await isUnchanged()).toBe(true);
  });

  it("has no effect in a browser without a session", async () => {
    const { over, page, isUnchanged } = await newAccountPage();
    const refused = await submit(new Browser(over), page, action, filled);
    if (action === "/logout") expect(words(refused)).toContain("You are not signed in");
    else expect([refused.status, refused.next]).toEqual([303, expect.stringMatching(/^\/login\?tx=/)]);
    expect(await isUnchanged()).toBe(true);
  });

  it("cannot be sent by a link", async () => {
    const { browser } = await newAccountPage();
    const { status, text } = await browser.open(action);
    expect(status).toBe(action === "/logout" ? 200 : 405);
    expect(text, "leads back to the account page").toMatch(/<a [^>]*href="\/apps">Your apps and keys<\/a>/);
  });
});

it("a form from before a rotation of the root secret is still valid", async () => {
  const old = "the root secret of before, that these tests know";
  const user = newUserId();
  const { works } = await newGrant(user);
  const before = await signedInBrowser(user, envWith(fakeKeyStore().auth, { SERVICE_BINDING_SECRET: old }));
  const page = await before.open("/apps");
  const after = before.copy(envWith(fakeKeyStore().auth, { SERVICE_BINDING_SECRET_PREVIOUS: old }));
  expect((await submit(after, page, "/apps/revoke")).status).toBe(303);
  expect(await works()).toBe(false);
});
