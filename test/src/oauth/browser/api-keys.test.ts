// A person's API keys and access tokens: made once, shown once, kept out of every log, and gone when they say so.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AuthContract } from "../../../../contracts/auth.ts";
import type { TenantId } from "../../../../contracts/rpc/identity.ts";
import { Browser, envWith, ORIGIN, quiet, throwing, userId } from "../browser.ts";
import {
  COOKIE,
  formFor,
  KEY,
  KEY_FIELDS,
  keeper,
  keyOf,
  signedIn,
  someone,
  submit,
  TOKEN,
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

describe("API keys", () => {
  it("are made as asked, in the person's own name, and shown once", async () => {
    const user = someone();
    const { auth, asked } = keeper();
    const browser = await signedIn(user, envWith(auth));
    const made = await submit(browser, await browser.open("/apps"), "/apps/keys", {
      ...{ name: "  Build\u202E \n server ", environment: "test", scope: "generate", days: "30" },
    });
    expect(made.status).toBe(200);
    expect(made.text).toContain(`<code class="secret">${KEY}</code>`);
    expect(words(made)).toContain("We cannot show it again.");
    expect(words(made)).toContain("Authorization: Bearer &lt;your key&gt;");
    expect(words(made)).toContain(`${ORIGIN}/mcp`);
    expect(asked).toMatchObject([
      {
        claims: {
          sub: user,
          tenant: `t_${user}`,
          tier: "free",
          scope: ["read", "generate"],
          cid: "gateway",
          aud: "auth",
          tool: "createApiKey",
        },
        input: { name: "Build server", environment: "test", scopes: ["read", "generate"], expiresInDays: 30 },
      },
    ]);
    expect(audit.mock.calls).toMatchObject([
      [{ type: "key.created", subject: user, clientId: "key:key_1", scopes: ["read", "generate"] }],
    ]);
    const after = await browser.open("/apps");
    expect(words(after)).toContain(
      "Build server Test Can see your flows, your pictures and the image models, run flows",
    );
    expect(words(after)).toContain("Made 15 Jan 2027 , works until 14 Feb 2027 .");
    expect(after.text).not.toContain(KEY);
  });

  it.each([
    ["30", 30],
    ["90", 90],
    ["365", 365],
    ["never", null],
  ])("work for %s", async (days, expiresInDays) => {
    const { auth, asked } = keeper();
    const browser = await signedIn(someone(), envWith(auth));
    await submit(browser, await browser.open("/apps"), "/apps/keys", { ...KEY_FIELDS, days });
    expect(asked).toMatchObject([{ input: { scopes: ["read"], expiresInDays } }]);
    if (days === "never") expect(words(await browser.open("/apps"))).toContain("works until you revoke it");
  });

  it("are made once by one form, also by five that are sent together", async () => {
    const { auth, keys } = keeper();
    const browser = await signedIn(someone(), envWith(auth));
    const page = await browser.open("/apps");
    const answers = await Promise.all(Array.from({ length: 5 }, () => submit(browser, page, "/apps/keys", KEY_FIELDS)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400, 400, 400]);
    expect(words(answers.find(({ status }) => status === 400) ?? page)).toContain("Already used");
    expect(answers.filter(({ text }) => text.includes(KEY))).toHaveLength(1);
    expect(keys).toHaveLength(1);
  });

  it.each(["", "x", "A".repeat(23)])("are not made by a form whose one-time value is %j", async (once) => {
    const { auth, keys } = keeper();
    const browser = await signedIn(someone(), envWith(auth));
    expect((await submit(browser, await browser.open("/apps"), "/apps/keys", { ...KEY_FIELDS, once })).status).toBe(
      400,
    );
    expect(keys).toEqual([]);
  });

  it.each([
    ["no name", { name: " \u200B " }, "Give the key a name of at most 60 characters"],
    ["a long name", { name: "n".repeat(61) }, "Give the key a name of at most 60 characters"],
    ["no kind", { environment: "" }, "Choose whether the key is live or for tests."],
    ["another kind", { environment: "production" }, "Choose whether the key is live or for tests."],
    ["another scope", { scope: "admin" }, "Choose whether the key may generate."],
    ["another lifetime", { days: "9999" }, "Choose how long the key works."],
    ["no lifetime", { days: "" }, "Choose how long the key works."],
  ])("with %s are not made; the form says why, keeps the rest, and can be sent again", async (_, wrong, sentence) => {
    const { auth, keys, asked } = keeper();
    const browser = await signedIn(someone(), envWith(auth));
    const page = await browser.open("/apps");
    const refused = await submit(browser, page, "/apps/keys", {
      name: `"My" key`,
      environment: "test",
      days: "365",
      ...wrong,
    });
    expect(refused.status).toBe(400);
    expect(refused.text).toMatch(new RegExp(`role="alert">${sentence}`));
    if (!("name" in wrong)) expect(refused.text).toContain('value="&quot;My&quot; key"');
    if (!("environment" in wrong)) expect(refused.text).toContain('value="test" checked');
    if (!("days" in wrong)) expect(refused.text).toContain('value="365" selected');
    expect(asked).toEqual([]);
    expect((await submit(browser, refused, "/apps/keys", KEY_FIELDS)).status).toBe(200);
    expect(keys).toHaveLength(1);
  });

  it.each([
    ["too_many_keys", "You have 20 keys, which is the most. Revoke one first."],
    ["name_not_usable", "Give the key a name that can be read"],
    ["user_not_found", "This account does not exist any more."],
  ] as const)("that the auth Worker refuses as %s are not made, and its reason is told", async (code, sentence) => {
    const over = envWith({ ...keeper().auth, createApiKey: async () => ({ ok: false, error: { code } }) });
    const browser = await signedIn(someone(), over);
    const refused = await submit(browser, await browser.open("/apps"), "/apps/keys", KEY_FIELDS);
    expect(refused.status).toBe(409);
    expect(words(refused)).toContain(sentence);
    expect(audit).not.toHaveBeenCalled();
  });

  it("that have ended are shown as such, until they are revoked", async () => {
    const browser = await signedIn(someone(), envWith(keeper([keyOf({ expiresAt: 86_400 })]).auth));
    expect(words(await browser.open("/apps"))).toContain("ended 2 Jan 1970 .");
  });

  it("show names as the text that they are, whoever made them", async () => {
    const key = keyOf({ keyId: `"><script>`, name: "<b>\u202Ebold</b>" });
    const { text } = await (await signedIn(someone(), envWith(keeper([key]).auth))).open("/apps");
    expect(text).toContain('<bdi class="app">&lt;b&gt;bold&lt;/b&gt;</bdi>');
    expect(text).toContain('value="&quot;&gt;&lt;script&gt;"');
  });

  it("are revoked, which leaves a record", async () => {
    const user = someone();
    const { auth, keys, asked } = keeper([keyOf(), keyOf({ keyId: "key_b", name: "B" })]);
    const browser = await signedIn(user, envWith(auth));
    const page = await browser.open("/apps");
    const gone = await submit(browser, page, "/apps/keys/revoke", { keyId: "key_b" });
    expect([gone.status, gone.next]).toEqual([303, "/apps#keys"]);
    expect(keys.map(({ keyId }) => keyId)).toEqual(["key_a"]);
    expect(asked).toMatchObject([{ method: "revokeApiKey", claims: { sub: user }, input: { keyId: "key_b" } }]);
    expect(audit.mock.calls).toMatchObject([[{ type: "key.revoked", subject: user, clientId: "key:key_b" }]]);
    expect((await submit(browser, page, "/apps/keys/revoke", { keyId: "key_b" })).status, "again").toBe(404);
  });

  it.each(["", "k".repeat(65)])("that no key can be called (%j) are not asked for", async (keyId) => {
    const { auth, asked } = keeper([keyOf()]);
    const browser = await signedIn(someone(), envWith(auth));
    expect((await submit(browser, await browser.open("/apps"), "/apps/keys/revoke", { keyId })).status).toBe(404);
    expect(asked).toEqual([]);
  });
});

describe("an access token", () => {
  it("is for this gateway only, made in the person's own name, and shown once", async () => {
    const user = someone();
    const { auth, asked } = keeper();
    const browser = await signedIn(user, envWith(auth));
    const page = await browser.open("/apps");
    const made = await submit(browser, page, "/apps/token", { scope: "generate" });
    expect(made.text).toContain(`<code class="secret">${TOKEN}</code>`);
    expect(words(made)).toContain("It works until 09:00 UTC");
    expect(asked).toMatchObject([
      { claims: { sub: user }, input: { audience: `${ORIGIN}/mcp`, scopes: ["read", "generate"] } },
    ]);
    expect(audit.mock.calls).toMatchObject([[{ type: "token.minted", subject: user, scopes: ["read", "generate"] }]]);
    const again = await submit(browser, page, "/apps/token", { scope: "generate" });
    expect([again.status, again.text.includes(TOKEN), asked.length]).toEqual([400, false, 1]);
    expect(words(again)).toContain("Already used");
  });

  it("may only read where nothing else was ticked, and nothing that is not offered", async () => {
    const { auth, asked } = keeper();
    const browser = await signedIn(someone(), envWith(auth));
    const page = await browser.open("/apps");
    expect((await submit(browser, page, "/apps/token", { scope: "admin" })).status).toBe(400);
    await submit(browser, page, "/apps/token");
    expect(asked).toMatchObject([{ input: { scopes: ["read"] } }]);
  });
});

it("no key and no token is in a log or a record", async () => {
  const lines: unknown[] = [];
  for (const level of ["log", "info", "warn", "error", "debug"] as const) {
    vi.spyOn(console, level).mockImplementation((...parts: unknown[]) => lines.push(parts));
  }
  const sent = vi.fn(async () => undefined);
  const over = envWith(keeper().auth, { PLATFORM_EVENTS_QUEUE: { send: sent } as unknown as Queue });
  const browser = await signedIn(someone(), over);
  const page = await browser.open("/apps");
  const answers = [await submit(browser, page, "/apps/keys", KEY_FIELDS), await submit(browser, page, "/apps/token")];
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  expect(sent).toHaveBeenCalledTimes(2);
  const said = JSON.stringify([lines, sent.mock.calls]);
  for (const secret of [KEY, TOKEN, browser.cookies.get(COOKIE) ?? "", formFor(page, "/apps/keys").fields.csrf ?? ""]) {
    expect(secret.length).toBeGreaterThan(40);
    expect(said).not.toContain(secret);
  }
});

describe("while the auth Worker is down", () => {
  /** Somebody at their page, in whose browser the auth Worker is then gone, or some of it. */
  async function cutOff(without: Partial<AuthContract>) {
    const up = keeper([keyOf()]);
    const before = await signedIn(someone(), envWith(up.auth));
    const page = await before.open("/apps");
    const browser = new Browser(envWith({ ...up.auth, ...without }));
    for (const [name, value] of before.cookies) browser.cookies.set(name, value);
    quiet();
    return { before, browser, page };
  }

  it.each([
    ["/apps/keys", KEY_FIELDS, { createApiKey: throwing }, "a key may have been made"],
    ["/apps/keys/revoke", { keyId: "key_a" }, { revokeApiKey: throwing }, "The key may still work"],
    ["/apps/token", {}, { mintToken: throwing }, "No token right now"],
  ])("%s is 503 and says what is not known", async (action, fields, without, sentence) => {
    const { browser, page } = await cutOff(without);
    const refused = await submit(browser, page, action, fields);
    expect([refused.status, refused.response.headers.get("Retry-After")]).toEqual([503, "10"]);
    expect(words(refused)).toContain(sentence);
    expect(refused.text).not.toContain("a secret of the auth Worker");
    expect(audit).not.toHaveBeenCalled();
  });

  it.each([
    ["/apps/keys", KEY_FIELDS],
    ["/apps/token", {}],
  ])("%s makes nothing where the account cannot be checked, and its form can be sent again", async (action, fields) => {
    const { before, browser, page } = await cutOff({ getUser: throwing });
    const refused = await submit(browser, page, action, fields);
    expect(refused.status).toBe(503);
    expect(words(refused)).toContain("was made Your account could not be checked.");
    expect(audit).not.toHaveBeenCalled();
    expect((await submit(before, page, action, fields)).status).toBe(200);
  });
});

it.each([
  ["/apps/keys", KEY_FIELDS],
  ["/apps/token", {}],
])("%s asks to sign in again where the session is from before something that ended it", async (action, fields) => {
  const { auth, asked } = keeper();
  const newer: Partial<AuthContract> = {
    getUser: async (_call, { userId: asked }) => ({
      ok: true,
      value: {
        ...{
          userId: userId(asked),
          tenantId: `t_${asked}` as TenantId,
          email: "ada@example.com",
          name: "Ada",
          tier: "pro" as const,
        },
        ...{ isActive: true, sessionVersion: 1 },
      },
    }),
  };
  const browser = await signedIn(someone(), envWith({ ...auth, ...newer }));
  const refused = await submit(browser, await browser.open("/apps"), action, fields);
  expect([refused.status, refused.next]).toEqual([303, expect.stringMatching(/^\/login\?tx=/)]);
  expect(asked).toEqual([]);
});
