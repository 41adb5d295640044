// The auth Worker as the gateway uses it: tenants, users, its exports and its settings. Passwords
// are in auth-users.test.ts, keys in auth-keys.test.ts, access tokens in auth-tokens.test.ts,
// social sign-in in auth-local-provider.test.ts and auth-social-providers.test.ts.
import { readdirSync, readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { getMigrations } from "better-auth/db/migration";
import { build, type Plugin } from "esbuild";
import { describe, expect, it } from "vitest";
import type { Tenant } from "../../contracts/auth.ts";
import { authOptions } from "../../entrypoints/auth/better-auth.ts";
import { type Env, settingsOf } from "../../entrypoints/auth/settings.ts";
import { newEmail, PASSWORD, SECRET, startAuth, useAuth } from "../support/auth-worker.ts";

const FOLDER = `${import.meta.dirname}/../../entrypoints/auth`;
const worker = useAuth();
const { call, newUser } = worker;

describe("provisionTenant", () => {
  it("creates one tenant for a user, also with parallel calls", async () => {
    const { userId } = await newUser();
    const tenants = await Promise.all(
      ["oauth", "api_key", "service_binding", "oauth"].map((source) =>
        call<Tenant>("provisionTenant", { userId, source }),
      ),
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

  it.each([[{ userId: "unknown", source: "oauth" }], [{ userId: "unknown", source: "other" }], [null]])(
    "throws internal, without details, for %j",
    async (request) => {
      await expect(call("provisionTenant", request)).rejects.toThrow(/^Error: internal$/);
    },
  );
});

describe("getUser", () => {
  const gateway = { identity: { subject: "gateway", tenantId: null } };

  it("returns the current state of a user to the gateway", async () => {
    const { userId, email } = await newUser();
    const { tenantId } = await call<Tenant>("provisionTenant", { userId, source: "oauth" });
    const signIns = { isActive: true, sessionVersion: 0, signedOutAtMs: 0 };
    const user = { userId, tenantId, email, name: "Ada", tier: "free", isDelinquent: false, ...signIns };
    expect(await worker.backend.call("getUser", { userId }, gateway)).toEqual({ ok: true, value: user });
    await worker.disable(userId);
    await worker.db
      .prepare("UPDATE user SET sessionVersion = 2, signedOutAt = '2026-11-27T01:02:03.456Z' WHERE id = ?")
      .bind(userId)
      .run();
    await worker.db.prepare("UPDATE tenants SET tier = 'pro', is_delinquent = 1 WHERE user_id = ?").bind(userId).run();
    const signedOutAtMs = Date.UTC(2026, 10, 27, 1, 2, 3, 456);
    const changed = { ...user, tier: "pro", isDelinquent: true, isActive: false, sessionVersion: 2, signedOutAtMs };
    expect(await worker.backend.call("getUser", { userId }, gateway)).toEqual({ ok: true, value: changed });
  });

  it.each([
    ["is disabled", "UPDATE user SET disabledAt = '2026-01-01T00:00:00.000Z' WHERE id = ?"],
    ["changes the password", "UPDATE account SET password = 'another hash' WHERE userId = ?"],
  ])("tells that every sign-in of a user who %s has ended", async (_, change) => {
    const { userId } = await worker.newOwner();
    const state = async () => {
      const reply = await worker.backend.call("getUser", { userId }, gateway);
      return reply.ok ? [reply.value.sessionVersion, reply.value.signedOutAtMs] : reply;
    };
    expect(await state()).toEqual([0, 0]);
    const before = Date.now();
    await worker.db.prepare(change).bind(userId).run();
    const [version, signedOutAtMs] = (await state()) as [number, number];
    expect(version).toBe(1);
    expect(signedOutAtMs).toBeGreaterThanOrEqual(before);
    expect(signedOutAtMs).toBeLessThanOrEqual(Date.now());
  });

  it("creates no tenant, and finds no user without one", async () => {
    const { userId } = await newUser();
    const missing = { ok: false, error: { code: "user_not_found" } };
    expect(await worker.backend.call("getUser", { userId }, gateway)).toEqual(missing);
    const tenants = worker.db.prepare("SELECT count(*) AS number FROM tenants WHERE user_id = ?").bind(userId);
    expect(await tenants.first("number")).toBe(0);
  });

  it("returns a user to themselves only", async () => {
    const { userId } = await worker.newOwner();
    expect(await worker.backend.call("getUser", { userId }, { identity: { subject: userId } })).toMatchObject({
      ok: true,
    });
    expect(await worker.backend.call("getUser", { userId }, { identity: { subject: "another" } })).toEqual({
      ok: false,
      error: { code: "user_not_found" },
    });
  });

  it("returns user_not_found for an unknown user and unauthenticated for a token of another audience", async () => {
    expect(await worker.backend.call("getUser", { userId: "unknown" }, gateway)).toEqual({
      ok: false,
      error: { code: "user_not_found" },
    });
    const forged = { ...gateway, token: { audience: "stackbilder" as const } };
    expect(await worker.backend.call("getUser", { userId: "unknown" }, forged)).toEqual({
      ok: false,
      error: { code: "unauthenticated" },
    });
  });
});

/** Replaces `cloudflare:workers`, so that Node can load a bundle of the Worker. */
const withoutWorkerd: Plugin = {
  name: "without-workerd",
  setup(bundle) {
    bundle.onResolve({ filter: /^cloudflare:workers$/ }, ({ path }) => ({ path, namespace: "empty" }));
    bundle.onLoad({ filter: /./, namespace: "empty" }, () => ({
      contents: "export class WorkerEntrypoint {} export class DurableObject {}",
    }));
  },
};

describe("the auth Worker", () => {
  it("exports only AuthEntrypoint, with the methods of the contract, the ledger and the default handlers", async () => {
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
    expect(names.toSorted()).toEqual(["AuthEntrypoint", "LedgerObject", "default"]);
    expect(handlers).toEqual(["fetch", "scheduled"]);
    expect(methods.toSorted()).toEqual([
      "authenticateUser",
      "closeAccount",
      "constructor",
      "createApiKey",
      "describe",
      "eraseTenant",
      "exchangeSocialCode",
      "exportTenant",
      "getCredits",
      "getSignInMethods",
      "getUser",
      "listApiKeys",
      "listCharges",
      "mintToken",
      "provisionTenant",
      "registerUser",
      "reserveCredits",
      "revokeApiKey",
      "settleCredits",
      "validateApiKey",
      "validateJwt",
    ]);
  });

  it.each(["runMethod", "env", "ctx", "signIn", "constructor"])(
    "has no method %s that can be called over RPC",
    async (method) => {
      await expect(call(method)).rejects.toThrow();
    },
  );

  it("has the tables that Better Auth expects", async () => {
    const database = new DatabaseSync(":memory:");
    for (const file of readdirSync(`${FOLDER}/migrations`).toSorted())
      database.exec(readFileSync(`${FOLDER}/migrations/${file}`, "utf8"));
    const { toBeCreated, toBeAdded } = await getMigrations({ ...authOptions(SECRET, "http://localhost"), database });
    expect({ toBeCreated, toBeAdded }).toEqual({ toBeCreated: [], toBeAdded: [] });
  });

  it("serves no request without a required secret, and logs its name", async () => {
    const misconfigured = await startAuth({ BETTER_AUTH_SECRET: "" });
    try {
      await expect(misconfigured.invoke("authenticateUser", newEmail(), PASSWORD)).rejects.toThrow(/^Error: internal$/);
      await expect(misconfigured.call("getUser", { userId: "unknown" })).rejects.toThrow(/^Error: internal$/);
      expect((await misconfigured.fetch("/social-bridge")).status).toBe(503);
      expect(JSON.stringify(misconfigured.harness.getLogs())).toContain("BETTER_AUTH_SECRET is missing");
    } finally {
      await misconfigured.stop();
    }
  });

  it("names every missing or unsafe setting", () => {
    const urls = { SOCIAL_RETURN_URLS: "http://localhost/oauth/callback", TOKEN_AUDIENCES: "http://localhost/mcp" };
    const valid = {
      DB: {},
      LEDGERS: {},
      AUTH_BASE_URL: "http://localhost:8790",
      ...urls,
      IDENTITY_KEYS: "k",
      BETTER_AUTH_SECRET: SECRET,
    };
    const parse = (env: object) => () => settingsOf(env as Env);
    expect(parse(valid)).not.toThrow();
    expect(parse({})).toThrow(
      /DB is not bound.*LEDGERS is not bound.*AUTH_BASE_URL .*SOCIAL_RETURN_URLS .*TOKEN_AUDIENCES .*IDENTITY_KEYS .*BETTER_AUTH_SECRET /,
    );
    expect(parse({ ...valid, BETTER_AUTH_SECRET: "change-me-change-me-change-me-change-me" })).toThrow(
      "BETTER_AUTH_SECRET is a placeholder",
    );
    expect(parse({ ...valid, AUTH_BASE_URL: "http://auth.example.com" })).toThrow("AUTH_BASE_URL must be https");
    expect(parse({ ...valid, SOCIAL_RETURN_URLS: "https://a.example/x, javascript:1" })).toThrow("SOCIAL_RETURN_URLS");
    expect(parse({ ...valid, TOKEN_AUDIENCES: "http://mcp.example.com/mcp" })).toThrow(
      "TOKEN_AUDIENCES.0 must be https",
    );
    expect(parse({ ...valid, GITHUB_CLIENT_ID: "id" })).toThrow("GITHUB_CLIENT_SECRET is missing");
  });
});
