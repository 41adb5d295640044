// Revocation and clean-up: the entrypoint of the auth Worker, a user's revocation marks, and the
// purge.
import {
  createExecutionContext,
  createScheduledController,
  runDurableObjectAlarm,
  runInDurableObject,
  waitOnExecutionContext,
} from "cloudflare:test";
import { env as bound } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { GatewayAdminEntrypoint } from "../../../../entrypoints/gateway/admin.ts";
import gateway from "../../../../entrypoints/gateway/index.ts";
import { grantNameOf, grantObjectOf } from "../../../../src/durable/grant-object.ts";
import { revocationsOf } from "../../../../src/durable/user-revocations.ts";
import type { Env } from "../../../../src/env.ts";
import { authorizationServer } from "../../../../src/oauth/authorization-server/server.ts";
import { Browser, envWith, form, ORIGIN, redeem, register, send, userId } from "../browser.ts";

const env = envWith();
const { OAUTH_KV } = bound as unknown as Env; // the pool types its bindings by another interface
let users = 0;

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const newUserId = () => userId(`u_revoked_${++users}`);

/** A grant of this user with its tokens. */
async function newGrant(user: string) {
  const own = envWith({
    authenticateUser: async (email) => ({ valid: true, userId: userId(user), email, name: "Ada" }),
  });
  const client = await register(own);
  const left = await new Browser(own).connect(client);
  const tokens = await redeem(own, client, left.next);
  const fields = { grant_type: "refresh_token", refresh_token: tokens.refresh_token, client_id: client };
  const refresh = () => send(own, "/token", form(fields));
  const works = async () =>
    (await authorizationServer(env).validateToken(`${ORIGIN}/mcp`, tokens.access_token, env)) !== null;
  return { client, tokens, refresh, works };
}

/** The reply of the entrypoint to a call through a binding with these props. */
async function revokeUser(user: unknown, props: unknown = { caller: "stackbilt-auth" }, over: Env = env) {
  const ctx = Object.assign(createExecutionContext(), { props });
  const reply = await new GatewayAdminEntrypoint(ctx as never, over).revokeUser(user); // the pool's context has no type for props
  await waitOnExecutionContext(ctx as never);
  return reply;
}

describe("the entrypoint for the auth Worker", () => {
  it("ends every grant, token and browser session of a user, of no other user, and returns how many grants", async () => {
    const user = newUserId();
    const [first, second, other] = [await newGrant(user), await newGrant(user), await newGrant(newUserId())];
    const sessions = revocationsOf(env, user);
    const startedAtMs = Date.now() - 1;
    expect(await sessions.hasEndedSession("a-session", startedAtMs)).toBe(false);
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    expect(await revokeUser(user)).toEqual({ ok: true, value: { revokedGrants: 2 } });
    expect(log.mock.calls.map(([line]) => JSON.parse(String(line)))).toMatchObject([
      { type: "user.revoked", subject: user },
    ]);
    expect([await first.works(), await second.works(), await other.works()]).toEqual([false, false, true]);
    expect([(await first.refresh()).status, (await other.refresh()).status]).toEqual([400, 200]);
    expect(await sessions.hasEndedSession("a-session", startedAtMs)).toBe(true);
    expect(await revokeUser(user), "again").toEqual({ ok: true, value: { revokedGrants: 0 } });
  });

  it("also ends a grant that KV does not list yet, by the time of its sign-in", async () => {
    const user = newUserId();
    const { tokens, refresh } = await newGrant(user);
    const { userId: owner, grantId } = grantNameOf(tokens.refresh_token) ?? { userId: user, grantId: "" };
    vi.useFakeTimers({ now: Date.now() + 2000, toFake: ["Date"] });
    vi.spyOn(Object.getPrototypeOf(OAUTH_KV) as KVNamespace, "list").mockResolvedValue({
      keys: [],
      list_complete: true,
      cacheStatus: null,
    });
    expect(await revokeUser(user)).toEqual({ ok: true, value: { revokedGrants: 0 } });
    expect(await grantObjectOf(env, { userId: owner, grantId }).hasEnded()).toBe(false);
    vi.mocked((Object.getPrototypeOf(OAUTH_KV) as KVNamespace).list).mockRestore();
    expect((await refresh()).status).toBe(400);
    expect(await grantObjectOf(env, { userId: owner, grantId }).hasEnded()).toBe(true);
  });

  it("lets the user sign in again afterwards", async () => {
    const user = newUserId();
    await newGrant(user);
    await revokeUser(user);
    const again = await newGrant(user);
    expect([await again.works(), (await again.refresh()).status]).toEqual([true, 200]);
  });

  it.each([null, {}, { caller: "charter-web", scopes: ["read"] }])(
    "is closed to a binding with the props %j",
    async (props) => {
      const user = newUserId();
      const { works } = await newGrant(user);
      expect(await revokeUser(user, props)).toEqual({ ok: false, error: { code: "unauthenticated" } });
      expect(await works()).toBe(true);
    },
  );

  it("refuses a value that is no user id, and reveals nothing about a failure", async () => {
    for (const user of ["", "a b", null, { id: 1 }, "x".repeat(300)])
      expect(await revokeUser(user)).toEqual({ ok: false, error: { code: "invalid_input" } });
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const broken = envWith({}, { USER_REVOCATIONS: null as never });
    expect(await revokeUser(newUserId(), {}, broken)).toEqual({ ok: false, error: { code: "unauthenticated" } });
    expect(await revokeUser(newUserId(), { caller: "stackbilt-auth" }, broken)).toEqual({
      ok: false,
      error: { code: "internal" },
    });
    expect(log).toHaveBeenCalledOnce();
  });
});

describe("a user's revocations", () => {
  it("end one session and keep the others", async () => {
    const revocations = revocationsOf(env, newUserId());
    const startedAtMs = Date.now();
    await revocations.endSession("one");
    expect([
      await revocations.hasEndedSession("one", startedAtMs),
      await revocations.hasEndedSession("two", startedAtMs),
    ]).toEqual([true, false]);
    expect(await revocations.hasEndedSession("constructor", startedAtMs)).toBe(false);
  });

  it("that are set in parallel all count", async () => {
    for (let repetition = 0; repetition < 20; repetition++) {
      const revocations = revocationsOf(env, newUserId());
      const sids = ["one", "two", "three", "four"];
      await Promise.all([...sids.map((sid) => revocations.endSession(sid)), revocations.endTokens()]);
      const startedAtMs = Date.now() + 1000;
      expect(await Promise.all(sids.map((sid) => revocations.hasEndedSession(sid, startedAtMs)))).toEqual([
        true,
        true,
        true,
        true,
      ]);
      expect(await revocations.hasEndedTokens(0)).toBe(true);
    }
  });

  it("of sessions that have expired by now are deleted", async () => {
    const revocations = revocationsOf(env, newUserId());
    await revocations.endSession("old");
    vi.useFakeTimers({ now: Date.now() + 9 * 3_600_000, toFake: ["Date"] });
    await revocations.endSession("new");
    expect(await runInDurableObject(revocations, async (_, { storage }) => [...(await storage.list()).keys()])).toEqual(
      ["session:new"],
    );
  });

  it("end earlier sessions and tokens, not later ones", async () => {
    const revocations = revocationsOf(env, newUserId());
    const now = Math.floor(Date.now() / 1000);
    await revocations.endSessions();
    await revocations.endTokens();
    expect([
      await revocations.hasEndedSession("s", Date.now() - 1000),
      await revocations.hasEndedSession("s", Date.now() + 1),
    ]).toEqual([true, false]);
    expect([await revocations.hasEndedTokens(now - 2), await revocations.hasEndedTokens(now + 1)]).toEqual([
      true,
      false,
    ]);
  });

  it("are deleted when nothing that they end can still be valid", async () => {
    const revocations = revocationsOf(env, newUserId());
    await revocations.endSession("one");
    expect(await runDurableObjectAlarm(revocations)).toBe(true);
    expect(await runInDurableObject(revocations, async (_, { storage }) => (await storage.list()).size)).toBe(0);
  });
});

describe("the purge", () => {
  const purge = () => gateway.scheduled(createScheduledController(), env);

  it("removes grants of deleted clients, and keeps the others", async () => {
    const [removed, kept] = [await newGrant(newUserId()), await newGrant(newUserId())];
    await OAUTH_KV.delete(`client:${removed.client}`);
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    // As many runs as the data of other tests needs.
    for (let runs = 0; runs < 20; runs++) {
      await purge();
      if ((await OAUTH_KV.get("purge_cursor")) === null) break;
    }
    expect([await removed.works(), await kept.works()]).toEqual([false, true]);
    const lines = log.mock.calls.map(([line]) => JSON.parse(String(line)) as { event: string; grantsChecked: number });
    expect(lines.at(-1)).toMatchObject({ event: "oauth.purged", done: true });
    expect(JSON.stringify(lines)).not.toContain(removed.client);
  });

  it("continues where the last run stopped, and starts over after an invalid cursor", async () => {
    const user = newUserId();
    for (let grants = 0; grants < 3; grants++) {
      const copy = `grant:${user}:${"g".repeat(15)}${grants}`;
      await OAUTH_KV.put(
        copy,
        JSON.stringify({ id: `${"g".repeat(15)}${grants}`, userId: user, clientId: "https://app.example/client.json" }),
      );
    }
    const list = vi.spyOn(Object.getPrototypeOf(OAUTH_KV) as KVNamespace, "list");
    vi.spyOn(console, "log").mockImplementation(() => undefined);
    await OAUTH_KV.put("purge_cursor", "tokens:");
    await purge();
    expect(
      list.mock.calls.map(([options]) => options?.prefix),
      "the grants are done",
    ).not.toContain("grant:");
    await OAUTH_KV.put("purge_cursor", "no such place");
    await expect(purge()).rejects.toThrow();
    expect(await OAUTH_KV.get("purge_cursor")).toBeNull();
    list.mockClear();
    await purge();
    expect(list.mock.calls[0]?.[0]?.prefix).toBe("grant:");
  });
});
