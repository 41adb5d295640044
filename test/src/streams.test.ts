// A stream that a client opened with GET ends when the credential that opened it does.
import { createExecutionContext } from "cloudflare:test";
import { afterEach, expect, it, vi } from "vitest";
import gateway from "../../entrypoints/gateway/index.ts";
import type { Env } from "../../src/env.ts";
import { withAddress } from "../support/address.ts";
import { EVENTUALLY } from "../support/eventually.ts";
import { messageReader } from "./mcp/fake-server.ts";
import { envWith, ORIGIN, tenantId, userId } from "./oauth/browser.ts";
import { env as accountEnv, newGrant, newUserId, signedInBrowser, submit } from "./oauth/signed-in-user.ts";

afterEach(() => {
  vi.useRealTimers();
});

/** Sends requests with an API key to a gateway whose auth Worker validates it by `validate`. */
function clientWith(validate: () => object) {
  const key = `sb_live_${crypto.randomUUID().replaceAll("-", "")}`;
  return clientOf(envWith({ validateApiKey: async () => validate() as never }), key); // a reply of the contract
}

/** Sends requests with a credential. */
function clientOf(env: Env, bearer: string) {
  return (method: string, headers: Record<string, string>, message?: object) => {
    const init = {
      method,
      headers: withAddress({ authorization: `Bearer ${bearer}`, "content-type": "application/json", ...headers }),
      ...(message && { body: JSON.stringify({ jsonrpc: "2.0", id: 1, ...message }) }),
    };
    const request = new Request<unknown, IncomingRequestCfProperties>(`${ORIGIN}/mcp`, init);
    return gateway.fetch(request, env, createExecutionContext());
  };
}

/** Begins a session and opens a stream of it. Its timers are the test's. */
async function openStream(send: ReturnType<typeof clientOf>) {
  const params = { protocolVersion: "2025-11-25", capabilities: { elicitation: {} } };
  const session = (await send("POST", {}, { method: "initialize", params })).headers.get("mcp-session-id") ?? "";
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const stream = await send("GET", { "mcp-session-id": session, accept: "text/event-stream" });
  expect([stream.status, stream.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
  return { session, stream: messageReader(stream) };
}

const GOOD = {
  ...{ valid: true, tenant_id: tenantId("t_stream"), tier: "free", scopes: ["read"], key_id: "k_stream" },
  user_id: userId("u_stream"),
};

it.each([
  ["is revoked", { valid: false, error: "KEY_REVOKED" }, true],
  ["has an unpaid bill", { valid: false, error: "PAYMENT_DELINQUENT" }, true],
  ["stays valid", GOOD, false],
  ["cannot be checked", { valid: "perhaps" }, false],
])("a GET stream whose credential %s ends within a minute: %3$j", async (_, later, isEnded) => {
  const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
  let current: object = GOOD;
  const send = clientWith(() => current);
  const { session, stream } = await openStream(send);
  let hasEnded = false;
  const end = stream.next().then((message) => {
    hasEnded = message === null;
  });
  current = later;
  await vi.advanceTimersByTimeAsync(60_000);
  await vi.waitFor(() => expect(hasEnded).toBe(isEnded), EVENTUALLY);
  current = GOOD;
  if (!isEnded) await send("DELETE", { "mcp-session-id": session });
  await end;
  log.mockRestore();
});

it("a GET stream of an app ends within a minute once the user disconnects the app", async () => {
  vi.spyOn(console, "log").mockImplementation(() => undefined);
  const user = newUserId();
  const browser = await signedInBrowser(user);
  const { accessToken } = await newGrant(user);
  const { stream } = await openStream(clientOf(accountEnv, accessToken));
  let last: unknown = "open";
  const end = stream.next().then((message) => {
    last = message;
  });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(last).toBe("open");
  await submit(browser, await browser.open("/apps"), "/apps/revoke");
  await vi.advanceTimersByTimeAsync(60_000);
  await vi.waitFor(() => expect(last).toBeNull(), EVENTUALLY);
  await end;
});
