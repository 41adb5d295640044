// Too often, as it looks from outside: each kind of caller is told in its own language, everybody else goes on, and so does the same
// caller with anything else. Which limits there are, exactly, is tested in test/src.
import { expect, test } from "vitest";
import { ADDRESS_HEADER, newAddress, withAddress } from "../support/address.ts";
import { exhaust } from "../support/exhaust-limit.ts";
import { useSystem } from "../support/system.ts";
import { linkTo, newAccount, Person } from "../support/user.ts";
import { register, WireClient } from "../support/wire-client.ts";

const system = useSystem();

const REDIRECT = "http://localhost:33418/callback";
const METADATA = { client_name: "Test", redirect_uris: [REDIRECT], token_endpoint_auth_method: "none" };

test("a program that registers too often is told so in JSON, and may go on reading", async () => {
  let address = "";
  const { passed, refused } = await exhaust(() => {
    address = newAddress();
    return () => register(system, METADATA, { [ADDRESS_HEADER]: address });
  });
  expect(passed).toBe(10);
  expect([refused.headers.get("retry-after"), await refused.json()]).toEqual([
    "60",
    { error: "temporarily_unavailable", error_description: "Too many requests. Try again in 60 s." },
  ]);
  expect((await register(system, METADATA)).status).toBe(201);
  const metadata = await system.fetch("/.well-known/oauth-authorization-server", { headers: withAddress({}, address) });
  expect(metadata.status).toBe(200);
});

test("a person who sends a form too often gets a page, and somebody else at the same form does not", async () => {
  const client = await WireClient.register(system, METADATA);
  const form = async (person: Person) => person.open(linkTo(await person.open(client.ask(REDIRECT).url), "/signup"));
  const { passed, refused } = await exhaust(() => {
    const person = new Person();
    const opened = form(person);
    return async () => {
      const { html, status, headers } = await person.submit(await opened, "/signup", {
        ...newAccount(),
        password: "short",
      });
      return new Response(html, { status, headers });
    };
  });
  expect(passed).toBe(5);
  expect([refused.headers.get("retry-after"), refused.headers.get("content-type")]).toEqual([
    "60",
    "text/html; charset=utf-8",
  ]);
  expect(await refused.text()).toContain("Too many attempts");
  const other = new Person();
  expect((await other.submit(await form(other), "/signup", { ...newAccount() })).url.pathname).toBe("/consent");
});

test("a client that calls too often is told so in JSON-RPC, which pages may read, and so is its user's other client", async () => {
  const origin = "http://localhost:6274";
  /** The tokens of two apps that one new person has connected. */
  const connectTwo = async () => {
    const account = newAccount();
    const tokens: string[] = [];
    for (const isKnown of [false, true]) {
      const client = await WireClient.register(system, METADATA);
      const ask = client.ask(REDIRECT);
      const answer = await client.redeem(ask, await new Person().authorize(ask.url, account, { isKnown }));
      tokens.push(((await answer.json()) as { access_token: string }).access_token);
    }
    return tokens;
  };
  const { passed, refused } = await exhaust(() => {
    const connected = connectTwo();
    return async (attempt) => {
      const tokens = await connected;
      const headers = { authorization: `Bearer ${tokens[attempt % 2]}`, "content-type": "application/json", origin };
      const body = JSON.stringify({ jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "no_such_tool" } });
      return system.fetch("/mcp", { method: "POST", headers, body });
    };
  });
  expect(passed).toBe(20);
  expect([refused.headers.get("retry-after"), await refused.json()]).toEqual([
    "60",
    {
      jsonrpc: "2.0",
      id: 7,
      error: { code: -32600, message: "Too many requests. Try again in 60 s.", data: { retryAfterSeconds: 60 } },
    },
  ]);
  expect(refused.headers.get("access-control-allow-origin")).toBe(origin);
  expect(refused.headers.get("access-control-expose-headers")).toContain("Retry-After");
});
