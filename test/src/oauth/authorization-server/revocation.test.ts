// Taking access away, and clearing away what has ended: the auth Worker's door, a user's marks, and the cron's purge.
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
import { authorizationServer } from "../../../../src/oauth/router.ts";
import { Browser, envWith, form, ORIGIN, redeem, register, send, userId } from "../browser.ts";

const env = envWith();
const { OAUTH_KV } = bound as unknown as Env; // the pool types its bindings by another interface
let people = 0;

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const someone = () => userId(`u_revoked_${++people}`);

/** A grant of this user's, and its tokens. */
async function connect(user: string) {
  const theirs = envWith({
    authenticateUser: async (email) => ({ valid: true, userId: userId(user), email, name: "Ada" }),
  });
  const client = await register(theirs);
  const browser = new Browser(theirs);
  const left = await browser.submit(await browser.reachConsent(client), "/authorize", {
    decision: "approve",
    scope: "generate",
  });
  const tokens = await redeem(theirs, client, left.next);
  const refresh = () =>
    send(
      theirs,
      "/token",
      form({ grant_type: "refresh_token", refresh_token: tokens.refresh_token, client_id: client }),
    );
  const works = async () =>
    (await authorizationServer(env).validateToken(`${ORIGIN}/mcp`, tokens.access_token, env)) !== null;
  return { client, tokens, refresh, works };
}

/** The auth Worker's door, as a binding with these props calls it. */
async function revokeUser(user: unknown, props: unknown = { caller: "stackbilt-auth" }, over: Env = env) {
  const ctx = Object.assign(createExecutionContext(), { props });
  const reply = await new GatewayAdminEntrypoint(ctx as never, over).revokeUser(user); // the pool's context has no type for props
  await waitOnExecutionContext(ctx as never);
  return reply;
}

describe("the auth Worker's door", () => {
  it("ends every grant, token and browser session of a user, of nobody else, and says how many", async () => {
    const user = someone();
    const [first, second, other] = [await connect(user), await connect(user), await connect(someone())];
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

  it("also ends a grant that storage does not list yet: its sign-in was before", async () => {
    const user = someone();
    const { tokens, refresh } = await connect(user);
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
    const user = someone();
    await connect(user);
    await revokeUser(user);
    const again = await connect(user);
    expect([await again.works(), (await again.refresh()).status]).toEqual([true, 200]);
  });

  it.each([null, {}, { caller: "charter-web", scopes: ["read"] }])(
    "is closed to a binding with the props %j",
    async (props) => {
      const user = someone();
      const { works } = await connect(user);
      expect(await revokeUser(user, props)).toEqual({ ok: false, error: { code: "unauthenticated" } });
      expect(await works()).toBe(true);
    },
  );

  it("refuses what is no user, and tells nothing about a failure", async () => {
    for (const user of ["", "a b", null, { id: 1 }, "x".repeat(300)])
      expect(await revokeUser(user)).toEqual({ ok: false, error: { code: "invalid_input" } });
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const broken = envWith({}, { USER_REVOCATIONS: null as never });
    expect(await revokeUser(someone(), {}, broken)).toEqual({ ok: false, error: { code: "unauthenticated" } });
    expect(await revokeUser(someone(), { caller: "stackbilt-auth" }, broken)).toEqual({
      ok: false,
      error: { code: "internal" },
    });
    expect(log).toHaveBeenCalledOnce();
  });
});

describe("a user's marks", () => {
  it("end one session and leave the others", async () => {
    const marks = revocationsOf(env, someone());
    const startedAtMs = Date.now();
    await marks.endSession("one");
    expect([await marks.hasEndedSession("one", startedAtMs), await marks.hasEndedSession("two", startedAtMs)]).toEqual([
      true,
      false,
    ]);
    expect(await marks.hasEndedSession("constructor", startedAtMs)).toBe(false);
  });

  it("that are set together all count", async () => {
    for (let round = 0; round < 20; round++) {
      const marks = revocationsOf(env, someone());
      const sids = ["one", "two", "three", "four"];
      await Promise.all([...sids.map((sid) => marks.endSession(sid)), marks.endTokens()]);
      const startedAtMs = Date.now() + 1000;
      expect(await Promise.all(sids.map((sid) => marks.hasEndedSession(sid, startedAtMs)))).toEqual([
        true,
        true,
        true,
        true,
      ]);
      expect(await marks.hasEndedTokens(0)).toBe(true);
    }
  });

  it("of sessions that would have ended by now are forgotten", async () => {
    const marks = revocationsOf(env, someone());
    await marks.endSession("old");
    vi.useFakeTimers({ now: Date.now() + 9 * 3_600_000, toFake: ["Date"] });
    await marks.endSession("new");
    expect(await runInDurableObject(marks, async (_, { storage }) => [...(await storage.list()).keys()])).toEqual([
      "session:new",
    ]);
  });

  it("end sessions and tokens from before, not those that begin afterwards", async () => {
    const marks = revocationsOf(env, someone());
    const now = Math.floor(Date.now() / 1000);
    await marks.endSessions();
    await marks.endTokens();
    expect([
      await marks.hasEndedSession("s", Date.now() - 1000),
      await marks.hasEndedSession("s", Date.now() + 1),
    ]).toEqual([true, false]);
    expect([await marks.hasEndedTokens(now - 2), await marks.hasEndedTokens(now + 1)]).toEqual([true, false]);
  });

  it("go when nothing that they mark can be alive", async () => {
    const marks = revocationsOf(env, someone());
    await marks.endSession("one");
    expect(await runDurableObjectAlarm(marks)).toBe(true);
    expect(await runInDurableObject(marks, async (_, { storage }) => (await storage.list()).size)).toBe(0);
  });
});

describe("the purge", () => {
  const purge = () => gateway.scheduled(createScheduledController(), env);

  it("removes grants whose client is gone, and leaves the others", async () => {
    const [gone, kept] = [await connect(someone()), await connect(someone())];
    await OAUTH_KV.delete(`client:${gone.client}`);
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    // However many runs it takes to look at everything that other tests have left.
    for (let runs = 0; runs < 20; runs++) {
      await purge();
      if ((await OAUTH_KV.get("purge_cursor")) === null) break;
    }
    expect([await gone.works(), await kept.works()]).toEqual([false, true]);
    const lines = log.mock.calls.map(([line]) => JSON.parse(String(line)) as { event: string; grantsChecked: number });
    expect(lines.at(-1)).toMatchObject({ event: "oauth.purged", done: true });
    expect(JSON.stringify(lines)).not.toContain(gone.client);
  });

  it("goes on where the last run stopped, and starts anew where that place is no more", async () => {
    const user = someone();
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
      "grants were looked at before",
    ).not.toContain("grant:");
    await OAUTH_KV.put("purge_cursor", "no such place");
    await expect(purge()).rejects.toThrow();
    expect(await OAUTH_KV.get("purge_cursor")).toBeNull();
    list.mockClear();
    await purge();
    expect(list.mock.calls[0]?.[0]?.prefix).toBe("grant:");
  });
});
