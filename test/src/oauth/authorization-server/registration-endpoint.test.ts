// Dynamic client registration (RFC 7591) over HTTP: what a client may send, what of it is stored,
// and for how long.
import { afterEach, describe, expect, it, vi } from "vitest";
import { Browser, envWith, form, json, ORIGIN, REDIRECT, redeem, register, send } from "../browser.ts";

const env = envWith();
const DAY_SECONDS = 86_400;

afterEach(() => {
  vi.restoreAllMocks();
});

type Registration = Readonly<Record<string, unknown>> & { readonly client_id: string };

async function errorOf(response: Response): Promise<[number, string]> {
  return [response.status, (await response.json<{ error: string }>()).error];
}

async function registered(metadata: object): Promise<Registration> {
  const response = await send(env, "/register", json({ redirect_uris: [REDIRECT], ...metadata }));
  expect(response.status).toBe(201);
  return response.json<Registration>();
}

const stored = (id: string) => env.OAUTH_KV.get<Record<string, unknown>>(`client:${id}`, "json");

/** Seconds until storage deletes this registration. */
async function secondsLeft(id: string): Promise<number> {
  const { keys } = await env.OAUTH_KV.list({ prefix: `client:${id}` });
  return (keys[0]?.expiration ?? Number.POSITIVE_INFINITY) - Date.now() / 1000;
}

describe("a registration", () => {
  it("may have all redirect addresses of Cursor", async () => {
    const redirect_uris = [
      "cursor://anysphere.cursor-mcp/oauth/callback",
      "https://www.cursor.com/agents/mcp/oauth/callback",
      "http://localhost:8787/callback",
    ];
    const response = await send(
      env,
      "/register",
      json({ client_name: "Cursor", redirect_uris, token_endpoint_auth_method: "none" }),
    );
    expect([response.status, await response.json<Registration>()]).toMatchObject([201, { redirect_uris }]);
    expect(response.headers.get("Cache-Control")).toBe("no-store");
  });

  it("has well-formed text, whatever the client sent", async () => {
    const metadata = await registered({ client_name: "Kites\ud83d" });
    expect([metadata.client_name, (await stored(metadata.client_id))?.clientName]).toEqual([
      "Kites\ufffd",
      "Kites\ufffd",
    ]);
  });

  it("is refused if it is too long, of another type, not a JSON object or against our rules", async () => {
    const big = json({ redirect_uris: [REDIRECT], x: "x".repeat(17_000) });
    expect(await errorOf(await send(env, "/register", big))).toEqual([413, "invalid_request"]);
    const streamed = { ...big, body: new Blob([String(big.body)]).stream() };
    expect(await errorOf(await send(env, "/register", streamed))).toEqual([413, "invalid_request"]);
    expect(await errorOf(await send(env, "/register", form({ a: "b" })))).toEqual([415, "invalid_request"]);
    for (const body of ["{", "[]", "null", "7", ""])
      expect(await errorOf(await send(env, "/register", { ...json({}), body }))).toEqual([400, "invalid_request"]);
    const own = json({ redirect_uris: [`${ORIGIN}/oauth/callback`] });
    expect(await errorOf(await send(env, "/register", own))).toEqual([400, "invalid_redirect_uri"]);
    const ours = { redirect_uris: [REDIRECT], grant_types: ["client_credentials"] };
    expect(await errorOf(await send(env, "/register", json(ours)))).toEqual([400, "invalid_client_metadata"]);
  });

  it.each([null, ""])("reads %j as an absent value in every field but redirect_uris", async (empty) => {
    const fields = [
      ...["client_name", "client_uri", "logo_uri", "tos_uri", "policy_uri", "jwks_uri", "contacts", "scope"],
      ...["grant_types", "response_types", "token_endpoint_auth_method", "token_endpoint_auth_methods_supported"],
      ...["software_id", "software_version", "software_statement", "application_type", "client_name#ja"],
    ];
    const content = await registered(Object.fromEntries(fields.map((name) => [name, empty])));
    expect(content).toEqual({
      ...(await registered({})),
      client_id: expect.any(String),
      client_secret: expect.any(String),
      ...{ client_id_issued_at: expect.any(Number), client_secret_issued_at: expect.any(Number) },
      client_secret_expires_at: expect.any(Number),
    });
    const refused = await send(env, "/register", json({ redirect_uris: empty }));
    expect(await errorOf(refused)).toEqual([400, "invalid_redirect_uri"]);
  });

  it("may ask for more than is served, and is told what it gets (RFC 7591 section 3.2.1)", async () => {
    const content = await registered({
      grant_types: ["authorization_code", "refresh_token", "client_credentials", "implicit"],
      response_types: ["code", "token", "code id_token"],
      application_type: "native",
      scope: "read generate openid everything",
    });
    expect(content).toMatchObject({
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
    });
  });

  it("stores only what is used, so that no other field can make it fail or fill the storage", async () => {
    const { client_id } = await registered({
      client_name: "n".repeat(5_000),
      client_uri: "not a URL",
      logo_uri: "data:image/png;base64,AAAA",
      contacts: "ada@example.com",
      software_statement: `e30.${"x".repeat(5_000)}.e30`,
      ...{ scope: ["read"], policy_uri: 7, "client_name#ja": { a: 1 }, unknown: "y".repeat(2_000) },
    });
    const record = await stored(client_id);
    expect(record).toEqual({
      clientId: client_id,
      clientName: "n".repeat(80),
      redirectUris: [REDIRECT],
      ...{ grantTypes: ["authorization_code"], responseTypes: ["code"] },
      ...{ tokenEndpointAuthMethod: "client_secret_basic", clientSecret: expect.any(String) },
      ...{ registrationDate: expect.any(Number), registrationExpiresAt: expect.any(Number) },
    });
    const many = Array.from({ length: 20 }, (_, index) => `https://app.example.com/${"p".repeat(300)}/${index}`);
    const refused = await send(env, "/register", json({ redirect_uris: many }));
    expect(await errorOf(refused)).toEqual([400, "invalid_redirect_uri"]);
  });
});

describe("a registered client", () => {
  it("is deleted after a day, unless a grant is made with it: then it lasts as long as it is used", async () => {
    const client = await register(env);
    expect(await secondsLeft(client)).toBeGreaterThan(DAY_SECONDS - 60);
    expect(await secondsLeft(client)).toBeLessThanOrEqual(DAY_SECONDS + 1);
    const left = await new Browser(env).connect(client);
    expect(await secondsLeft(client), "the user allowed it, and it has no token yet").toBeLessThan(DAY_SECONDS + 1);
    await redeem(env, client, left.next);
    expect(await secondsLeft(client)).toBeGreaterThan(89 * DAY_SECONDS);
  });

  it("of an earlier day, stored for longer, keeps its time", async () => {
    const client = await register(env);
    const record = await stored(client);
    const registrationExpiresAt = Math.floor(Date.now() / 1000) + 80 * DAY_SECONDS;
    const earlier = JSON.stringify({ ...record, registrationExpiresAt });
    await env.OAUTH_KV.put(`client:${client}`, earlier, { expiration: registrationExpiresAt });
    await redeem(env, client, (await new Browser(env).connect(client)).next);
    expect(await stored(client)).toMatchObject({ registrationExpiresAt });
  });

  it("has a secret that outlives the day, so that no client throws a grant away with it", async () => {
    const { client_id_issued_at: at, client_secret_expires_at: end } = await registered({});
    expect(Number(end) - Number(at)).toBe(90 * DAY_SECONDS);
    expect(await registered({ token_endpoint_auth_method: "none" })).not.toHaveProperty("client_secret_expires_at");
  });

  it("that is deleted before the decision gets no code: the user reads why", async () => {
    const client = await register(env);
    const browser = new Browser(env);
    const consent = await browser.consentPage(client);
    await env.OAUTH_KV.delete(`client:${client}`);
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const refused = await browser.submit(consent, "/authorize", { decision: "approve" });
    expect([refused.status, refused.next]).toEqual([400, ""]);
    expect(refused.text).toContain("it was removed from this server");
    expect(log).not.toHaveBeenCalled();
  });

  it("that is deleted after the decision gets no token, and is told to register again", async () => {
    const client = await register(env);
    const { next } = await new Browser(env).connect(client);
    await env.OAUTH_KV.delete(`client:${client}`);
    const code = new URL(next).searchParams.get("code") ?? "";
    const fields = { grant_type: "authorization_code", client_id: client, code, code_verifier: "v".repeat(43) };
    expect(await errorOf(await send(env, "/token", form(fields)))).toEqual([401, "invalid_client"]);
  });
});
