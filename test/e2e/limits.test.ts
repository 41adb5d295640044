// Rate limits: each kind of client gets 429 in its own format; other clients, and other requests of
// the same client, still pass. The limits themselves are tested in test/src.
import { expect, it } from "vitest";
import { ADDRESS_HEADER, newAddress, withAddress } from "../support/address.ts";
import { exhaust } from "../support/exhaust-limit.ts";
import { useSystem } from "../support/system.ts";
import { linkTo, newAccount, User } from "../support/user.ts";
import { register, WireClient } from "../support/wire-client.ts";

const system = useSystem();

const REDIRECT = "http://localhost:33418/callback";
const OVER_REGISTRATIONS =
  "Too many requests: the limit is 60 a minute for registrations from one address, and none is left. Try again in 60 s.";
const OVER_PLAN =
  "Too many requests: the limit is 20 a minute in the plan free, for all clients of the account together, and none is " +
  "left. Try again in 60 s.";
const LIMIT = {
  ...{ plan: "free", unit: "requests", allowed: 20, period: "minute", left: 0 },
  resetsAt: expect.stringMatching(/^20\d\d-\d\d-\d\dT/),
};
const METADATA = { client_name: "Test", redirect_uris: [REDIRECT], token_endpoint_auth_method: "none" };

it("a client gets 429 as JSON at too many registrations, and can still read metadata", async () => {
  let address = "";
  const { passed, refused } = await exhaust(() => {
    address = newAddress();
    return () => register(system, METADATA, { [ADDRESS_HEADER]: address });
  });
  expect(passed).toBe(60);
  expect([refused.headers.get("retry-after"), await refused.json()]).toEqual([
    "60",
    { error: "temporarily_unavailable", error_description: OVER_REGISTRATIONS },
  ]);
  expect((await register(system, METADATA)).status).toBe(201);
  const metadata = await system.fetch("/.well-known/oauth-authorization-server", { headers: withAddress({}, address) });
  expect(metadata.status).toBe(200);
});

it("a user gets a page with 429 at too many sign-ups, and another user can still sign up", async () => {
  const client = await WireClient.register(system, METADATA);
  const openSignUp = async (user: User) =>
    user.open(linkTo(await user.open(client.authorizationRequest(REDIRECT).url), "/signup"));
  const { passed, refused } = await exhaust(() => {
    const user = new User();
    const opened = openSignUp(user);
    return async () => {
      const { html, status, headers } = await user.submit(await opened, "/signup", {
        ...newAccount(),
        password: "short",
      });
      return new Response(html, { status, headers });
    };
  });
  expect(passed).toBe(20);
  expect([refused.headers.get("retry-after"), refused.headers.get("content-type")]).toEqual([
    "60",
    "text/html; charset=utf-8",
  ]);
  expect(await refused.text()).toContain("Too many attempts");
  const other = new User();
  expect((await other.submit(await openSignUp(other), "/signup", { ...newAccount() })).url.pathname).toBe("/consent");
});

it("a client gets a tool error at too many calls, and 429 at a read, together with its user's other client", async () => {
  const origin = "http://localhost:6274";
  /** The access tokens of two clients of one new user. */
  const connectTwo = async () => {
    const account = newAccount();
    const tokens: string[] = [];
    for (const hasAccount of [false, true]) {
      const client = await WireClient.register(system, METADATA);
      const request = client.authorizationRequest(REDIRECT);
      const response = await client.redeem(request, await new User().authorize(request.url, account, { hasAccount }));
      tokens.push(((await response.json()) as { access_token: string }).access_token);
    }
    return tokens;
  };
  const send = (token: string | undefined, method: string, params: object) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", origin };
    return system.fetch("/mcp", {
      method: "POST",
      headers,
      body: JSON.stringify({ jsonrpc: "2.0", id: 7, method, params }),
    });
  };
  let tokens: string[] = [];
  const { passed, refused } = await exhaust(() => {
    const connected = connectTwo();
    return async (at) => {
      tokens = await connected;
      return send(tokens[at % 2], "resources/read", { uri: "none://of-ours" });
    };
  });
  expect(passed).toBe(20);
  expect([refused.headers.get("retry-after"), await refused.json()]).toEqual([
    "60",
    {
      jsonrpc: "2.0",
      id: 7,
      error: { code: -32600, message: OVER_PLAN, data: { retryAfterSeconds: 60, limit: LIMIT } },
    },
  ]);
  expect(refused.headers.get("access-control-allow-origin")).toBe(origin);
  expect(refused.headers.get("access-control-expose-headers")).toContain("Retry-After");
  for (const token of tokens) {
    const response = await send(token, "tools/call", { name: "image_list_models", arguments: {} });
    expect([response.status, await response.json()]).toMatchObject([
      200,
      {
        result: {
          isError: true,
          content: [{ text: expect.stringMatching(`^${OVER_PLAN} *\n*\\(code rate_limited`) }],
          _meta: { "com.stackbilt/error": { code: "rate_limited", retryAfterSeconds: 60, limit: LIMIT } },
        },
      },
    ]);
  }
});
