// The object of a user: ended sessions, grants and tokens; the list of grants; approvals.
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env as bound } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  type GrantRecord,
  hasTokenEnded,
  MAX_GRANTS_OF_CLIENT,
  type UserObject,
  userObjectOf,
} from "../../../src/durable/user-object.ts";
import type { Env } from "../../../src/env.ts";
import { userId } from "../oauth/browser.ts";

const env = bound as unknown as Env; // the pool types its bindings by another interface
const newObject = () => userObjectOf(env, userId(`u_${crypto.randomUUID()}`));
const DAY_MS = 86_400_000;
let grants = 0;

afterEach(() => {
  vi.useRealTimers();
});

/** A redeemed grant, a millisecond later than the one before. */
function newGrant(changes: Partial<GrantRecord> = {}): GrantRecord {
  const createdAtMs = Date.now() + ++grants;
  const id = `grant ${grants}`;
  const app = { clientId: "app", clientName: "App", scope: ["read"], redirectOrigin: "https://app.test" };
  const expiresAt = Math.floor(createdAtMs / 1000) + 30 * 86_400;
  return { id, ...app, signedInAtMs: createdAtMs, createdAtMs, expiresAt, madeFrom: null, ...changes };
}

type Stub = DurableObjectStub<UserObject>;
const idsIn = async (object: Stub) => (await object.listGrants()).map(({ id }) => id);
const keysIn = (object: Stub) =>
  runInDurableObject(object, async (_, { storage }) => [...(await storage.list()).keys()]);

/** Sets the clock, for everything but storage. */
function setClock(nowMs: number): void {
  vi.useFakeTimers({ now: nowMs, toFake: ["Date"] });
}

describe("a user's sessions", () => {
  it("end one by one", async () => {
    const object = newObject();
    const startedAtMs = Date.now();
    await object.endSession("one");
    expect([
      await object.hasEndedSession("one", startedAtMs),
      await object.hasEndedSession("two", startedAtMs),
    ]).toEqual([true, false]);
    expect(await object.hasEndedSession("constructor", startedAtMs)).toBe(false);
  });

  it("that end in parallel all count", async () => {
    for (let repetition = 0; repetition < 20; repetition++) {
      const object = newObject();
      const sids = ["one", "two", "three", "four"];
      await Promise.all([...sids.map((sid) => object.endSession(sid)), object.endEverything()]);
      const startedAtMs = Date.now() + 1000;
      const ended = await Promise.all(sids.map((sid) => object.hasEndedSession(sid, startedAtMs)));
      expect(ended).toEqual([true, true, true, true]);
      expect((await object.tokenState()).endedUntilMs).toBeGreaterThan(0);
    }
  });

  it("that have expired by now leave no mark", async () => {
    const object = newObject();
    await object.endSession("old");
    setClock(Date.now() + 9 * 3_600_000);
    await object.endSession("new");
    expect(await keysIn(object)).toEqual(["session:new"]);
  });
});

describe("ending everything", () => {
  it("counts to the millisecond: what began before or with it has ended, what begins after it lives", async () => {
    const object = newObject();
    const atMs = 1_900_000_000_500;
    setClock(atMs);
    await object.endEverything();
    const state = await object.tokenState();
    expect([atMs - 1, atMs, atMs + 1].map((instant) => hasTokenEnded(state, instant))).toEqual([true, true, false]);
    const sessions = [atMs - 1, atMs, atMs + 1].map((instant) => object.hasEndedSession("s", instant));
    expect(await Promise.all(sessions)).toEqual([true, true, false]);
  });

  it("returns the listed grants, and leaves neither them nor approvals", async () => {
    const object = newObject();
    const [first, second] = [newGrant(), newGrant({ expiresAt: null })];
    for (const grant of [first, second]) await object.registerGrant(grant);
    await object.storeApproval("key", { clientId: "app", scopes: ["read"], metaHash: "m" });
    expect(new Set(await object.endEverything())).toEqual(new Set([first.id, second.id]));
    expect([await idsIn(object), await object.findApproval("key")]).toEqual([[], null]);
  });

  it("up to an instant leaves later sign-ins, their grants and approvals, also if it is repeated", async () => {
    const object = newObject();
    const atMs = Date.now();
    const [before, after] = [newGrant({ signedInAtMs: atMs - 1000 }), newGrant({ signedInAtMs: atMs })];
    for (const grant of [before, after]) await object.registerGrant(grant);
    await object.storeApproval("key", { clientId: "app", scopes: ["read"], metaHash: "m" });
    expect(await object.endEverything(atMs - 1)).toEqual([before.id]);
    expect(await object.endEverything(atMs - 1)).toEqual([]);
    expect([await idsIn(object), await object.findApproval("key")]).toEqual([[after.id], expect.anything()]);
    expect(hasTokenEnded(await object.tokenState(), atMs)).toBe(false);
  });

  it("up to an earlier instant takes nothing back", async () => {
    const object = newObject();
    await object.endEverything(2000);
    await object.endEverything(1000);
    expect((await object.tokenState()).endedUntilMs).toBe(2000);
  });

  it("also ends a grant that is redeemed at the same moment, of a sign-in before it", async () => {
    const object = newObject();
    const grant = newGrant({ signedInAtMs: Date.now() - 1 });
    await object.endEverything();
    expect(await object.registerGrant(grant)).toEqual({ hasEnded: true, evicted: [] });
    expect(await idsIn(object)).toEqual([]);
  });

  it("is known from objects of before, which counted sessions in milliseconds and tokens in seconds", async () => {
    const object = newObject();
    await runInDurableObject(object, async (_, { storage }) => {
      await storage.put({ sessionsEndedAtMs: 1_900_000_000_500, tokensEndedAt: 1_900_000_000 });
    });
    expect(await object.hasEndedSession("s", 1_900_000_000_500)).toBe(true);
    expect(await object.hasEndedSession("s", 1_900_000_000_501)).toBe(false);
    const state = await object.tokenState();
    expect([hasTokenEnded(state, 1_899_999_999_000), hasTokenEnded(state, 1_900_000_000_000)]).toEqual([true, false]);
  });
});

describe("a grant", () => {
  it("is listed until it ends, newest first, and is then ended for every token", async () => {
    const object = newObject();
    const [first, second] = [newGrant(), newGrant()];
    for (const grant of [first, second]) await object.registerGrant(grant);
    expect(await idsIn(object)).toEqual([second.id, first.id]);
    expect(await object.tokenState({ grantId: first.id })).toMatchObject({ hasEnded: false, isListed: true });
    await object.endGrant(first.id);
    expect(await idsIn(object)).toEqual([second.id]);
    expect(await object.tokenState({ grantId: first.id })).toMatchObject({ hasEnded: true, isListed: false });
    expect(await object.registerGrant(first), "it cannot come back").toEqual({ hasEnded: true, evicted: [] });
  });

  it("that is one too many for its client ends the oldest, and none of another client", async () => {
    const object = newObject();
    const other = newGrant({ clientId: "another app" });
    const own = Array.from({ length: MAX_GRANTS_OF_CLIENT }, () => newGrant());
    for (const grant of [other, ...own]) expect((await object.registerGrant(grant)).evicted).toEqual([]);
    expect((await object.registerGrant(newGrant())).evicted).toEqual([own[0]?.id]);
    expect(await object.tokenState({ grantId: own[0]?.id ?? "" })).toMatchObject({ hasEnded: true, isListed: false });
    expect(await object.tokenState({ grantId: other.id })).toMatchObject({ hasEnded: false, isListed: true });
  });

  it("that is redeemed late is not the one that ends, although it is the oldest", async () => {
    const object = newObject();
    const late = newGrant({ expiresAt: null });
    const own = Array.from({ length: MAX_GRANTS_OF_CLIENT }, () => newGrant());
    for (const grant of [late, ...own]) await object.registerGrant(grant);
    const redeemed = await object.registerGrant({ ...late, expiresAt: own[0]?.expiresAt ?? 0 });
    expect(redeemed).toEqual({ hasEnded: false, evicted: [own[0]?.id] });
  });

  it("that is not redeemed ends none, however many there are, and only twenty of them are listed", async () => {
    const object = newObject();
    const redeemed = newGrant();
    await object.registerGrant(redeemed);
    for (let made = 0; made < 25; made++)
      expect(await object.registerGrant(newGrant({ expiresAt: null }))).toEqual({ hasEnded: false, evicted: [] });
    const listed = await idsIn(object);
    expect([listed.length, listed.includes(redeemed.id)]).toEqual([21, true]);
  });

  it("that has expired is neither listed nor kept", async () => {
    const object = newObject();
    const [unredeemed, redeemed] = [newGrant({ expiresAt: null }), newGrant()];
    for (const grant of [unredeemed, redeemed]) await object.registerGrant(grant);
    setClock(Date.now() + 20 * 60_000);
    expect(await idsIn(object)).toEqual([redeemed.id]);
    setClock(Date.now() + 31 * DAY_MS);
    expect(await idsIn(object)).toEqual([]);
    const next = newGrant();
    await object.registerGrant(next);
    expect(await keysIn(object)).toEqual([`grant:${next.id}`]);
  });
});

describe("an object of a user", () => {
  it("ends one token, and not its grant", async () => {
    const object = newObject();
    await object.endToken("a digest");
    expect((await object.tokenState({ grantId: "g", digest: "a digest" })).hasEnded).toBe(true);
    expect((await object.tokenState({ grantId: "g", digest: "another" })).hasEnded).toBe(false);
    expect((await object.tokenState({ grantId: "g" })).hasEnded).toBe(false);
  });

  it("that is only asked stores nothing", async () => {
    const object = newObject();
    await object.tokenState({ grantId: "g", digest: "d" });
    await object.hasEndedSession("s", 1);
    expect([await object.listGrants(), await object.findApproval("k"), await keysIn(object)]).toEqual([[], null, []]);
  });

  it("deletes itself when nothing in it can be valid any more", async () => {
    const object = newObject();
    await object.storeApproval("key", { clientId: "app", scopes: ["read"], metaHash: "m" });
    await object.endSession("one");
    const alarmAtMs = await runInDurableObject(object, (_, { storage }) => storage.getAlarm());
    expect(((alarmAtMs ?? 0) - Date.now()) / DAY_MS).toBeCloseTo(91, 1);
    expect(await runDurableObjectAlarm(object)).toBe(true);
    expect(await keysIn(object)).toEqual([]);
  });
});
