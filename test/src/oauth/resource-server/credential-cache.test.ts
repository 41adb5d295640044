// The credential cache of an isolate: the credentials that it holds, the events that delete them,
// and the revalidation that bypasses it.
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ApiKeyValidation, JwtValidation } from "../../../../contracts/auth.ts";
import type { TenantId } from "../../../../contracts/rpc/identity.ts";
import gateway from "../../../../entrypoints/gateway/index.ts";
import { configOf } from "../../../../src/config.ts";
import { grantNameOf, grantObjectOf } from "../../../../src/durable/grant-object.ts";
import { userObjectOf } from "../../../../src/durable/user-object.ts";
import type { Env } from "../../../../src/env.ts";
import { revokeGrant, revokeUser } from "../../../../src/oauth/authorization-server/revocation.ts";
import {
  deleteGrantCredentials,
  deleteKeyCredentials,
} from "../../../../src/oauth/resource-server/credential-cache.ts";
import { newContext } from "../../context.ts";
import { ORIGIN, quiet, throwing, userId } from "../browser.ts";
import {
  accessToken,
  ada,
  authCalls,
  check,
  credentialOf,
  env,
  KEY,
  newJwt,
  newKey,
  now,
  reset,
  TOKEN,
  validateApiKey,
  validateJwt,
} from "../credentials.ts";

beforeEach(reset);
afterEach(() => vi.restoreAllMocks());

describe("the cache", () => {
  /** Advances the clock. */
  function advanceClock(seconds: number): void {
    const at = Date.now() + seconds * 1000;
    vi.spyOn(Date, "now").mockReturnValue(at);
  }

  it("holds a valid key for 30 seconds, and not longer", async () => {
    const key = newKey();
    await credentialOf(key);
    advanceClock(29);
    await credentialOf(key);
    expect(authCalls()).toBe(1);
    advanceClock(2);
    validateApiKey.mockResolvedValue({ valid: false, error: "KEY_REVOKED" });
    expect(await check(key)).toBe("unauthenticated");
  });

  it("holds a valid JWT, never past its expiry", async () => {
    const jwt = newJwt({ exp: now() + 10 });
    validateJwt.mockResolvedValue({ ...TOKEN(), exp: now() + 10 } as JwtValidation);
    await credentialOf(jwt);
    await credentialOf(jwt);
    expect(authCalls()).toBe(1);
    advanceClock(11);
    expect(await check(jwt)).toBe("unauthenticated");
  });

  it("holds a valid access token, without another read from KV, for 30 seconds and never past its expiry", async () => {
    const token = await accessToken();
    const get = vi.spyOn(env.OAUTH_KV, "get");
    const { expiresAt } = await credentialOf(token);
    const reads = get.mock.calls.length;
    expect(reads).toBeGreaterThan(0);
    advanceClock(29);
    expect(await credentialOf(token)).toMatchObject({
      kind: "oauth",
      expiresAt,
      identity: { subject: "u_ada", scopes: ["read", "generate"] },
    });
    expect(get.mock.calls.length).toBe(reads);
    advanceClock(2);
    await credentialOf(token);
    expect(get.mock.calls.length).toBe(2 * reads);
    vi.spyOn(Date, "now").mockReturnValue(((expiresAt ?? 0) - 1) * 1000);
    await credentialOf(token);
    advanceClock(2);
    expect(await check(token)).toBe("unauthenticated");
  });

  it("deletes the tokens of a grant at once when it ends in this isolate, in any way, and no other token", async () => {
    const background = createExecutionContext();
    const { context, finish } = newContext(env);
    const endings: Readonly<Record<string, (token: string) => Promise<unknown>>> = {
      "its app revokes it": (token) => {
        const body = new URLSearchParams({ token, client_id: "unknown" });
        return gateway.fetch(new Request(`${ORIGIN}/token`, { method: "POST", body }), env, background);
      },
      "its user disconnects the app": async (token) => {
        const { userId: user, grantId: id } = grantNameOf(token) ?? expect.fail("not a token of ours");
        await revokeGrant(context, { userId: user, tenantId: "t1" as TenantId }, { id, clientId: "a" });
      },
      "everything of its user is revoked": async (token) => {
        vi.spyOn(Date, "now").mockReturnValue(Date.now() + 1000);
        await revokeUser(context, grantNameOf(token)?.userId ?? ada, null);
      },
    };
    for (const [how, end] of Object.entries(endings)) {
      const [token, other] = [await accessToken(userId(`u_${crypto.randomUUID()}`)), await accessToken()];
      await credentialOf(token);
      await credentialOf(other);
      await end(token);
      const get = vi.spyOn(env.OAUTH_KV, "get");
      const found = await check(token);
      expect(get, how).toHaveBeenCalled();
      if (how !== "its app revokes it") expect(found, how).toBe("unauthenticated");
      get.mockClear();
      await credentialOf(other);
      expect(get, how).not.toHaveBeenCalled();
      vi.restoreAllMocks();
    }
    await waitOnExecutionContext(background);
    await finish();
  });

  it("is off if the settings say so, and never shared between different settings", async () => {
    const token = await accessToken();
    await credentialOf(token);
    for (const over of [{ ...env, CREDENTIAL_CACHE_SECONDS: "0" }, { ...env }]) {
      const get = vi.spyOn(env.OAUTH_KV, "get");
      await credentialOf(token, over);
      const first = get.mock.calls.length;
      expect(first).toBeGreaterThan(0);
      await credentialOf(token, over);
      expect(get.mock.calls.length).toBe(over.CREDENTIAL_CACHE_SECONDS === "0" ? 2 * first : first);
      vi.restoreAllMocks();
    }
  });

  it("holds no refusal: a key is valid as soon as the auth Worker says so", async () => {
    const key = newKey();
    validateApiKey.mockResolvedValueOnce({ valid: false, error: "PAYMENT_DELINQUENT" });
    expect(await check(key)).toBe("payment_required");
    await credentialOf(key);
  });

  it("deletes a key at once when it is revoked in this isolate, and no other key", async () => {
    const [ended, other] = [newKey(), newKey()];
    validateApiKey.mockImplementation(
      async (key) => ({ ...KEY, key_id: key === ended ? "ended" : "other" }) as ApiKeyValidation,
    );
    await credentialOf(ended);
    await credentialOf(other);
    deleteKeyCredentials(configOf(env), "ended");
    validateApiKey.mockClear().mockResolvedValue({ valid: false, error: "KEY_REVOKED" });
    expect([await check(ended), await check(other)]).toMatchObject(["unauthenticated", { kind: "api_key" }]);
    expect(authCalls()).toBe(1);
  });

  it("holds two thousand credentials, and drops the oldest first", async () => {
    const [first, second] = [newKey(), newKey()];
    await credentialOf(first);
    for (let n = 0; n < 1_999; n++) await credentialOf(newKey());
    await credentialOf(second);
    validateApiKey.mockClear();
    await credentialOf(second);
    expect(authCalls()).toBe(0);
    await credentialOf(first);
    expect(authCalls()).toBe(1);
  });
});

describe("revalidation, before anything that costs credits", () => {
  it("refuses a key or a JWT that was valid a moment ago, and deletes it from the cache", async () => {
    for (const [bearer, validate] of [
      [newKey(), validateApiKey],
      [newJwt(), validateJwt],
    ] as const) {
      const credential = await credentialOf(bearer);
      expect(await credential.revalidate()).toBe("good");
      validate.mockResolvedValue({ valid: false, error: "KEY_REVOKED" });
      expect(await credentialOf(bearer), "cached").toMatchObject({ kind: credential.kind });
      expect(await credential.revalidate()).toBe("unauthenticated");
      expect(await check(bearer)).toBe("unauthenticated");
    }
  });

  it("is unavailable if the auth Worker fails", async () => {
    quiet();
    const credential = await credentialOf(newKey());
    validateApiKey.mockImplementation(throwing);
    expect(await credential.revalidate()).toBe("unavailable");
  });

  it("refuses an access token whose grant has ended, although KV still has it, as does a look-up", async () => {
    const token = await accessToken();
    const name = grantNameOf(token) ?? expect.fail("not a token of ours");
    const credential = await credentialOf(token);
    expect(await credential.revalidate()).toBe("good");
    const { keys } = await env.OAUTH_KV.list({ prefix: `token:${name.userId}:${name.grantId}:` });
    const stored = await env.OAUTH_KV.get(keys[0]?.name ?? "");
    await grantObjectOf(env, name).revoke(name);
    await env.OAUTH_KV.put(keys[0]?.name ?? "", stored ?? ""); // as in a location that is behind
    expect(await credential.revalidate()).toBe("unauthenticated");
    deleteGrantCredentials(configOf(env), name);
    expect(await check(token)).toBe("unauthenticated");
  });

  it("refuses every access token from before all tokens of the user were ended, as does a look-up", async () => {
    const user = userId(`u_${crypto.randomUUID()}`);
    const token = await accessToken(user);
    const credential = await credentialOf(token);
    await userObjectOf(env, user).endEverything();
    expect(await credential.revalidate()).toBe("unauthenticated");
    expect(await check(token)).toBe("unauthenticated");
  });

  it("is unavailable if the object of the user fails, and keeps the credential in the cache", async () => {
    const log = quiet();
    const token = await accessToken();
    const own: { -readonly [K in keyof Env]: Env[K] } = { ...env };
    const credential = await credentialOf(token, own);
    own.USERS = { idFromName: () => ({}), get: () => ({ tokenState: throwing }) } as unknown as Env["USERS"];
    expect(await credential.revalidate()).toBe("unavailable");
    expect(await credentialOf(token, own)).toMatchObject({ kind: "oauth" });
    expect(JSON.stringify(log.mock.calls)).not.toContain("a secret");
  });
});
