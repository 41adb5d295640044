// The auth Worker as other Workers see it: sign-up, sign-in, tenants and keys over real RPC, on its own database. Social sign-in is
// in auth-social.test.ts.
import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { getMigrations } from "better-auth/db/migration";
import { build, type Plugin } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { auth, type SignIn, type Tenant } from "../../contracts/auth.ts";
import { authOptions } from "../../entrypoints/auth/better-auth.ts";
import { type Env, settingsOf } from "../../entrypoints/auth/settings.ts";
import { mayAttempt } from "../../entrypoints/auth/sign-in-attempts.ts";
import { type Backend, startBackend } from "../support/backend.ts";

const FOLDER = `${import.meta.dirname}/../../entrypoints/auth`;
const PASSWORD = "seven green turtles";
const SECRET = "kX9vQ2mN8rT4wZ7pL1sD6fG3hJ5bC0aY";

let backend: Backend<typeof auth>;
let db: D1Database;

const call = <T = SignIn>(method: string, ...args: unknown[]) => backend.invoke(method, ...args) as Promise<T>;
const register = (email: string, password = PASSWORD, name = "Ada") => call("registerUser", name, email, password);
const signIn = (email: string, password = PASSWORD) => call("authenticateUser", email, password);
const fresh = () => `${randomUUID()}@example.com`;

async function newUser(email = fresh()): Promise<{ userId: string; email: string }> {
  const user = await register(email);
  if (!user.valid) throw new Error(`sign-up refused: ${user.error}`);
  return { userId: user.userId, email };
}

beforeAll(async () => {
  backend = await startBackend({
    contract: auth,
    configPath: "entrypoints/auth/wrangler.toml",
    entrypoint: "AuthEntrypoint",
    secrets: { BETTER_AUTH_SECRET: SECRET },
    d1: "DB",
  });
  db = (await backend.worker.getEnv()).DB;
}, 60_000);
afterAll(() => backend.stop());

describe("signing up", () => {
  test("makes a user with whom one can sign in", async () => {
    const email = fresh();
    const user = await register(email, PASSWORD, "Ada Lovelace");
    expect(user).toEqual({ valid: true, userId: expect.stringMatching(/^[A-Za-z0-9]{32}$/), email, name: "Ada Lovelace" });
    expect(await signIn(email)).toEqual(user);
  });

  test("a taken address is EMAIL_EXISTS, however it is capitalised", async () => {
    const { email } = await newUser();
    expect(await register(email.toUpperCase())).toEqual({ valid: false, error: "EMAIL_EXISTS" });
  });

  test("of many at once with one address, exactly one wins", async () => {
    const email = fresh();
    const replies = await Promise.all(Array.from({ length: 5 }, (_, i) => register(email, `${PASSWORD} number ${i}`)));
    expect(replies.filter((reply) => reply.valid)).toHaveLength(1);
    expect(replies.filter((reply) => !reply.valid && reply.error === "EMAIL_EXISTS")).toHaveLength(4);
    expect(await signIn(email, `${PASSWORD} number ${replies.findIndex((reply) => reply.valid)}`)).toMatchObject({ valid: true });
  });

  test("names and addresses in any script are welcome, and composed characters are one spelling", async () => {
    const local = randomUUID();
    expect(await register(`Jürgen-${local}@example.com`.normalize("NFD"), "пароль из многих слов", "  김  민준 ")).toMatchObject({
      valid: true,
      email: `jürgen-${local}@example.com`.normalize("NFC"),
      name: "김 민준",
    });
    expect(await signIn(`jürgen-${local}@EXAMPLE.com`.normalize("NFC"), "пароль из многих слов")).toMatchObject({ valid: true });
  });

  test.each([
    ["14 characters", "fourteen chars"],
    ["one pattern over and over", "abababababababab"],
    ["an obvious word, padded", "Password-Password-1!"],
    ["the keyboard", "qwertyuiopasdfghjkl"],
    ["the person's own name", "ada.lovelace-ada.lovelace"],
    ["more than 1,024 bytes", "long enough ".repeat(100)],
    ["not a string", 15],
  ])("a password that is %s is refused", async (_, password) => {
    expect(await call("registerUser", "Ada Lovelace", "ada.lovelace@example.com", password)).toEqual({
      valid: false,
      error: "INVALID_CREDENTIALS",
    });
  });

  test.each([
    ["Ada", "no-at-sign"],
    ["Ada", "two@at@example.com"],
    ["Ada", "a@localhost"],
    ["Ada", " spaced@example.com"],
    ["Ada", `${"a".repeat(250)}@example.com`],
    ["", "empty-name@example.com"],
    ["A\u202Eda", "turned-around@example.com"],
    ["x".repeat(101), "long-name@example.com"],
    [{ toString: 1 }, "object@example.com"],
  ])("%j with %j is refused", async (name, email) => {
    expect(await call("registerUser", name, email, PASSWORD)).toEqual({ valid: false, error: "INVALID_CREDENTIALS" });
  });

  test("an address that a broken sign-up left behind can be used again", async () => {
    const email = fresh();
    const long = "2026-01-01T00:00:00.000Z";
    await db
      .prepare("INSERT INTO user (id, name, email, emailVerified, createdAt, updatedAt, sessionVersion) VALUES (?, 'Half', ?, 0, ?, ?, 0)")
      .bind(randomUUID(), email, long, long)
      .run();
    expect(await register(email)).toMatchObject({ valid: true, name: "Ada" });
    expect(await signIn(email)).toMatchObject({ valid: true, name: "Ada" });
  });

  test("a sign-up that fails half-way is an internal error, and leaves nothing behind", async () => {
    const email = fresh();
    await db.prepare("CREATE TRIGGER broken BEFORE INSERT ON account BEGIN SELECT RAISE(ABORT, 'broken'); END").run();
    await expect(register(email)).rejects.toThrow(/^Error: internal$/);
    await db.prepare("DROP TRIGGER broken").run();
    expect(await db.prepare("SELECT id FROM user WHERE email = ?").bind(email).first()).toBeNull();
    expect(await register(email)).toMatchObject({ valid: true });
  });

  test("no password and no session is stored in the clear", async () => {
    const { userId } = await newUser();
    const { results } = await db.prepare("SELECT password FROM account WHERE userId = ?").bind(userId).all<{ password: string }>();
    expect(results).toEqual([{ password: expect.stringMatching(/^[0-9a-f]{32}:[0-9a-f]{128}$/) }]);
    expect(await db.prepare("SELECT count(*) AS n FROM session").first("n")).toBe(0);
  });
});

describe("signing in", () => {
  test("a wrong password and an unknown address read the same", async () => {
    const { email } = await newUser();
    expect(await signIn(email, "another green turtle")).toEqual({ valid: false, error: "INVALID_CREDENTIALS" });
    expect(await signIn(fresh())).toEqual({ valid: false, error: "INVALID_CREDENTIALS" });
  });

  test("a wrong password and an unknown address take as long", async () => {
    const { email } = await newUser();
    const fastest = { known: Number.POSITIVE_INFINITY, unknown: Number.POSITIVE_INFINITY };
    for (let i = 0; i < 8; i++) {
      for (const [kind, address] of [
        ["known", email],
        ["unknown", fresh()],
      ] as const) {
        const start = performance.now();
        await signIn(address, `${PASSWORD} ${i}`);
        fastest[kind] = Math.min(fastest[kind], performance.now() - start);
      }
    }
    const ratio = fastest.known / fastest.unknown;
    expect(ratio).toBeGreaterThan(0.5);
    expect(ratio).toBeLessThan(2);
  });

  test.each([[[]], [[null, null]], [["a@example.com"]], [[{}, []]], [["a@example.com", ""]]])(
    "with %j it is INVALID_CREDENTIALS",
    async (args) => {
      expect(await call("authenticateUser", ...args)).toEqual({ valid: false, error: "INVALID_CREDENTIALS" });
    },
  );

  test("a disabled user is refused like a wrong password", async () => {
    const { userId, email } = await newUser();
    await db.prepare("UPDATE user SET disabledAt = '2026-01-01T00:00:00.000Z' WHERE id = ?").bind(userId).run();
    expect(await signIn(email)).toEqual({ valid: false, error: "INVALID_CREDENTIALS" });
  });

  test("a database that is not there is an internal error, not a wrong password", async () => {
    await db.prepare("ALTER TABLE sign_in_attempts RENAME TO gone").run();
    await expect(signIn(fresh())).rejects.toThrow(/^Error: internal$/);
    await db.prepare("ALTER TABLE gone RENAME TO sign_in_attempts").run();
  });

  test("after ten failures even the right password must wait, seconds later it is good again", async () => {
    const { email } = await newUser();
    for (let i = 0; i < 10; i++) expect(await signIn(email, `wrong ${i}`)).toEqual({ valid: false, error: "INVALID_CREDENTIALS" });
    expect(await signIn(email)).toEqual({ valid: false, error: "RATE_LIMITED" });
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(await signIn(email)).toMatchObject({ valid: true });
    expect(await signIn(email)).toMatchObject({ valid: true });
  }, 20_000);

  test("pauses grow to a quarter of an hour and no further, and a try during a pause does not prolong it", async () => {
    const email = fresh();
    let now = 1_900_000_000;
    const pauses: number[] = [];
    for (let i = 0; i < 22; i++) {
      expect(await mayAttempt(db, email, now)).toBe(true);
      const pause = Math.max(0, ((await stored(email))?.next_at ?? 0) - now);
      if (pause > 0) expect(await mayAttempt(db, email, now + pause - 1)).toBe(false);
      pauses.push(pause);
      now += pause;
    }
    expect(pauses.slice(0, 9)).toEqual(Array(9).fill(0));
    expect(pauses.slice(9)).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900]);
    expect(await mayAttempt(db, email, now + 7200)).toBe(true);
    expect(await stored(email)).toMatchObject({ attempts: 1 });
  }, 60_000);

  test("of a hundred attempts in parallel, ten are made", async () => {
    const email = fresh();
    const allowed = await Promise.all(Array.from({ length: 100 }, () => mayAttempt(db, email, 1_900_000_000)));
    expect(allowed.filter(Boolean)).toHaveLength(10);
  });
});

const stored = (email: string) =>
  db
    .prepare("SELECT attempts, next_at FROM sign_in_attempts WHERE email_hash = ?")
    .bind(hash(email))
    .first<{ attempts: number; next_at: number }>();
const hash = (text: string) => createHash("sha256").update(text).digest("base64url");

describe("tenants", () => {
  test("a user has one tenant, also when many ask at once", async () => {
    const { userId } = await newUser();
    const tenants = await Promise.all(
      ["oauth", "api_key", "service_binding", "oauth"].map((source) => call<Tenant>("provisionTenant", { userId, source })),
    );
    expect(new Set(tenants.map((tenant) => JSON.stringify(tenant))).size).toBe(1);
    expect(tenants[0]).toEqual({
      tenantId: expect.stringMatching(/^[A-Za-z0-9]{32}$/),
      userId,
      tier: "free",
      delinquent: false,
      createdAt: expect.any(Number),
    });
    expect(Math.abs(Number(tenants[0]?.createdAt) - Date.now())).toBeLessThan(60_000);
  });

  test.each([[{ userId: "nobody", source: "oauth" }], [{ userId: "nobody", source: "a friend" }], [null]])(
    "%j is an internal error, without a word more",
    async (request) => {
      await expect(call("provisionTenant", request)).rejects.toThrow(/^Error: internal$/);
    },
  );
});

describe("getUser", () => {
  const gateway = { identity: { subject: "gateway", tenantId: null } };

  test("tells the gateway about a user as of now", async () => {
    const { userId, email } = await newUser();
    const { tenantId } = await call<Tenant>("provisionTenant", { userId, source: "oauth" });
    const user = { userId, tenantId, email, name: "Ada", tier: "free", isActive: true, sessionVersion: 0 };
    expect(await backend.call("getUser", { userId }, gateway)).toEqual({ ok: true, value: user });
    await db.prepare("UPDATE user SET disabledAt = '2026-01-01T00:00:00.000Z', sessionVersion = 2 WHERE id = ?").bind(userId).run();
    await db.prepare("UPDATE tenants SET tier = 'pro' WHERE user_id = ?").bind(userId).run();
    const now = { ...user, tier: "pro", isActive: false, sessionVersion: 2 };
    expect(await backend.call("getUser", { userId }, gateway)).toEqual({ ok: true, value: now });
  });

  test("tells a user about themselves, and about nobody else", async () => {
    const { userId } = await newUser();
    expect(await backend.call("getUser", { userId }, { identity: { subject: userId } })).toMatchObject({ ok: true });
    expect(await backend.call("getUser", { userId }, { identity: { subject: "another" } })).toEqual({
      ok: false,
      error: { code: "user_not_found" },
    });
  });

  test("an unknown user is user_not_found, a foreign token unauthenticated", async () => {
    expect(await backend.call("getUser", { userId: "nobody" }, gateway)).toEqual({ ok: false, error: { code: "user_not_found" } });
    const forged = { ...gateway, token: { audience: "stackbilder" as const } };
    expect(await backend.call("getUser", { userId: "nobody" }, forged)).toEqual({ ok: false, error: { code: "unauthenticated" } });
  });
});

describe("keys and JWTs", () => {
  const rawKey = () => `sb_test_${Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url")}`;

  async function seedKey(fields: { expires_at?: number; revoked_at?: number } = {}) {
    const key = rawKey();
    const { userId } = await newUser();
    const { tenantId } = await call<Tenant>("provisionTenant", { userId, source: "api_key" });
    await db
      .prepare(
        "INSERT INTO api_keys (id, tenant_id, key_hash, name, scopes, created_at, expires_at, revoked_at) VALUES (?, ?, ?, 'CI', 'read generate', 0, ?, ?)",
      )
      .bind(`key-${userId}`, tenantId, hash(key), fields.expires_at ?? null, fields.revoked_at ?? null)
      .run();
    return { key, userId, tenantId, verdict: () => call<unknown>("validateApiKey", key) };
  }

  test("a good key says whose it is and what it may do", async () => {
    const { userId, tenantId, verdict } = await seedKey({ expires_at: 4_000_000_000 });
    const key = { valid: true, tenant_id: tenantId, tier: "free", scopes: ["read", "generate"], key_id: `key-${userId}`, user_id: userId };
    expect(await verdict()).toEqual(key);
  });

  test("an expired, a revoked and an unpaid key say so", async () => {
    expect(await (await seedKey({ expires_at: 1 })).verdict()).toEqual({ valid: false, error: "KEY_EXPIRED" });
    expect(await (await seedKey({ revoked_at: 1 })).verdict()).toEqual({ valid: false, error: "KEY_REVOKED" });
    const unpaid = await seedKey();
    await db.prepare("UPDATE tenants SET is_delinquent = 1 WHERE id = ?").bind(unpaid.tenantId).run();
    expect(await unpaid.verdict()).toEqual({ valid: false, error: "PAYMENT_DELINQUENT" });
  });

  test("a key stops with its user: disabled, it is revoked; deleted, it is unknown", async () => {
    const { userId, verdict } = await seedKey();
    await db.prepare("UPDATE user SET disabledAt = '2026-01-01T00:00:00.000Z' WHERE id = ?").bind(userId).run();
    expect(await verdict()).toEqual({ valid: false, error: "KEY_REVOKED" });
    await db.prepare("DELETE FROM user WHERE id = ?").bind(userId).run();
    expect(await verdict()).toEqual({ valid: false, error: "INVALID_TOKEN" });
  });

  test.each([[rawKey()], ["sb_live_short"], ["' OR 1=1 --"], [42], [null], [undefined]])("%j is INVALID_TOKEN", async (key) => {
    expect(await call("validateApiKey", key)).toEqual({ valid: false, error: "INVALID_TOKEN" });
  });

  test("no JWT is valid, because this deployment has issued none", async () => {
    expect(await call("validateJwt", "eyJhbGciOiJub25lIn0.e30.")).toEqual({ valid: false, error: "INVALID_TOKEN" });
    expect(await call("validateJwt", null)).toEqual({ valid: false, error: "INVALID_TOKEN" });
  });
});

/** Lets Node load a bundle of the Worker, to look at its exports. */
const withoutWorkerd: Plugin = {
  name: "without-workerd",
  setup(bundle) {
    bundle.onResolve({ filter: /^cloudflare:workers$/ }, ({ path }) => ({ path, namespace: "empty" }));
    bundle.onLoad({ filter: /./, namespace: "empty" }, () => ({ contents: "export class WorkerEntrypoint {}" }));
  },
};

describe("the Worker's surface", () => {
  test("AuthEntrypoint and the default handler are all it exports, and the contract's seven methods all that can be called", async () => {
    const { outputFiles } = await build({
      stdin: {
        contents: `import * as worker from "./worker.ts";
          export const names = Object.keys(worker);
          export const methods = Object.getOwnPropertyNames(worker.AuthEntrypoint.prototype);
          export const handlers = Object.keys(worker.default);`,
        resolveDir: FOLDER,
      },
      bundle: true,
      write: false,
      format: "esm",
      platform: "node",
      external: ["better-auth"],
      plugins: [withoutWorkerd],
    });
    const code = outputFiles[0]?.text ?? "";
    const { names, methods, handlers } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
    expect(names.toSorted()).toEqual(["AuthEntrypoint", "default"]);
    expect(handlers).toEqual(["fetch"]);
    expect(methods.toSorted()).toEqual([
      "authenticateUser",
      "constructor",
      "exchangeSocialCode",
      "getUser",
      "provisionTenant",
      "registerUser",
      "validateApiKey",
      "validateJwt",
    ]);
  });

  test.each(["answer", "env", "ctx", "signIn", "constructor"])("%s cannot be called over RPC", async (method) => {
    await expect(call(method)).rejects.toThrow();
  });

  test("its tables are those that Better Auth expects", async () => {
    const database = new DatabaseSync(":memory:");
    database.exec(readFileSync(`${FOLDER}/migrations/0001_accounts.sql`, "utf8"));
    const { toBeCreated, toBeAdded } = await getMigrations({ ...authOptions(SECRET, "http://localhost"), database });
    expect({ toBeCreated, toBeAdded }).toEqual({ toBeCreated: [], toBeAdded: [] });
  });

  test("with a secret missing it serves nothing, and the log names it", async () => {
    const lame = await startBackend({
      contract: auth,
      configPath: "entrypoints/auth/wrangler.toml",
      entrypoint: "AuthEntrypoint",
      secrets: { BETTER_AUTH_SECRET: "" },
    });
    try {
      await expect(lame.invoke("authenticateUser", fresh(), PASSWORD)).rejects.toThrow(/^Error: internal$/);
      await expect(lame.call("getUser", { userId: "nobody" })).rejects.toThrow(/^Error: internal$/);
      expect((await lame.fetch("/social-bridge")).status).toBe(503);
      expect(JSON.stringify(lame.harness.getLogs())).toContain("BETTER_AUTH_SECRET is missing");
    } finally {
      await lame.stop();
    }
  }, 20_000);

  test("whatever is missing is named", () => {
    const settings = { DB: {}, AUTH_BASE_URL: "http://localhost:8976", SOCIAL_RETURN_URLS: "http://localhost/oauth/callback" };
    const good = { ...settings, IDENTITY_KEYS: "k", BETTER_AUTH_SECRET: SECRET };
    const judge = (env: object) => () => settingsOf(env as Env);
    expect(judge(good)).not.toThrow();
    expect(judge({})).toThrow(/DB is not bound.*AUTH_BASE_URL .*SOCIAL_RETURN_URLS .*IDENTITY_KEYS .*BETTER_AUTH_SECRET /);
    expect(judge({ ...good, BETTER_AUTH_SECRET: "change-me-change-me-change-me-change-me" })).toThrow(
      "BETTER_AUTH_SECRET is a placeholder",
    );
    expect(judge({ ...good, AUTH_BASE_URL: "http://auth.example.com" })).toThrow("AUTH_BASE_URL must be https");
    expect(judge({ ...good, SOCIAL_RETURN_URLS: "https://a.example/x, javascript:1" })).toThrow("SOCIAL_RETURN_URLS");
    expect(judge({ ...good, GITHUB_CLIENT_ID: "id" })).toThrow("GITHUB_CLIENT_SECRET is missing");
  });
});
