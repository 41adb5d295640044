// Rate limits of the gateway: each allows exactly its number, says when to try again, as a page or
// as JSON, and does not affect other clients. The counters are the runtime's own.
import { createExecutionContext, runInDurableObject, waitOnExecutionContext } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { digestText } from "../../../contracts/rpc/encoding.ts";
import type { Tier } from "../../../contracts/rpc/identity.ts";
import gateway from "../../../entrypoints/gateway/index.ts";
import { consume, type LimitName } from "../../../src/limits/rate-limits.ts";
import { ADDRESS_HEADER, newAddress } from "../../support/address.ts";
import { exhaust } from "../../support/exhaust-limit.ts";
import { newContext } from "../context.ts";
import { Browser, envWith, form, json, ORIGIN, REDIRECT, redeem, register, send, userId } from "./browser.ts";

const env = envWith({ validateApiKey: async () => ({ valid: false, error: "INVALID_KEY" }) });

beforeEach(() => {
  vi.spyOn(console, "log").mockImplementation(() => undefined);
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** A counter that never refuses, so that a test can reach the next one. */
const unlimited: RateLimit = { limit: async () => ({ success: true }) };

/** Sends any request to the gateway. */
async function request(
  method: string,
  path: string,
  address: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<Response> {
  const ctx = createExecutionContext();
  const init = {
    method,
    redirect: "manual",
    headers: { [ADDRESS_HEADER]: address, ...headers },
    ...(body !== undefined && { body }),
  } as const;
  const response = await gateway.fetch(
    new Request<unknown, IncomingRequestCfProperties>(ORIGIN + path, init),
    env,
    ctx,
  );
  await waitOnExecutionContext(ctx);
  return response;
}

/** Requests that a test makes itself. */
const MADE = 20;

/** Counts the requests before the last `MADE` that a limit allows, without making them. */
async function countFirst(limit: LimitName, key: string, allowed: number): Promise<void> {
  const { context, finish } = newContext(env);
  for (let counted = MADE; counted < allowed; counted++) await consume(context, limit, key);
  await finish();
}

/** The routes that share a limit per minute, and a route with another limit, which stays open. */
const ROWS: readonly (readonly [what: string, limit: number, routes: readonly string[], other: string])[] = [
  [
    "authorization requests",
    60,
    ["GET /authorize", "HEAD /authorize", "GET /authorize?client_id=unknown"],
    "POST /login",
  ],
  ["sign-ins with a password", 20, ["POST /login", "POST /login?tx=aaaaaaaaaaaa"], "POST /signup"],
  ["sign-ups", 20, ["POST /signup"], "POST /login"],
  [
    "redirects to a provider and callbacks",
    30,
    ["POST /oauth/github", "POST /oauth/google", "GET /oauth/callback?state=x&code=y"],
    "POST /consent",
  ],
  ["decisions", 30, ["POST /authorize", "POST /consent"], "POST /logout"],
  [
    "changes on the account page",
    30,
    ["POST /apps/revoke", "POST /apps/revoke-all", "POST /apps/keys/revoke", "POST /logout"],
    "POST /login",
  ],
  ["new credentials", 10, ["POST /apps/keys", "POST /apps/token", "POST /apps/delete"], "POST /apps/revoke"],
];

describe("an address may send", () => {
  it.each(ROWS)(
    "%s %i times a minute, and then gets a page that says when to try again",
    async (_, limit, routes, other) => {
      let address = "";
      const visit = (route: string, from: string) => request(...(route.split(" ") as [string, string]), from);
      const { passed, refused } = await exhaust(() => {
        address = newAddress();
        return (attempt) => visit(routes[attempt % routes.length] ?? "", address);
      });
      expect(passed).toBe(limit);
      expect(refused.headers.get("Retry-After")).toBe("60");
      expect(refused.headers.get("Content-Type")).toBe("text/html; charset=utf-8");
      expect(refused.headers.get("Content-Security-Policy")).toContain("default-src 'none'");
      expect(await refused.text()).toMatch(/<h1>Too many attempts<\/h1>.*Wait a minute/s);
      for (const allowed of [visit(routes[0] ?? "", newAddress()), visit(other, address), visit("GET /", address)])
        expect((await allowed).status).not.toBe(429);
    },
  );

  it("requests for pages that cost nothing without a limit", async () => {
    const address = newAddress();
    for (let attempt = 0; attempt < 70; attempt++) expect((await request("GET", "/login", address)).status).toBe(303);
  });

  it("requests from many IPv6 addresses of its /64, and all of them count", async () => {
    const { passed } = await exhaust(() => {
      const network = `2001:db8:${crypto.randomUUID().slice(0, 4)}:${crypto.randomUUID().slice(0, 4)}`;
      return (attempt) => request("POST", "/signup", `${network}::${attempt + 1}`);
    });
    expect(passed).toBe(20);
  });
});

describe("clients", () => {
  const partsOf = async (response: Response) => [
    response.status,
    response.headers.get("Retry-After"),
    await response.json(),
  ];
  const oauthError = [
    429,
    expect.stringMatching(/^[1-9]\d*$/),
    {
      error: "temporarily_unavailable",
      error_description: expect.stringMatching(
        /^Too many requests: the limit is \d+ a minute for [a-z ]+, and none is left\. Try again in [1-9]\d* s\.$/,
      ),
    },
  ];

  it("may call /token 300 times a minute from one address, and then get an OAuth error", async () => {
    let address = "";
    const { passed, refused } = await exhaust(() => {
      address = newAddress();
      const counted = countFirst("token", address, 300);
      return async () => {
        await counted;
        return send(env, "/token", { ...form({}, { [ADDRESS_HEADER]: address, Origin: "https://any.test" }) });
      };
    });
    expect(passed).toBe(MADE);
    expect(refused.headers.get("Access-Control-Allow-Origin")).toBe("https://any.test");
    expect(await partsOf(refused)).toEqual(oauthError);
    expect((await send(env, "/token", form({}))).status).toBe(401);
    expect((await request("POST", "/login", address)).status).not.toBe(429);
    expect(
      (
        await send(env, "/token", {
          method: "OPTIONS",
          headers: { [ADDRESS_HEADER]: address, Origin: "https://any.test" },
        })
      ).status,
    ).toBe(204);
  });

  /** The client id and refresh token of a new grant. */
  async function newGrant(): Promise<{ readonly client_id: string; readonly refresh_token: string }> {
    const client_id = await register(env);
    const { next } = await new Browser(env).connect(client_id);
    return { client_id, refresh_token: (await redeem(env, client_id, next)).refresh_token };
  }

  it("may refresh a grant 10 times a minute, from any address", async () => {
    const { passed, refused } = await exhaust(() => {
      let fields = newGrant();
      return async () => {
        const { client_id, refresh_token } = await fields;
        const response = await send(env, "/token", form({ grant_type: "refresh_token", client_id, refresh_token }));
        if (response.status !== 200) return response;
        fields = response.json<{ refresh_token: string }>().then((next) => ({ ...next, client_id }));
        return Response.json({});
      };
    });
    expect(passed).toBe(10);
    expect(await partsOf(refused)).toEqual(oauthError);
  });

  it("may refresh a grant whose name strangers use, however often they do", async () => {
    const { client_id, refresh_token } = await newGrant();
    const forged = (attempt: number) => refresh_token.replace(/[^:]*$/, String(attempt).padStart(32, "s"));
    const made: ((attempt: number) => Record<string, string>)[] = [
      (attempt) => ({ grant_type: "refresh_token", client_id, refresh_token: forged(attempt) }),
      (attempt) => ({ grant_type: "refresh_token", client_id: "unknown", refresh_token: forged(attempt) }),
      (attempt) => ({ grant_type: "authorization_code", client_id, code: forged(attempt) }),
      (attempt) => ({ client_id, token: forged(attempt) }),
    ];
    for (let attempt = 0; attempt < 44; attempt++) {
      const response = await send(env, "/token", form(made[attempt % made.length]?.(attempt) ?? {}));
      expect(response.status).not.toBe(429);
      expect(await response.text()).not.toContain("access_token");
    }
    const mine = form({ grant_type: "refresh_token", client_id, refresh_token });
    expect((await send(env, "/token", mine)).status).toBe(200);
  });

  it("may register 60 clients a minute from one address, as hosted clients need", async () => {
    let address = "";
    const attempt = () =>
      send(env, "/register", {
        ...json({ redirect_uris: [REDIRECT] }),
        headers: { "Content-Type": "application/json", [ADDRESS_HEADER]: address },
      });
    const { passed, refused } = await exhaust(() => {
      address = newAddress();
      return attempt;
    });
    expect(passed).toBe(60);
    expect(await partsOf(refused)).toEqual(oauthError);
    expect((await send(env, "/register", json({ redirect_uris: [REDIRECT] }))).status).toBe(201);
    expect((await send(env, "/register", { method: "GET", headers: { [ADDRESS_HEADER]: address } })).status).toBe(405);
  });

  it("may register exactly 10,000 clients a day from one address, also in parallel", async () => {
    const dailyOnly = envWith({}, { LIMIT_60: unlimited });
    const address = newAddress();
    const counter = env.RATE_COUNTER.get(env.RATE_COUNTER.idFromName(`registration:${await digestText(address)}`));
    await counter.count(10_000, 86_400);
    await runInDurableObject(counter, async (_, { storage }) => {
      const stored = [...(await storage.list<{ readonly count: number }>())];
      for (const [key, value] of stored) await storage.put(key, { ...value, count: 9_950 });
    });
    const headers = { "Content-Type": "application/json", [ADDRESS_HEADER]: address };
    const registerOne = () => send(dailyOnly, "/register", { ...json({ redirect_uris: [REDIRECT] }), headers });
    const responses = await Promise.all(Array.from({ length: 60 }, registerOne));
    expect(responses.filter(({ status }) => status === 201)).toHaveLength(50);
    const refused = responses.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(10);
    for (const response of refused) expect(Number(response.headers.get("Retry-After"))).toBeGreaterThan(86_000);
    expect((await send(dailyOnly, "/register", json({ redirect_uris: [REDIRECT] }))).status).toBe(201);
  });
});

describe("the MCP endpoint", () => {
  const jsonRpcError = {
    jsonrpc: "2.0",
    error: {
      code: -32600,
      message: expect.stringMatching(/^Too many requests: the limit is \d+ a minute .*\. Try again in 60 s\.$/),
      data: { retryAfterSeconds: 60, limit: expect.objectContaining({ period: "minute", left: 0 }) },
    },
  };

  const newUser = (tier: Tier) => userId(`u_${tier}_${crypto.randomUUID()}`);

  /** An access token of a user, by default a new one with this plan. */
  async function tokenOf(tier: Tier, user = newUser(tier)): Promise<string> {
    const own = envWith({ authenticateUser: async (email) => ({ valid: true, userId: user, email, name: "Ada" }) });
    const client = await register(own);
    const left = await new Browser(own).connect(client);
    return (await redeem(own, client, left.next)).access_token;
  }

  const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
  /** Time limit for tests of up to 300 requests, which start again if a minute ends meanwhile. */
  const MANY_REQUESTS_MS = 120_000;
  /** Methods that cause work. A refused call is a tool error: see metering.test.ts. */
  const WORK = ["tools/call", "resources/read"];
  const call = (token: string, method: string, id: number) =>
    request(
      "POST",
      "/mcp",
      newAddress(),
      { ...bearer(token), "Content-Type": "application/json" },
      JSON.stringify({ jsonrpc: "2.0", id, method, params: { name: "no_such_tool", uri: "none://of-ours" } }),
    );

  it.each([
    ["free", 20],
    ["hobby", 60],
    ["pro", 300],
    ["enterprise", 1000],
  ] as const)(
    "lets a user of the plan %s cause work %i times a minute, from any address, without an effect on others",
    async (tier, limit) => {
      let mine = "";
      const { passed, refused } = await exhaust(() => {
        const user = newUser(tier);
        const token = tokenOf(tier, user);
        const counted = countFirst(`plan.${tier}`, user, limit);
        return async (attempt) => {
          mine = await token;
          await counted;
          // The limits are even, so the first refused request is a read.
          return call(mine, WORK[(attempt + 1) % WORK.length] ?? "", attempt);
        };
      });
      expect(passed).toBe(MADE);
      expect([refused.headers.get("Content-Type"), refused.headers.get("Retry-After")]).toEqual([
        "application/json",
        "60",
      ]);
      expect(await refused.json()).toEqual({ ...jsonRpcError, id: expect.any(Number) });
      expect((await call(mine, "tools/list", 1)).status, "a list costs nothing").toBe(200);
      expect((await call(await tokenOf(tier), "tools/call", 1)).status).toBe(200);
    },
    MANY_REQUESTS_MS,
  );

  it("counts requests of any kind by user, and refuses too many of them unread", async () => {
    const keys: string[] = [];
    const full = {
      ...env,
      LIMIT_3000: { limit: async ({ key }: RateLimitOptions) => ({ success: keys.push(key) < 3 }) },
    };
    const post = async (token: string) => {
      const init = { method: "POST", headers: { [ADDRESS_HEADER]: newAddress(), ...bearer(token) } };
      return gateway.fetch(
        new Request<unknown, IncomingRequestCfProperties>(`${ORIGIN}/mcp`, init),
        full,
        createExecutionContext(),
      );
    };
    const mine = await tokenOf("free");
    const [first, , third] = [await post(mine), await post(await tokenOf("free")), await post(mine)];
    expect([first.status, third.status, third.headers.get("Retry-After"), await third.json()]).toEqual([
      415,
      429,
      "60",
      jsonRpcError,
    ]);
    expect([keys[0] === keys[2], keys[0] === keys[1]]).toEqual([true, false]);
  });

  it.each([
    ["of no known shape", 30, (attempt: number) => `Bearer ${"x".repeat(attempt % 7)}`],
    ["shaped like API keys", 30, () => `Bearer sb_live_${"x".repeat(32)}`],
    ["shaped like JWTs", 30, () => "bearer eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"],
    ["of another scheme", 30, () => "Basic YTpi"],
    [
      "shaped like our access tokens",
      300,
      (attempt: number) => `Bearer u_ada:${"g".repeat(16)}:${String(attempt).padStart(32, "s")}`,
    ],
  ])(
    "refuses tokens %s %i times a minute from one address with a challenge, then without",
    async (_, limit, authorization) => {
      vi.spyOn(console, "error").mockImplementation(() => undefined);
      let address = "";
      const refuse = (attempt: number, from: string) =>
        request("POST", "/mcp", from, { Authorization: authorization(attempt) });
      const { passed, refused } = await exhaust(() => {
        address = newAddress();
        return async (attempt) => {
          const response = await refuse(attempt, address);
          if (response.status !== 429)
            expect([response.status, response.headers.has("WWW-Authenticate")]).toEqual([401, true]);
          return response;
        };
      });
      expect([passed, refused.headers.get("Retry-After")]).toEqual([limit, "60"]);
      expect(await refused.json()).toEqual(jsonRpcError);
      expect((await refuse(0, newAddress())).status).toBe(401);
      expect((await request("POST", "/mcp", address)).status, "a request without a token").toBe(401);
      expect(
        (await request("POST", "/mcp", address, bearer(await tokenOf("free")))).status,
        "a valid token from the same address",
      ).toBe(415);
    },
    MANY_REQUESTS_MS,
  );
});
