// What a request shows as its bearer, with an auth Worker that says whatever a test wants, and counts. Storage and the objects that
// know of revocations are the real ones; keys and JWTs that a real auth Worker issued are in test/e2e/credentials.test.ts.
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { JwtValidation } from "../../../../contracts/auth.ts";
import type { TenantId } from "../../../../contracts/rpc/identity.ts";
import gateway from "../../../../entrypoints/gateway/index.ts";
import { revocationsOf } from "../../../../src/durable/user-revocations.ts";
import { authorizationServer } from "../../../../src/oauth/authorization-server/server.ts";
import type { CredentialKind } from "../../../../src/oauth/resource-server/authenticate.ts";
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
  RESOURCE,
  reset,
  TOKEN,
  tenant,
  validateApiKey,
  validateJwt,
} from "../credentials.ts";

beforeEach(reset);
afterEach(() => vi.restoreAllMocks());

describe("what is none of the three kinds", () => {
  it.each([
    ["nothing", ""],
    ["a word", "nonsense"],
    ["a key of another platform", "sk_live_0123456789abcdef0123456789"],
    ["a key that is too short", "sb_live_0123456789abcde"],
    ["a key that is too long", `sb_live_${"k".repeat(129)}`],
    ["a key with something behind it", "sb_live_0123456789abcdef\n"],
    ["a key of no environment", "sb_prod_0123456789abcdef"],
    ["two parts of a JWT", "eyJhbGciOiJIUzI1NiJ9.e30"],
    ["a JWT without a signature", "eyJhbGciOiJub25lIn0.e30."],
    ["a JWT as long as a book", `${newJwt()}${"A".repeat(4096)}`],
    ["three parts that are no token of ours", "a:b:c"],
    ["a token whose user id no user has", `${"u".repeat(65)}:0123456789abcdef:ABCDEFGHIJKLMNOPQRSTUVWXYZ012345`],
    ["a token with a part too many", "u1:0123456789abcdef:ABCDEFGHIJKLMNOPQRSTUVWXYZ012345:x"],
  ])("is refused without asking anybody: %s", async (_, bearer) => {
    const get = vi.spyOn(env.OAUTH_KV, "get");
    expect(await check(bearer)).toBe("unauthenticated");
    expect([get.mock.calls.length, asked()]).toEqual([0, 0]);
  });
});

describe("an API key", () => {
  it("acts for its owner: in their tenant, under their id, with the key on record", async () => {
    const caller = await callerOf(newKey());
    expect(caller).toMatchObject({ kind: "api_key", expiresAt: null });
    expect(caller.identity).toEqual({
      subject: "u_ada",
      tenantId: "t_ada",
      tier: "pro",
      scopes: ["read", "generate"],
      clientId: "key:k1",
    });
  });

  it("that is nobody's own stands for itself", async () => {
    validateApiKey.mockResolvedValue({ valid: true, tenant_id: tenant, tier: "free", scopes: ["read"], key_id: "k2" });
    expect((await callerOf(newKey())).identity).toMatchObject({ subject: "key:k2", clientId: "key:k2" });
  });

  it("has no scope that is not one here", async () => {
    validateApiKey.mockResolvedValue({ ...KEY, scopes: ["admin", "read", "read generate", "*"] });
    expect((await callerOf(newKey())).identity.scopes).toEqual(["read"]);
    validateApiKey.mockResolvedValue({ ...KEY, scopes: [] });
    expect((await callerOf(newKey())).identity.scopes).toEqual([]);
  });

  it("for tests works in a tenant of its own, whatever the auth Worker says", async () => {
    expect((await callerOf(newKey("test"))).identity.tenantId).toBe("test:t_ada");
    validateApiKey.mockResolvedValue({ ...KEY, tenant_id: "test:t_ada" as TenantId }); // the brand lives in TypeScript only
    expect((await callerOf(newKey("test"))).identity.tenantId).toBe("test:t_ada");
  });

  it.each([
    ["INVALID_TOKEN", "unauthenticated"],
    ["KEY_EXPIRED", "unauthenticated"],
    ["KEY_REVOKED", "unauthenticated"],
    ["SOMETHING_NEW", "unauthenticated"],
    ["constructor", "unauthenticated"],
    ["RATE_LIMITED", "rate_limited"],
    ["PAYMENT_DELINQUENT", "payment_required"],
  ])("about which the auth Worker says %s is %s", async (error, code) => {
    validateApiKey.mockResolvedValue({ valid: false, error });
    expect(await check(newKey())).toBe(code);
  });

  it("that cannot be checked is not refused for good, and nothing is told about why", async () => {
    const log = quiet();
    validateApiKey.mockImplementation(throwing);
    expect(await check(newKey())).toBe("unavailable");
    validateApiKey.mockResolvedValue({ valid: true } as never);
    expect(await check(newKey())).toBe("unavailable");
    expect(JSON.stringify(log.mock.calls)).not.toMatch(/a secret|sb_live/);
  });
});

describe("a JWT", () => {
  it("acts for its user", async () => {
    const caller = await callerOf(newJwt());
    expect(caller.identity).toEqual({
      subject: "u_ada",
      tenantId: "t_ada",
      tier: "hobby",
      scopes: ["read"],
      clientId: "jwt",
    });
    expect(caller).toMatchObject({ kind: "jwt", expiresAt: expect.any(Number) });
  });

  it.each<[string, object, object]>([
    ["names this resource among others", { aud: ["https://other.example", RESOURCE] }, {}],
    ["spells its type out", {}, { typ: "application/at+jwt" }],
    ["shouts its type", {}, { typ: "AT+JWT" }],
  ])("is good where it %s", async (_, claims, header) => {
    expect(await check(newJwt(claims, header))).toMatchObject({ kind: "jwt" });
  });

  it.each<[string, object, object]>([
    ["is for another service", { aud: "https://other.example" }, {}],
    ["is for another path of this host", { aud: `${ORIGIN}/mcp/` }, {}],
    ["is for nobody in particular: a session of the dashboard", { aud: undefined }, {}],
    ["is for a list of things that are no names", { aud: [{ href: RESOURCE }] }, {}],
    ["is of another type", {}, { typ: "JWT" }],
    ["is of no type", {}, { typ: undefined }],
    ["is of a type that begins alike", {}, { typ: "at+jwt-like" }],
    ["is signed with nothing", {}, { alg: "none" }],
    ["is signed with nothing, in other letters", {}, { alg: "NonE" }],
    ["comes from somebody else", { iss: "https://evil.example" }, {}],
    ["comes from nobody", { iss: undefined }, {}],
    ["has expired", { exp: now() }, {}],
    ["never expires", { exp: undefined }, {}],
    ["expires at no number", { exp: "tomorrow" }, {}],
    ["does not say when it was made", { iat: undefined }, {}],
  ])("that %s is refused without asking the auth Worker", async (_, claims, header) => {
    expect(await check(newJwt(claims, header))).toBe("unauthenticated");
    expect(asked()).toBe(0);
  });

  it.each(["bm8.bm8.bm8", "e30.e30.e30", "_w.e30.e30", "W10.W10.W10", "bnVsbA.bnVsbA.bnVsbA", "a.b.c"])(
    "in form only is refused: %s",
    async (bearer) => {
      expect(await check(bearer)).toBe("unauthenticated");
      expect(asked()).toBe(0);
    },
  );

  it("is what its issuer says it is, not what it says itself", async () => {
    validateJwt.mockResolvedValue({ valid: false, error: "INVALID_TOKEN" });
    expect(await check(newJwt())).toBe("unauthenticated");
    validateJwt.mockResolvedValue({ ...TOKEN(), aud: "https://other.example" } as JwtValidation);
    expect(await check(newJwt())).toBe("unauthenticated");
    validateJwt.mockResolvedValue({ ...TOKEN(), exp: now() } as JwtValidation);
    expect(await check(newJwt())).toBe("unauthenticated");
    validateJwt.mockResolvedValue({ valid: false, error: "PAYMENT_DELINQUENT" });
    expect(await check(newJwt())).toBe("payment_required");
  });

  it("from before everything of its user's was ended is refused, and one from afterwards is good", async () => {
    const user = userId(`u_${crypto.randomUUID()}`);
    validateJwt.mockResolvedValue({ ...TOKEN(), user_id: user } as JwtValidation);
    const before = newJwt({ iat: now() - 60 });
    expect(await check(before)).toMatchObject({ kind: "jwt" });
    const caller = await callerOf(before);
    await revocationsOf(env, user).endTokens();
    expect(await caller.revalidate()).toBe("unauthenticated");
    expect(await check(before)).toBe("unauthenticated");
    expect(await check(newJwt({ iat: now() + 1 }))).toMatchObject({ kind: "jwt" });
  });

  it("that cannot be checked is not refused for good", async () => {
    quiet();
    validateJwt.mockImplementation(throwing);
    expect(await check(newJwt())).toBe("unavailable");
  });
});

describe("an access token", () => {
  it("acts for its user with what they granted, as storage alone says", async () => {
    const token = await accessToken();
    const get = vi.spyOn(env.OAUTH_KV, "get");
    const caller = await callerOf(token);
    expect(caller.identity).toMatchObject({
      subject: "u_ada",
      tenantId: "t_ada",
      tier: "free",
      scopes: ["read", "generate"],
    });
    expect([get.mock.calls.length, asked()]).toEqual([1, 0]);
  });

  it("whose grant has props of another version is refused, so that its user signs in again", async () => {
    const token = await accessToken();
    const good = await authorizationServer(env).validateToken(RESOURCE, token, env);
    vi.spyOn(authorizationServer(env), "validateToken").mockResolvedValue({
      ...good,
      props: { userId: ada, v: 2 },
    } as never);
    expect(await check(token)).toBe("unauthenticated");
  });

  it("that storage cannot tell about is not refused for good", async () => {
    const log = quiet();
    const token = await accessToken();
    vi.spyOn(env.OAUTH_KV, "get").mockImplementation(throwing);
    expect(await check(token)).toBe("unavailable");
    expect(JSON.stringify(log.mock.calls)).toContain("credential.unchecked");
    expect(JSON.stringify(log.mock.calls)).not.toMatch(new RegExp(`a secret|${token.slice(-32)}`));
  });
});

describe("a credential under another kind's name", () => {
  it("is refused without asking anybody", async () => {
    const [key, jwt, token] = [newKey(), newJwt(), await accessToken()];
    const get = vi.spyOn(env.OAUTH_KV, "get");
    const pairs: [string, CredentialKind][] = [
      [key, "oauth"],
      [key, "jwt"],
      [jwt, "oauth"],
      [jwt, "api_key"],
      [token, "api_key"],
      [token, "jwt"],
    ];
    for (const [bearer, kind] of pairs) expect(await check(bearer, kind)).toBe("unauthenticated");
    expect([get.mock.calls.length, asked()]).toEqual([0, 0]);
    expect([await check(key, "api_key"), await check(jwt, "jwt"), await check(token, "oauth")]).toMatchObject([
      { kind: "api_key" },
      { kind: "jwt" },
      { kind: "oauth" },
    ]);
  });
});
describe("at /mcp", () => {
  /** Sends one message; `bearer` is the whole header where it has a space. */
  async function post(
    bearer: string | null,
    message: object = { method: "tools/list" },
    path = "/mcp",
    headers: Record<string, string> = {},
  ) {
    const ctx = createExecutionContext();
    const authorization = bearer === null ? {} : { authorization: bearer.includes(" ") ? bearer : `Bearer ${bearer}` };
    const request = new Request<unknown, IncomingRequestCfProperties>(ORIGIN + path, {
      method: "POST",
      headers: { "content-type": "application/json", ...authorization, ...headers },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, params: {}, ...message }),
    });
    const response = await gateway.fetch(request, env, ctx);
    await waitOnExecutionContext(ctx);
    return response;
  }
  const call = (name: string, args: object = {}) => ({ method: "tools/call", params: { name, arguments: args } });

  it.each<[string, number, string | null, string, RegExp]>([
    ["KEY_REVOKED", 401, null, "unauthorized", /API key/],
    ["RATE_LIMITED", 429, "60", "rate_limited", /too often/],
    ["PAYMENT_DELINQUENT", 402, null, "payment_required", /bill/],
  ])("a key that is %s is answered with %i", async (error, status, retryAfter, code, words) => {
    validateApiKey.mockResolvedValue({ valid: false, error });
    const refused = await post(newKey());
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([status, retryAfter]);
    expect(await refused.json()).toEqual({ error: code, error_description: expect.stringMatching(words) });
    expect(refused.headers.get("www-authenticate")?.includes('error="invalid_token"') ?? false).toBe(status === 401);
  });

  it("trouble of the auth Worker is 503 with the caller's own trace id, and no challenge that would sign anybody out", async () => {
    const log = quiet();
    validateApiKey.mockImplementation(throwing);
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const refused = await post(newKey(), call("image_list_models"), "/mcp", {
      traceparent: `00-${traceId}-b7ad6b7169203331-01`,
    });
    expect([refused.status, refused.headers.get("retry-after"), refused.headers.get("www-authenticate")]).toEqual([
      503,
      "5",
      null,
    ]);
    expect(await refused.json()).toEqual({
      error: "temporarily_unavailable",
      error_description: expect.stringContaining(traceId),
    });
    expect(JSON.stringify(log.mock.calls)).toContain(traceId);
  });

  it("a header longer than 4,096 characters is refused without being looked at, however good its end", async () => {
    const key = newKey();
    expect((await post(`Bearer ${" ".repeat(4097)}${key}`)).status).toBe(401);
    expect((await post(newJwt({ pad: "x".repeat(3000) }))).status).toBe(401);
    expect(asked()).toBe(0);
    expect((await post(`Bearer ${" ".repeat(2000)}${key}`)).status).toBe(200);
  });

  it.each(["access_token", "api_key", "token", "bearer"])(
    "a credential in the address is never read: %s",
    async (name) => {
      expect((await post(null, undefined, `/mcp?${name}=${newKey()}`)).status).toBe(401);
      expect(asked()).toBe(0);
    },
  );

  it("a key or a JWT without the scope is told all that it would take, in one challenge, before anything happens", async () => {
    validateApiKey.mockResolvedValue({ ...KEY, scopes: ["read"] });
    for (const bearer of [newKey(), newJwt()]) {
      const refused = await post(bearer, call("image_generate", { prompt: "a" }));
      expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([
        403,
        `Bearer realm="OAuth", error="insufficient_scope", scope="read generate", ` +
          `resource_metadata="${ORIGIN}/.well-known/oauth-protected-resource/mcp", ` +
          'error_description="This takes the scopes read and generate: use a credential that has them"',
      ]);
      expect((await post(bearer, call("no_such_tool"))).status).toBe(200);
    }
  });

  it("a key without any scope is shown nothing and may call nothing", async () => {
    validateApiKey.mockResolvedValue({ ...KEY, scopes: [] });
    const key = newKey();
    expect(await (await post(key)).json()).toMatchObject({ result: { tools: [] } });
    const refused = await post(key, call("image_list_models"));
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([
      403,
      expect.stringContaining('scope="read"'),
    ]);
  });

  it("a test key that asks for a picture is told to use a live one, as a tool error", async () => {
    const refused = await post(newKey("test"), call("image_generate", { prompt: "a" }));
    expect(await refused.json()).toMatchObject({
      result: { isError: true, _meta: { "com.stackbilt/error": { code: "test_key_not_allowed" } } },
    });
  });
});
