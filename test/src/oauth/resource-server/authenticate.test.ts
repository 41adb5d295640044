// Authentication of bearer tokens, with a fake auth Worker whose replies a test chooses and counts.
// Storage and the objects that store revocations are real. For keys and JWTs of a real auth Worker
// see test/e2e/credentials.test.ts.
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { JwtValidation } from "../../../../contracts/auth.ts";
import gateway from "../../../../entrypoints/gateway/index.ts";
import { userObjectOf } from "../../../../src/durable/user-object.ts";
import type { Env } from "../../../../src/env.ts";
import { authorizationServer } from "../../../../src/oauth/authorization-server/server.ts";
import { authenticate, type CredentialKind } from "../../../../src/oauth/resource-server/authenticate.ts";
import { newContext } from "../../context.ts";
import { AUTH, envWith, ORIGIN, quiet, tenantId, throwing, userId } from "../browser.ts";
import {
  accessToken,
  ada,
  authCalls,
  check,
  credentialOf,
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

describe("a bearer token of no known shape", () => {
  it.each([
    ["nothing", ""],
    ["a word", "nonsense"],
    ["a key of another platform", "sk_live_0123456789abcdef0123456789"],
    ["a key that is too short", "sb_live_0123456789abcde"],
    ["a key that is too long", `sb_live_${"k".repeat(129)}`],
    ["a key with a trailing line break", "sb_live_0123456789abcdef\n"],
    ["a key of an unknown environment", "sb_prod_0123456789abcdef"],
    ["two parts of a JWT", "eyJhbGciOiJIUzI1NiJ9.e30"],
    ["a JWT without a signature", "eyJhbGciOiJub25lIn0.e30."],
    ["a JWT that is too long", `${newJwt()}${"A".repeat(4096)}`],
    ["three parts of other lengths than ours", "a:b:c"],
    ["a token with a user id that is too long", `${"u".repeat(65)}:0123456789abcdef:ABCDEFGHIJKLMNOPQRSTUVWXYZ012345`],
    ["a token with a fourth part", "u1:0123456789abcdef:ABCDEFGHIJKLMNOPQRSTUVWXYZ012345:x"],
  ])("is refused without a look-up: %s", async (_, bearer) => {
    const get = vi.spyOn(env.OAUTH_KV, "get");
    expect(await check(bearer)).toBe("unauthenticated");
    expect([get.mock.calls.length, authCalls()]).toEqual([0, 0]);
  });
});

describe("an API key", () => {
  it("acts for its owner: in the owner's tenant, under the owner's id, with the key as the client", async () => {
    const credential = await credentialOf(newKey());
    expect(credential).toMatchObject({ kind: "api_key", expiresAt: null });
    expect(credential.identity).toEqual({
      subject: "u_ada",
      tenantId: "t_ada",
      tier: "pro",
      scopes: ["read", "generate"],
      clientId: "key:k1",
    });
  });

  it("without an owner acts under its own id", async () => {
    validateApiKey.mockResolvedValue({ valid: true, tenant_id: tenant, tier: "free", scopes: ["read"], key_id: "k2" });
    expect((await credentialOf(newKey())).identity).toMatchObject({ subject: "key:k2", clientId: "key:k2" });
  });

  it("has no scope that the gateway does not know", async () => {
    validateApiKey.mockResolvedValue({ ...KEY, scopes: ["admin", "read", "read generate", "*"] });
    expect((await credentialOf(newKey())).identity.scopes).toEqual(["read"]);
    validateApiKey.mockResolvedValue({ ...KEY, scopes: [] });
    expect((await credentialOf(newKey())).identity.scopes).toEqual([]);
  });

  it("for tests acts in a test tenant, whatever the auth Worker returns", async () => {
    expect((await credentialOf(newKey("test"))).identity.tenantId).toBe("test:t_ada");
    validateApiKey.mockResolvedValue({ ...KEY, tenant_id: tenantId("test:t_ada") });
    expect((await credentialOf(newKey("test"))).identity.tenantId).toBe("test:t_ada");
  });

  it.each([
    ["INVALID_TOKEN", "unauthenticated"],
    ["KEY_EXPIRED", "unauthenticated"],
    ["KEY_REVOKED", "unauthenticated"],
    ["SOMETHING_NEW", "unauthenticated"],
    ["constructor", "unauthenticated"],
    ["RATE_LIMITED", "rate_limited"],
    ["PAYMENT_DELINQUENT", "payment_required"],
  ])("for which the auth Worker returns %s is %s", async (error, code) => {
    validateApiKey.mockResolvedValue({ valid: false, error });
    expect(await check(newKey())).toBe(code);
  });

  it("that cannot be checked is unavailable, not unauthenticated, and the log has no secret", async () => {
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
    const credential = await credentialOf(newJwt());
    expect(credential.identity).toEqual({
      subject: "u_ada",
      tenantId: "t_ada",
      tier: "hobby",
      scopes: ["read"],
      clientId: "jwt",
    });
    expect(credential).toMatchObject({ kind: "jwt", expiresAt: expect.any(Number) });
  });

  it.each<[string, object, object]>([
    ["names this resource among others", { aud: ["https://other.example", RESOURCE] }, {}],
    ["has the full media type", {}, { typ: "application/at+jwt" }],
    ["has its type in capitals", {}, { typ: "AT+JWT" }],
  ])("is valid if it %s", async (_, claims, header) => {
    expect(await check(newJwt(claims, header))).toMatchObject({ kind: "jwt" });
  });

  it.each<[string, object, object]>([
    ["is for another service", { aud: "https://other.example" }, {}],
    ["is for another path of this host", { aud: `${ORIGIN}/mcp/` }, {}],
    ["has no audience, like a session of the dashboard", { aud: undefined }, {}],
    ["has a list of objects as its audience", { aud: [{ href: RESOURCE }] }, {}],
    ["is of another type", {}, { typ: "JWT" }],
    ["has no type", {}, { typ: undefined }],
    ["is of a type with the same beginning", {}, { typ: "at+jwt-like" }],
    ["has alg none", {}, { alg: "none" }],
    ["has alg none in other letters", {}, { alg: "NonE" }],
    ["has another issuer", { iss: "https://evil.example" }, {}],
    ["has no issuer", { iss: undefined }, {}],
    ["has expired", { exp: now() }, {}],
    ["never expires", { exp: undefined }, {}],
    ["has text as its expiry", { exp: "tomorrow" }, {}],
    ["has no time of issue", { iat: undefined }, {}],
  ])("that %s is refused without a call to the auth Worker", async (_, claims, header) => {
    expect(await check(newJwt(claims, header))).toBe("unauthenticated");
    expect(authCalls()).toBe(0);
  });

  it.each(["bm8.bm8.bm8", "e30.e30.e30", "_w.e30.e30", "W10.W10.W10", "bnVsbA.bnVsbA.bnVsbA", "a.b.c"])(
    "in shape only is refused: %s",
    async (bearer) => {
      expect(await check(bearer)).toBe("unauthenticated");
      expect(authCalls()).toBe(0);
    },
  );

  it("is valid by the word of its issuer only", async () => {
    validateJwt.mockResolvedValue({ valid: false, error: "INVALID_TOKEN" });
    expect(await check(newJwt())).toBe("unauthenticated");
    validateJwt.mockResolvedValue({ ...TOKEN(), aud: "https://other.example" } as JwtValidation);
    expect(await check(newJwt())).toBe("unauthenticated");
    validateJwt.mockResolvedValue({ ...TOKEN(), exp: now() } as JwtValidation);
    expect(await check(newJwt())).toBe("unauthenticated");
    validateJwt.mockResolvedValue({ valid: false, error: "PAYMENT_DELINQUENT" });
    expect(await check(newJwt())).toBe("payment_required");
  });

  it("of the second in which all tokens of its user were ended, or of an earlier one, is refused, and a later one is valid", async () => {
    const user = userId(`u_${crypto.randomUUID()}`);
    validateJwt.mockResolvedValue({ ...TOKEN(), user_id: user } as JwtValidation);
    const [before, same] = [newJwt({ iat: now() - 60 }), newJwt()];
    expect([await check(before), await check(same)]).toMatchObject([{ kind: "jwt" }, { kind: "jwt" }]);
    const credential = await credentialOf(before);
    await userObjectOf(env, user).endEverything();
    expect(await credential.revalidate()).toBe("unauthenticated");
    expect([await check(before), await check(newJwt())]).toEqual(["unauthenticated", "unauthenticated"]);
    expect(await check(newJwt({ iat: now() + 1 }))).toMatchObject({ kind: "jwt" });
  });

  it("that cannot be checked is unavailable, not unauthenticated", async () => {
    quiet();
    validateJwt.mockImplementation(throwing);
    expect(await check(newJwt())).toBe("unavailable");
  });
});

describe("an access token", () => {
  it("acts for its user with the granted scopes, and the tenant and plan of the moment", async () => {
    const user = userId(`u_${crypto.randomUUID()}`);
    const token = await accessToken(user);
    const get = vi.spyOn(env.OAUTH_KV, "get");
    const credential = await credentialOf(token);
    expect(credential.identity).toMatchObject({
      subject: user,
      tenantId: `t_${user}`,
      tier: "pro",
      scopes: ["read", "generate"],
    });
    expect([get.mock.calls.length, authCalls()]).toEqual([1, 0]);
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

  it("is unavailable, not unauthenticated, if KV fails", async () => {
    const log = quiet();
    const token = await accessToken();
    vi.spyOn(env.OAUTH_KV, "get").mockImplementation(throwing);
    expect(await check(token)).toBe("unavailable");
    expect(JSON.stringify(log.mock.calls)).toContain("credential.unchecked");
    expect(JSON.stringify(log.mock.calls)).not.toMatch(new RegExp(`a secret|${token.slice(-32)}`));
  });
});

describe("the standing of the user", () => {
  const user = () => userId(`u_${crypto.randomUUID()}`);
  /** The bindings, with an auth Worker that says this about every user. */
  function envSaying(standing: object) {
    const getUser: typeof AUTH.getUser = async (call, input) => {
      const reply = await AUTH.getUser(call, input);
      return reply.ok ? { ok: true, value: { ...reply.value, ...standing } } : reply;
    };
    return envWith({ validateApiKey, validateJwt, getUser });
  }

  it.each<[string, object, string]>([
    ["is disabled", { isActive: false }, "unauthenticated"],
    ["was signed out everywhere", { signedOutAtMs: Date.now() + 60_000 }, "unauthenticated"],
    ["owes a bill", { isDelinquent: true }, "payment_required"],
  ])("refuses the access token of one who %s, and the next paid call of a cached one", async (_, standing, code) => {
    const token = await accessToken(user());
    const over = envSaying(standing);
    expect(await authenticate(newContext(over).context, token)).toBe(code);
    const changing = { ...envSaying({}) } as { -readonly [K in keyof Env]: Env[K] };
    const credential = await credentialOf(token, changing);
    changing.AUTH_SERVICE = over.AUTH_SERVICE;
    expect(await credential.revalidate()).toBe(code);
    expect(await authenticate(newContext(changing).context, token), "no longer cached").toBe(code);
  });

  it.each<[string, () => string]>([
    ["an API key", newKey],
    ["a JWT", newJwt],
  ])("is asked before a paid call with %s, whatever its validation returns", async (_, make) => {
    const changing = { ...envSaying({}) } as { -readonly [K in keyof Env]: Env[K] };
    const credential = await credentialOf(make(), changing);
    expect(await credential.revalidate()).toBe("good");
    changing.AUTH_SERVICE = envSaying({ isDelinquent: true }).AUTH_SERVICE;
    expect(await credential.revalidate()).toBe("payment_required");
    changing.AUTH_SERVICE = envSaying({ isActive: false }).AUTH_SERVICE;
    expect(await credential.revalidate()).toBe("unauthenticated");
  });

  it("that cannot be told is unavailable, not unauthenticated, unless KV does not have the token", async () => {
    quiet();
    const over = envWith({ getUser: throwing });
    const token = await accessToken(user());
    expect(await authenticate(newContext(over).context, token)).toBe("unavailable");
    const forged = token.slice(0, -32) + "x".repeat(32);
    expect(await authenticate(newContext(over).context, forged)).toBe("unauthenticated");
  });
});

describe("a credential of another kind than announced", () => {
  it("is refused without a look-up", async () => {
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
    expect([get.mock.calls.length, authCalls()]).toEqual([0, 0]);
    expect([await check(key, "api_key"), await check(jwt, "jwt"), await check(token, "oauth")]).toMatchObject([
      { kind: "api_key" },
      { kind: "jwt" },
      { kind: "oauth" },
    ]);
  });
});

describe("at /mcp", () => {
  /** Sends one message. `bearer` is the whole header if it has a space. */
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
    ["RATE_LIMITED", 429, "60", "rate_limited", /Too many requests/],
    ["PAYMENT_DELINQUENT", 402, null, "payment_required", /bill/],
  ])("a key with %s is refused with %i", async (error, status, retryAfter, code, words) => {
    validateApiKey.mockResolvedValue({ valid: false, error });
    const refused = await post(newKey());
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([status, retryAfter]);
    expect(await refused.json()).toEqual({ error: code, error_description: expect.stringMatching(words) });
    expect(refused.headers.get("www-authenticate")?.includes('error="invalid_token"') ?? false).toBe(status === 401);
  });

  it("a failure of the auth Worker is 503 with the client's trace id, and no challenge that would sign a user out", async () => {
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

  it("a header longer than 4,096 characters is refused unread, even if it ends with a valid key", async () => {
    const key = newKey();
    expect((await post(`Bearer ${" ".repeat(4097)}${key}`)).status).toBe(401);
    expect((await post(newJwt({ pad: "x".repeat(3000) }))).status).toBe(401);
    expect(authCalls()).toBe(0);
    expect((await post(`Bearer ${" ".repeat(2000)}${key}`)).status).toBe(200);
  });

  it.each(["access_token", "api_key", "token", "bearer"])("a credential in the URL is never read: %s", async (name) => {
    expect((await post(null, undefined, `/mcp?${name}=${newKey()}`)).status).toBe(401);
    expect(authCalls()).toBe(0);
  });

  it("a key or a JWT without the scope gets all needed scopes in one challenge, before any work", async () => {
    validateApiKey.mockResolvedValue({ ...KEY, scopes: ["read"] });
    for (const bearer of [newKey(), newJwt()]) {
      const refused = await post(bearer, call("image_generate", { prompt: "a" }));
      expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([
        403,
        `Bearer realm="OAuth", error="insufficient_scope", scope="read generate", ` +
          `resource_metadata="${ORIGIN}/.well-known/oauth-protected-resource/mcp", ` +
          'error_description="This needs the scopes read and generate: use a credential that has them"',
      ]);
      expect((await post(bearer, call("no_such_tool"))).status).toBe(200);
    }
  });

  it("a key without any scope sees no tool and may call none", async () => {
    validateApiKey.mockResolvedValue({ ...KEY, scopes: [] });
    const key = newKey();
    expect(await (await post(key)).json()).toMatchObject({ result: { tools: [] } });
    const refused = await post(key, call("image_list_models"));
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([
      403,
      expect.stringContaining('scope="read"'),
    ]);
  });

  it("a test key that requests an image gets a tool error that asks for a live key", async () => {
    const refused = await post(newKey("test"), call("image_generate", { prompt: "a" }));
    expect(await refused.json()).toMatchObject({
      result: { isError: true, _meta: { "com.stackbilt/error": { code: "test_key_not_allowed" } } },
    });
  });
});
