// The form that deletes the account: the proof that it needs, and its refusals. The deletion itself
// is in test/e2e/deletion.test.ts.
import { env as bound } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { AuthContract } from "../../../../contracts/auth.ts";
import type { UserId } from "../../../../contracts/rpc/identity.ts";
import { configOf } from "../../../../src/config.ts";
import type { Env } from "../../../../src/env.ts";
import { newSession, sessionCookie } from "../../../../src/oauth/browser/session.ts";
import { ADA, Browser, envWith, PASSWORD, quiet, type Seen, tenantId, throwing } from "../browser.ts";
import { COOKIE, env, fakeKeyStore, newUserId, words } from "../signed-in-user.ts";

const CONFIRMED = { confirmation: "delete my account" };
const methods = (...names: ("password" | "github")[]): Partial<AuthContract> => ({
  getSignInMethods: async () => ({ ok: true, value: { methods: names } }),
});
const withAuth = (auth: Partial<AuthContract>) => envWith({ ...fakeKeyStore().auth, ...auth });

/** A browser in which `user` signed in this long ago. */
async function browserOf(user: UserId, over: Env, minutesAgo = 0): Promise<Browser> {
  const account = { userId: user, tenantId: tenantId(`t_${user}`), tier: "pro" as const, email: "ada@example.com" };
  const session = { ...newSession(account, 0), startedAtMs: Date.now() - minutesAgo * 60_000 };
  const browser = new Browser(over);
  browser.cookies.set(COOKIE, /=([^;]*)/.exec(await sessionCookie(configOf(env), session))?.[1] ?? "");
  return browser;
}

/** True if the deletion of this user has begun. */
async function hasBegun(user: UserId): Promise<boolean> {
  const { USERS } = bound as unknown as Env; // the pool types its bindings by another interface
  return USERS.get(USERS.idFromName(user)).hasEndedSession("any", Date.now() + 60_000);
}

describe("a user with a password", () => {
  it("gives it, however fresh the sign-in is", async () => {
    const user = newUserId();
    const browser = await browserOf(user, withAuth(methods("password", "github")));
    const page = await browser.open("/apps/delete");
    expect(page.text).toContain('name="password"');
    const refused = await browser.submit(page, "/apps/delete", CONFIRMED);
    expect([refused.status, words(refused).includes("Nothing was deleted. The password is wrong.")]).toEqual([
      401,
      true,
    ]);
    expect(await hasBegun(user)).toBe(false);
  });

  it("cannot give that of another account", async () => {
    const user = newUserId();
    const authenticateUser = async () => ADA;
    const browser = await browserOf(user, withAuth({ ...methods("password"), authenticateUser }));
    const refused = await browser.submit(await browser.open("/apps/delete"), "/apps/delete", {
      ...CONFIRMED,
      password: PASSWORD,
    });
    expect(refused.status).toBe(401);
    expect(await hasBegun(user)).toBe(false);
  });

  it("reads when there were too many attempts", async () => {
    const limited = { authenticateUser: async () => ({ valid: false, error: "RATE_LIMITED" }) as const };
    const browser = await browserOf(newUserId(), withAuth({ ...methods("password"), ...limited }));
    const page = await browser.open("/apps/delete");
    const refused = await browser.submit(page, "/apps/delete", { ...CONFIRMED, password: PASSWORD });
    expect([refused.status, words(refused).includes("Too many attempts.")]).toEqual([429, true]);
  });
});

describe("a user without a password", () => {
  it("confirms within five minutes of the sign-in", async () => {
    quiet();
    const user = newUserId();
    const browser = await browserOf(user, withAuth(methods("github")), 4);
    const page = await browser.open("/apps/delete");
    expect(page.text).not.toContain('name="password"');
    const deleted = await browser.submit(page, "/apps/delete", { confirmation: " Delete my account " });
    expect(words(deleted)).toContain("No app has access any more"); // this auth Worker does not answer
    expect(browser.cookies.has(COOKIE)).toBe(false);
    expect(await hasBegun(user)).toBe(true);
  });

  it("signs in again first after that, and the earlier form is refused", async () => {
    const user = newUserId();
    const auth = withAuth(methods("github"));
    const fresh = await browserOf(user, auth);
    const early = await fresh.open("/apps/delete");
    const stale = await browserOf(user, auth, 6);
    const page = await stale.open("/apps/delete");
    expect(page.text).not.toContain('name="confirmation"');
    expect((await stale.submit(page, "/apps/delete/sign-in")).next).toMatch(/^\/login\?tx=/);
    const [, csrf = ""] =
      /action="\/apps\/delete">\s*<input type="hidden" name="csrf" value="([^"]*)"/.exec(early.text) ?? [];
    expect(csrf).not.toBe("");
    expect((await stale.submit(early, "/apps/delete", CONFIRMED)).status).toBe(400); // of another session
    expect(await hasBegun(user)).toBe(false);
  });
});

describe("an auth Worker that is down", () => {
  const isUnchanged = async (user: UserId, seen: Seen) => {
    expect(seen.status).toBe(503);
    expect(words(seen)).toContain("trace id");
    expect(seen.text).not.toContain("secret of the auth Worker");
    expect(await hasBegun(user)).toBe(false);
  };

  it.each<[string, Partial<AuthContract>]>([
    ["before the session is checked", { getUser: throwing }],
    ["before the proof is chosen", { getSignInMethods: throwing }],
    ["while the password is checked", { authenticateUser: throwing }],
  ])("%s: nothing is deleted, and the user reads it", async (_, broken) => {
    quiet();
    const user = newUserId();
    const browser = await browserOf(user, withAuth(methods("password")));
    const page = await browser.open("/apps/delete");
    const dead = browser.copy(withAuth({ ...methods("password"), ...broken }));
    await isUnchanged(user, await dead.submit(page, "/apps/delete", { ...CONFIRMED, password: PASSWORD }));
  });
});
