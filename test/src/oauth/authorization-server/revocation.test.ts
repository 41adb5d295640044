// Revocation of everything that a user has, through the entrypoint of the auth Worker.
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env as bound } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { GatewayAdminEntrypoint } from "../../../../entrypoints/gateway/admin.ts";
import { userObjectOf } from "../../../../src/durable/user-object.ts";
import type { Env } from "../../../../src/env.ts";
import { authorizationServer } from "../../../../src/oauth/authorization-server/server.ts";
import { authenticate } from "../../../../src/oauth/resource-server/authenticate.ts";
import { newContext } from "../../context.ts";
import { Browser, envWith, form, ORIGIN, quiet, redeem, register, send, throwing, userId } from "../browser.ts";

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

const AUTH_PROPS = { caller: "stackbilt-auth" };

/** The reply of the entrypoint to a call through a binding with these props. */
async function revokeUser(user: unknown, props: unknown = AUTH_PROPS, over: Env = env, options?: unknown) {
  const ctx = Object.assign(createExecutionContext(), { props });
  const reply = await new GatewayAdminEntrypoint(ctx as never, over).revokeUser(user, options); // the pool's context has no type for props
  await waitOnExecutionContext(ctx as never);
  return reply;
}

describe("the entrypoint for the auth Worker", () => {
  it("ends every grant, token and browser session of a user, of no other user, and returns how many grants", async () => {
    const user = newUserId();
    const [first, second, other] = [await newGrant(user), await newGrant(user), await newGrant(newUserId())];
    const sessions = userObjectOf(env, user);
    const startedAtMs = Date.now() - 1;
    expect(await sessions.hasEndedSession("a-session", startedAtMs)).toBe(false);
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    expect(await revokeUser(user)).toEqual({ ok: true, value: { revokedGrants: 2 } });
    expect(log.mock.calls.map(([line]) => JSON.parse(String(line)))).toMatchObject([
      { type: "user.revoked", subject: user, tenantId: `t_${user}` },
    ]);
    expect([await first.works(), await second.works(), await other.works()]).toEqual([false, false, true]);
    expect([(await first.refresh()).status, (await other.refresh()).status]).toEqual([400, 200]);
    expect(await sessions.hasEndedSession("a-session", startedAtMs)).toBe(true);
    expect(await revokeUser(user), "again").toEqual({ ok: true, value: { revokedGrants: 0 } });
  });

  it("leaves its record in the tenant's log; in the platform's, without the user, if the auth Worker cannot name it", async () => {
    quiet();
    const user = newUserId();
    const [failing, stored] = [{ getUser: throwing }, [] as [string, object][]];
    const log = { idFromName: (name: string) => name, get: logOf };
    function logOf(name: string) {
      return { append: async (event: object) => void stored.push([name, event]) };
    }
    for (const auth of [{}, failing])
      expect(await revokeUser(user, AUTH_PROPS, envWith(auth, { AUDIT_LOG: log as never }))).toMatchObject({
        ok: true,
      }); // called alike
    expect(stored).toMatchObject([
      [`tenant/t_${user}`, { type: "user.revoked", subject: user, tenantId: `t_${user}` }],
      ["platform", { type: "user.revoked", subject: null, tenantId: null, clientId: null }],
    ]);
    expect(JSON.stringify(stored[1])).not.toContain(user);
  });

  it("does not depend on KV's list, which is late, nor on whole seconds", async () => {
    const user = newUserId();
    const { tokens, refresh } = await newGrant(user);
    const list = vi.spyOn(Object.getPrototypeOf(OAUTH_KV) as KVNamespace, "list");
    list.mockResolvedValue({ keys: [], list_complete: true, cacheStatus: null });
    expect(await revokeUser(user)).toEqual({ ok: true, value: { revokedGrants: 1 } });
    expect(await authenticate(newContext(env).context, tokens.access_token)).toBe("unauthenticated");
    list.mockRestore();
    expect((await refresh()).status).toBe(400);
    const again = await newGrant(user);
    expect(await authenticate(newContext(env).context, again.tokens.access_token)).toMatchObject({ kind: "oauth" });
  });

  it("ends what began up to an instant: a call that is late ends no later sign-in", async () => {
    const user = newUserId();
    const [first, untilMs] = [await newGrant(user), Date.now()];
    await new Promise((resolve) => setTimeout(resolve, 2));
    const second = await newGrant(user);
    const revoke = () => revokeUser(user, AUTH_PROPS, env, { untilMs });
    expect(await revoke()).toEqual({ ok: true, value: { revokedGrants: 1 } });
    expect(await revoke()).toEqual({ ok: true, value: { revokedGrants: 0 } });
    expect([await first.works(), await second.works()]).toEqual([false, true]);
    expect([(await first.refresh()).status, (await second.refresh()).status]).toEqual([400, 200]);
  });

  it.each([{ untilMs: "1" }, { untilMs: -1 }, { untilMs: Date.now() + 3_600_000 }, { until: 1 }, null])(
    "refuses the options %j",
    async (options) => {
      expect(await revokeUser(newUserId(), AUTH_PROPS, env, options)).toEqual({
        ok: false,
        error: { code: "invalid_input" },
      });
    },
  );

  it("returns in a later second than the one that it ends, so that a JWT of the next second is valid", async () => {
    const user = newUserId();
    await revokeUser(user);
    const { endedUntilMs } = await userObjectOf(env, user).tokenState();
    expect(Math.floor(Date.now() / 1000)).toBeGreaterThan(Math.floor(endedUntilMs / 1000));
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
    const broken = envWith({}, { USERS: null as never });
    expect(await revokeUser(newUserId(), {}, broken)).toEqual({ ok: false, error: { code: "unauthenticated" } });
    expect(await revokeUser(newUserId(), { caller: "stackbilt-auth" }, broken)).toEqual({
      ok: false,
      error: { code: "internal" },
    });
    expect(log).toHaveBeenCalledOnce();
  });
});
