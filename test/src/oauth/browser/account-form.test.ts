// The forms of a person's own page: each does what it says for whoever sees it, and nothing for anybody else.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Browser, envWith, form } from "../browser.ts";
import {
  connect,
  formFor,
  KEY_FIELDS,
  keeper,
  keyOf,
  SAME_ORIGIN,
  signedIn,
  someone,
  submit,
  words,
} from "../signed-in-user.ts";

const audit = vi.fn();
beforeEach(() => {
  vi.spyOn(console, "log").mockImplementation((line: unknown) => audit(JSON.parse(String(line))));
});
afterEach(() => {
  vi.restoreAllMocks();
  audit.mockClear();
});

/** Each form, with what makes it do something. */
const FORMS: readonly (readonly [action: string, fields: Record<string, string>])[] = [
  ["/apps/revoke", {}],
  ["/apps/revoke-all", {}],
  ["/apps/keys", KEY_FIELDS],
  ["/apps/keys/revoke", {}],
  ["/apps/token", {}],
  ["/logout", {}],
];

describe.each(FORMS)("the form for %s", (action, filled) => {
  /** Somebody with an app and a key, at their page; and whether all of that is still as it was. */
  async function arrive() {
    const user = someone();
    const { auth, keys, asked } = keeper([keyOf()]);
    const over = envWith(auth);
    const { works } = await connect(user);
    const browser = await signedIn(user, over);
    const page = await browser.open("/apps");
    const isUntouched = async () =>
      (await works()) && keys.length === 1 && asked.length === 0 && (await browser.open("/apps")).status === 200;
    return { user, over, browser, page, isUntouched };
  }

  it("does something", async () => {
    const { browser, page, isUntouched } = await arrive();
    expect([200, 303]).toContain((await submit(browser, page, action, filled)).status);
    expect(audit).toHaveBeenCalledOnce();
    if (action !== "/apps/token") expect(await isUntouched()).toBe(false);
  });

  it.each([
    ["from another site", { "Sec-Fetch-Site": "cross-site" }, 403],
    ["from a neighbour's subdomain", { "Sec-Fetch-Site": "same-site" }, 403],
    ["with another Origin", { Origin: "https://evil.test" }, 403],
    ["with an opaque Origin", { Origin: "null" }, 403],
    ["of another media type", { "Content-Type": "text/plain" }, 415],
  ])("%s is refused", async (_, headers, status) => {
    const { browser, page, isUntouched } = await arrive();
    expect((await submit(browser, page, action, filled, headers)).status).toBe(status);
    expect(await isUntouched()).toBe(true);
  });

  it("without our token, with that of another form, or of another session is refused", async () => {
    const { user, over, browser, page, isUntouched } = await arrive();
    const elsewhere = await (await signedIn(user, over)).open("/apps");
    const tokens = [
      "",
      "x",
      "A".repeat(43),
      formFor(page, action === "/logout" ? "/apps/revoke" : "/logout").fields.csrf ?? "",
      formFor(elsewhere, action).fields.csrf ?? "",
    ];
    for (const csrf of tokens) {
      const refused = await submit(browser, page, action, { ...filled, csrf });
      expect(refused.status, csrf).toBe(400);
      expect(words(refused)).toContain("This page was out of date");
    }
    expect(await isUntouched()).toBe(true);
  });

  it("that is too long, or names a field twice, is refused", async () => {
    const { browser, page, isUntouched } = await arrive();
    expect((await submit(browser, page, action, { ...filled, padding: "x".repeat(8_192) })).status).toBe(413);
    const fields = [...Object.entries({ ...formFor(page, action).fields, ...filled })];
    for (const [name] of fields) {
      const twice = new URLSearchParams([...fields, [name, "again"]]);
      expect((await browser.open(action, { ...form({}, SAME_ORIGIN), body: twice.toString() })).status, name).toBe(400);
    }
    expect((await browser.open(`${action}?a=1&a=2`, form(formFor(page, action).fields, SAME_ORIGIN))).status).toBe(400);
    expect(await isUntouched()).toBe(true);
  });

  it("does nothing for a browser without a session", async () => {
    const { over, page, isUntouched } = await arrive();
    const refused = await submit(new Browser(over), page, action, filled);
    if (action === "/logout") expect(words(refused)).toContain("Nobody is signed in");
    else expect([refused.status, refused.next]).toEqual([303, expect.stringMatching(/^\/login\?tx=/)]);
    expect(await isUntouched()).toBe(true);
  });

  it("is no link", async () => {
    const { browser } = await arrive();
    expect((await browser.open(action)).status).toBe(action === "/logout" ? 200 : 405);
  });
});

it("a form made before the secret was rotated is still good", async () => {
  const old = "the root secret of before, that these tests know";
  const user = someone();
  const { works } = await connect(user);
  const before = await signedIn(user, envWith(keeper().auth, { SERVICE_BINDING_SECRET: old }));
  const page = await before.open("/apps");
  const after = new Browser(envWith(keeper().auth, { SERVICE_BINDING_SECRET_PREVIOUS: old }));
  for (const [name, value] of before.cookies) after.cookies.set(name, value);
  expect((await submit(after, page, "/apps/revoke")).status).toBe(303);
  expect(await works()).toBe(false);
});
