// Client authentication at /token in every spelling that RFC 6749 section 2.3.1 allows and real
// clients use, above all the official Python client's.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Browser, envWith, form, json, ORIGIN, REDIRECT, register, send, VERIFIER } from "../browser.ts";

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
  readonly token_endpoint_auth_method: string;
}

async function registerWithSecret(metadata: object = {}): Promise<Registered> {
  const body = { client_name: "Test client", redirect_uris: [REDIRECT], ...metadata };
  return (await send(env, "/register", json(body))).json<Registered>();
}

const credentials = (id: string, secret: string, scheme = "Basic") => ({
  Authorization: `${scheme} ${btoa(`${id}:${secret}`)}`,
});
const basic = ({ client_id, client_secret }: Registered) => credentials(client_id, client_secret);

/** Fields of a code exchange for a user who has just allowed the client. */
async function codeExchange(clientId: string): Promise<Record<string, string>> {
  const left = await new Browser(env).connect(clientId);
  const code = new URL(left.next).searchParams.get("code") ?? "";
  const resource = `${ORIGIN}/mcp`;
  return { grant_type: "authorization_code", code, redirect_uri: REDIRECT, code_verifier: VERIFIER, resource };
}

describe("the official Python client, as it is by default", () => {
  /** `OAuthClientMetadata` without the fields that are `None`. */
  const METADATA = {
    redirect_uris: ["http://localhost:3030/callback"],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    scope: "read generate",
    client_name: "Simple Auth Client",
  };
  const resource = `${ORIGIN}/mcp`;

  it("registers without a method, then exchanges, refreshes and revokes with Basic and client_id", async () => {
    const registered = await registerWithSecret(METADATA);
    expect(registered.token_endpoint_auth_method, "RFC 7591 section 2").toBe("client_secret_basic");
    const { client_id } = registered;
    const redirect_uri = "http://localhost:3030/callback";
    const left = await new Browser(env).connect(client_id, undefined, { redirect_uri });
    const code = new URL(left.next).searchParams.get("code") ?? "";
    const exchange = {
      grant_type: "authorization_code",
      code,
      redirect_uri,
      client_id,
      code_verifier: VERIFIER,
      resource,
    };
    const exchanged = await send(env, "/token", form(exchange, basic(registered)));
    expect(exchanged.status).toBe(200);
    const { refresh_token } = await exchanged.json<{ refresh_token: string }>();
    const refresh = { grant_type: "refresh_token", refresh_token, client_id, resource };
    const refreshed = await send(env, "/token", form(refresh, basic(registered)));
    expect(refreshed.status).toBe(200);
    const { refresh_token: token } = await refreshed.json<{ refresh_token: string }>();
    const revoke = { token, token_type_hint: "refresh_token", client_id };
    expect((await send(env, "/token", form(revoke, basic(registered)))).status).toBe(200);
    const again = { grant_type: "refresh_token", refresh_token: token, client_id, resource };
    expect((await send(env, "/token", form(again, basic(registered)))).status).toBe(400);
  });

  it.each<[string, (client: Registered, other: Registered) => Record<string, string>]>([
    ["another client_id in the body", (_, { client_id }) => ({ client_id })],
    ["the secret in the body as well", ({ client_id, client_secret }) => ({ client_id, client_secret })],
    ["the secret alone in the body as well", ({ client_secret }) => ({ client_secret })],
    ["an assertion in the body as well", () => ({ client_assertion: "e30.e30.AA", client_assertion_type: "x" })],
  ])("is refused with %s", async (_, extra) => {
    const client = await registerWithSecret(METADATA);
    const fields = { ...(await codeExchange((await registerWithSecret()).client_id)) };
    const other = await registerWithSecret();
    for (const about of [fields, { grant_type: "refresh_token", refresh_token: "a:b:c" }, { token: "a:b:c" }]) {
      const refused = await send(env, "/token", form({ ...about, ...extra(client, other) }, basic(client)));
      expect([refused.status, await refused.json()]).toMatchObject([400, { error: "invalid_request" }]);
    }
  });

  it("is refused with a wrong secret, and is told how to authenticate (RFC 6749 section 5.2)", async () => {
    const client = await registerWithSecret(METADATA);
    const wrong = basic({ ...client, client_secret: "x".repeat(32) });
    for (const headers of [wrong, credentials("x".repeat(600), "y"), credentials("unknown", "y")]) {
      const fields = { grant_type: "refresh_token", refresh_token: "a:b:c" };
      const refused = await send(env, "/token", form(fields, headers));
      expect([refused.status, refused.headers.get("WWW-Authenticate")]).toEqual([401, 'Basic realm="OAuth"']);
    }
  });
});

describe("a client with a secret", () => {
  it.each([undefined, null, "client_secret_basic", "client_secret_post"])(
    "that registered with the method %s may send it in either place",
    async (token_endpoint_auth_method) => {
      const client = await registerWithSecret({ token_endpoint_auth_method });
      expect(client.token_endpoint_auth_method).toBe(token_endpoint_auth_method ?? "client_secret_basic");
      const { client_id, client_secret } = client;
      const inHeader = await send(env, "/token", form(await codeExchange(client_id), basic(client)));
      expect(inHeader.status).toBe(200);
      const fields = { ...(await codeExchange(client_id)), client_id, client_secret };
      expect((await send(env, "/token", form(fields))).status).toBe(200);
    },
  );

  it("may escape its credentials, write the scheme as it likes, and send empty parameters", async () => {
    const { client_id, client_secret } = await registerWithSecret();
    const escaped = (text: string) => [...text].map((c) => `%${c.charCodeAt(0).toString(16)}`).join("");
    for (const headers of [
      credentials(escaped(client_id), escaped(client_secret)),
      credentials(client_id, client_secret, "BASIC"),
      credentials(client_id, client_secret, "basic  "),
    ]) {
      const fields = { ...(await codeExchange(client_id)), client_id, client_secret: "", client_assertion: "" };
      expect((await send(env, "/token", form(fields, headers))).status).toBe(200);
    }
  });

  it("needs it: no client passes for another by its id alone", async () => {
    const { client_id } = await registerWithSecret();
    const fields = await codeExchange(client_id);
    for (const request of [
      form({ ...fields, client_id }),
      form({ ...fields, client_id }, credentials(client_id, "")),
      form(fields, credentials(client_id, "")),
      form({ ...fields, client_id, client_secret: "" }),
    ]) {
      const refused = await send(env, "/token", request);
      expect([refused.status, await refused.json()]).toMatchObject([401, { error: "invalid_client" }]);
    }
  });
});

describe("a client without a secret", () => {
  it("may identify itself with Basic and an empty password", async () => {
    const client = await register(env);
    for (const extra of [{}, { client_id: client }]) {
      const fields = { ...(await codeExchange(client)), ...extra };
      expect((await send(env, "/token", form(fields, credentials(client, "")))).status).toBe(200);
    }
    const other = { ...(await codeExchange(client)), client_id: await register(env) };
    expect((await send(env, "/token", form(other, credentials(client, "")))).status).toBe(400);
  });

  it("may not have one", async () => {
    const client = await register(env);
    const fields = await codeExchange(client);
    expect((await send(env, "/token", form(fields, credentials(client, "secret")))).status).toBe(401);
    const inBody = { ...fields, client_id: client, client_secret: "secret" };
    expect((await send(env, "/token", form(inBody))).status).toBe(401);
  });

  it("may send a bearer token along, which means nothing here", async () => {
    const client = await register(env);
    const fields = { ...(await codeExchange(client)), client_id: client };
    const headers = { Authorization: `Bearer eyJhbGciOiJub25lIn0.${"x".repeat(3_000)}.` };
    expect((await send(env, "/token", form(fields, headers))).status).toBe(200);
  });
});

describe("a token request", () => {
  it("may have empty parameters, and any number of unknown ones (RFC 6749 section 3.2)", async () => {
    const client = await register(env);
    const fields = new URLSearchParams({ ...(await codeExchange(client)), client_id: client });
    for (const name of ["scope", "resource", "client_secret", "refresh_token", "token", "client_id"])
      fields.append(name, "");
    for (const name of ["audience", "audience", "device"]) fields.append(name, "any");
    expect((await send(env, "/token", form(fields))).status).toBe(200);
    const repeated = new URLSearchParams({ ...(await codeExchange(client)), client_id: client });
    repeated.append("code", repeated.get("code") ?? "");
    const refused = await send(env, "/token", form(repeated));
    expect([refused.status, await refused.json()]).toMatchObject([400, { error: "invalid_request" }]);
  });

  it("may declare its type with a charset and in capitals", async () => {
    const client = await register(env);
    const type = { "Content-Type": "APPLICATION/X-WWW-Form-UrlEncoded; Charset=UTF-8" };
    const fields = { ...(await codeExchange(client)), client_id: client };
    expect((await send(env, "/token?any=query", form(fields, type))).status).toBe(200);
    const asJson = await send(env, "/token", json({ ...fields, client_id: client }));
    expect([asJson.status, await asJson.json()]).toMatchObject([400, { error: "invalid_request" }]);
  });

  it("may repeat the unknown scopes of its authorization request, and gets none of them", async () => {
    const client = await register(env);
    const exchange = { ...(await codeExchange(client)), client_id: client, scope: "openid  profile" };
    const tokens = await (await send(env, "/token", form(exchange))).json<{ scope: string; refresh_token: string }>();
    expect(tokens.scope).toBe("read generate");
    const { refresh_token } = tokens;
    const refresh = { grant_type: "refresh_token", client_id: client, refresh_token, scope: " openid  profile " };
    expect(await (await send(env, "/token", form(refresh))).json()).toMatchObject({ scope: "read" });
  });

  it("about a token of an unknown kind revokes it all the same (RFC 7009 section 2.1)", async () => {
    const client = await register(env);
    const exchanged = await send(env, "/token", form({ ...(await codeExchange(client)), client_id: client }));
    const { refresh_token } = await exchanged.json<{ refresh_token: string }>();
    const revoke = { client_id: client, token: refresh_token, token_type_hint: "id_token" };
    expect((await send(env, "/token", form(revoke))).status).toBe(200);
    const refresh = { grant_type: "refresh_token", client_id: client, refresh_token };
    expect((await send(env, "/token", form(refresh))).status).toBe(400);
  });
});
