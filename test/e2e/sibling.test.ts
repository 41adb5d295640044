// The RPC entrypoint: a sibling Worker of the account calls tools, as itself or for a user.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auditEventsIn } from "../support/audit-log.ts";
import { installExample } from "../support/installed-example.ts";
import { type Owner, useIssuer } from "../support/issuer.ts";
import { accessTokenOf, type Connected, callTool, clientIdOf, connect } from "../support/mcp-clients.ts";
import type { SiblingCall } from "../support/sibling-worker.ts";
import { READ_TOOLS, TOOLS } from "../support/tool-names.ts";

// The caller of docs/examples, as a repository of its own with the packed types.
const example = await installExample("sibling");
afterAll(() => example.remove());
const issuer = useIssuer({
  extraWorkers: [{ configPath: example.configPath }],
});

const { system } = issuer;

interface Reply {
  ok: boolean;
  value: Record<string, unknown>;
  error: { code: string; message: string; traceId: string };
  progress: number[];
}

async function send(call: SiblingCall): Promise<Reply> {
  const response = await system.worker("sibling").fetch("/", { method: "POST", body: JSON.stringify(call) });
  return (await response.json()) as Reply;
}

/** The audit record of the call with this trace id. */
const recordWith = (id: string) => auditEventsIn(system.logs()).find(({ traceId }) => traceId === id);
const recordOf = ({ error }: Reply) => recordWith(error.traceId);

const namesOf = (reply: Reply) =>
  (reply.value as unknown as { name: string; inputSchemaJson: string }[]).map(({ name }) => name);

describe("a sibling that acts as itself", () => {
  it("gets typed results of tools", async () => {
    const post = { method: "POST", body: "A public library at dusk" };
    const response = await system.worker("charter-web").fetch("/", post);
    const { url } = (await response.json()) as { url: string };
    expect((await system.fetch(url)).headers.get("content-type")).toBe("image/png");
  });

  it("lists the tools that the scopes of its binding permit", async () => {
    expect(namesOf(await send({ through: "GATEWAY" }))).toEqual(TOOLS);
    expect(namesOf(await send({ through: "READER" }))).toEqual(READ_TOOLS);
  });

  it("is refused outside the scopes of its binding", async () => {
    const refused = await send({ through: "READER", tool: "flow_create", input: { projectDescription: "A kiosk" } });
    expect(refused).toMatchObject({
      ok: false,
      error: { code: "insufficient_scope", traceId: expect.stringMatching(/^[0-9a-f]{32}$/) },
    });
    expect(await send({ through: "UNNAMED", tool: "image_list_models", input: {} })).toMatchObject({
      ok: false,
      error: { code: "unauthenticated" },
    });
    expect(await send({ through: "UNNAMED" })).toMatchObject({ ok: false, error: { code: "unauthenticated" } });
  });

  it("gets progress, continues its own trace, and can repeat a request without a second effect", async () => {
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const options = { idempotencyKey: crypto.randomUUID(), traceparent: `00-${traceId}-b7ad6b7169203331-01` };
    const call = {
      through: "GATEWAY",
      tool: "image_generate",
      input: { prompt: "a kite", quality_tier: "draft" },
      options,
    } as const;
    const [first, second] = [await send(call), await send(call)];
    expect(first.value.job_id).toBe(second.value.job_id);
    expect(first.progress.length).toBeGreaterThan(0);
    expect(await send({ ...call, tool: "flow_status", input: { flowId: "none" } })).toMatchObject({
      error: { code: "flow_not_found", traceId },
    });
  });

  it.each<[string, unknown, string]>([
    ["no_such_tool", {}, "unknown_tool"],
    ["constructor", {}, "unknown_tool"],
    ["flow_create", {}, "invalid_arguments"],
    ["flow_create", "text", "invalid_arguments"],
    ["flow_create", null, "invalid_arguments"],
  ])("gets a failure for %s with %j, and no exception: %s", async (tool, input, code) => {
    expect(await send({ through: "GATEWAY", tool, input })).toMatchObject({
      ok: false,
      error: { code, message: expect.stringMatching(/\w/) },
    });
  });

  it("is refused with wrong options, which are not ignored", async () => {
    const call = { through: "GATEWAY", tool: "image_list_models", input: {}, options: { idempotencyKey: "" } } as const;
    const refused = await send(call);
    expect(refused).toMatchObject({ ok: false, error: { code: "invalid_arguments" } });
    expect(recordOf(refused)).toMatchObject({
      channel: "rpc",
      subject: "sibling:charter-web",
      decision: "invalid_arguments",
    });
    const misspelt = { credentials: { accessToken: "a:b:c" } } as never; // a call from code without types
    expect(await send({ ...call, options: misspelt })).toMatchObject({ error: { code: "invalid_arguments" } });
  });
});

describe("a sibling that acts for a user", () => {
  it("works in the user's tenant, with the scopes that both have", async () => {
    const user = await connect(system.origin, "modern");
    const accessToken = accessTokenOf(user);
    const { flowId } = await callTool<{ flowId: string }>(user, "flow_create", { projectDescription: "A kiosk" });
    const options = { credential: { accessToken } };
    expect(await send({ through: "READER", tool: "flow_status", input: { flowId }, options })).toMatchObject({
      ok: true,
      value: { flowId },
    });
    expect(await send({ through: "READER", tool: "flow_status", input: { flowId } })).toMatchObject({
      ok: false,
      error: { code: "flow_not_found" },
    });
    expect(await send({ through: "READER", tool: "flow_advance", input: { flowId }, options })).toMatchObject({
      error: { code: "insufficient_scope" },
    });
    expect(await send({ through: "GATEWAY", tool: "flow_advance", input: { flowId }, options })).toMatchObject({
      ok: true,
    });
    await user.close();
  });

  it("cannot exceed the scopes that the user granted", async () => {
    const user = await connect(system.origin, "modern", { generate: false });
    const options = { credential: { accessToken: accessTokenOf(user) } };
    expect(
      await send({ through: "GATEWAY", tool: "flow_create", input: { projectDescription: "A kiosk" }, options }),
    ).toMatchObject({
      error: { code: "insufficient_scope" },
    });
    await user.close();
  });

  it.each(["", "nonsense", "a:b:c", "x".repeat(5000), "u1:0123456789abcdef:ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"])(
    "is refused with the access token %j",
    async (accessToken) => {
      const reply = await send({
        through: "GATEWAY",
        tool: "image_list_models",
        input: {},
        options: { credential: { accessToken } },
      });
      expect(reply).toMatchObject({ ok: false, error: { code: "unauthenticated" } });
      expect(recordOf(reply)).toMatchObject({
        subject: "sibling:charter-web",
        decision: "unauthenticated",
        tool: "image_list_models",
      });
    },
  );
});

describe("a sibling with an API key or a JWT", () => {
  let user: Connected;
  let owner: Owner;
  beforeAll(async () => {
    user = await connect(system.origin, "modern");
    owner = await issuer.ownerOf(accessTokenOf(user));
    return () => user.close();
  });

  const status = (flowId: string) => ({ tool: "flow_status", input: { flowId } }) as const;
  const draw = { tool: "image_generate", input: { prompt: "a", quality_tier: "draft" } } as const;

  it("acts for the owner, with the scopes that both the binding and the credential have", async () => {
    const { flowId } = await callTool<{ flowId: string }>(user, "flow_create", { projectDescription: "A kiosk" });
    for (const credential of [
      { apiKey: (await issuer.createKey(owner, ["read", "generate"])).key },
      { jwt: await issuer.mintToken(owner, ["read", "generate"]) },
    ]) {
      const options = { credential };
      expect(await send({ through: "READER", ...status(flowId), options })).toMatchObject({
        ok: true,
        value: { flowId },
      });
      expect(await send({ through: "READER", ...draw, options })).toMatchObject({
        error: { code: "insufficient_scope" },
      });
      expect(namesOf(await send({ through: "READER", credential }))).toEqual(READ_TOOLS);
      expect(await send({ through: "GATEWAY", ...draw, options })).toMatchObject({
        ok: true,
        value: { status: "completed" },
      });
    }
    for (const credential of [
      { apiKey: (await issuer.createKey(owner, ["read"])).key },
      { jwt: await issuer.mintToken(owner, ["read"]) },
    ]) {
      const options = { credential };
      expect(await send({ through: "GATEWAY", ...status(flowId), options })).toMatchObject({ ok: true });
      expect(await send({ through: "GATEWAY", ...draw, options })).toMatchObject({
        error: { code: "insufficient_scope" },
      });
      expect(namesOf(await send({ through: "GATEWAY", credential }))).toEqual(READ_TOOLS);
    }
  });

  it("works in the test tenant with a test key, which cannot draw", async () => {
    const credential = { apiKey: (await issuer.createKey(owner, ["read", "generate"], "test")).key };
    const created = await send({
      through: "GATEWAY",
      tool: "flow_create",
      input: { projectDescription: "A kiosk" },
      options: { credential },
    });
    const { flowId } = created.value as { flowId: string };
    expect(await send({ through: "GATEWAY", ...status(flowId), options: { credential } })).toMatchObject({ ok: true });
    expect(await user.client.callTool({ name: "flow_status", arguments: { flowId } })).toMatchObject({
      isError: true,
    });
    const refused = await send({ through: "GATEWAY", ...draw, options: { credential } });
    expect(refused).toMatchObject({
      ok: false,
      error: { code: "test_key_not_allowed", message: expect.stringContaining("live key") },
    });
    expect(recordOf(refused)).toMatchObject({ tenantId: `test:${owner.tenantId}`, decision: "test_key_not_allowed" });
    const free = TOOLS.filter((name) => name !== "image_generate");
    expect(namesOf(await send({ through: "GATEWAY", credential }))).toEqual(free);
  });

  it("is refused with a credential of another kind than named, with two credentials, and with none", async () => {
    const accessToken = accessTokenOf(user);
    const { key: apiKey } = await issuer.createKey(owner, ["read"]);
    const jwt = await issuer.mintToken(owner, ["read"]);
    const wrong: unknown[] = [
      { accessToken: apiKey },
      { accessToken: jwt },
      { apiKey: accessToken },
      { apiKey: jwt },
      { jwt: accessToken },
      { jwt: apiKey },
      { accessToken, apiKey },
      { apiKey, jwt },
      { apiKey, note: "please" },
      { apiKey: [apiKey] },
      {},
      null,
      apiKey,
    ];
    for (const given of wrong) {
      const credential = given as never; // a call from code without types
      const refused = await send({ through: "GATEWAY", tool: "image_list_models", input: {}, options: { credential } });
      expect(refused, JSON.stringify(Object.keys(given ?? {}))).toMatchObject({
        ok: false,
        error: { code: "unauthenticated" },
      });
      expect(recordOf(refused)).toMatchObject({ subject: "sibling:charter-web", decision: "unauthenticated" });
      expect(await send({ through: "GATEWAY", credential })).toMatchObject({
        ok: false,
        error: { code: "unauthenticated" },
      });
    }
  });

  it("is refused with a revoked key, at once by tools that cost credits", async () => {
    const { key: apiKey, keyId } = await issuer.createKey(owner, ["generate"]);
    const options = { credential: { apiKey } };
    expect(await send({ through: "GATEWAY", tool: "image_list_models", input: {}, options })).toMatchObject({
      ok: true,
    });
    await issuer.revokeKey(owner, keyId);
    const refused = await send({ through: "GATEWAY", ...draw, options });
    expect(refused).toMatchObject({ ok: false, error: { code: "unauthenticated" } });
    expect(recordOf(refused)).toMatchObject({
      subject: owner.userId,
      decision: "unauthenticated",
      tool: "image_generate",
    });
  });

  it("gets payment_required for an unpaid bill, and unavailable if the auth Worker fails", async () => {
    const delinquent = await issuer.addOwner("free");
    const options = { credential: { apiKey: (await issuer.createKey(delinquent, ["read"])).key } };
    const call = { through: "GATEWAY", tool: "image_list_models", input: {}, options } as const;
    const db = await issuer.db();
    await db.prepare("UPDATE tenants SET is_delinquent = 1 WHERE id = ?").bind(delinquent.tenantId).run();
    const unpaid = await send(call);
    expect(unpaid).toMatchObject({
      ok: false,
      error: { code: "payment_required", message: expect.stringContaining("bill") },
    });
    expect(recordOf(unpaid)).toMatchObject({ decision: "payment_required", outcome: "payment_required" });
    await db.prepare("ALTER TABLE tenants RENAME TO tenants_away").run();
    try {
      const unavailable = await send(call);
      expect(unavailable).toMatchObject({ ok: false, error: { code: "unavailable", retryAfterSeconds: 5 } });
      expect(recordOf(unavailable)).toMatchObject({ decision: "unauthenticated", outcome: "unavailable" });
    } finally {
      await db.prepare("ALTER TABLE tenants_away RENAME TO tenants").run();
    }
  });

  it("makes an audit record that names the owner, the sibling and the key or client", async () => {
    const { key: apiKey, keyId } = await issuer.createKey(owner, ["read"]);
    const jwt = await issuer.mintToken(owner, ["read"]);
    const cases: [object, string][] = [
      [{ apiKey }, `key:${keyId}`],
      [{ jwt }, "jwt"],
      [{ accessToken: accessTokenOf(user) }, clientIdOf(user)],
    ];
    for (const [given, client] of cases) {
      const traceId = crypto.randomUUID().replaceAll("-", "");
      const options = { credential: given as { jwt: string }, traceparent: `00-${traceId}-b7ad6b7169203331-01` };
      expect(await send({ through: "READER", tool: "image_list_models", input: {}, options })).toMatchObject({
        ok: true,
      });
      const clientId = `sibling:charter-web/${client}`;
      expect(recordWith(traceId)).toMatchObject({
        channel: "rpc",
        subject: owner.userId,
        tenantId: owner.tenantId,
        clientId,
        scopes: ["read"],
      });
    }
    const everything = system.logs().join("\n");
    for (const secret of [apiKey, jwt, accessTokenOf(user)]) expect(everything).not.toContain(secret);
  });
});
