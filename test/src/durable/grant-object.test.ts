// One grant, one request at a time: codes and refresh tokens under parallel use, replay and revocation. The Durable Objects, the KV
// and the library are the real ones; the auth Worker they ask is the stand-in of `test/vitest.config.ts`.
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env as bound } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { grantNameOf, grantObjectOf } from "../../../src/durable/grant-object.ts";
import { revocationsOf } from "../../../src/durable/user-revocations.ts";
import type { Env } from "../../../src/env.ts";
import { authorizationServer } from "../../../src/oauth/router.ts";
import { Browser, envWith, form, ORIGIN, REDIRECT, register, send, userId, VERIFIER } from "../oauth/browser.ts";

const RESOURCE = `${ORIGIN}/mcp`;
const { OAUTH_KV } = bound as unknown as Env; // the pool types its bindings by another interface
let people = 0;

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly expires_in: number;
}

/** Somebody's app with a code in its hands. `who` is what the auth Worker will say of the user, see `test/vitest.config.ts`. */
async function allowed(who = "u") {
  const user = userId(`${who}_${++people}`);
  const env = envWith({ authenticateUser: async (email) => ({ valid: true, userId: user, email, name: "Ada" }) });
  const client = await register(env);
  const browser = new Browser(env);
  const left = await browser.submit(await browser.reachConsent(client), "/authorize", {
    decision: "approve",
    scope: "generate",
  });
  const code = new URL(left.next).searchParams.get("code") ?? "";
  const name = grantNameOf(code);
  if (!name) throw new Error(`No code of ours: ${left.next}`);
  const fields = {
    grant_type: "authorization_code",
    client_id: client,
    code,
    redirect_uri: REDIRECT,
    code_verifier: VERIFIER,
  };
  const redeem = (changes: Record<string, string> = {}) => send(env, "/token", form({ ...fields, ...changes }));
  const refresh = (refresh_token: string, changes: Record<string, string> = {}) =>
    send(env, "/token", form({ grant_type: "refresh_token", refresh_token, client_id: client, ...changes }));
  const works = async ({ access_token }: Tokens) =>
    (await authorizationServer(env).validateToken(RESOURCE, access_token, env)) !== null;
  return { env, user, client, name, gate: grantObjectOf(env, name), redeem, refresh, works };
}

/** The same, with its first tokens. */
async function connected(who?: string) {
  const grant = await allowed(who);
  const response = await grant.redeem();
  expect(response.status).toBe(200);
  return { ...grant, tokens: await response.json<Tokens>() };
}

/** KV as slow as it is between continents. */
function slowStorage(): void {
  const prototype = Object.getPrototypeOf(OAUTH_KV) as KVNamespace;
  for (const method of ["get", "put", "delete"] as const) {
    const real = prototype[method] as (...args: unknown[]) => Promise<unknown>;
    vi.spyOn(prototype, method).mockImplementation(async function (this: KVNamespace, ...args: unknown[]) {
      await new Promise((resolve) => setTimeout(resolve, 40));
      return real.apply(this, args);
    } as never); // one stand-in for the overloads of all three
  }
}

async function errorOf(response: Response): Promise<[number, string]> {
  return [response.status, (await response.json<{ error: string }>()).error];
}

/** Moves the clock on, for everything but storage. */
function later(seconds: number): void {
  vi.useFakeTimers({ now: Date.now() + seconds * 1000, toFake: ["Date"] });
}

describe("a code", () => {
  it("is redeemed once, whatever arrives together, and its replay ends the grant (RFC 6749 section 4.1.2)", async () => {
    const { redeem, works, gate } = await allowed();
    slowStorage();
    const responses = await Promise.all(Array.from({ length: 6 }, () => redeem()));
    expect(responses.map(({ status }) => status).toSorted()).toEqual([200, 400, 400, 400, 400, 400]);
    const first = responses.find(({ status }) => status === 200);
    expect(await works((await first?.json()) as Tokens)).toBe(false);
    expect(await gate.hasEnded()).toBe(true);
  });

  it("is redeemed although storage takes one write a second only, and the grant has just been written", async () => {
    const { redeem, works, refresh } = await allowed();
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

  it("survives a wrong verifier of somebody else's client", async () => {
    const { env, redeem, works } = await allowed();
    const other = await register(env);
    expect((await redeem({ client_id: other })).status).toBe(400);
    expect(await works(await (await redeem()).json<Tokens>())).toBe(true);
  });

  it("belongs to a gate that is opened where the grant is written, and forgets it when nobody comes", async () => {
    const { gate } = await allowed();
    expect(await runInDurableObject(gate, (_, { storage }) => storage.get("family"))).toEqual({ rotated: [] });
    expect(await runDurableObjectAlarm(gate)).toBe(true);
    expect(await runInDurableObject(gate, async (_, { storage }) => (await storage.list()).size)).toBe(0);
  });
});

describe("a refresh token", () => {
  it("is replaced at each use, and the tokens before still work", async () => {
    const { tokens, refresh, works } = await connected();
    const next = await (await refresh(tokens.refresh_token)).json<Tokens>();
    expect(next.refresh_token).not.toBe(tokens.refresh_token);
    expect([await works(tokens), await works(next)]).toEqual([true, true]);
  });

  it("used by several tabs at once gives all of them the same one successor", async () => {
    const { tokens, refresh } = await connected();
    slowStorage();
    const answers = await Promise.all(
      Array.from({ length: 4 }, async () => (await refresh(tokens.refresh_token)).json<Tokens>()),
    );
    expect(new Set(answers.map(({ refresh_token }) => refresh_token)).size).toBe(1);
    const [{ refresh_token } = { refresh_token: "" }] = answers;
    expect((await refresh(refresh_token)).status).toBe(200);
  });

  it("asked for again within half a minute gets the same answer, its life gone on; another request does not", async () => {
    const { tokens, refresh } = await connected();
    const first = await (await refresh(tokens.refresh_token)).json<Tokens>();
    later(20);
    const again = await (await refresh(tokens.refresh_token)).json<Tokens>();
    expect(again).toEqual({ ...first, expires_in: expect.closeTo(first.expires_in - 21, -0.5) });
    expect((await (await refresh(tokens.refresh_token, { scope: "read" })).json<Tokens>()).refresh_token).not.toBe(
      first.refresh_token,
    );
    expect(await errorOf(await refresh(tokens.refresh_token, { client_id: "somebody-else" }))).toEqual([
      401,
      "invalid_client",
    ]);
  });

  it("whose answer was lost can be used again, however late", async () => {
    const { tokens, refresh } = await connected();
    await refresh(tokens.refresh_token);
    later(7200);
    expect((await refresh(tokens.refresh_token)).status).toBe(200);
  });

  it("replaced long ago ends the grant, since somebody has a copy, and says so in the audit", async () => {
    const { tokens, refresh, works, user } = await connected();
    const second = await (await refresh(tokens.refresh_token)).json<Tokens>();
    const third = await (await refresh(second.refresh_token)).json<Tokens>();
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    later(60);
    expect(await errorOf(await refresh(tokens.refresh_token))).toEqual([400, "invalid_grant"]);
    const records = log.mock.calls.map(([line]) => JSON.parse(String(line)) as { type?: string; subject?: string });
    expect(records).toMatchObject([{ type: "grant.reuse_detected", subject: user }]);
    expect(await errorOf(await refresh(third.refresh_token))).toEqual([400, "invalid_grant"]);
    expect(await works(third)).toBe(false);
  });

  it("replaced a moment ago is refused, and its grant lives: two requests may have crossed", async () => {
    const { tokens, refresh } = await connected();
    const second = await (await refresh(tokens.refresh_token)).json<Tokens>();
    const third = await (await refresh(second.refresh_token)).json<Tokens>();
    expect(await errorOf(await refresh(tokens.refresh_token))).toEqual([400, "invalid_grant"]);
    expect((await refresh(third.refresh_token)).status).toBe(200);
  });

  it("stolen and used is found out when its owner comes back", async () => {
    const { tokens, refresh, works } = await connected();
    const owners = await (await refresh(tokens.refresh_token)).json<Tokens>();
    later(40);
    const thiefs = await (await refresh(tokens.refresh_token)).json<Tokens>();
    expect(await works(thiefs)).toBe(true);
    later(80);
    expect(await errorOf(await refresh(owners.refresh_token))).toEqual([400, "invalid_grant"]);
    expect(await works(thiefs)).toBe(false);
    expect(await errorOf(await refresh(thiefs.refresh_token))).toEqual([400, "invalid_grant"]);
  });

  it("made up by somebody who knows the grant's name changes nothing", async () => {
    const { tokens, refresh, name } = await connected();
    const forged = `${name.userId}:${name.grantId}:${"x".repeat(32)}`;
    expect(await errorOf(await refresh(forged))).toEqual([400, "invalid_grant"]);
    later(60);
    expect(await errorOf(await refresh(forged))).toEqual([400, "invalid_grant"]);
    expect((await refresh(tokens.refresh_token)).status).toBe(200);
  });
});

describe("a refresh", () => {
  it("looks the user up: a new tier goes into the next token", async () => {
    const { env, tokens, refresh } = await connected();
    const propsOf = async ({ access_token }: Tokens) =>
      (await authorizationServer(env).validateToken(RESOURCE, access_token, env))?.props;
    const before = await propsOf(tokens);
    const after = await propsOf(await (await refresh(tokens.refresh_token)).json<Tokens>());
    expect([before?.tier, after?.tier]).toEqual(["free", "pro"]);
    expect({ ...after, tier: "free" }).toEqual(before);
  });

  it.each(["u_disabled", "u_gone"])("ends the grant of a user who is %s", async (who) => {
    const { tokens, refresh, works, gate } = await connected(who);
    expect(await errorOf(await refresh(tokens.refresh_token))).toEqual([400, "invalid_grant"]);
    expect([await works(tokens), await gate.hasEnded()]).toEqual([false, true]);
  });

  it("keeps the grant when the auth Worker cannot be asked, and says when to come back", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { tokens, refresh } = await connected("u_down");
    const refused = await refresh(tokens.refresh_token);
    expect([refused.headers.get("Retry-After"), ...(await errorOf(refused))]).toEqual([
      "10",
      503,
      "temporarily_unavailable",
    ]);
    expect(log.mock.calls.flat().join()).not.toContain("secret");
    expect((await refresh(tokens.refresh_token)).status).toBe(200);
  });

  it("of a sign-in from before everything of the user's was ended is refused", async () => {
    const { env, user, tokens, refresh, works } = await connected();
    later(2);
    await revocationsOf(env, user).endTokens();
    expect(await errorOf(await refresh(tokens.refresh_token))).toEqual([400, "invalid_grant"]);
    expect(await works(tokens)).toBe(false);
  });
});

describe("revocation", () => {
  it("takes the refresh token, and with it every token of the grant (RFC 7009)", async () => {
    const { env, client, tokens, works, gate } = await connected();
    expect((await send(env, "/token", form({ token: tokens.refresh_token, client_id: client }))).status).toBe(200);
    expect([await works(tokens), await gate.hasEnded()]).toEqual([false, true]);
  });

  it("takes an access token alone, and the grant goes on", async () => {
    const { env, client, tokens, works, refresh, gate } = await connected();
    expect((await send(env, "/token", form({ token: tokens.access_token, client_id: client }))).status).toBe(200);
    expect([await works(tokens), await gate.hasEnded()]).toEqual([false, false]);
    expect((await refresh(tokens.refresh_token)).status).toBe(200);
  });

  it("by somebody else's client changes nothing", async () => {
    const { env, tokens, works, gate } = await connected();
    const other = await register(env);
    await send(env, "/token", form({ token: tokens.refresh_token, client_id: other }));
    expect([await works(tokens), await gate.hasEnded()]).toEqual([true, false]);
  });

  it("by the user stands, though storage elsewhere still has the grant", async () => {
    const { name, gate, tokens, refresh } = await connected();
    const key = `grant:${name.userId}:${name.grantId}`;
    const stale = await OAUTH_KV.get(key);
    await gate.revoke(name);
    await OAUTH_KV.put(key, String(stale));
    expect(await errorOf(await refresh(tokens.refresh_token))).toEqual([400, "invalid_grant"]);
  });

  it("waits for the refresh that is under way, and ends what it made", async () => {
    const { name, gate, tokens, refresh, works } = await connected();
    slowStorage();
    const [refreshed] = await Promise.all([refresh(tokens.refresh_token), gate.revoke(name)]);
    if (refreshed.status === 200) expect(await works(await refreshed.json<Tokens>())).toBe(false);
    else expect(refreshed.status).toBe(400);
    expect(await OAUTH_KV.get(`grant:${name.userId}:${name.grantId}`)).toBeNull();
  });
});

describe("a gate", () => {
  it("is asked for nothing but tokens of our own shape", () => {
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

  it("goes on after a request that crashes", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { tokens, refresh } = await connected();
    const get = vi
      .spyOn(Object.getPrototypeOf(OAUTH_KV) as KVNamespace, "get")
      .mockRejectedValue(new Error("a secret of storage") as never);
    const crashed = await refresh(tokens.refresh_token);
    expect([crashed.status, await crashed.text()]).toEqual([500, expect.not.stringContaining("secret")]);
    get.mockRestore();
    expect((await refresh(tokens.refresh_token)).status).toBe(200);
  });
});
