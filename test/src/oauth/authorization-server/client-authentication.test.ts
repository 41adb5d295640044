// Client authentication at /token as the official Python client does it: it registers without
// `token_endpoint_auth_method`, so with `client_secret_basic` (RFC 7591 section 2), and then sends
// "Basic" credentials and the same `client_id` in the body (RFC 6749 section 3.2.1).
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Browser, envWith, form, json, ORIGIN, REDIRECT, send, VERIFIER } from "../browser.ts";

const env = envWith();

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
});
afterEach(() => {
  vi.restoreAllMocks();
});

interface Registered {
  readonly client_id: string;
  readonly client_secret: string;
}

async function registerWithSecret(): Promise<Registered> {
  const metadata = { client_name: "Python client", redirect_uris: [REDIRECT] };
  return (await send(env, "/register", json(metadata))).json<Registered>();
}

const basic = ({ client_id, client_secret }: Registered) => ({
  Authorization: `Basic ${btoa(`${client_id}:${client_secret}`)}`,
});

/** Fields of a code exchange for a user who has just allowed the client. */
async function codeExchange({ client_id }: Registered): Promise<Record<string, string>> {
  const left = await new Browser(env).connect(client_id);
  const code = new URL(left.next).searchParams.get("code") ?? "";
  const resource = `${ORIGIN}/mcp`;
  return { grant_type: "authorization_code", code, redirect_uri: REDIRECT, code_verifier: VERIFIER, resource };
}

describe("Basic credentials with the same client_id in the body", () => {
  it("exchange a code, refresh and revoke", async () => {
    const client = await registerWithSecret();
    const { client_id } = client;
    const exchange = { ...(await codeExchange(client)), client_id };
    const exchanged = await send(env, "/token", form(exchange, basic(client)));
    expect(exchanged.status).toBe(200);
    const tokens = await exchanged.json<{ refresh_token: string }>();
    const refresh = { grant_type: "refresh_token", refresh_token: tokens.refresh_token, client_id };
    const refreshed = await send(env, "/token", form(refresh, basic(client)));
    expect(refreshed.status).toBe(200);
    const { refresh_token: token } = await refreshed.json<{ refresh_token: string }>();
    expect((await send(env, "/token", form({ token, client_id }, basic(client)))).status).toBe(200);
    const again = { grant_type: "refresh_token", refresh_token: token, client_id };
    expect((await send(env, "/token", form(again, basic(client)))).status).toBe(400);
  });

  it.each<[string, (client: Registered, other: Registered) => Record<string, string>]>([
    ["another client_id in the body", (_, { client_id }) => ({ client_id })],
    ["the secret in the body as well", ({ client_id, client_secret }) => ({ client_id, client_secret })],
    ["the secret alone in the body as well", ({ client_secret }) => ({ client_secret })],
  ])("are refused with %s", async (_, extra) => {
    const client = await registerWithSecret();
    const exchange = { ...(await codeExchange(client)), ...extra(client, await registerWithSecret()) };
    const refused = await send(env, "/token", form(exchange, basic(client)));
    expect([refused.status, await refused.json()]).toMatchObject([400, { error: "invalid_request" }]);
  });

  it("are refused with a wrong secret", async () => {
    const client = await registerWithSecret();
    const exchange = { ...(await codeExchange(client)), client_id: client.client_id };
    const wrong = basic({ ...client, client_secret: "x".repeat(32) });
    expect((await send(env, "/token", form(exchange, wrong))).status).toBe(401);
  });
});
