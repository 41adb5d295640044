// One grant, one request at a time: codes and refresh tokens under parallel use and replay. Durable
// Objects, KV and the library are real; their auth Worker is the fake of `test/vitest.config.ts`.
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env as bound } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { grantNameOf } from "../../../src/durable/grant-object.ts";
import { userObjectOf } from "../../../src/durable/user-object.ts";
import type { Env } from "../../../src/env.ts";
import { recordsOf } from "../context.ts";
import { Browser, form, json, REDIRECT, register, send, sha256, slowStorage, VERIFIER } from "../oauth/browser.ts";
import { errorOf, grantWithCode, grantWithTokens, OAUTH_KV, type Tokens } from "../oauth/grants.ts";

const KV_DELAY_MS = 40;

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Advances the clock, for everything but storage. */
function advanceClock(seconds: number): void {
  vi.useFakeTimers({ now: Date.now() + seconds * 1000, toFake: ["Date"] });
}

describe("a code", () => {
  it("is redeemed once, whatever arrives in parallel, and its replay ends the grant (RFC 6749 section 4.1.2)", async () => {
    const { redeem, works, hasEnded } = await grantWithCode();
    slowStorage(KV_DELAY_MS);
    const responses = await Promise.all(Array.from({ length: 6 }, () => redeem()));
    expect(responses.map(({ status }) => status).toSorted()).toEqual([200, 400, 400, 400, 400, 400]);
    const first = responses.find(({ status }) => status === 200);
    expect(await works((await first?.json()) as Tokens)).toBe(false);
    expect(await hasEnded()).toBe(true);
  });

  it("is redeemed although KV accepts one write a second, and the grant has just been written", async () => {
    const { redeem, works, refresh } = await grantWithCode();
    const prototype = Object.getPrototypeOf(OAUTH_KV) as KVNamespace;
    const put = vi.spyOn(prototype, "put").mockRejectedValueOnce(new Error("KV PUT failed: 429 Too Many Requests"));
    const tokens = await (await redeem()).json<Tokens>();
    expect(await works(tokens)).toBe(true);
    put.mockRejectedValue(new Error("KV PUT failed: 429 Too Many Requests"));
    const refused = await refresh(tokens.refresh_token);
    expect([refused.status, refused.headers.get("Retry-After")]).toEqual([429, "30"]);
    put.mockRestore();
    expect((await refresh(tokens.refresh_token)).status).toBe(200);
  });

  it("stays valid after an attempt by another client", async () => {
    const { env, redeem, works } = await grantWithCode();
    const other = await register(env);
    expect((await redeem({ client_id: other })).status).toBe(400);
    expect(await works(await (await redeem()).json<Tokens>())).toBe(true);
  });

  it.each(["u_disabled", "u_gone", "u_raised", "u_signedout"])(
    "gives no token to a user who is %s since the decision, and its grant has ended",
    async (prefix) => {
      const { redeem, name, hasEnded } = await grantWithCode(prefix);
      expect(await errorOf(await redeem())).toEqual([400, "invalid_grant"]);
      expect([await hasEnded(), await OAUTH_KV.get(`grant:${name.userId}:${name.grantId}`)]).toEqual([true, null]);
    },
  );

  it("gives no token after everything of the user was ended", async () => {
    const { env, user, redeem } = await grantWithCode();
    await userObjectOf(env, user).endEverything();
    expect(await errorOf(await redeem())).toEqual([400, "invalid_grant"]);
  });

  it("stays valid while the auth Worker fails", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { redeem, works } = await grantWithCode("u_down");
    const refused = await redeem();
    expect([refused.headers.get("Retry-After"), ...(await errorOf(refused))]).toEqual([
      "10",
      503,
      "temporarily_unavailable",
    ]);
    expect(await works(await (await redeem()).json<Tokens>())).toBe(true);
  });

  it("has an object created where the grant is written, which deletes itself if the code is not redeemed", async () => {
    const { object } = await grantWithCode();
    expect(await runInDurableObject(object, (_, { storage }) => storage.get("family"))).toEqual({ rotated: [] });
    expect(await runDurableObjectAlarm(object)).toBe(true);
    expect(await runInDurableObject(object, async (_, { storage }) => (await storage.list()).size)).toBe(0);
  });
});

describe("a refresh token", () => {
  it("is rotated at each use, and the earlier access tokens still work", async () => {
    const { tokens, refresh, works } = await grantWithTokens();
    const next = await (await refresh(tokens.refresh_token)).json<Tokens>();
    expect(next.refresh_token).not.toBe(tokens.refresh_token);
    expect([await works(tokens), await works(next)]).toEqual([true, true]);
  });

  it("used by several tabs at once gives all of them the same successor", async () => {
    const { tokens, refresh } = await grantWithTokens();
    slowStorage(KV_DELAY_MS);
    const responses = await Promise.all(
      Array.from({ length: 4 }, async () => (await refresh(tokens.refresh_token)).json<Tokens>()),
    );
    expect(new Set(responses.map(({ refresh_token }) => refresh_token)).size).toBe(1);
    const [{ refresh_token } = { refresh_token: "" }] = responses;
    expect((await refresh(refresh_token)).status).toBe(200);
  });

  it("used again within half a minute gets the same response with less lifetime; a different request does not", async () => {
    const { tokens, refresh } = await grantWithTokens();
    const first = await (await refresh(tokens.refresh_token)).json<Tokens>();
    advanceClock(20);
    const again = await (await refresh(tokens.refresh_token)).json<Tokens>();
    expect(again).toEqual({ ...first, expires_in: expect.closeTo(first.expires_in - 21, -0.5) });
    expect((await (await refresh(tokens.refresh_token, { scope: "read" })).json<Tokens>()).refresh_token).not.toBe(
      first.refresh_token,
    );
    expect(await errorOf(await refresh(tokens.refresh_token, { client_id: "another-client" }))).toEqual([
      401,
      "invalid_client",
    ]);
  });

  it("is repeated only by its client: without the client's authentication there is no response", async () => {
    const { env, user } = await grantWithCode();
    const registration = { ...json({ redirect_uris: [REDIRECT], token_endpoint_auth_method: "client_secret_basic" }) };
    const client = await (await send(env, "/register", registration)).json<{
      client_id: string;
      client_secret: string;
    }>();
    const as = (secret: string) => ({ Authorization: `Basic ${btoa(`${client.client_id}:${secret}`)}` });
    const left = await new Browser(env).connect(client.client_id);
    const code = new URL(left.next).searchParams.get("code") ?? "";
    const exchange = { grant_type: "authorization_code", code, redirect_uri: REDIRECT, code_verifier: VERIFIER };
    const redeemed = await send(env, "/token", form(exchange, as(client.client_secret)));
    const { refresh_token } = await redeemed.json<Tokens>();
    const refresh = (headers: Record<string, string>) =>
      send(env, "/token", form({ grant_type: "refresh_token", refresh_token }, headers));
    const first = await refresh(as(client.client_secret));
    expect([first.status, refresh_token.startsWith(user)]).toEqual([200, true]);
    for (const headers of [as("x".repeat(32)), {}]) expect((await refresh(headers)).status).toBe(401);
    expect(await (await refresh(as(client.client_secret))).json()).toMatchObject({
      refresh_token: (await first.json<Tokens>()).refresh_token,
    });
  });

  it("whose response was lost can be used again, however late", async () => {
    const { tokens, refresh } = await grantWithTokens();
    await refresh(tokens.refresh_token);
    advanceClock(7200);
    expect((await refresh(tokens.refresh_token)).status).toBe(200);
  });

  it("rotated long ago ends the grant, because it was copied, and leaves an audit record", async () => {
    const { tokens, refresh, works, user } = await grantWithTokens();
    const second = await (await refresh(tokens.refresh_token)).json<Tokens>();
    const third = await (await refresh(second.refresh_token)).json<Tokens>();
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    advanceClock(60);
    expect(await errorOf(await refresh(tokens.refresh_token))).toEqual([400, "invalid_grant"]);
    const records = log.mock.calls.map(([line]) => JSON.parse(String(line)) as { type?: string; subject?: string });
    expect(records).toMatchObject([{ type: "grant.reuse_detected", subject: user, tenantId: `t_${user}` }]);
    const { type } = (await recordsOf(bound as unknown as Env, `t_${user}`)).at(-1) ?? {};
    expect(type, "in the log of the user's tenant").toBe("grant.reuse_detected");
    expect(await errorOf(await refresh(third.refresh_token))).toEqual([400, "invalid_grant"]);
    expect(await works(third)).toBe(false);
  });

  it("rotated a moment ago is refused, and its grant lives: two requests may have crossed", async () => {
    const { tokens, refresh } = await grantWithTokens();
    const second = await (await refresh(tokens.refresh_token)).json<Tokens>();
    const third = await (await refresh(second.refresh_token)).json<Tokens>();
    expect(await errorOf(await refresh(tokens.refresh_token))).toEqual([400, "invalid_grant"]);
    expect((await refresh(third.refresh_token)).status).toBe(200);
  });

  it("that a thief has used is detected when its owner uses the successor", async () => {
    const { tokens, refresh, works } = await grantWithTokens();
    const owners = await (await refresh(tokens.refresh_token)).json<Tokens>();
    advanceClock(40);
    const thiefs = await (await refresh(tokens.refresh_token)).json<Tokens>();
    expect(await works(thiefs)).toBe(true);
    advanceClock(80);
    expect(await errorOf(await refresh(owners.refresh_token))).toEqual([400, "invalid_grant"]);
    expect(await works(thiefs)).toBe(false);
    expect(await errorOf(await refresh(thiefs.refresh_token))).toEqual([400, "invalid_grant"]);
  });

  it("forged with the name of a real grant changes nothing", async () => {
    const { tokens, refresh, name } = await grantWithTokens();
    const forged = `${name.userId}:${name.grantId}:${"x".repeat(32)}`;
    expect(await errorOf(await refresh(forged))).toEqual([400, "invalid_grant"]);
    advanceClock(60);
    expect(await errorOf(await refresh(forged))).toEqual([400, "invalid_grant"]);
    expect((await refresh(tokens.refresh_token)).status).toBe(200);
  });
});

describe("an object that was written with the older record", () => {
  /** Stores the family as it was stored before: under `chain`, with `spent` for `rotated`. */
  async function storeOlderRecord(object: DurableObjectStub, record: object): Promise<void> {
    await runInDurableObject(object, async (_, { storage }) => {
      await storage.delete("family");
      await storage.put("chain", record);
    });
  }

  it("refreshes, and detects the reuse of a token that was rotated before", async () => {
    const { tokens, refresh, works, object, hasEnded } = await grantWithTokens();
    const second = await (await refresh(tokens.refresh_token)).json<Tokens>();
    const third = await (await refresh(second.refresh_token)).json<Tokens>();
    await storeOlderRecord(object, {
      current: await sha256(third.refresh_token),
      previous: await sha256(second.refresh_token),
      spent: [{ digest: await sha256(tokens.refresh_token), atMs: Date.now() }],
    });
    const fourth = await (await refresh(third.refresh_token)).json<Tokens>();
    expect(await works(fourth)).toBe(true);
    advanceClock(60);
    expect(await errorOf(await refresh(tokens.refresh_token))).toEqual([400, "invalid_grant"]);
    expect([await works(fourth), await hasEnded()]).toEqual([false, true]);
  });

  it("detects the reuse also as its first request", async () => {
    const { tokens, refresh, object, hasEnded } = await grantWithTokens();
    const second = await (await refresh(tokens.refresh_token)).json<Tokens>();
    await storeOlderRecord(object, {
      current: "a digest",
      previous: "another digest",
      spent: [{ digest: await sha256(second.refresh_token), atMs: Date.now() - 60_000 }],
    });
    expect(await errorOf(await refresh(second.refresh_token))).toEqual([400, "invalid_grant"]);
    expect(await hasEnded()).toBe(true);
  });

  it("is still ended if it was ended", async () => {
    const { tokens, refresh, object } = await grantWithTokens();
    await storeOlderRecord(object, { spent: [], hasEnded: true });
    expect(await errorOf(await refresh(tokens.refresh_token))).toEqual([400, "invalid_grant"]);
  });

  it("can be revoked, and deletes itself", async () => {
    const { name, object, hasEnded } = await grantWithTokens();
    await storeOlderRecord(object, { current: "a digest", spent: [] });
    expect(await hasEnded()).toBe(false);
    await object.revoke(name);
    expect(await hasEnded()).toBe(true);
    expect(await runDurableObjectAlarm(object)).toBe(true);
    expect(await runInDurableObject(object, async (_, { storage }) => (await storage.list()).size)).toBe(0);
  });
});

describe("a refresh", () => {
  it.each(["u_disabled_later", "u_gone_later", "u_raised_later", "u_signedout_later"])(
    "ends the grant of a user who is %s",
    async (prefix) => {
      const { tokens, refresh, works, hasEnded } = await grantWithTokens(prefix);
      expect(await errorOf(await refresh(tokens.refresh_token))).toEqual([400, "invalid_grant"]);
      expect([await works(tokens), await hasEnded()]).toEqual([false, true]);
    },
  );

  it("works for a tenant that owes, so that the connection lives when the bill is paid", async () => {
    const { tokens, refresh } = await grantWithTokens("u_owing");
    expect((await refresh(tokens.refresh_token)).status).toBe(200);
  });

  it("keeps the grant if the auth Worker fails, and says when to try again", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { tokens, refresh } = await grantWithTokens("u_down_later");
    const refused = await refresh(tokens.refresh_token);
    expect([refused.headers.get("Retry-After"), ...(await errorOf(refused))]).toEqual([
      "10",
      503,
      "temporarily_unavailable",
    ]);
    expect(log.mock.calls.flat().join()).not.toContain("secret");
    expect((await refresh(tokens.refresh_token)).status).toBe(200);
  });

  it("is refused for a sign-in from before all the user's tokens were ended", async () => {
    const { env, user, tokens, refresh, works } = await grantWithTokens();
    await userObjectOf(env, user).endEverything();
    expect(await errorOf(await refresh(tokens.refresh_token))).toEqual([400, "invalid_grant"]);
    expect(await works(tokens)).toBe(false);
  });
});

describe("a grant object", () => {
  it("is found for tokens of our own shape only", () => {
    const good = `u_1:${"g".repeat(16)}:${"s".repeat(32)}`;
    expect(grantNameOf(good)).toEqual({ userId: "u_1", grantId: "g".repeat(16) });
    for (const token of [
      "",
      "a:b:c",
      `${good}x`,
      good.replace("u_1", ""),
      `${good}:x`,
      ` ${good}`,
      `${good}\n`,
      good.replace("u_1", "u 1"),
    ])
      expect(grantNameOf(token), token).toBeNull();
  });

  it("handles the next request after one that crashes", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { tokens, refresh } = await grantWithTokens();
    const get = vi
      .spyOn(Object.getPrototypeOf(OAUTH_KV) as KVNamespace, "get")
      .mockRejectedValue(new Error("a secret of storage") as never);
    const crashed = await refresh(tokens.refresh_token);
    expect([crashed.status, await crashed.text()]).toEqual([500, expect.not.stringContaining("secret")]);
    get.mockRestore();
    expect((await refresh(tokens.refresh_token)).status).toBe(200);
  });
});
