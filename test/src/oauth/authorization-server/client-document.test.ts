// Clients with a metadata document (CIMD). Real ones are accepted; an invalid document is refused
// before anything else is fetched, and none of its words reach a page or a log.
import { describe, expect, it, vi } from "vitest";
import type { Env } from "../../../../src/env.ts";
import { validateClientDocument } from "../../../../src/oauth/authorization-server/client-document.ts";
import { newAddress } from "../../../support/address.ts";
import { newContext } from "../../context.ts";
import { authorizePath, Browser, envWith, form, ORIGIN, send, VERIFIER } from "../browser.ts";
import { callbackOf, claudeCode, env, newHost, useInternet } from "../client-documents.ts";

const { internet, fetched, logged, publish } = useInternet();

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
