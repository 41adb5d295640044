// What an isolate remembers of a credential that was good, what makes it forget, and what is asked again all the same.
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ApiKeyValidation, JwtValidation } from "../../../../contracts/auth.ts";
import gateway from "../../../../entrypoints/gateway/index.ts";
import { traceFrom } from "../../../../src/context.ts";
import { grantNameOf, grantObjectOf } from "../../../../src/durable/grant-object.ts";
import { revocationsOf } from "../../../../src/durable/user-revocations.ts";
import type { Env } from "../../../../src/env.ts";
import { revokeGrant, revokeUser } from "../../../../src/oauth/authorization-server/revocation.ts";
import {
  deleteGrantCredentials,
  deleteKeyCredentials,
} from "../../../../src/oauth/resource-server/credential-cache.ts";
import { ORIGIN, quiet, throwing, userId } from "../browser.ts";
import {
  accessToken,
  ada,
  asked,
  callerOf,
  check,
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

describe("what is remembered", () => {
  /** Moves the clock. */
  function wait(seconds: number): void {
    const at = Date.now() + seconds * 1000;
    vi.spyOn(Date, "now").mockReturnValue(at);
  }

  it("is a good key for 30 seconds, and not a moment longer", async () => {
    const key = newKey();
    await callerOf(key);
    wait(29);
    await callerOf(key);
    expect(asked()).toBe(1);
    wait(2);
    validateApiKey.mockResolvedValue({ valid: false, error: "KEY_REVOKED" });
    expect(await check(key)).toBe("unauthenticated");
  });

  it("is a good JWT, and never past its end", async () => {
    const jwt = newJwt({ exp: now() + 10 });
    validateJwt.mockResolvedValue({ ...TOKEN(), exp: now() + 10 } as JwtValidation);
    await callerOf(jwt);
    await callerOf(jwt);
    expect(asked()).toBe(1);
    wait(11);
    expect(await check(jwt)).toBe("unauthenticated");
  });

  it("is a good access token, which then costs storage nothing, for 30 seconds and never past its end", async () => {
    const token = await accessToken();
    const get = vi.spyOn(env.OAUTH_KV, "get");
    const { expiresAt } = await callerOf(token);
    const looked = get.mock.calls.length;
    expect(looked).toBeGreaterThan(0);
    wait(29);
    expect(await callerOf(token)).toMatchObject({
      kind: "oauth",
      expiresAt,
      identity: { subject: "u_ada", scopes: ["read", "generate"] },
    });
    expect(get.mock.calls.length).toBe(looked);
    wait(2);
    await callerOf(token);
    expect(get.mock.calls.length).toBe(2 * looked);
    vi.spyOn(Date, "now").mockReturnValue(((expiresAt ?? 0) - 1) * 1000);
    await callerOf(token);
    wait(2);
    expect(await check(token)).toBe("unauthenticated");
  });

  it("is forgotten here at once when a grant ends here, by whichever way, and no other grant with it", async () => {
    const background = createExecutionContext();
    const endings: Readonly<Record<string, (token: string) => Promise<unknown>>> = {
      "its app takes it back": (token) => {
        const body = new URLSearchParams({ token, client_id: "nobody" });
        return gateway.fetch(new Request(`${ORIGIN}/token`, { method: "POST", body }), env, background);
      },
      "its user disconnects the app": async (token) => {
        const { userId: user, grantId: id } = grantNameOf(token) ?? expect.fail("no token of ours");
        await revokeGrant(env, background, user, { id, clientId: "a" }, traceFrom(null));
      },
      "all of its user's is ended": async (token) => {
        vi.spyOn(Date, "now").mockReturnValue(Date.now() + 1000);
        await revokeUser(env, background, grantNameOf(token)?.userId ?? ada, traceFrom(null));
      },
    };
    for (const [how, end] of Object.entries(endings)) {
      const [token, other] = [await accessToken(userId(`u_${crypto.randomUUID()}`)), await accessToken()];
      await callerOf(token);
      await callerOf(other);
      await end(token);
      const get = vi.spyOn(env.OAUTH_KV, "get");
      const found = await check(token);
      expect(get, how).toHaveBeenCalled();
      if (how !== "its app takes it back") expect(found, how).toBe("unauthenticated");
      get.mockClear();
      await callerOf(other);
      expect(get, how).not.toHaveBeenCalled();
      vi.restoreAllMocks();
    }
    await waitOnExecutionContext(background);
  });

  it("is nothing at all where the settings say so, and never another settings' credential", async () => {
    const token = await accessToken();
    await callerOf(token);
    for (const asker of [{ ...env, CREDENTIAL_CACHE_SECONDS: "0" }, { ...env }]) {
      const get = vi.spyOn(env.OAUTH_KV, "get");
      await callerOf(token, asker);
      const first = get.mock.calls.length;
      expect(first).toBeGreaterThan(0);
      await callerOf(token, asker);
      expect(get.mock.calls.length).toBe(asker.CREDENTIAL_CACHE_SECONDS === "0" ? 2 * first : first);
      vi.restoreAllMocks();
    }
  });

  it("is no refusal: a key is good as soon as the auth Worker says so", async () => {
    const key = newKey();
    validateApiKey.mockResolvedValueOnce({ valid: false, error: "PAYMENT_DELINQUENT" });
    expect(await check(key)).toBe("payment_required");
    await callerOf(key);
  });

  it("is forgotten here at once when a key is revoked here, and no other key with it", async () => {
    const [ended, other] = [newKey(), newKey()];
    validateApiKey.mockImplementation(
      async (key) => ({ ...KEY, key_id: key === ended ? "ended" : "other" }) as ApiKeyValidation,
    );
    await callerOf(ended);
    await callerOf(other);
    deleteKeyCredentials(env, "ended");
    validateApiKey.mockClear().mockResolvedValue({ valid: false, error: "KEY_REVOKED" });
    expect([await check(ended), await check(other)]).toMatchObject(["unauthenticated", { kind: "api_key" }]);
    expect(asked()).toBe(1);
  });

  it("is two thousand credentials, and the oldest go first", async () => {
    const [first, second] = [newKey(), newKey()];
    await callerOf(first);
    for (let n = 0; n < 1_999; n++) await callerOf(newKey());
    await callerOf(second);
    validateApiKey.mockClear();
    await callerOf(second);
    expect(asked()).toBe(0);
    await callerOf(first);
    expect(asked()).toBe(1);
  });
});

describe("asking once more, for what costs money", () => {
  it("ends a key or a JWT that was good a moment ago, and forgets it", async () => {
    for (const [bearer, verdict] of [
      [newKey(), validateApiKey],
      [newJwt(), validateJwt],
    ] as const) {
      const caller = await callerOf(bearer);
      expect(await caller.revalidate()).toBe("good");
      verdict.mockResolvedValue({ valid: false, error: "KEY_REVOKED" });
      expect(await callerOf(bearer), "remembered").toMatchObject({ kind: caller.kind });
      expect(await caller.revalidate()).toBe("unauthenticated");
      expect(await check(bearer)).toBe("unauthenticated");
    }
  });

  it("says so where nobody answers", async () => {
    quiet();
    const caller = await callerOf(newKey());
    validateApiKey.mockImplementation(throwing);
    expect(await caller.revalidate()).toBe("unavailable");
  });

  it("ends an access token whose grant has ended, though storage still has it", async () => {
    const token = await accessToken();
    const name = grantNameOf(token) ?? expect.fail("no token of ours");
    const caller = await callerOf(token);
    expect(await caller.revalidate()).toBe("good");
    const { keys } = await env.OAUTH_KV.list({ prefix: `token:${name.userId}:${name.grantId}:` });
    const stored = await env.OAUTH_KV.get(keys[0]?.name ?? "");
    await grantObjectOf(env, name).revoke(name);
    deleteGrantCredentials(env, name);
    expect(await check(token)).toBe("unauthenticated");
    await env.OAUTH_KV.put(keys[0]?.name ?? "", stored ?? ""); // a location that has not heard of it yet
    expect(await (await callerOf(token)).revalidate()).toBe("unauthenticated");
  });

  it("ends every access token from before all of a user's were ended", async () => {
    const user = userId(`u_${crypto.randomUUID()}`);
    const caller = await callerOf(await accessToken(user));
    vi.spyOn(Date, "now").mockReturnValue(Date.now() + 1000);
    await revocationsOf(env, user).endTokens();
    vi.restoreAllMocks();
    expect(await caller.revalidate()).toBe("unauthenticated");
  });

  it("says so where the objects that know do not answer", async () => {
    const log = quiet();
    const token = await accessToken();
    const deaf = {
      ...env,
      GRANTS: { idFromName: () => ({}), get: () => ({ hasEnded: throwing }) } as unknown as Env["GRANTS"],
    };
    expect(await (await callerOf(token, deaf)).revalidate()).toBe("unavailable");
    expect(JSON.stringify(log.mock.calls)).not.toContain("a secret");
  });
});
