// API keys and access tokens of a user: created once, shown once, never logged, and revoked on
// request.
import { describe, expect, it, vi } from "vitest";
import type { AuthContract } from "../../../../contracts/auth.ts";
import { EVENTUALLY } from "../../../support/eventually.ts";
import { AUTH, envWith, ORIGIN, quiet, type Seen, throwing } from "../browser.ts";
import {
  COOKIE,
  fakeKeyStore,
  formFor,
  KEY,
  KEY_FIELDS,
  keyWith,
  newUserId,
  signedInBrowser,
  submit,
  TOKEN,
  useAuditLog,
  withAuditLog,
  words,
} from "../signed-in-user.ts";

const audit = useAuditLog();

describe("API keys", () => {
  it("are created as requested, in the user's own name, and shown once", async () => {
    const user = newUserId();
    const { auth, calls } = fakeKeyStore();
    const browser = await signedInBrowser(user, envWith(auth));
    const created = await submit(browser, await browser.open("/apps"), "/apps/keys", {
      ...{ name: "  Build\u202E \n server ", environment: "test", scope: "generate", days: "30" },
    });
    expect(created.status).toBe(200);
    expect(created.text).toContain(`<code class="secret">${KEY}</code>`);
    expect(words(created)).toContain("We cannot show it again.");
    const header = `"Authorization: Bearer ${KEY}"`.replaceAll('"', "&quot;");
    for (const command of [`claude mcp add --transport http stackbilt ${ORIGIN}/mcp --header`, `curl ${ORIGIN}/mcp -H`])
      expect(created.text).toContain(`<pre><code>${command} ${header}`);
    expect(created.text).toContain("&quot;headers&quot;");
    expect(created.text, "no command needs a change").not.toMatch(/\$KEY|&lt;/);
    expect(created.response.headers.get("Cache-Control")).toBe("no-store");
    for (const where of [created.next, ...created.response.headers.values()]) expect(where).not.toContain(KEY);
    expect(calls).toMatchObject([
      {
        claims: {
          sub: user,
          tenant: `t_${user}`,
          tier: "pro",
          scope: ["read", "generate"],
          cid: "gateway",
          aud: "auth",
          method: "createApiKey",
        },
        input: { name: "Build server", environment: "test", scopes: ["read", "generate"], expiresInDays: 30 },
      },
    ]);
    expect(audit.mock.calls).toMatchObject([
      [{ type: "key.created", subject: user, clientId: "key:key_1", scopes: ["read", "generate"] }],
    ]);
    const after = await browser.open("/apps");
    expect(words(after)).toContain(
      "Can see your architecture flows; see your images and the image models; create and run architecture flows",
    );
    expect(words(after)).toContain("Created 15 Jan 2027 , works until 14 Feb 2027 ; no use recorded.");
    expect(words(after)).toContain("Build server Test sb_live_k3yk… Can");
    expect(after.text).not.toContain(KEY);
  });

  it.each([
    ["30", 30],
    ["90", 90],
    ["365", 365],
    ["never", null],
  ])("work for %s", async (days, expiresInDays) => {
    const { auth, calls } = fakeKeyStore();
    const browser = await signedInBrowser(newUserId(), envWith(auth));
    await submit(browser, await browser.open("/apps"), "/apps/keys", { ...KEY_FIELDS, days });
    expect(calls).toMatchObject([{ input: { scopes: ["read"], expiresInDays } }]);
    if (days === "never") expect(words(await browser.open("/apps"))).toContain("works until you revoke it");
  });

  it.each(["", "x", "A".repeat(23)])("are not created by a form whose one-time value is %j", async (once) => {
    const { auth, keys } = fakeKeyStore();
    const browser = await signedInBrowser(newUserId(), envWith(auth));
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
  ])(
    "with %s are not created; the form tells why, keeps the rest, and can be sent again",
    async (_, wrong, sentence) => {
      const { auth, keys, calls } = fakeKeyStore();
      const browser = await signedInBrowser(newUserId(), envWith(auth));
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
      expect(calls).toEqual([]);
      expect((await submit(browser, refused, "/apps/keys", KEY_FIELDS)).status).toBe(200);
      expect(keys).toHaveLength(1);
    },
  );

  it.each([
    ["too_many_keys", "You have 20 keys, which is the maximum. Revoke one first."],
    ["name_not_usable", "Give the key a name with visible characters"],
    ["user_not_found", "This account does not exist any more."],
  ] as const)("that the auth Worker refuses as %s are not created, and the page tells why", async (code, sentence) => {
    const over = envWith({ ...fakeKeyStore().auth, createApiKey: async () => ({ ok: false, error: { code } }) });
    const browser = await signedInBrowser(newUserId(), over);
    const refused = await submit(browser, await browser.open("/apps"), "/apps/keys", KEY_FIELDS);
    expect(refused.status).toBe(409);
    expect(words(refused)).toContain(sentence);
    expect(audit).not.toHaveBeenCalled();
  });

  it("that have expired are marked, until they are revoked", async () => {
    const browser = await signedInBrowser(newUserId(), envWith(fakeKeyStore([keyWith({ expiresAt: 86_400 })]).auth));
    expect(words(await browser.open("/apps"))).toContain("expired 2 Jan 1970 ; no use recorded.");
  });

  it("are listed with their beginning and their last use", async () => {
    const key = keyWith({ prefix: "sb_live_<b>", lastUsedAt: 1_800_000_000 });
    const { text } = await (await signedInBrowser(newUserId(), envWith(fakeKeyStore([key]).auth))).open("/apps");
    expect(text).toContain("<code>sb_live_&lt;b&gt;…</code>");
    expect(words({ text } as Seen)).toContain("works until you revoke it; last used 15 Jan 2027 at 08:00 UTC .");
  });

  it("have names that are shown as text, never as markup", async () => {
    const key = keyWith({ keyId: `"><script>`, name: "<b>\u202Ebold</b>" });
    const { text } = await (await signedInBrowser(newUserId(), envWith(fakeKeyStore([key]).auth))).open("/apps");
    expect(text).toContain('<bdi class="app">&lt;b&gt;bold&lt;/b&gt;</bdi>');
    expect(text).toContain('value="&quot;&gt;&lt;script&gt;"');
  });

  it("are revoked, which leaves an audit record", async () => {
    const user = newUserId();
    const { auth, keys, calls } = fakeKeyStore([keyWith(), keyWith({ keyId: "key_b", name: "B" })]);
    const browser = await signedInBrowser(user, envWith(auth));
    const page = await browser.open("/apps");
    const gone = await submit(browser, page, "/apps/keys/revoke", { keyId: "key_b" });
    expect([gone.status, gone.next]).toEqual([303, "/apps#keys"]);
    expect(keys.map(({ keyId }) => keyId)).toEqual(["key_a"]);
    expect(calls).toMatchObject([{ method: "revokeApiKey", claims: { sub: user }, input: { keyId: "key_b" } }]);
    expect(audit.mock.calls).toMatchObject([[{ type: "key.revoked", subject: user, clientId: "key:key_b" }]]);
    expect((await submit(browser, page, "/apps/keys/revoke", { keyId: "key_c" })).status, "an unknown one").toBe(404);
  });

  it.each(["", "k".repeat(65)])("with an impossible id (%j) are not looked up", async (keyId) => {
    const { auth, calls } = fakeKeyStore([keyWith()]);
    const browser = await signedInBrowser(newUserId(), envWith(auth));
    expect((await submit(browser, await browser.open("/apps"), "/apps/keys/revoke", { keyId })).status).toBe(404);
    expect(calls).toEqual([]);
  });
});

describe("an access token", () => {
  it("is for this gateway only, created in the user's own name, and shown once", async () => {
    const user = newUserId();
    const { auth, calls } = fakeKeyStore();
    const browser = await signedInBrowser(user, envWith(auth));
    const page = await browser.open("/apps");
    const created = await submit(browser, page, "/apps/token", { scope: "generate" });
    expect(created.text).toContain(`<code class="secret">${TOKEN}</code>`);
    expect(created.text).toContain(`--header &quot;Authorization: Bearer ${TOKEN}&quot;</code></pre>`);
    expect(words(created)).toContain("It works until 09:00 UTC");
    expect(calls).toMatchObject([
      { claims: { sub: user }, input: { audience: `${ORIGIN}/mcp`, scopes: ["read", "generate"] } },
    ]);
    expect(audit.mock.calls).toMatchObject([[{ type: "token.minted", subject: user, scopes: ["read", "generate"] }]]);
    expect((await browser.open("/apps")).text).not.toContain(TOKEN);
  });

  it("has the scope read unless generate was ticked, and never an unknown scope", async () => {
    const { auth, calls } = fakeKeyStore();
    const browser = await signedInBrowser(newUserId(), envWith(auth));
    const page = await browser.open("/apps");
    expect((await submit(browser, page, "/apps/token", { scope: "admin" })).status).toBe(400);
    await submit(browser, page, "/apps/token");
    expect(calls).toMatchObject([{ input: { scopes: ["read"] } }]);
  });
});

it("no key and no token is in a log or an audit record", async () => {
  const lines: unknown[] = [];
  for (const level of ["log", "info", "warn", "error", "debug"] as const) {
    vi.spyOn(console, level).mockImplementation((...parts: unknown[]) => lines.push(parts));
  }
  const sent = vi.fn(async () => undefined);
  const over = envWith(fakeKeyStore().auth, withAuditLog(sent));
  const browser = await signedInBrowser(newUserId(), over);
  const page = await browser.open("/apps");
  const created = [await submit(browser, page, "/apps/keys", KEY_FIELDS), await submit(browser, page, "/apps/token")];
  expect(created.map(({ status }) => status)).toEqual([200, 200]);
  expect(sent).toHaveBeenCalledTimes(2);
  const recorded = JSON.stringify([lines, sent.mock.calls]);
  for (const secret of [KEY, TOKEN, browser.cookies.get(COOKIE) ?? "", formFor(page, "/apps/keys").fields.csrf ?? ""]) {
    expect(secret.length).toBeGreaterThan(40);
    expect(recorded).not.toContain(secret);
  }
});

it("a key is shown only once the audit log has its record, and also if that log is down", async () => {
  quiet();
  const stored = Promise.withResolvers<void>();
  const append = vi.fn(() => stored.promise);
  const queue = vi.fn(async () => undefined);
  const over = { ...withAuditLog(append), PLATFORM_EVENTS_QUEUE: { send: queue } as unknown as Queue };
  const browser = await signedInBrowser(newUserId(), envWith(fakeKeyStore().auth, over));
  const page = await browser.open("/apps");
  const shown = vi.fn();
  const created = submit(browser, page, "/apps/keys", KEY_FIELDS).finally(shown);
  await vi.waitFor(() => expect(append).toHaveBeenCalledOnce(), EVENTUALLY);
  await scheduler.wait(100);
  expect(shown).not.toHaveBeenCalled();
  stored.reject(new Error("the log is down"));
  expect((await created).text).toContain(KEY);
  await vi.waitFor(() => expect(queue.mock.calls).toMatchObject([[{ type: "key.created" }]]), EVENTUALLY);
});

describe("while the auth Worker is down", () => {
  /** A user on the account page, before and after some methods of the auth Worker fail. */
  async function accountPageWithout(without: Partial<AuthContract>) {
    const { auth } = fakeKeyStore([keyWith()]);
    const before = await signedInBrowser(newUserId(), envWith(auth));
    const page = await before.open("/apps");
    const browser = before.copy(envWith({ ...auth, ...without }));
    quiet();
    return { before, browser, page };
  }

  it.each([
    ["/apps/keys", KEY_FIELDS, { createApiKey: throwing }, "a key may have been created"],
    ["/apps/keys/revoke", { keyId: "key_a" }, { revokeApiKey: throwing }, "The key may still work"],
    ["/apps/token", {}, { mintToken: throwing }, "No token right now"],
  ])("%s is 503 and tells what is not known", async (action, fields, without, sentence) => {
    const { browser, page } = await accountPageWithout(without);
    const refused = await submit(browser, page, action, fields);
    expect([refused.status, refused.response.headers.get("Retry-After")]).toEqual([503, "10"]);
    expect(words(refused)).toContain(sentence);
    expect(refused.text).not.toContain("a secret of the auth Worker");
    expect(audit).not.toHaveBeenCalled();
  });

  it.each([
    ["/apps/keys", KEY_FIELDS],
    ["/apps/token", {}],
  ])("%s creates nothing if the account cannot be checked, and its form can be sent again", async (action, fields) => {
    const { before, browser, page } = await accountPageWithout({ getUser: throwing });
    const refused = await submit(browser, page, action, fields);
    expect(refused.status).toBe(503);
    expect(words(refused)).toContain("Nothing was done Your account could not be checked.");
    expect(audit).not.toHaveBeenCalled();
    expect((await submit(before, page, action, fields)).status).toBe(200);
  });
});

it.each([
  ["/apps/keys", KEY_FIELDS],
  ["/apps/token", {}],
])("%s redirects to sign-in if the auth Worker has ended the session", async (action, fields) => {
  const { auth, calls } = fakeKeyStore();
  const newer: Partial<AuthContract> = {
    getUser: async (call, input) => {
      const reply = await AUTH.getUser(call, input);
      return reply.ok ? { ok: true, value: { ...reply.value, sessionVersion: 1 } } : reply;
    },
  };
  const live = await signedInBrowser(newUserId(), envWith(auth));
  const page = await live.open("/apps");
  const refused = await submit(live.copy(envWith({ ...auth, ...newer })), page, action, fields);
  expect([refused.status, refused.next]).toEqual([303, expect.stringMatching(/^\/login\?tx=/)]);
  expect(calls).toEqual([]);
});
