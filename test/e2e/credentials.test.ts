// Three kinds of bearer at /mcp: OAuth access tokens, API keys and JWTs, each made by the real auth Worker for a person who signed up,
// each with the rights that it has and no more, until it ends.
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from "@modelcontextprotocol/client";
import { describe, expect, it, onTestFinished } from "vitest";
import type { AuditEvent } from "../../src/audit/event.ts";
import { type Issuer, type Owner, useIssuer } from "../support/issuer.ts";
import { connect, SignInByPerson } from "../support/mcp-clients.ts";
import { newAccount, Person } from "../support/user.ts";

const READING = [
  "flow_governance",
  "flow_quality",
  "flow_status",
  "flow_summary",
  "image_check_job",
  "image_list_models",
];

interface Answer {
  readonly result: {
    readonly isError?: boolean;
    readonly structuredContent: Record<string, unknown>;
    readonly tools: readonly { name: string }[];
    readonly _meta: Record<string, { code: string }>;
  };
}

/** One message to /mcp, with nothing around it. */
function post({ system }: Issuer, bearer: string, method: string, params: object = {}): Promise<Response> {
  return system.fetch("/mcp", {
    method: "POST",
    headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
}

const call = (issuer: Issuer, bearer: string, name: string, args: object = {}) =>
  post(issuer, bearer, "tools/call", { name, arguments: args });

/** The structured content of a call that works; anything else fails the test. */
async function use(issuer: Issuer, bearer: string, name: string, args: object = {}): Promise<Record<string, unknown>> {
  const answer = await call(issuer, bearer, name, args);
  const body = await answer.text();
  if (answer.status !== 200 || body.includes('"isError":true')) throw new Error(`${name}: ${answer.status} ${body}`);
  return (JSON.parse(body) as Answer).result.structuredContent;
}

/** The code of a tool error; anything else fails the test. */
async function codeOf(answer: Promise<Response>): Promise<string | undefined> {
  const response = await answer;
  expect(response.status).toBe(200);
  const { result } = (await response.json()) as Answer;
  expect(result.isError).toBe(true);
  return result._meta["com.stackbilt/error"]?.code;
}

/** An official client that shows `bearer` and knows nothing of OAuth. */
async function withBearer({ system }: Issuer, bearer: string): Promise<Client> {
  const client = new Client({ name: "script", version: "1.0.0" });
  const requestInit = { headers: { authorization: `Bearer ${bearer}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL("/mcp", system.origin), { requestInit }));
  return client;
}

const issuer = useIssuer();
const { system } = issuer;

/** Somebody who signs up, with an app that they allow everything. Each test has people of its own: they share a plan's allowance. */
async function somebody(on: Issuer = issuer): Promise<{ auth: SignInByPerson; accessToken: string; owner: Owner }> {
  const { auth, close } = await connect(on.system.origin, "modern");
  onTestFinished(close);
  const accessToken = auth.saved?.access_token ?? "";
  return { auth, accessToken, owner: await on.ownerOf(accessToken) };
}

describe("an API key that may read", () => {
  it("serves a script with an official client: it is shown what it may call, and calls it", async () => {
    const { owner } = await somebody();
    const { key } = await issuer.createKey(owner, ["read"]);
    const client = await withBearer(issuer, key);
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(READING);
    const result = await client.callTool({ name: "image_list_models", arguments: {} });
    expect(result).toMatchObject({ structuredContent: { models: expect.any(Array) } });
    await client.close();
  });

  it("may not generate, and is told what that takes in one challenge (RFC 6750 section 3.1)", async () => {
    const { owner } = await somebody();
    const { key } = await issuer.createKey(owner, ["read"]);
    for (const [name, args] of [
      ["flow_create", { policy: {} }],
      ["image_generate", { prompt: "a" }],
    ] as const) {
      const refused = await call(issuer, key, name, args);
      expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([
        403,
        `Bearer realm="OAuth", error="insufficient_scope", scope="read generate", ` +
          `resource_metadata="${system.origin}/.well-known/oauth-protected-resource/mcp", ` +
          `error_description="This takes the scopes read and generate: use a credential that has them"`,
      ]);
    }
    expect(await (await call(issuer, key, "no_such_tool")).json()).toMatchObject({ error: { code: -32602 } });
  });
});

describe("an API key that may generate", () => {
  it("works in its owner's tenant: draws pictures, and goes on with the flows of the person's own app", async () => {
    const { accessToken, owner } = await somebody();
    const { key } = await issuer.createKey(owner, ["generate"]);
    const job = await use(issuer, key, "image_generate", { prompt: "a kite over a harbour", quality_tier: "draft" });
    expect(await use(issuer, accessToken, "image_check_job", { job_id: job.job_id })).toMatchObject({
      status: "completed",
      url: job.url,
    });
    const { flowId } = await use(issuer, accessToken, "flow_create", { policy: {} });
    expect(await use(issuer, key, "flow_advance", { flowId })).toMatchObject({ mode: "PRODUCT" });
  });

  it("reaches nobody else's", async () => {
    const [{ accessToken }, stranger] = [await somebody(), await somebody()];
    const { key } = await issuer.createKey(stranger.owner, ["read", "generate"]);
    const { flowId } = await use(issuer, accessToken, "flow_create", { policy: {} });
    expect(await codeOf(call(issuer, key, "flow_status", { flowId }))).toBe("flow_not_found");
  });
});

describe("a test key", () => {
  it("works in a tenant of its own: neither sees what the other has", async () => {
    const { accessToken, owner } = await somebody();
    const { key: test } = await issuer.createKey(owner, ["read", "generate"], "test");
    const { key: live } = await issuer.createKey(owner, ["read", "generate"]);
    expect(test).toMatch(/^sb_test_/);
    const { flowId: tried } = await use(issuer, test, "flow_create", { policy: {} });
    const { flowId: real } = await use(issuer, live, "flow_create", { policy: {} });
    expect(await use(issuer, test, "flow_status", { flowId: tried })).toMatchObject({ status: "draft" });
    for (const [bearer, flowId] of [
      [live, tried],
      [accessToken, tried],
      [test, real],
    ] as const) {
      expect(await codeOf(call(issuer, bearer, "flow_status", { flowId }))).toBe("flow_not_found");
      expect(await codeOf(call(issuer, bearer, "flow_advance", { flowId }))).toBe("flow_not_found");
    }
  });

  it("never draws, and is not shown the tool that does", async () => {
    const { owner } = await somebody();
    const { key } = await issuer.createKey(owner, ["read", "generate"], "test");
    const { result } = (await (await post(issuer, key, "tools/list")).json()) as Answer;
    expect(result.tools.map(({ name }) => name)).toEqual(expect.arrayContaining(["flow_create", "image_list_models"]));
    expect(result.tools.map(({ name }) => name)).not.toContain("image_generate");
    expect(await codeOf(call(issuer, key, "image_generate", { prompt: "a", quality_tier: "draft" }))).toBe(
      "test_key_not_allowed",
    );
  });
});

describe("a key that has ended", () => {
  const NO = 'error="invalid_token"';

  it("is refused after it was revoked", async () => {
    const { owner } = await somebody();
    const { key, keyId } = await issuer.createKey(owner, ["read"]);
    await issuer.revokeKey(owner, keyId);
    const refused = await call(issuer, key, "image_list_models");
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([401, expect.stringContaining(NO)]);
  });

  it("draws nothing from that moment on, also where it was used a moment ago", async () => {
    const { owner } = await somebody();
    const { key, keyId } = await issuer.createKey(owner, ["generate"]);
    await use(issuer, key, "image_list_models");
    await issuer.revokeKey(owner, keyId);
    expect(await codeOf(call(issuer, key, "image_generate", { prompt: "a", quality_tier: "draft" }))).toBe(
      "unauthenticated",
    );
    expect((await call(issuer, key, "image_list_models")).status).toBe(401);
  });

  it("is refused after its last day", async () => {
    const { owner } = await somebody();
    const { key, keyId } = await issuer.createKey(owner, ["read"]);
    await (await issuer.db())
      .prepare("UPDATE api_keys SET expires_at = ? WHERE id = ?")
      .bind(Math.floor(Date.now() / 1000), keyId)
      .run();
    expect((await call(issuer, key, "image_list_models")).status).toBe(401);
  });

  it("was never one: a key that nobody made", async () => {
    expect((await call(issuer, `sb_live_${"k".repeat(43)}`, "image_list_models")).status).toBe(401);
  });
});

describe("the owner of a key and of a JWT", () => {
  it("who is disabled can do nothing with either", async () => {
    const { owner: leaving } = await somebody();
    const [{ key }, jwt] = [await issuer.createKey(leaving, ["read"]), await issuer.mintToken(leaving, ["read"])];
    const disable = (await issuer.db()).prepare("UPDATE user SET disabledAt = '2026-01-01T00:00:00.000Z' WHERE id = ?");
    await disable.bind(leaving.userId).run();
    for (const bearer of [key, jwt]) expect((await call(issuer, bearer, "image_list_models")).status).toBe(401);
  });

  it("who owes money is told so, and neither is thrown away", async () => {
    const { owner: debtor } = await somebody();
    const [{ key }, jwt] = [await issuer.createKey(debtor, ["read"]), await issuer.mintToken(debtor, ["read"])];
    const owes = (await issuer.db()).prepare("UPDATE tenants SET is_delinquent = ? WHERE id = ?");
    await owes.bind(1, debtor.tenantId).run();
    for (const bearer of [key, jwt]) {
      const refused = await call(issuer, bearer, "image_list_models");
      expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([402, null]);
      expect(await refused.json()).toEqual({
        error: "payment_required",
        error_description: expect.stringMatching(/unpaid bill/),
      });
    }
    await owes.bind(0, debtor.tenantId).run();
    for (const bearer of [key, jwt]) await use(issuer, bearer, "image_list_models");
  });
});

describe("a JWT of the auth Worker's", () => {
  it("acts for its user, with the scopes that it was made with", async () => {
    const { accessToken, owner } = await somebody();
    const { flowId } = await use(issuer, accessToken, "flow_create", { policy: {} });
    const reader = await issuer.mintToken(owner, ["read"]);
    expect(await use(issuer, reader, "flow_status", { flowId })).toMatchObject({ flowId });
    expect((await call(issuer, reader, "flow_advance", { flowId })).status).toBe(403);
    const { result } = (await (await post(issuer, reader, "tools/list")).json()) as Answer;
    expect(result.tools.map(({ name }) => name)).toEqual(READING);
    const maker = await issuer.mintToken(owner, ["read", "generate"]);
    expect(await use(issuer, maker, "flow_advance", { flowId })).toMatchObject({ mode: "PRODUCT" });
    expect(await use(issuer, maker, "image_generate", { prompt: "a", quality_tier: "draft" })).toMatchObject({
      status: "completed",
    });
  });

  it("is good however its type is spelled", async () => {
    const { owner } = await somebody();
    expect(
      (await call(issuer, await issuer.forge(owner), "image_list_models")).status,
      "as its issuer makes them",
    ).toBe(200);
    const spelled = await issuer.forge(owner, {}, { typ: "application/at+jwt" });
    expect((await call(issuer, spelled, "image_list_models")).status).toBe(200);
  });

  it("is refused where it was not made for this endpoint, now, by the auth Worker, though its signature is right", async () => {
    const { owner } = await somebody();
    const cases: [string, object, object?][] = [
      ["another service", { aud: "https://other.example/mcp" }],
      ["this host, but not this endpoint", { aud: system.origin }],
      ["nobody in particular: a session of the dashboard", { aud: undefined }],
      ["this endpoint, as a JWT of another type", {}, { typ: "JWT" }],
      ["this endpoint, as a JWT of no type", {}, { typ: undefined }],
      ["this endpoint, until just now", { exp: Math.floor(Date.now() / 1000) - 1 }],
      ["this endpoint, by somebody else", { iss: "https://evil.example" }],
      ["this endpoint, for a user who does not exist", { sub: "nobody" }],
    ];
    for (const [what, claims, header] of cases) {
      const refused = await call(issuer, await issuer.forge(owner, claims, header), "image_list_models");
      expect([refused.status, refused.headers.get("www-authenticate")], what).toEqual([
        401,
        expect.stringContaining('error="invalid_token"'),
      ]);
    }
  });

  it("is refused where it was signed by somebody else, with nothing, or was changed", async () => {
    const { owner } = await somebody();
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
      expect((await call(issuer, forged, "image_list_models")).status).toBe(401);
    }
  });
});

describe("an access token", () => {
  it("whose grant has ended draws nothing, though a copy of storage still has it", async () => {
    const { auth, accessToken: token } = await somebody();
    const { client_id } = auth.clientInformation() as { client_id: string };
    const kv = (await system.worker("stackbilt-mcp-gateway").getEnv()).OAUTH_KV as KVNamespace;
    const { keys } = await kv.list({ prefix: `token:${token.split(":").slice(0, 2).join(":")}:` });
    const stored = await kv.get(keys[0]?.name ?? "");
    const ended = await system.fetch("/token", {
      method: "POST",
      body: new URLSearchParams({ token: auth.saved?.refresh_token ?? "", client_id }),
    });
    expect(ended.status).toBe(200);
    expect((await call(issuer, token, "image_list_models")).status).toBe(401);
    await kv.put(keys[0]?.name ?? "", stored ?? ""); // a location that has not heard of it yet
    await use(issuer, token, "image_list_models");
    expect(await codeOf(call(issuer, token, "image_generate", { prompt: "a", quality_tier: "draft" }))).toBe(
      "unauthenticated",
    );
  });

  it("without a scope gets it from its user, once they allow it: the client asks again by itself (step-up)", async () => {
    const account = newAccount();
    const visited: URL[] = [];
    const auth = new SignInByPerson((url) => {
      visited.push(url);
      const isKnown = visited.length > 1;
      return new Person().authorize(url, account, { isKnown, generate: isKnown });
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

    const create = () => client.callTool({ name: "flow_create", arguments: { policy: {} } });
    await expect(create()).rejects.toThrow(UnauthorizedError);
    expect(visited[1]?.searchParams.get("scope")?.split(" ")).toEqual(expect.arrayContaining(["read", "generate"]));
    await transport.finishAuth(auth.callback?.searchParams ?? new URLSearchParams());
    expect(granted()).toEqual(["read", "generate"]);
    expect(await create()).toMatchObject({ structuredContent: { status: "draft" } });
    expect(visited).toHaveLength(2);
    await client.close();
  });
});

describe("an auth Worker that fails", () => {
  it("is 503 for keys and JWTs, which stay good, and access tokens go on working", async () => {
    const { accessToken, owner } = await somebody();
    const [{ key }, jwt] = [await issuer.createKey(owner, ["read"]), await issuer.mintToken(owner, ["read"])];
    const db = await issuer.db();
    await db.prepare("ALTER TABLE tenants RENAME TO tenants_away").run();
    try {
      for (const bearer of [key, jwt]) {
        const refused = await call(issuer, bearer, "image_list_models");
        expect([refused.status, refused.headers.get("retry-after"), refused.headers.get("www-authenticate")]).toEqual([
          503,
          "5",
          null,
        ]);
        const trouble = { error: "temporarily_unavailable", error_description: expect.stringMatching(/[0-9a-f]{32}/) };
        expect(await refused.json()).toEqual(trouble);
      }
      await use(issuer, accessToken, "image_list_models");
      await use(issuer, accessToken, "flow_create", { policy: {} });
    } finally {
      await db.prepare("ALTER TABLE tenants_away RENAME TO tenants").run();
    }
    for (const bearer of [key, jwt]) await use(issuer, bearer, "image_list_models");
  });
});

describe("the record of a call", () => {
  it("names the person, their tenant and what they asked through, and never the credential", async () => {
    const { owner } = await somebody();
    const [live, test] = [await issuer.createKey(owner, ["read"]), await issuer.createKey(owner, ["read"], "test")];
    const jwt = await issuer.mintToken(owner, ["read"]);
    const before = system.logs().length;
    for (const bearer of [live.key, test.key, jwt]) await use(issuer, bearer, "image_list_models");
    await call(issuer, live.key, "flow_create", { policy: {} });
    const lines = system.logs().slice(before);
    const records = lines
      .filter((line) => line.includes('"event":"audit"'))
      .map((line) => JSON.parse(line.slice(line.indexOf("{"))) as AuditEvent);
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
  const recorded = useIssuer({ standIns: { stackbilder: "test/support/bad-backend.ts" } });

  it("hears who asks, and never sees what they showed", async () => {
    const { accessToken, owner: asker } = await somebody(recorded);
    const bearers = [
      accessToken,
      (await recorded.createKey(asker, ["read"])).key,
      await recorded.mintToken(asker, ["read"]),
    ];
    for (const bearer of bearers) {
      const before = recorded.system.logs().length;
      await use(recorded, bearer, "flow_status", { flowId: "repeats-everything" });
      const told = recorded.system.logs().slice(before).join("\n");
      expect(told).toContain('"test":"everything"');
      const [, claims = ""] = /"identity":"[^.]+\.([^.]+)\./.exec(told) ?? [];
      expect(JSON.parse(Buffer.from(claims, "base64url").toString())).toMatchObject({
        sub: asker.userId,
        tenant: asker.tenantId,
      });
      for (const secret of [bearer, bearer.slice(-32)]) expect(told).not.toContain(secret);
    }
  });
});
