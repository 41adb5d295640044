// What every backend does with calls that somebody forged, captured or changed on the way: over real RPC, on its real storage.
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { auth, type SignIn, type Tenant } from "../../contracts/auth.ts";
import { imgForge } from "../../contracts/img-forge.ts";
import type { CallContext } from "../../contracts/rpc/call-context.ts";
import type { Contract } from "../../contracts/rpc/contract.ts";
import type { Audience } from "../../contracts/rpc/identity.ts";
import { importIdentityKey } from "../../contracts/rpc/identity-token.ts";
import { stackbilder } from "../../contracts/stackbilder.ts";
import { fresh, PASSWORD, SECRET } from "../support/auth-worker.ts";
import { type Backend, type BackendOptions, type CallOptions, startBackend } from "../support/backend.ts";

type AnyBackend = Backend<Contract>;

interface Trial {
  readonly options: BackendOptions<Contract>;
  /** A method that changes something, with an input; and one that only reads. */
  readonly change: readonly [method: string, input: object];
  readonly read: readonly [method: string, input: object];
  /** Who can call them. */
  caller?(backend: AnyBackend): Promise<CallOptions>;
  /** How many things `change` has made so far. */
  made(backend: AnyBackend): Promise<number>;
  /** Asks the storage in which the used token with this id is remembered. */
  usedTokens(backend: AnyBackend, tokenId: string, sql: string): Promise<unknown[]>;
}

const objectOf: Trial["usedTokens"] = async (backend, tokenId, sql) =>
  (await backend.worker.getDurableObjectStorage("UsedTokens", { name: tokenId.slice(-1) })).exec(sql);

const trials: Readonly<Record<Audience, Trial>> = {
  auth: {
    options: {
      contract: auth,
      configPath: "entrypoints/auth/wrangler.toml",
      entrypoint: "AuthEntrypoint",
      secrets: { BETTER_AUTH_SECRET: SECRET },
      d1: "DB",
    },
    change: ["createApiKey", { name: "CI", environment: "live", scopes: ["read"], expiresInDays: null }],
    read: ["listApiKeys", {}],
    async caller(backend) {
      const user = (await backend.invoke("registerUser", "Ada", fresh(), PASSWORD)) as Extract<SignIn, { valid: true }>;
      const { tenantId } = (await backend.invoke("provisionTenant", {
        userId: user.userId,
        source: "oauth",
      })) as Tenant;
      return { tenant: tenantId, identity: { subject: user.userId } };
    },
    made: async (backend) =>
      (await backend.worker.getEnv()).DB.prepare("SELECT count(*) AS n FROM api_keys").first("n"),
    usedTokens: async (backend, _, sql) => (await (await backend.worker.getEnv()).DB.prepare(sql).all()).results,
  },
  stackbilder: {
    options: {
      contract: stackbilder,
      configPath: "entrypoints/stackbilder/wrangler.toml",
      entrypoint: "StackbilderEntrypoint",
    },
    change: ["createFlow", { policy: {} }],
    read: ["getFlowStatus", { flowId: "0".repeat(64) }],
    made: async (backend) => (await backend.worker.listDurableObjectIds("FlowObject")).length,
    usedTokens: objectOf,
  },
  "img-forge": {
    options: {
      contract: imgForge,
      configPath: "entrypoints/img-forge/wrangler.toml",
      entrypoint: "ImgForgeEntrypoint",
    },
    change: ["generateImage", { prompt: "hills", quality_tier: "draft", wait: false }],
    read: ["listModels", {}],
    made: async (backend) => (await backend.worker.listDurableObjectIds("JobObject")).length,
    usedTokens: objectOf,
  },
};

const UNAUTHENTICATED = { ok: false, error: { code: "unauthenticated" } };

describe.each(Object.entries(trials))(
  "%s",
  (audience, { options, change: [method, input], read: [reading, question], ...trial }) => {
    let backend: AnyBackend;
    let caller: CallOptions = {};
    beforeAll(async () => {
      backend = await startBackend(options);
      caller = (await trial.caller?.(backend)) ?? {};
    });
    afterAll(() => backend?.stop());

    const capture = async (token: CallOptions["token"] = {}) => {
      const context = await backend.context(method, input, { ...caller, token });
      return { ...context, send: () => backend.invoke(method, context, input) as Promise<{ ok: boolean }> };
    };
    /** Runs `attempt` and says how many things it made. */
    const madeBy = async (attempt: () => Promise<unknown>) => {
      const before = await trial.made(backend);
      await attempt();
      return (await trial.made(backend)) - before;
    };

    test("a captured call that changes something cannot be made again", async () => {
      const call = await capture();
      expect(await madeBy(async () => expect(await call.send()).toMatchObject({ ok: true }))).toBe(1);
      expect(await madeBy(async () => expect(await call.send()).toEqual(UNAUTHENTICATED))).toBe(0);
    });

    test("of the same call many times at once, one is answered and does something", async () => {
      const call = await capture();
      const attempt = async () => {
        const replies = await Promise.all(Array.from({ length: 30 }, () => call.send()));
        expect(replies.filter(({ ok }) => ok)).toHaveLength(1);
        expect(replies.filter(({ ok }) => !ok)).toEqual(Array(29).fill(UNAUTHENTICATED));
      };
      expect(await madeBy(attempt)).toBe(1);
    });

    test("a call that only reads may come again", async () => {
      const context = await backend.context(reading, question, caller);
      const [first, again] = [
        await backend.invoke(reading, context, question),
        await backend.invoke(reading, context, question),
      ];
      expect(again).toEqual(first);
      expect(again).not.toEqual(UNAUTHENTICATED);
    });

    test("a used token is remembered until it has expired, and then swept out", async () => {
      const first = await capture();
      const { jti, exp } = claimsOf(first);
      await first.send();
      const nowSeconds = Math.floor(Date.now() / 1000);
      const remember = (expiresAt: number) =>
        trial.usedTokens(backend, jti, `INSERT INTO used_tokens VALUES ('expired at ${expiresAt}', ${expiresAt})`);
      await remember(nowSeconds - 60);
      await remember(nowSeconds - 10);
      let another = await capture();
      while (claimsOf(another).jti.at(-1) !== jti.at(-1)) another = await capture();
      expect(await another.send()).toMatchObject({ ok: true });
      const remembered = await trial.usedTokens(backend, jti, "SELECT token_id, expires_at FROM used_tokens");
      expect(remembered).toContainEqual({ token_id: jti, expires_at: exp });
      expect(remembered).toContainEqual({ token_id: claimsOf(another).jti, expires_at: claimsOf(another).exp });
      // A clock that is a little behind would still take it.
      expect(remembered).toContainEqual({ token_id: `expired at ${nowSeconds - 10}`, expires_at: nowSeconds - 10 });
      expect(remembered).not.toContainEqual(expect.objectContaining({ expires_at: nowSeconds - 60 }));
      expect(await first.send()).toEqual(UNAUTHENTICATED);
    });

    test("a call under the key before the last rotation is answered, once", async () => {
      const call = await capture({ key: backend.previousKey });
      expect(await call.send()).toMatchObject({ ok: true });
      expect(await call.send()).toEqual(UNAUTHENTICATED);
    });

    test("who is not vouched for gets nothing done: forged, expired, early, for another backend, about another input, nothing at all", async () => {
      const stranger = await importIdentityKey("00000000", new Uint8Array(randomBytes(32)));
      const namesake = await importIdentityKey(backend.previousKey.kid, new Uint8Array(randomBytes(32)));
      const nowSeconds = Math.floor(Date.now() / 1000);
      const others = (Object.keys(trials) as Audience[]).filter((other) => other !== audience);
      const spoilt: NonNullable<CallOptions["token"]>[] = [
        { key: stranger },
        { key: namesake },
        { nowSeconds: nowSeconds - 61 },
        { nowSeconds: nowSeconds + 120 },
        ...others.map((other) => ({ audience: other })),
        { input: { ...input, more: 1 } },
        { raw: "a.b.c" },
      ];
      const attempt = async () => {
        for (const token of spoilt)
          expect(await (await capture(token)).send(), Object.keys(token)[0]).toEqual(UNAUTHENTICATED);
        for (const context of [undefined, null, {}, "token"])
          expect(await backend.invoke(method, context, input)).toEqual(UNAUTHENTICATED);
      };
      expect(await madeBy(attempt)).toBe(0);
    });
  },
);

/** Some claims of a call's identity token. */
function claimsOf({ identity }: CallContext): { jti: string; exp: number } {
  return JSON.parse(Buffer.from(identity.split(".")[1] ?? "", "base64url").toString());
}
