// The auth Worker as the gateway knows it: tenants, users, and no more than the contract says. Passwords are in auth-people.test.ts,
// keys in auth-keys.test.ts, access tokens in auth-tokens.test.ts, social sign-in in auth-stand-in.test.ts and
// auth-social-providers.test.ts.
import { readdirSync, readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { getMigrations } from "better-auth/db/migration";
import { build, type Plugin } from "esbuild";
import { describe, expect, test } from "vitest";
import type { Tenant } from "../../contracts/auth.ts";
import { authOptions } from "../../entrypoints/auth/better-auth.ts";
import { type Env, settingsOf } from "../../entrypoints/auth/settings.ts";
import { fresh, PASSWORD, SECRET, startAuth, usePeople } from "../support/auth-worker.ts";

const FOLDER = `${import.meta.dirname}/../../entrypoints/auth`;
const people = usePeople();
const { call, newUser } = people;

describe("tenants", () => {
  test("a user has one tenant, also when many ask at once", async () => {
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
    expect(await people.backend.call("getUser", { userId }, gateway)).toEqual({ ok: true, value: user });
    await people.disable(userId);
    await people.db.prepare("UPDATE user SET sessionVersion = 2 WHERE id = ?").bind(userId).run();
    await people.db.prepare("UPDATE tenants SET tier = 'pro' WHERE user_id = ?").bind(userId).run();
    const now = { ...user, tier: "pro", isActive: false, sessionVersion: 2 };
    expect(await people.backend.call("getUser", { userId }, gateway)).toEqual({ ok: true, value: now });
  });

  test("tells a user about themselves, and about nobody else", async () => {
    const { userId } = await newUser();
    expect(await people.backend.call("getUser", { userId }, { identity: { subject: userId } })).toMatchObject({
      ok: true,
    });
    expect(await people.backend.call("getUser", { userId }, { identity: { subject: "another" } })).toEqual({
      ok: false,
      error: { code: "user_not_found" },
    });
  });

  test("an unknown user is user_not_found, a foreign token unauthenticated", async () => {
    expect(await people.backend.call("getUser", { userId: "nobody" }, gateway)).toEqual({
      ok: false,
      error: { code: "user_not_found" },
    });
    const forged = { ...gateway, token: { audience: "stackbilder" as const } };
    expect(await people.backend.call("getUser", { userId: "nobody" }, forged)).toEqual({
      ok: false,
      error: { code: "unauthenticated" },
    });
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
  test("AuthEntrypoint and the default handler are all it exports, and the contract's methods all that can be called", async () => {
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
      "createApiKey",
      "exchangeSocialCode",
      "getUser",
      "listApiKeys",
      "mintToken",
      "provisionTenant",
      "registerUser",
      "revokeApiKey",
      "validateApiKey",
      "validateJwt",
    ]);
  });

  test.each(["answer", "env", "ctx", "signIn", "constructor"])("%s cannot be called over RPC", async (method) => {
    await expect(call(method)).rejects.toThrow();
  });

  test("its tables are those that Better Auth expects", async () => {
    const database = new DatabaseSync(":memory:");
    for (const file of readdirSync(`${FOLDER}/migrations`).toSorted())
      database.exec(readFileSync(`${FOLDER}/migrations/${file}`, "utf8"));
    const { toBeCreated, toBeAdded } = await getMigrations({ ...authOptions(SECRET, "http://localhost"), database });
    expect({ toBeCreated, toBeAdded }).toEqual({ toBeCreated: [], toBeAdded: [] });
  });

  test("with a secret missing it serves nothing, and the log names it", async () => {
    const lame = await startAuth({ BETTER_AUTH_SECRET: "" });
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
    const urls = { SOCIAL_RETURN_URLS: "http://localhost/oauth/callback", TOKEN_AUDIENCES: "http://localhost/mcp" };
    const good = {
      DB: {},
      AUTH_BASE_URL: "http://localhost:8976",
      ...urls,
      IDENTITY_KEYS: "k",
      BETTER_AUTH_SECRET: SECRET,
    };
    const judge = (env: object) => () => settingsOf(env as Env);
    expect(judge(good)).not.toThrow();
    expect(judge({})).toThrow(
      /DB is not bound.*AUTH_BASE_URL .*SOCIAL_RETURN_URLS .*TOKEN_AUDIENCES .*IDENTITY_KEYS .*BETTER_AUTH_SECRET /,
    );
    expect(judge({ ...good, BETTER_AUTH_SECRET: "change-me-change-me-change-me-change-me" })).toThrow(
      "BETTER_AUTH_SECRET is a placeholder",
    );
    expect(judge({ ...good, AUTH_BASE_URL: "http://auth.example.com" })).toThrow("AUTH_BASE_URL must be https");
    expect(judge({ ...good, SOCIAL_RETURN_URLS: "https://a.example/x, javascript:1" })).toThrow("SOCIAL_RETURN_URLS");
    expect(judge({ ...good, TOKEN_AUDIENCES: "http://mcp.example.com/mcp" })).toThrow(
      "TOKEN_AUDIENCES.0 must be https",
    );
    expect(judge({ ...good, GITHUB_CLIENT_ID: "id" })).toThrow("GITHUB_CLIENT_SECRET is missing");
  });
});
