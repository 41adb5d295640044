// Endpoints that programs call: metadata, registration, tokens.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { oauthFetch } from "../../../../src/oauth/router.ts";
import { productTexts } from "../../../../src/tools/product-texts.ts";
import { newContext } from "../../context.ts";
import { Browser, envWith, form, json, ORIGIN, REDIRECT, redeem, register, send } from "../browser.ts";

const env = envWith();

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
});
afterEach(() => {
  vi.restoreAllMocks();
});

async function errorOf(response: Response): Promise<[number, string]> {
  return [response.status, (await response.json<{ error: string }>()).error];
}

describe("the metadata (RFC 8414)", () => {
  it.each([
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-authorization-server/mcp",
    "/.well-known/openid-configuration",
    "/.well-known/openid-configuration/mcp",
    "/mcp/.well-known/oauth-authorization-server",
    "/mcp/.well-known/openid-configuration",
  ])("is at %s, for every origin", async (path) => {
    const response = await send(env, path, { headers: { Origin: "https://any.test" } });
    expect(response.headers.get("Access-Control-Allow-Origin")).toBe("*");
    expect(await response.json()).toMatchObject({
      issuer: ORIGIN,
      authorization_endpoint: `${ORIGIN}/authorize`,
      token_endpoint: `${ORIGIN}/token`,
      registration_endpoint: `${ORIGIN}/register`,
      code_challenge_methods_supported: ["S256"],
      authorization_response_iss_parameter_supported: true,
      client_id_metadata_document_supported: false,
      protected_resources: [`${ORIGIN}/mcp`],
    });
    expect((await send(env, path, { method: "OPTIONS", headers: { Origin: "https://any.test" } })).status).toBe(204);
  });

  it("does not name registration while it is off", async () => {
    const closed = envWith({}, { DYNAMIC_REGISTRATION_ENABLED: "false" });
    const metadata = await (await send(closed, "/.well-known/oauth-authorization-server")).json();
    expect(metadata).not.toHaveProperty("registration_endpoint");
    expect(await errorOf(await send(closed, "/register", json({})))).toEqual([403, "access_denied"]);
  });
});

it("a path that is not a route of the authorization side gets no response from it", async () => {
  const request = new Request(`${ORIGIN}/elsewhere`);
  expect(await oauthFetch(request, newContext(env).context, productTexts)).toBeNull();
});

describe("the token endpoint", () => {
  it("responds to an unknown client with invalid_client, however long its id, so that clients register again", async () => {
    for (const client_id of ["unknown", "x".repeat(600)]) {
      const fields = { grant_type: "refresh_token", refresh_token: "a:b:c", client_id };
      expect(await errorOf(await send(env, "/token", form(fields)))).toEqual([401, "invalid_client"]);
    }
    const basic = form(
      { grant_type: "refresh_token", refresh_token: "a:b:c" },
      { Authorization: `Basic ${btoa(`${"x".repeat(600)}:y`)}` },
    );
    expect(await errorOf(await send(env, "/token", basic))).toEqual([401, "invalid_client"]);
    const assertion = `e30.${btoa(JSON.stringify({ iss: "x".repeat(600) }))}.x`;
    const asserted = form({
      grant_type: "refresh_token",
      client_assertion: assertion,
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    });
    expect(await errorOf(await send(env, "/token", asserted))).toEqual([401, "invalid_client"]);
  });

  it("looks up no value that is too long to be ours, and answers as for any unknown one", async () => {
    const client = await register(env);
    const names: string[] = [];
    const recording = {
      ...env.OAUTH_KV,
      get: async (name: string, options: { type: "json" }) => {
        names.push(name);
        return env.OAUTH_KV.get(name, options);
      },
    };
    const own = envWith({}, { OAUTH_KV: recording as unknown as KVNamespace }); // the members that are called
    const long = `${"u".repeat(600)}:g:s`;
    const ask = (fields: Record<string, string>) => send(own, "/token", form({ client_id: client, ...fields }));
    expect(await errorOf(await ask({ grant_type: "authorization_code", code: long }))).toEqual([400, "invalid_grant"]);
    const refresh = { grant_type: "refresh_token", refresh_token: long };
    expect(await errorOf(await ask(refresh))).toEqual([400, "invalid_grant"]);
    expect((await ask({ token: long })).status, "RFC 7009 section 2.2").toBe(200);
    expect(new Set(names)).toEqual(new Set([`client:${client}`]));
  });

  it("refuses a body that is too long, and a malformed verifier", async () => {
    expect(await errorOf(await send(env, "/token", form({ a: "x".repeat(17_000) })))).toEqual([413, "invalid_request"]);
    const short = form({
      grant_type: "authorization_code",
      client_id: await register(env),
      code: "a:b:c",
      redirect_uri: REDIRECT,
      code_verifier: "x",
    });
    expect(await errorOf(await send(env, "/token", short))).toEqual([400, "invalid_request"]);
  });

  it("is open to browser clients and never cached", async () => {
    const response = await send(env, "/token", form({ client_id: "unknown" }, { Origin: "http://localhost:6274" }));
    expect(response.headers.get("Access-Control-Allow-Origin")).toBe("http://localhost:6274");
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    expect(
      (await send(env, "/token", { method: "OPTIONS", headers: { Origin: "http://localhost:6274" } })).status,
    ).toBe(204);
    expect(await errorOf(await send(env, "/token"))).toEqual([405, "invalid_request"]);
  });

  it("revokes if the grant type is missing or empty (RFC 7009)", async () => {
    const client = await register(env);
    for (const fields of [{}, { grant_type: "" }] as Record<string, string>[]) {
      const left = await new Browser(env).connect(client);
      const { refresh_token } = await redeem(env, client, left.next);
      const revoked = await send(env, "/token", form({ ...fields, client_id: client, token: refresh_token }));
      expect([revoked.status, await revoked.text()]).toEqual([200, ""]);
      const refresh = form({ grant_type: "refresh_token", client_id: client, refresh_token });
      expect(await errorOf(await send(env, "/token", refresh))).toEqual([400, "invalid_grant"]);
    }
  });

  it("logs a refusal by its reason, without a word of the client's", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    await send(env, "/token", form({ client_id: "unknown", grant_type: "password", password: "secret words" }));
    expect(warn).toHaveBeenCalledOnce();
    expect(JSON.parse(String(warn.mock.calls[0]?.[0]))).toEqual({
      event: "oauth.refused",
      category: "client-authentication",
      reason: "client_not_found",
      status: 401,
    });
  });
});
