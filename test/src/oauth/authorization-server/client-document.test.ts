// Clients with a metadata document (CIMD). Real ones are accepted, with private_key_jwt too. An
// invalid document is refused before anything else is fetched, and none of its words reach a page
// or a log.
import { runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { toBase64url } from "../../../../contracts/rpc/encoding.ts";
import { grantNameOf, grantObjectOf } from "../../../../src/durable/grant-object.ts";
import type { Env } from "../../../../src/env.ts";
import { network, validateClientDocument } from "../../../../src/oauth/authorization-server/client-document.ts";
import { ADDRESS_HEADER, newAddress } from "../../../support/address.ts";
import { exhaust } from "../../../support/exhaust-limit.ts";
import { newContext } from "../../context.ts";
import { authorizePath, Browser, envWith, form, ORIGIN, send, VERIFIER } from "../browser.ts";

const env = envWith({}, { CIMD_ENABLED: "true" });

/** Makes the response at each fetch: a body can be read only in the request that made it. */
type Responder = (init: RequestInit) => Response | Promise<Response>;

/** The resources of the internet, by URL. */
let internet: Map<string, Responder>;
/** The URLs fetched, oldest first. */
let fetched: string[];
/** All lines logged. */
let logged: string[];

beforeEach(() => {
  internet = new Map();
  fetched = [];
  logged = [];
  vi.spyOn(network, "fetch").mockImplementation(async (target, init = {}) => {
    const url = String(target instanceof Request ? target.url : target);
    fetched.push(url);
    const respond = internet.get(url);
    if (!respond) throw new Error(`a stranger's words about ${url}`);
    return respond(init);
  });
  for (const level of ["log", "warn", "error"] as const) {
    vi.spyOn(console, level).mockImplementation((...words) => void logged.push(words.join(" ")));
  }
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const newHost = (name = "app") => `${name}-${crypto.randomUUID()}.example.com`;

/** Claude Code's document, on a new host for each test, because usable documents are cached. */
function claudeCode(host = newHost("claude"), changes: object = {}) {
  const id = `https://${host}/oauth/claude-code-client-metadata`;
  const document = {
    client_id: id,
    client_name: "Claude Code",
    client_uri: `https://${host}`,
    redirect_uris: ["http://localhost/callback", "http://127.0.0.1/callback"],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
    ...changes,
  };
  return { id, document };
}

function publish(url: string, document: unknown): void {
  internet.set(url, () => Response.json(document));
}

/** Enables CIMD in the grant's object, which has the settings of the test's own Worker. */
async function enableCimdInGrantObject(callback: URLSearchParams): Promise<void> {
  const name = grantNameOf(callback.get("code") ?? "");
  if (!name) throw new Error(`The callback has no code: ${callback}`);
  await runInDurableObject(grantObjectOf(env, name), (object) => {
    const inside = object as unknown as { env: Env }; // `protected` in TypeScript
    inside.env = { ...inside.env, CIMD_ENABLED: "true" };
  });
}

/** The parameters of the callback, with a code, after an authorization request of this client. */
async function callbackOf(id: string, redirect_uri: string): Promise<URLSearchParams> {
  const left = await new Browser(env).connect(id, { decision: "approve", scope: "generate" }, { redirect_uri });
  const callback = new URL(left.next).searchParams;
  await enableCimdInGrantObject(callback);
  return callback;
}

describe("a client with a metadata document", () => {
  it("is not advertised while CIMD is off", async () => {
    const supported = async (settings: Env) => {
      const metadata = await (await send(settings, "/.well-known/oauth-authorization-server")).json<
        Record<string, unknown>
      >();
      return [metadata.client_id_metadata_document_supported, metadata.token_endpoint_auth_methods_supported];
    };
    expect(await supported(env)).toEqual([true, expect.arrayContaining(["none", "private_key_jwt"])]);
    expect(await supported(envWith({}, { CIMD_ENABLED: "TRUE" }))).toEqual([
      false,
      expect.not.arrayContaining(["private_key_jwt"]),
    ]);
  });

  it.each(["http://localhost:51234/callback", "http://127.0.0.1:8/callback"])(
    "like Claude Code's can redirect to %s",
    async (redirect_uri) => {
      const { id, document } = claudeCode();
      publish(id, document);
      const callback = await callbackOf(id, redirect_uri);
      expect(callback.get("iss")).toBe(ORIGIN);
      const fields = {
        grant_type: "authorization_code",
        client_id: id,
        code: callback.get("code") ?? "",
        redirect_uri,
        code_verifier: VERIFIER,
      };
      const tokens = await (await send(env, "/token", form(fields))).json<{ refresh_token: string }>();
      expect(tokens).toMatchObject({ access_token: expect.any(String), scope: "read generate" });
      const refresh = { grant_type: "refresh_token", client_id: id, refresh_token: tokens.refresh_token };
      expect((await send(env, "/token", form(refresh))).status).toBe(200);
      expect(new Set(fetched)).toEqual(new Set([id]));
    },
  );

  it("has its document fetched once for each authorization request, and at /token once a minute", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const { id, document } = claudeCode();
    publish(id, document);
    const open = async () =>
      new Browser(env).open(await authorizePath(id, { redirect_uri: "http://localhost:1/callback" }));
    const refresh = () =>
      send(env, "/token", form({ grant_type: "refresh_token", client_id: id, refresh_token: "a:b:c" }));
    await open();
    await open();
    expect(fetched).toEqual([id, id]);
    for (let attempt = 0; attempt < 3; attempt++) expect((await refresh()).status).toBe(400);
    expect(fetched).toEqual([id, id]);
    vi.setSystemTime(Date.now() + 60_001);
    await refresh();
    await refresh();
    expect(fetched).toEqual([id, id, id]);
  });

  it.each<[string, (document: object) => Response]>([
    [
      "loses its redirect address",
      (document) => Response.json({ ...document, redirect_uris: ["https://a.example.com/"] }),
    ],
    ["is redirected to another host", () => Response.redirect("https://internal.example.com/secret", 302)],
    ["describes another client", (document) => Response.json({ ...document, client_id: "https://b.example.com/c" })],
    ["no longer exists", () => new Response(null, { status: 404 })],
  ])("gets no code if its document %s before the decision: the user reads why", async (_, changed) => {
    const { id, document } = claudeCode();
    publish(id, document);
    publish("https://internal.example.com/secret", document);
    const browser = new Browser(env);
    const consent = await browser.consentPage(id, { redirect_uri: "http://localhost:1/callback" });
    internet.set(id, () => changed(document));
    const refused = await browser.submit(consent, "/authorize", { decision: "approve" });
    expect([refused.status, refused.next]).toEqual([400, ""]);
    expect(refused.text).toMatch(/no longer lists the address|This app could not be checked/);
    expect([new Set(fetched), logged.filter((line) => line.includes("crashed"))]).toEqual([new Set([id]), []]);
  });
});

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

/** Words of a stranger that must not appear anywhere. */
const INJECTED = 'INJECTED"><script>\n{"event":"forged"}';

describe("a document is refused, and nothing else is fetched, if", () => {
  const refused: Record<string, (id: string, document: Record<string, unknown>) => Response> = {
    "it is redirected": () =>
      new Response(null, { status: 302, headers: { Location: "https://internal.example.com/secret" } }),
    "it is redirected permanently": () =>
      new Response(null, { status: 308, headers: { Location: "https://internal.example.com/secret" } }),
    "it does not exist": () => Response.json({ error: INJECTED }, { status: 404 }),
    "its status is not 200": (_, document) => Response.json(document, { status: 203 }),
    "its host fails": () => new Response(INJECTED, { status: 502 }),
    "its host is not found": () => {
      throw new TypeError(INJECTED);
    },
    "it is HTML": () => new Response(`<html>${INJECTED}`, { headers: { "Content-Type": "text/html" } }),
    "it is JSON with another media type": (_, document) =>
      new Response(JSON.stringify(document), { headers: { "Content-Type": "text/plain; application/json" } }),
    "it has no media type": (_, document) => new Response(new TextEncoder().encode(JSON.stringify(document))),
    "it has 6 KB": (_, document) =>
      Response.json({ ...document, padding: ["x".repeat(500), ...Array(12).fill("y".repeat(500))] }),
    "it has 6 KB and declares no length": (_, document) =>
      new Response(new Blob([JSON.stringify(document), " ".repeat(6_000)]).stream(), {
        headers: { "Content-Type": "application/json" },
      }),
    "it is not JSON": () =>
      new Response(`{"client_name":"${INJECTED}`, { headers: { "Content-Type": "application/json" } }),
    "it is not UTF-8": (_, document) =>
      new Response(
        new Uint8Array([
          ...new TextEncoder().encode(JSON.stringify(document)).slice(0, -1),
          0x2c,
          0x22,
          0xff,
          0x22,
          0x3a,
          0x31,
          0x7d,
        ]),
        {
          headers: { "Content-Type": "application/json" },
        },
      ),
    "it is a list": (_, document) => Response.json([document]),
    "it is null": () => Response.json(null),
    "it describes another client": (_, document) =>
      Response.json({ ...document, client_id: `https://claude.ai/${INJECTED}` }),
    "its client_id differs by a slash": (id, document) => Response.json({ ...document, client_id: `${id}/` }),
    "it has no name": (_, { client_name: __, ...document }) => Response.json(document),
    "its name is invisible": (_, document) => Response.json({ ...document, client_name: "\u200b\u202e\n" }),
    "it has no redirect address": (_, document) => Response.json({ ...document, redirect_uris: [] }),
    "it redirects to our own address": (_, document) =>
      Response.json({ ...document, redirect_uris: [`${ORIGIN}/oauth/callback`] }),
    "it redirects to an IP address": (_, document) =>
      Response.json({ ...document, redirect_uris: ["https://10.0.0.1/cb"] }),
    "it redirects to a wildcard": (_, document) =>
      Response.json({ ...document, redirect_uris: ["https://*.example.com/cb"] }),
    "it redirects to a script": (_, document) =>
      Response.json({ ...document, redirect_uris: [`javascript:${INJECTED}`] }),
    "it contains a shared secret": (_, document) => Response.json({ ...document, client_secret: INJECTED }),
    "its authentication method uses a shared secret": (_, document) =>
      Response.json({ ...document, token_endpoint_auth_method: "client_secret_basic" }),
    "it contains a private key": (_, document) =>
      Response.json({
        ...document,
        jwks: {
          keys: [
            { kty: "RSA", n: "AQ", e: "AQAB" },
            { kty: "EC", d: INJECTED },
          ],
        },
      }),
    "it contains a symmetric key": (_, document) =>
      Response.json({ ...document, jwks: { keys: [{ kty: "oct", k: INJECTED }] } }),
  };

  it.each(Object.entries(refused))("%s", async (_, respond) => {
    const { id, document } = claudeCode();
    publish("https://internal.example.com/secret", document);
    internet.set(id, () => respond(id, document));
    const page = await new Browser(env).open(await authorizePath(id, { redirect_uri: "http://localhost:1/callback" }));
    expect([page.status, page.next]).toEqual([400, ""]);
    expect(page.text).toContain("This app could not be checked");
    expect(fetched).toEqual([id]);
    expect(page.text).not.toContain("INJECTED");
    expect(logged).toHaveLength(1);
    expect(logged[0]).toMatch(
      /^\{"event":"oauth\.document_refused","host":"claude-[\w.-]+","reason":"\w+","traceId":"[0-9a-f]{32}"\}$/,
    );
  });

  it("it has no end: no more than its limit is read, and the rest is cancelled", async () => {
    const { id } = claudeCode();
    let pulled = 0;
    let isCancelled = false;
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
      pulled += 4_096;
      controller.enqueue(new Uint8Array(4_096).fill(0x20));
      // Ends after 64 MB, so that a reader without a limit fails here and does not hang.
      if (pulled >= 64 * 1024 * 1024) controller.close();
    };
    const cancel = () => {
      isCancelled = true;
    };
    internet.set(id, () => {
      const body = new ReadableStream({ pull, cancel }, { highWaterMark: 0 });
      return new Response(body, { headers: { "Content-Type": "application/json" } });
    });
    const { context } = newContext(env);
    const state = await validateClientDocument(context, { clientId: id, address: newAddress() });
    expect(state).toEqual({ state: "unusable" });
    expect(pulled).toBeLessThan(32_768);
    expect(isCancelled).toBe(true);
    expect(logged[0]).toContain("too_large");
  });

  it("its response or its body is late", async () => {
    const { id, document } = claudeCode();
    const { context } = newContext(env);
    internet.set(
      id,
      ({ signal }) => new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason))),
    );
    expect(await validateClientDocument(context, { clientId: id, address: newAddress() }, { timeoutMs: 20 })).toEqual({
      state: "unread",
      status: 503,
      retryAfterSeconds: 30,
    });
    internet.set(id, ({ signal }) => {
      const start = (controller: ReadableStreamDefaultController) => {
        controller.enqueue(new TextEncoder().encode("{"));
        signal?.addEventListener("abort", () => controller.error(signal.reason));
      };
      return new Response(new ReadableStream({ start }), { headers: { "Content-Type": "application/json" } });
    });
    expect(
      await validateClientDocument(context, { clientId: id, address: newAddress() }, { timeoutMs: 20 }),
    ).toMatchObject({ state: "unread" });
    publish(id, document);
    expect(await validateClientDocument(context, { clientId: id, address: newAddress() }, { timeoutMs: 20 })).toEqual({
      state: "usable",
    });
  });
});

it("a document may have a name with line breaks, which are never logged", async () => {
  const { id, document } = claudeCode(newHost(), { client_name: 'Claude\n{"event":"forged"}\u2028Code' });
  publish(id, document);
  const page = await new Browser(env).signInPage(id, { redirect_uri: "http://localhost:1/callback" });
  expect([page.status, page.text]).toEqual([200, expect.stringContaining("Claude {&quot;event&quot;")]);
  expect(logged.join("\n")).not.toMatch(/forged|Claude/);
});

it("a document that could not be read is fetched again at the next request, and ends no grant", async () => {
  const { id, document } = claudeCode();
  const refresh = form({
    grant_type: "refresh_token",
    client_id: id,
    refresh_token: `u_ada:${"g".repeat(16)}:${"s".repeat(32)}`,
  });
  for (const status of [0, 500, 503, 429]) {
    if (status > 0) internet.set(id, () => new Response(INJECTED, { status }));
    const down = await send(env, "/token", refresh);
    expect([down.status, down.headers.get("Retry-After")]).toEqual([503, "30"]);
    expect((await down.json<{ error: string }>()).error).toBe("temporarily_unavailable");
  }
  publish(id, { ...document, client_id: "https://other.example.com/client.json" });
  const broken = await send(env, "/token", refresh);
  expect([broken.status, (await broken.json<{ error: string }>()).error]).toEqual([401, "invalid_client"]);
  publish(id, document);
  expect(
    (await new Browser(env).open(await authorizePath(id, { redirect_uri: "http://localhost:1/callback" }))).status,
  ).toBe(303);
});

describe("nothing is fetched", () => {
  const unacceptable = [
    `${ORIGIN.replace("http", "https")}/client.json`,
    "https://auth.example.com/client.json",
    "https://10.0.0.1/client.json",
    "https://2852039166/client.json",
    "https://[::1]/client.json",
    "https://intranet/client.json",
    "https://localhost/client.json",
    "https://printer.local/client.json",
    "https://app.example.com./client.json",
    "http://app.example.com/client.json",
    "HTTPS://10.0.0.1/client.json",
    "HTTPS://app.example.com/client.json",
    " https://10.0.0.1/client.json",
    "ht\ntps://10.0.0.1/client.json",
    "https:\\\\10.0.0.1\\client.json",
    "https:10.0.0.1/client.json",
    'https://app.example.com/client.json\n{"event":"forged"}',
    "https://user@app.example.com/client.json",
    "https://user:secret@app.example.com/client.json",
    "https://app.example.com:8443/client.json",
    "https://app.example.com:443/client.json",
    "https://app.example.com/a/../client.json",
    "https://app.example.com/client.json#",
    "https://app.example.com",
    `https://app.example.com/${"x".repeat(500)}`,
  ];
  const own = envWith({}, { CIMD_ENABLED: "true", AUTH_BASE_URL: "https://auth.example.com" });
  const encode = (text: string) => toBase64url(new TextEncoder().encode(text));
  const proof = (iss: string, before = "") =>
    `${encode('{"alg":"RS256"}')}.${encode(before + JSON.stringify({ iss }))}.AA`;
  const refresh = { grant_type: "refresh_token", refresh_token: `u_ada:${"g".repeat(16)}:${"s".repeat(32)}` };
  const type = { client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" };

  it.each(unacceptable)("for the client id %j, however it is sent", async (id) => {
    const page = await new Browser(own).open(await authorizePath(id));
    expect([page.status, page.next, page.text]).toEqual([400, "", expect.stringContaining("not known here")]);
    const repeated = (name: string, value: string) =>
      new URLSearchParams([...Object.entries({ ...refresh, ...type }), [name, ""], [name, value]]);
    const basic = (text: string) => form(refresh, { Authorization: `Basic ${btoa(text)}` });
    const requests: RequestInit[] = [
      form({ ...refresh, client_id: id }),
      form(repeated("client_id", id)),
      form({ ...refresh, ...type, client_assertion: proof(id) }),
      form({ ...refresh, ...type, client_assertion: proof(id, "\ufeff") }),
      form(repeated("client_assertion", proof(id))),
      ...[encodeURIComponent(id), id.replaceAll(":", "%3a"), encodeURIComponent(id).replace("%", "+%")].map((user) =>
        basic(`${user}:secret`),
      ),
      form({ token: refresh.refresh_token, client_id: id }),
    ];
    for (const request of requests) {
      const refused = await send(own, "/token", request);
      expect([refused.status, (await refused.json<{ error: string }>()).error]).toEqual([401, "invalid_client"]);
    }
    expect([fetched, logged.filter((line) => line.includes("forged") || line.includes("CIMD"))]).toEqual([[], []]);
  });

  it("for a client that authenticates with a secret, wherever its document is", async () => {
    const { id, document } = claudeCode();
    publish(id, document);
    const refused = await send(
      env,
      "/token",
      form(refresh, { Authorization: `Basic ${btoa(`${encodeURIComponent(id)}:secret`)}` }),
    );
    expect([refused.status, fetched]).toEqual([401, []]);
  });

  it("while CIMD is off", async () => {
    const off = envWith({}, { CIMD_ENABLED: "false" });
    const id = "https://a.example.com/c"; // short enough for an id of a registered client
    publish(id, claudeCode("a.example.com", { client_id: id }).document);
    expect((await new Browser(off).open(await authorizePath(id))).text).toContain("not known here");
    expect((await send(off, "/token", form({ ...refresh, client_id: id }))).status).toBe(401);
    expect(fetched).toEqual([]);
  });
});

describe("fetches of documents", () => {
  const redirect = { redirect_uri: "http://localhost:1/callback" };
  const open = async (id: string, address: string) => {
    const request = { headers: { [ADDRESS_HEADER]: address } };
    return (await new Browser(env).open(await authorizePath(id, redirect), request)).response;
  };

  it("that are new are limited to 60 a minute for an address and a host, usable ones when they are due", async () => {
    let [host, known, address] = ["", "", ""];
    let after: object = {};
    // /authorize has the same number, but the endpoints count together.
    const { passed, refused } = await exhaust(
      () => {
        host = newHost();
        address = newAddress();
        const { id, document } = claudeCode(host);
        known = id;
        publish(id, document);
        return async (attempt) => {
          if (attempt === 0) return open(id, address);
          const fields = { grant_type: "refresh_token", client_id: `https://${host}/${attempt}` };
          return send(env, "/token", form(fields, { [ADDRESS_HEADER]: address }));
        };
      },
      async () => {
        const before = fetched.length;
        const { status } = await open(`https://${host}/more`, address);
        after = { status, fetched: fetched.length - before };
      },
    );
    expect([passed, refused.headers.get("Retry-After")]).toEqual([60, "60"]);
    expect(after).toEqual({ status: 429, fetched: 0 });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
    expect((await open(known, address)).status).toBe(303);
    const { id, document } = claudeCode();
    publish(id, document);
    expect((await open(id, address)).status, "another host").toBe(303);
  });

  it("of a host's real clients are not used up by a stranger who names made-up ones", async () => {
    const host = newHost();
    const stranger = newAddress();
    await exhaust(() => (attempt) => {
      const fields = { grant_type: "refresh_token", client_id: `https://${host}/made-up-${attempt}` };
      return send(env, "/token", form(fields, { [ADDRESS_HEADER]: stranger }));
    });
    const { id, document } = claudeCode(host);
    publish(id, document);
    expect((await open(id, newAddress())).status).toBe(303);
  });
});
