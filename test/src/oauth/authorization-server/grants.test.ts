// Grants of one client and person live side by side, and end only through their own objects.
import { env as bound } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MAX_GRANTS_OF_CLIENT, userObjectOf } from "../../../../src/durable/user-object.ts";
import type { Env } from "../../../../src/env.ts";
import { network } from "../../../../src/oauth/authorization-server/client-document.ts";
import { authenticate } from "../../../../src/oauth/resource-server/authenticate.ts";
import { newContext } from "../../context.ts";
import { authorizePath, Browser, envWith, form, redeem, register, send, sha256, userId, VERIFIER } from "../browser.ts";

const { OAUTH_KV } = bound as unknown as Env; // the pool types its bindings by another interface
const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** A user, and a client that connects as often as a test wants. */
async function newConnection(settings: Partial<Env> = {}) {
  const user = userId(`u_${crypto.randomUUID()}`);
  const authenticateUser = async (email: string) => ({ valid: true as const, userId: user, email, name: "Ada" });
  const env = envWith({ authenticateUser }, settings);
  const browser = new Browser(env);
  const client = await register(env);
  const connect = async () => redeem(env, client, (await browser.connect(client, undefined, { prompt: "login" })).next);
  const check = (token: string) => authenticate(newContext(env).context, token);
  const refresh = async (refresh_token: string) =>
    (await send(env, "/token", form({ grant_type: "refresh_token", refresh_token, client_id: client }))).status;
  return { user, env, browser, client, connect, check, refresh };
}

describe("a second sign-in with the same client", () => {
  it("leaves the first one connected, and both are in the user's list, with when and where", async () => {
    const { user, env, browser, client, connect, check, refresh } = await newConnection();
    const first = await connect();
    const consent = await browser.consentPage(client, { prompt: "login" });
    const headers = { "User-Agent": FIREFOX };
    const left = await browser.submit(consent, "/authorize", { decision: "approve", scope: "generate" }, headers);
    const second = await redeem(env, client, left.next);
    expect([await check(first.access_token), await check(second.access_token)]).toMatchObject([
      { kind: "oauth" },
      { kind: "oauth" },
    ]);
    expect([await refresh(first.refresh_token), await refresh(second.refresh_token)]).toEqual([200, 200]);
    const listed = await userObjectOf(env, user).listGrants();
    expect(listed).toMatchObject([
      { clientId: client, redirectOrigin: "http://127.0.0.1:41414", madeFrom: "Firefox on Linux" },
      { clientId: client, madeFrom: null },
    ]);
    const apps = await browser.open("/apps");
    expect([...apps.text.matchAll(/name="grantId"/g)]).toHaveLength(2);
    expect(apps.text).toContain("from Firefox on Linux");
  });

  it(`ends the oldest of more than ${MAX_GRANTS_OF_CLIENT}, its cached access token and its refresh token included`, async () => {
    const { user, env, connect, check, refresh } = await newConnection();
    const tokens = [];
    for (let made = 0; made < MAX_GRANTS_OF_CLIENT; made++) tokens.push(await connect());
    const [oldest, next] = tokens;
    if (!oldest || !next) throw new Error("There are no tokens.");
    expect(await check(oldest.access_token)).toMatchObject({ kind: "oauth" });
    const newest = await connect();
    expect(await check(oldest.access_token)).toBe("unauthenticated");
    expect(await refresh(oldest.refresh_token)).toBe(400);
    for (const { access_token } of [next, newest]) expect(await check(access_token)).toMatchObject({ kind: "oauth" });
    expect(await userObjectOf(env, user).listGrants()).toHaveLength(MAX_GRANTS_OF_CLIENT);
  });

  it("is in the list without a read from KV, which elsewhere would remember for a minute that it has no such grant", async () => {
    const { user, browser, client, env } = await newConnection();
    const get = vi.spyOn(Object.getPrototypeOf(OAUTH_KV) as KVNamespace, "get");
    await browser.connect(client);
    expect(await userObjectOf(env, user).listGrants()).toMatchObject([{ clientId: client, expiresAt: null }]);
    expect(get.mock.calls.map(([key]) => String(key)).filter((key) => key.startsWith("grant:"))).toEqual([]);
  });

  it("that is never finished ends nothing", async () => {
    const { browser, client, connect, check, refresh } = await newConnection();
    const first = await connect();
    for (let made = 0; made <= MAX_GRANTS_OF_CLIENT; made++)
      await browser.connect(client, undefined, { prompt: "login" });
    expect(await check(first.access_token)).toMatchObject({ kind: "oauth" });
    expect(await refresh(first.refresh_token)).toBe(200);
  });

  it("does not come back by a late read of KV after its end", async () => {
    const { user, connect, check, refresh } = await newConnection();
    const { access_token, refresh_token } = await connect();
    const records = await Promise.all(["grant", "token"].map((kind) => OAUTH_KV.list({ prefix: `${kind}:${user}:` })));
    const names = records.flatMap(({ keys }) => keys.map((key) => key.name));
    expect(names).toHaveLength(2);
    const stored = await Promise.all(names.map((key) => OAUTH_KV.get(key)));
    const [grant] = await userObjectOf(bound as unknown as Env, user).listGrants();
    const { GRANTS } = bound as unknown as Env;
    const name = { userId: user, grantId: grant?.id ?? "" };
    await GRANTS.get(GRANTS.idFromName(`${user}:${name.grantId}`)).revoke(name);
    await Promise.all(names.map((key, at) => OAUTH_KV.put(key, stored[at] ?? "")));
    expect([await check(access_token), await refresh(refresh_token)]).toEqual(["unauthenticated", 400]);
  });
});

describe("a link elsewhere that uses a stored approval", () => {
  it("makes a code, and leaves the connected app connected", async () => {
    const site = `https://app-${crypto.randomUUID()}.example.com`;
    const app = { id: `${site}/client.json`, redirect: `${site}/callback` };
    const document = { client_id: app.id, client_name: "App", redirect_uris: [app.redirect] };
    const metadata = { ...document, token_endpoint_auth_method: "none" };
    vi.spyOn(network, "fetch").mockImplementation(async () => Response.json(metadata));
    const { user, browser } = await newConnection({ CIMD_ENABLED: "true" });
    const changes = { redirect_uri: app.redirect };
    const object = userObjectOf(bound as unknown as Env, user);
    await browser.connect(app.id, { decision: "approve", scope: "generate", remember: "yes" }, changes);
    const [allowed] = await object.listGrants();
    if (!allowed) throw new Error("There is no grant.");
    await object.registerGrant({ ...allowed, expiresAt: Math.floor(Date.now() / 1000) + 86_400 });
    for (let opened = 0; opened < 12; opened++) {
      const path = await authorizePath(app.id, { ...changes, code_challenge: await sha256(`${VERIFIER}${opened}`) });
      const silent = await browser.open(path, { headers: { "Sec-Fetch-Site": "cross-site" } });
      expect(new URL(silent.next).searchParams.has("code")).toBe(true);
    }
    expect(await object.tokenState({ grantId: allowed.id })).toMatchObject({ hasEnded: false, isListed: true });
    expect(await OAUTH_KV.get(`grant:${user}:${allowed.id}`)).not.toBeNull();
  });
});
