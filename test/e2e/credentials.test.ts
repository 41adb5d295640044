// The three kinds of credential at /mcp: OAuth access tokens, API keys and JWTs. Each is issued by
// the real auth Worker for a user who signed up, and has its own rights until it ends.
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from "@modelcontextprotocol/client";
import { describe, expect, it, onTestFinished } from "vitest";
import { auditEventsIn } from "../support/audit-log.ts";
import { type Owner, useIssuer } from "../support/issuer.ts";
import { accessTokenOf, BrowserAuthProvider, connect } from "../support/mcp-clients.ts";
import { postRequest } from "../support/mcp-requests.ts";
import { READ_TOOLS } from "../support/tool-names.ts";
import { newAccount, User } from "../support/user.ts";

interface Reply {
  readonly result: {
    readonly isError?: boolean;
    readonly structuredContent: Record<string, unknown>;
    readonly tools: readonly { name: string }[];
    readonly _meta: Record<string, { code: string }>;
  };
}

const issuer = useIssuer();
const { system } = issuer;

const call = (bearer: string, name: string, args: object = {}) =>
  postRequest(system, bearer, { method: "tools/call", params: { name, arguments: args } });

/** The names in tools/list for this credential. */
async function toolNames(bearer: string): Promise<readonly string[]> {
  const { result } = (await (await postRequest(system, bearer, { method: "tools/list" })).json()) as Reply;
  return result.tools.map(({ name }) => name);
}

/** The structured content of a call. Throws for an error of any kind. */
async function use(bearer: string, name: string, args: object = {}): Promise<Record<string, unknown>> {
  const response = await call(bearer, name, args);
  const body = await response.text();
  if (response.status !== 200 || body.includes('"isError":true'))
    throw new Error(`${name}: ${response.status} ${body}`);
  return (JSON.parse(body) as Reply).result.structuredContent;
}

/** The code of a tool error. Throws for any other response. */
async function codeOf(pending: Promise<Response>): Promise<string | undefined> {
  const response = await pending;
  const { result } = (await response.json()) as Reply;
  if (response.status !== 200 || !result.isError) throw new Error(`${response.status} ${JSON.stringify(result)}`);
  return result._meta["com.stackbilt/error"]?.code;
}

/** An official client that sends `bearer` and does not use OAuth. */
async function withBearer(bearer: string): Promise<Client> {
  const client = new Client({ name: "script", version: "1.0.0" });
  const requestInit = { headers: { authorization: `Bearer ${bearer}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL("/mcp", system.origin), { requestInit }));
  return client;
}

/**
 * A new user with a connected client that they allow everything. Each test has users of its own,
 * because the calls of a user count against one limit.
 */
async function newUser(): Promise<{ auth: BrowserAuthProvider; accessToken: string; owner: Owner }> {
  const connected = await connect(system.origin, "modern");
  onTestFinished(connected.close);
  const accessToken = accessTokenOf(connected);
  return { auth: connected.auth, accessToken, owner: await issuer.ownerOf(accessToken) };
}

describe("an API key with the scope read", () => {
  it("works in an official client, which sees the tools that it may call", async () => {
    const owner = await issuer.addOwner("free");
    const { key } = await issuer.createKey(owner, ["read"]);
    const client = await withBearer(key);
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(READ_TOOLS);
    const result = await client.callTool({ name: "image_list_models", arguments: {} });
    expect(result).toMatchObject({ structuredContent: { models: expect.any(Array) } });
    await client.close();
  });

  it("is refused by tools that generate, with the needed scopes in one challenge (RFC 6750 section 3.1)", async () => {
    const owner = await issuer.addOwner("free");
    const { key } = await issuer.createKey(owner, ["read"]);
    for (const [name, args] of [
      ["flow_create", { projectDescription: "A kiosk" }],
      ["image_generate", { prompt: "a" }],
    ] as const) {
      const refused = await call(key, name, args);
      expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([
        403,
        `Bearer realm="OAuth", error="insufficient_scope", scope="read generate", ` +
          `resource_metadata="${system.origin}/.well-known/oauth-protected-resource/mcp", ` +
          `error_description="This needs the scopes read and generate: use a credential that has them"`,
      ]);
    }
    expect(await (await call(key, "no_such_tool")).json()).toMatchObject({ error: { code: -32602 } });
  });
});

describe("an API key with the scope generate", () => {
  it("works in its owner's tenant: draws pictures, and continues flows of the owner's apps", async () => {
    const { accessToken, owner } = await newUser();
    const { key } = await issuer.createKey(owner, ["generate"]);
    const job = await use(key, "image_generate", { prompt: "a kite over a harbour", quality_tier: "draft" });
    expect(await use(accessToken, "image_check_job", { job_id: job.job_id })).toMatchObject({
      status: "completed",
      url: job.url,
    });
    const { flowId } = await use(accessToken, "flow_create", { projectDescription: "A kiosk" });
    expect(await use(key, "flow_advance", { flowId })).toMatchObject({ mode: "PRODUCT" });
  });

  it("finds no flow of another user", async () => {
    const [{ accessToken }, stranger] = [await newUser(), await issuer.addOwner("free")];
    const { key } = await issuer.createKey(stranger, ["read", "generate"]);
    const { flowId } = await use(accessToken, "flow_create", { projectDescription: "A kiosk" });
    expect(await codeOf(call(key, "flow_status", { flowId }))).toBe("flow_not_found");
  });
});

describe("a test key", () => {
  it("works in a tenant of its own, separate from the owner's live tenant", async () => {
    const { accessToken, owner } = await newUser();
    const { key: test } = await issuer.createKey(owner, ["read", "generate"], "test");
    const { key: live } = await issuer.createKey(owner, ["read", "generate"]);
    expect(test).toMatch(/^sb_test_/);
    const { flowId: testFlow } = await use(test, "flow_create", { projectDescription: "A kiosk" });
    const { flowId: liveFlow } = await use(live, "flow_create", { projectDescription: "A kiosk" });
    expect(await use(test, "flow_status", { flowId: testFlow })).toMatchObject({ status: "draft" });
    for (const [bearer, flowId] of [
      [live, testFlow],
      [accessToken, testFlow],
      [test, liveFlow],
    ] as const) {
      expect(await codeOf(call(bearer, "flow_status", { flowId }))).toBe("flow_not_found");
      expect(await codeOf(call(bearer, "flow_advance", { flowId }))).toBe("flow_not_found");
    }
  });

  it("cannot draw, and does not see image_generate", async () => {
    const owner = await issuer.addOwner("free");
    const { key } = await issuer.createKey(owner, ["read", "generate"], "test");
    const names = await toolNames(key);
    expect(names).toEqual(expect.arrayContaining(["flow_create", "image_list_models"]));
    expect(names).not.toContain("image_generate");
    expect(await codeOf(call(key, "image_generate", { prompt: "a", quality_tier: "draft" }))).toBe(
      "test_key_not_allowed",
    );
  });
});

describe("an API key that is not valid", () => {
  it("is refused after it is revoked", async () => {
    const owner = await issuer.addOwner("free");
    const { key, keyId } = await issuer.createKey(owner, ["read"]);
    await issuer.revokeKey(owner, keyId);
    const refused = await call(key, "image_list_models");
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([
      401,
      expect.stringContaining('error="invalid_token"'),
    ]);
  });

  it("draws nothing once it is revoked, even if it was used just before", async () => {
    const owner = await issuer.addOwner("free");
    const { key, keyId } = await issuer.createKey(owner, ["generate"]);
    await use(key, "image_list_models");
    await issuer.revokeKey(owner, keyId);
    expect(await codeOf(call(key, "image_generate", { prompt: "a", quality_tier: "draft" }))).toBe("unauthenticated");
    expect((await call(key, "image_list_models")).status).toBe(401);
  });

  it("is refused after it expires", async () => {
    const owner = await issuer.addOwner("free");
    const { key, keyId } = await issuer.createKey(owner, ["read"]);
    await (await issuer.db())
      .prepare("UPDATE api_keys SET expires_at = ? WHERE id = ?")
      .bind(Math.floor(Date.now() / 1000), keyId)
      .run();
    expect((await call(key, "image_list_models")).status).toBe(401);
  });

  it("is refused if it was never issued", async () => {
    expect((await call(`sb_live_${"k".repeat(43)}`, "image_list_models")).status).toBe(401);
  });
});

/** Another access token of a connected client, which no isolate has cached. */
async function unusedToken(auth: BrowserAuthProvider): Promise<string> {
  const { client_id } = auth.clientInformation() as { client_id: string };
  const refresh = { grant_type: "refresh_token", refresh_token: auth.saved?.refresh_token ?? "", client_id };
  const response = await system.fetch("/token", { method: "POST", body: new URLSearchParams(refresh) });
  return ((await response.json()) as { access_token: string }).access_token;
}

describe("an access token, an API key and a JWT", () => {
  it("are refused once their owner is disabled", async () => {
    const { owner, auth } = await newUser();
    const accessToken = await unusedToken(auth);
    const [{ key }, jwt] = [await issuer.createKey(owner, ["read"]), await issuer.mintToken(owner, ["read"])];
    const disable = (await issuer.db()).prepare("UPDATE user SET disabledAt = '2026-01-01T00:00:00.000Z' WHERE id = ?");
    await disable.bind(owner.userId).run();
    for (const bearer of [accessToken, key, jwt]) expect((await call(bearer, "image_list_models")).status).toBe(401);
  });

  it("that is in use, of a user who is signed out everywhere, ends at once with the auth Worker's next run", async () => {
    const { accessToken, owner } = await newUser();
    await use(accessToken, "image_list_models");
    const signOut = (await issuer.db()).prepare("UPDATE user SET signedOutAt = ? WHERE id = ?");
    await signOut.bind(new Date().toISOString(), owner.userId).run();
    await system.worker("auth").scheduled({ cron: "* * * * *", scheduledTime: new Date() });
    expect((await call(accessToken, "image_list_models")).status).toBe(401);
  });

  it("get 402 while their owner has an unpaid bill, and work again after it is paid", async () => {
    const { owner, auth } = await newUser();
    const accessToken = await unusedToken(auth);
    const [{ key }, jwt] = [await issuer.createKey(owner, ["read"]), await issuer.mintToken(owner, ["read"])];
    const setDelinquent = (await issuer.db()).prepare("UPDATE tenants SET is_delinquent = ? WHERE id = ?");
    await setDelinquent.bind(1, owner.tenantId).run();
    for (const bearer of [accessToken, key, jwt]) {
      const refused = await call(bearer, "image_list_models");
      expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([402, null]);
      expect(await refused.json()).toEqual({
        error: "payment_required",
        error_description: expect.stringMatching(/unpaid bill/),
      });
    }
    await setDelinquent.bind(0, owner.tenantId).run();
    for (const bearer of [accessToken, key, jwt]) await use(bearer, "image_list_models");
  });
});

describe("a JWT of the auth Worker", () => {
  it("acts for its user, with its own scopes", async () => {
    const { accessToken, owner } = await newUser();
    const { flowId } = await use(accessToken, "flow_create", { projectDescription: "A kiosk" });
    const reader = await issuer.mintToken(owner, ["read"]);
    expect(await use(reader, "flow_status", { flowId })).toMatchObject({ flowId });
    expect((await call(reader, "flow_advance", { flowId })).status).toBe(403);
    expect(await toolNames(reader)).toEqual(READ_TOOLS);
    const generator = await issuer.mintToken(owner, ["read", "generate"]);
    expect(await use(generator, "flow_advance", { flowId })).toMatchObject({ mode: "PRODUCT" });
    expect(await use(generator, "image_generate", { prompt: "a", quality_tier: "draft" })).toMatchObject({
      status: "completed",
    });
  });

  it("is accepted with either form of its type (RFC 9068 section 2.1)", async () => {
    const owner = await issuer.addOwner("free");
    expect(
      (await call(await issuer.forge(owner), "image_list_models")).status,
      "at+jwt, as the auth Worker issues it",
    ).toBe(200);
    const longForm = await issuer.forge(owner, {}, { typ: "application/at+jwt" });
    expect((await call(longForm, "image_list_models")).status).toBe(200);
  });

  it("is refused with a wrong audience, type, expiry, issuer or subject, though its signature is valid", async () => {
    const owner = await issuer.addOwner("free");
    const cases: [string, object, object?][] = [
      ["the audience of another service", { aud: "https://other.example/mcp" }],
      ["the audience of this host, not of this endpoint", { aud: system.origin }],
      ["no audience, as a session of the dashboard", { aud: undefined }],
      ["another type", {}, { typ: "JWT" }],
      ["no type", {}, { typ: undefined }],
      ["an expiry one second ago", { exp: Math.floor(Date.now() / 1000) - 1 }],
      ["another issuer", { iss: "https://evil.example" }],
      ["an unknown user", { sub: "unknown" }],
    ];
    for (const [what, claims, header] of cases) {
      const refused = await call(await issuer.forge(owner, claims, header), "image_list_models");
      expect([refused.status, refused.headers.get("www-authenticate")], what).toEqual([
        401,
        expect.stringContaining('error="invalid_token"'),
      ]);
    }
  });

  it("is refused if it is changed, unsigned, or signed with another key or algorithm", async () => {
    const owner = await issuer.addOwner("free");
    const [head = "", body = "", signature = ""] = (await issuer.mintToken(owner, ["read"])).split(".");
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
    const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as object;
    for (const forged of [
      `${head}.${encode({ ...claims, scope: "read generate" })}.${signature}`,
      `${encode({ alg: "none", typ: "at+jwt" })}.${body}.`,
      `${encode({ alg: "none", typ: "at+jwt" })}.${body}.${signature}`,
      `${encode({ alg: "HS512", typ: "at+jwt" })}.${body}.${signature}`,
      `${head}.${body}.${Buffer.alloc(32).toString("base64url")}`,
    ]) {
      expect((await call(forged, "image_list_models")).status).toBe(401);
    }
  });
});

describe("an access token", () => {
  it("of an ended grant works nowhere, even where a stale copy of KV still has it", async () => {
    const { auth, accessToken: token } = await newUser();
    const { client_id } = auth.clientInformation() as { client_id: string };
    const kv = (await system.worker("gateway").getEnv()).OAUTH_KV as KVNamespace;
    const { keys } = await kv.list({ prefix: `token:${token.split(":").slice(0, 2).join(":")}:` });
    const stored = await kv.get(keys[0]?.name ?? "");
    const ended = await system.fetch("/token", {
      method: "POST",
      body: new URLSearchParams({ token: auth.saved?.refresh_token ?? "", client_id }),
    });
    expect(ended.status).toBe(200);
    expect((await call(token, "image_list_models")).status).toBe(401);
    await kv.put(keys[0]?.name ?? "", stored ?? ""); // as in a location that the deletion has not reached
    for (const name of ["image_list_models", "image_generate"])
      expect((await call(token, name, name === "image_generate" ? { prompt: "a" } : {})).status).toBe(401);
  });

  it("without a needed scope makes the client ask its user for it, and works once it is allowed (step-up)", async () => {
    const account = newAccount();
    const opened: URL[] = [];
    const auth = new BrowserAuthProvider((url) => {
      opened.push(url);
      const hasAccount = opened.length > 1;
      return new User().authorize(url, account, { hasAccount, generate: hasAccount });
    });
    const url = new URL("/mcp", system.origin);
    const client = new Client({ name: "stepping up", version: "1.0.0" });
    const first = new StreamableHTTPClientTransport(url, { authProvider: auth });
    await expect(client.connect(first)).rejects.toThrow(UnauthorizedError);
    await first.finishAuth(auth.callback?.searchParams ?? new URLSearchParams());
    const transport = new StreamableHTTPClientTransport(url, { authProvider: auth });
    await client.connect(transport);
    const granted = () => auth.saved?.scope?.split(" ").filter((scope) => scope !== "offline_access");
    expect(granted()).toEqual(["read"]);
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain("flow_create");

    const create = () => client.callTool({ name: "flow_create", arguments: { projectDescription: "A kiosk" } });
    await expect(create()).rejects.toThrow(UnauthorizedError);
    expect(opened[1]?.searchParams.get("scope")?.split(" ")).toEqual(expect.arrayContaining(["read", "generate"]));
    await transport.finishAuth(auth.callback?.searchParams ?? new URLSearchParams());
    expect(granted()).toEqual(["read", "generate"]);
    expect(await create()).toMatchObject({ structuredContent: { status: "draft" } });
    expect(opened).toHaveLength(2);
    await client.close();
  });
});

describe("an auth Worker that fails", () => {
  it("is 503 for API keys and JWTs, which stay valid; access tokens keep working", async () => {
    const { accessToken, owner } = await newUser();
    const [{ key }, jwt] = [await issuer.createKey(owner, ["read"]), await issuer.mintToken(owner, ["read"])];
    const db = await issuer.db();
    await db.prepare("ALTER TABLE tenants RENAME TO tenants_away").run();
    try {
      for (const bearer of [key, jwt]) {
        const refused = await call(bearer, "image_list_models");
        expect([refused.status, refused.headers.get("retry-after"), refused.headers.get("www-authenticate")]).toEqual([
          503,
          "5",
          null,
        ]);
        expect(await refused.json()).toEqual({
          error: "temporarily_unavailable",
          error_description: expect.stringMatching(/[0-9a-f]{32}/),
        });
      }
      await use(accessToken, "image_list_models");
      await use(accessToken, "flow_create", { projectDescription: "A kiosk" });
    } finally {
      await db.prepare("ALTER TABLE tenants_away RENAME TO tenants").run();
    }
    for (const bearer of [accessToken, key, jwt]) await use(bearer, "image_list_models");
  });
});

describe("the audit record of a call", () => {
  it("names the user, their tenant and the client or key, and never the credential", async () => {
    const owner = await issuer.addOwner("free");
    const [live, test] = [await issuer.createKey(owner, ["read"]), await issuer.createKey(owner, ["read"], "test")];
    const jwt = await issuer.mintToken(owner, ["read"]);
    const before = system.logs().length;
    for (const bearer of [live.key, test.key, jwt]) await use(bearer, "image_list_models");
    await call(live.key, "flow_create", { projectDescription: "A kiosk" });
    const records = auditEventsIn(system.logs().slice(before)).filter((event) => event.type === "tool.called");
    expect(
      records.map(({ subject, tenantId, clientId, decision }) => ({ subject, tenantId, clientId, decision })),
    ).toEqual([
      { subject: owner.userId, tenantId: owner.tenantId, clientId: `key:${live.keyId}`, decision: "allowed" },
      { subject: owner.userId, tenantId: `test:${owner.tenantId}`, clientId: `key:${test.keyId}`, decision: "allowed" },
      { subject: owner.userId, tenantId: owner.tenantId, clientId: "jwt", decision: "allowed" },
      {
        subject: owner.userId,
        tenantId: owner.tenantId,
        clientId: `key:${live.keyId}`,
        decision: "insufficient_scope",
      },
    ]);
    for (const secret of [live.key, test.key, jwt, jwt.split(".")[2] ?? ""])
      expect(system.logs().join("\n")).not.toContain(secret);
  });
});

describe("a backend", () => {
  it("gets the identity of a caller, and never the credential", async () => {
    const { accessToken, owner } = await newUser();
    const bearers = [
      accessToken,
      (await issuer.createKey(owner, ["read"])).key,
      await issuer.mintToken(owner, ["read"]),
    ];
    for (const bearer of bearers) {
      const before = system.logs().length;
      expect(await codeOf(call(bearer, "flow_status", { flowId: "logged" }))).toBe("flow_not_found");
      const logged = system.logs().slice(before).join("\n");
      expect(logged).toContain('"test":"everything"');
      const [, claims = ""] = /"identity":"[^.]+\.([^.]+)\./.exec(logged) ?? [];
      expect(JSON.parse(Buffer.from(claims, "base64url").toString())).toMatchObject({
        sub: owner.userId,
        tenant: owner.tenantId,
      });
      for (const secret of [bearer, bearer.slice(-32)]) expect(logged).not.toContain(secret);
    }
  });
});
