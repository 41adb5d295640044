// Revocation of a grant and of its tokens, by its client (RFC 7009) or by its user.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { userObjectOf } from "../../../src/durable/user-object.ts";
import { form, register, send, sha256, slowStorage } from "../oauth/browser.ts";
import { errorOf, grantWithTokens, OAUTH_KV, type Tokens } from "../oauth/grants.ts";

const KV_DELAY_MS = 40;

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("revocation", () => {
  it("of the refresh token ends every token of the grant (RFC 7009)", async () => {
    const { env, client, tokens, works, hasEnded } = await grantWithTokens();
    expect((await send(env, "/token", form({ token: tokens.refresh_token, client_id: client }))).status).toBe(200);
    expect([await works(tokens), await hasEnded()]).toEqual([false, true]);
  });

  it("of an access token ends that token only", async () => {
    const { env, client, name, user, tokens, works, refresh, hasEnded } = await grantWithTokens();
    expect((await send(env, "/token", form({ token: tokens.access_token, client_id: client }))).status).toBe(200);
    expect([await works(tokens), await hasEnded()]).toEqual([false, false]);
    const digest = await sha256(tokens.access_token);
    const state = await userObjectOf(env, user).tokenState({ ...name, digest });
    expect(state.hasEnded, "everywhere at once, whatever KV returns").toBe(true);
    expect((await refresh(tokens.refresh_token)).status).toBe(200);
  });

  it("by another client changes nothing", async () => {
    const { env, tokens, works, hasEnded } = await grantWithTokens();
    const other = await register(env);
    await send(env, "/token", form({ token: tokens.refresh_token, client_id: other }));
    expect([await works(tokens), await hasEnded()]).toEqual([true, false]);
  });

  it("by the user holds although KV elsewhere still has the grant", async () => {
    const { name, object, tokens, refresh } = await grantWithTokens();
    const key = `grant:${name.userId}:${name.grantId}`;
    const stale = await OAUTH_KV.get(key);
    await object.revoke(name);
    await OAUTH_KV.put(key, String(stale));
    expect(await errorOf(await refresh(tokens.refresh_token))).toEqual([400, "invalid_grant"]);
  });

  it("waits for a refresh in progress, and ends the tokens that it made", async () => {
    const { name, object, tokens, refresh, works } = await grantWithTokens();
    slowStorage(KV_DELAY_MS);
    const [refreshed] = await Promise.all([refresh(tokens.refresh_token), object.revoke(name)]);
    if (refreshed.status === 200) expect(await works(await refreshed.json<Tokens>())).toBe(false);
    else expect(refreshed.status).toBe(400);
    expect(await OAUTH_KV.get(`grant:${name.userId}:${name.grantId}`)).toBeNull();
  });
});
