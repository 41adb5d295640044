// Clients with a metadata document that authenticate with private_key_jwt (RFC 7523), as ChatGPT
// does.
import { describe, expect, it } from "vitest";
import { toBase64url } from "../../../../contracts/rpc/encoding.ts";
import { authorizePath, Browser, form, ORIGIN, send, VERIFIER } from "../browser.ts";
import { callbackOf, claudeCode, env, newHost, useInternet } from "../client-documents.ts";

const { internet, fetched, publish } = useInternet();

describe("a client that authenticates with private_key_jwt, like ChatGPT", () => {
  const RSA = {
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  };
  const encode = (value: object) => toBase64url(new TextEncoder().encode(JSON.stringify(value)));

  async function newKey(kid: string) {
    const pair = (await crypto.subtle.generateKey(RSA, true, ["sign", "verify"])) as CryptoKeyPair;
    const { kty, n, e } = (await crypto.subtle.exportKey("jwk", pair.publicKey)) as JsonWebKey;
    return { kid, signing: pair.privateKey, jwk: { kty, n, e, kid, alg: "RS256", use: "sig" } };
  }

  async function assertion(key: Awaited<ReturnType<typeof newKey>>, claims: object): Promise<string> {
    const content = `${encode({ alg: "RS256", typ: "JWT", kid: key.kid })}.${encode(claims)}`;
    const signature = await crypto.subtle.sign(RSA.name, key.signing, new TextEncoder().encode(content));
    return `${content}.${toBase64url(new Uint8Array(signature))}`;
  }

  async function chatGpt() {
    const host = newHost("chatgpt");
    const id = `https://${host}/oauth/abc123/client.json`;
    const redirect_uri = `https://${host}/connector/oauth/abc123`;
    const key = await newKey("one");
    publish(`https://${host}/oauth/jwks.json`, { keys: [key.jwk] });
    publish(id, {
      client_id: id,
      client_name: "ChatGPT",
      client_uri: `https://${host}`,
      redirect_uris: [redirect_uri],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_signing_alg: "RS256",
      jwks_uri: `https://${host}/oauth/jwks.json`,
    });
    const claims = () => {
      const now = Math.floor(Date.now() / 1000);
      return { iss: id, sub: id, aud: `${ORIGIN}/token`, jti: crypto.randomUUID(), iat: now, exp: now + 300 };
    };
    const requestToken = async (fields: Record<string, string>, proof: string | null) =>
      send(
        env,
        "/token",
        form({
          ...fields,
          ...(proof === null
            ? { client_id: id }
            : {
                client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                client_assertion: proof,
              }),
        }),
      );
    const codeFields = async () => {
      const callback = await callbackOf(id, redirect_uri);
      return {
        grant_type: "authorization_code",
        code: callback.get("code") ?? "",
        redirect_uri,
        code_verifier: VERIFIER,
      };
    };
    return { id, key, claims, requestToken, codeFields };
  }

  it("gets its tokens for an assertion signed with its key, a new one each time", async () => {
    const { id, key, claims, requestToken, codeFields } = await chatGpt();
    const first = await assertion(key, claims());
    const granted = await requestToken({ ...(await codeFields()), client_id: id }, first);
    const tokens = await granted.json<{ refresh_token: string }>();
    expect([granted.status, tokens]).toMatchObject([200, { access_token: expect.any(String) }]);
    const refresh = { grant_type: "refresh_token", refresh_token: tokens.refresh_token };
    const replayed = await requestToken(refresh, first);
    expect([replayed.status, await replayed.json<{ error: string }>()]).toMatchObject([
      401,
      { error: "invalid_client" },
    ]);
    // The issuer is a valid audience as well, and `client_id` is optional.
    expect((await requestToken(refresh, await assertion(key, { ...claims(), aud: ORIGIN }))).status).toBe(200);
  });

  type Client = Awaited<ReturnType<typeof chatGpt>>;
  const bad: Record<string, (client: Client) => string | null | Promise<string>> = {
    "no assertion": () => null,
    "an assertion of another key": async ({ claims }) => assertion(await newKey("one"), claims()),
    "an assertion of an unpublished key": async ({ claims }) => assertion(await newKey("two"), claims()),
    "an expired assertion": ({ key, claims }) =>
      assertion(key, { ...claims(), exp: Math.floor(Date.now() / 1000) - 120 }),
    "an assertion that is valid for a day": ({ key, claims }) =>
      assertion(key, { ...claims(), exp: Math.floor(Date.now() / 1000) + 86_400 }),
    "an assertion for another server": ({ key, claims }) =>
      assertion(key, { ...claims(), aud: "https://other.test/token" }),
    "an assertion about another client": ({ key, claims }) =>
      assertion(key, { ...claims(), sub: "https://other.test/client.json" }),
    "an assertion without a jti": ({ key, claims }) => assertion(key, { ...claims(), jti: undefined }),
    "an assertion without a signature": async ({ key, claims }) =>
      (await assertion(key, claims())).replace(/[^.]*$/, ""),
    "an assertion that was changed": async ({ key, claims }) =>
      (await assertion(key, claims())).replace(/\..*\./, `.${encode({ ...claims(), jti: "mine" })}.`),
    "an assertion with alg none": ({ claims }) => `${encode({ alg: "none" })}.${encode(claims())}.AA`,
    junk: () => "junk",
  };

  it.each(Object.entries(bad))("gets no token for %s, and can then send a valid one", async (_, makeProof) => {
    const client = await chatGpt();
    const { id, key, claims, requestToken } = client;
    const fields = await client.codeFields();
    const refused = await requestToken({ ...fields, client_id: id }, await makeProof(client));
    expect([refused.status, await refused.json<{ error: string }>()]).toMatchObject([401, { error: "invalid_client" }]);
    expect((await requestToken(fields, await assertion(key, claims()))).status).toBe(200);
  });

  it("has its keys fetched from the address that its document names, and no further", async () => {
    const client = await chatGpt();
    const fields = await client.codeFields();
    const keys = `https://${new URL(client.id).host}/oauth/jwks.json`;
    const elsewhere = "https://internal.example.com/jwks";
    publish(elsewhere, { keys: [client.key.jwk] });
    internet.set(keys, ({ redirect }) => {
      if (redirect === "manual") return Response.redirect(elsewhere, 302);
      fetched.push(elsewhere); // as a fetch that follows redirects would
      return Response.json({ keys: [client.key.jwk] });
    });
    const refused = await client.requestToken(fields, await assertion(client.key, client.claims()));
    expect([refused.status, new Set(fetched)]).toEqual([401, new Set([client.id, keys])]);
  });

  it("may not publish its keys at our own address, or at one that is no public site", async () => {
    for (const jwks_uri of [
      `${ORIGIN}/jwks`,
      "https://169.254.169.254/jwks",
      "http://keys.example.com/jwks",
      "https://keys/jwks",
      "https://keys.example.com:8443/jwks",
      7,
    ]) {
      const { id, document } = claudeCode(newHost(), { token_endpoint_auth_method: "private_key_jwt", jwks_uri });
      publish(id, document);
      expect((await new Browser(env).open(await authorizePath(id))).status, String(jwks_uri)).toBe(400);
      expect(fetched.splice(0)).toEqual([id]);
    }
  });
});
