// The sibling's door: another Worker of the account calls tools over RPC, as itself or for a user.
import { beforeAll, describe, expect, it } from "vitest";
import type { Wish } from "../support/example-sibling.ts";
import { type Owner, useIssuer } from "../support/issuer.ts";
import { type Connected, connect } from "../support/mcp-clients.ts";

const bound = (binding: string, props: Record<string, unknown>) => ({
  binding,
  service: "stackbilt-mcp-gateway",
  entrypoint: "GatewayEntrypoint",
  props,
});
const issuer = useIssuer({
  also: [
    {
      name: "example-sibling",
      main: "test/support/example-sibling.ts",
      services: [
        bound("GATEWAY", { caller: "charter-web", scopes: ["read", "generate"] }),
        bound("READER", { caller: "charter-web", scopes: ["read"] }),
        bound("NOBODY", { scopes: ["read", "generate"] }),
      ],
    },
  ],
});

const { system } = issuer;

interface Reply {
  ok: boolean;
  value: Record<string, unknown>;
  error: { code: string; message: string; traceId: string };
  progress: number[];
}

async function ask(wish: Wish): Promise<Reply> {
  const answer = await system.worker("example-sibling").fetch("/", { method: "POST", body: JSON.stringify(wish) });
  return (await answer.json()) as Reply;
}

/** The audit record of the call with this trace id. */
function recordWith(traceId: string): unknown {
  const line = system.logs().find((logged) => logged.includes('"event":"audit"') && logged.includes(traceId)) ?? "{}";
  return JSON.parse(line.slice(line.indexOf("{")));
}
const recordOf = ({ error }: Reply) => recordWith(error.traceId);

const READING = [
  "flow_governance",
  "flow_quality",
  "flow_status",
  "flow_summary",
  "image_check_job",
  "image_list_models",
];
const namesOf = (reply: Reply) =>
  (reply.value as unknown as { name: string; inputSchemaJson: string }[]).map(({ name }) => name);

describe("a sibling that acts as itself", () => {
  it("gets typed results from the tools", async () => {
    const answer = await system
      .worker("example-sibling")
      .fetch("/", { method: "POST", body: JSON.stringify({ through: "GATEWAY", tool: "design" }) });
    expect(await answer.json()).toMatch(/^# .*library/is);
  });

  it("sees the tools that its binding's scopes permit", async () => {
    expect(namesOf(await ask({ through: "GATEWAY" }))).toHaveLength(10);
    expect(namesOf(await ask({ through: "READER" }))).toEqual(READING);
  });

  it("may not do more than its binding says", async () => {
    const refused = await ask({ through: "READER", tool: "flow_create", input: { policy: {} } });
    expect(refused).toMatchObject({
      ok: false,
      error: { code: "insufficient_scope", traceId: expect.stringMatching(/^[0-9a-f]{32}$/) },
    });
    expect(await ask({ through: "NOBODY", tool: "image_list_models", input: {} })).toMatchObject({
      ok: false,
      error: { code: "unauthenticated" },
    });
    expect(await ask({ through: "NOBODY" })).toMatchObject({ ok: false, error: { code: "unauthenticated" } });
  });

  it("sees progress, goes on with its own trace, and repeats a request without doing it twice", async () => {
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const options = { idempotencyKey: crypto.randomUUID(), traceparent: `00-${traceId}-b7ad6b7169203331-01` };
    const wish = {
      through: "GATEWAY",
      tool: "image_generate",
      input: { prompt: "a kite", quality_tier: "draft" },
      options,
    } as const;
    const [first, second] = [await ask(wish), await ask(wish)];
    expect(first.value.job_id).toBe(second.value.job_id);
    expect(first.progress.length).toBeGreaterThan(0);
    expect(await ask({ ...wish, tool: "flow_status", input: { flowId: "none" } })).toMatchObject({
      error: { code: "flow_not_found", traceId },
    });
  });

  it.each<[string, unknown, string]>([
    ["no_such_tool", {}, "unknown_tool"],
    ["constructor", {}, "unknown_tool"],
    ["flow_create", {}, "invalid_arguments"],
    ["flow_create", "text", "invalid_arguments"],
    ["flow_create", null, "invalid_arguments"],
  ])("calling %s with %j gets the value %s, and nothing is thrown", async (tool, input, code) => {
    expect(await ask({ through: "GATEWAY", tool, input })).toMatchObject({
      ok: false,
      error: { code, message: expect.stringMatching(/\w/) },
    });
  });

  it("is told that options are wrong instead of having them ignored", async () => {
    const wish = { through: "GATEWAY", tool: "image_list_models", input: {}, options: { idempotencyKey: "" } } as const;
    const refused = await ask(wish);
    expect(refused).toMatchObject({ ok: false, error: { code: "invalid_arguments" } });
    expect(recordOf(refused)).toMatchObject({
      channel: "rpc",
      subject: "sibling:charter-web",
      decision: "invalid_arguments",
    });
    const misspelt = { credentials: { accessToken: "a:b:c" } } as never; // as code that no compiler has seen would call it
    expect(await ask({ ...wish, options: misspelt })).toMatchObject({ error: { code: "invalid_arguments" } });
  });
});

describe("a sibling that acts for a user", () => {
  it("uses the user's tenant, with no more than both may do", async () => {
    const { client, auth, close } = await connect(system.origin, "modern");
    const accessToken = auth.saved?.access_token ?? "";
    const created = await client.callTool({ name: "flow_create", arguments: { policy: {} } });
    const { flowId } = created.structuredContent as { flowId: string };
    const options = { credential: { accessToken } };
    expect(await ask({ through: "READER", tool: "flow_status", input: { flowId }, options })).toMatchObject({
      ok: true,
      value: { flowId },
    });
    expect(await ask({ through: "READER", tool: "flow_status", input: { flowId } })).toMatchObject({
      ok: false,
      error: { code: "flow_not_found" },
    });
    expect(await ask({ through: "READER", tool: "flow_advance", input: { flowId }, options })).toMatchObject({
      error: { code: "insufficient_scope" },
    });
    expect(await ask({ through: "GATEWAY", tool: "flow_advance", input: { flowId }, options })).toMatchObject({
      ok: true,
    });
    await close();
  });

  it("cannot give a user more than the user granted", async () => {
    const { auth, close } = await connect(system.origin, "modern", { generate: false });
    const options = { credential: { accessToken: auth.saved?.access_token ?? "" } };
    expect(await ask({ through: "GATEWAY", tool: "flow_create", input: { policy: {} }, options })).toMatchObject({
      error: { code: "insufficient_scope" },
    });
    await close();
  });

  it.each(["", "nonsense", "a:b:c", "x".repeat(5000), "u1:0123456789abcdef:ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"])(
    "is refused with the token %j",
    async (accessToken) => {
      const reply = await ask({
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

describe("a sibling that shows an API key or a JWT", () => {
  let person: Connected;
  let owner: Owner;
  beforeAll(async () => {
    person = await connect(system.origin, "modern");
    owner = await issuer.ownerOf(person.auth.saved?.access_token ?? "");
    return () => person.close();
  });

  const status = (flowId: string) => ({ tool: "flow_status", input: { flowId } }) as const;
  const draw = { tool: "image_generate", input: { prompt: "a", quality_tier: "draft" } } as const;

  it("acts for the owner, with no more than the binding and the credential may do", async () => {
    const created = await person.client.callTool({ name: "flow_create", arguments: { policy: {} } });
    const { flowId } = created.structuredContent as { flowId: string };
    for (const credential of [
      { apiKey: (await issuer.createKey(owner, ["read", "generate"])).key },
      { jwt: await issuer.mintToken(owner, ["read", "generate"]) },
    ]) {
      const options = { credential };
      expect(await ask({ through: "READER", ...status(flowId), options })).toMatchObject({
        ok: true,
        value: { flowId },
      });
      expect(await ask({ through: "READER", ...draw, options })).toMatchObject({
        error: { code: "insufficient_scope" },
      });
      expect(namesOf(await ask({ through: "READER", credential }))).toEqual(READING);
      expect(await ask({ through: "GATEWAY", ...draw, options })).toMatchObject({
        ok: true,
        value: { status: "completed" },
      });
    }
    for (const credential of [
      { apiKey: (await issuer.createKey(owner, ["read"])).key },
      { jwt: await issuer.mintToken(owner, ["read"]) },
    ]) {
      const options = { credential };
      expect(await ask({ through: "GATEWAY", ...status(flowId), options })).toMatchObject({ ok: true });
      expect(await ask({ through: "GATEWAY", ...draw, options })).toMatchObject({
        error: { code: "insufficient_scope" },
      });
      expect(namesOf(await ask({ through: "GATEWAY", credential }))).toEqual(READING);
    }
  });

  it("works in the test tenant with a test key, where nothing is drawn", async () => {
    const credential = { apiKey: (await issuer.createKey(owner, ["read", "generate"], "test")).key };
    const made = await ask({ through: "GATEWAY", tool: "flow_create", input: { policy: {} }, options: { credential } });
    const { flowId } = made.value as { flowId: string };
    expect(await ask({ through: "GATEWAY", ...status(flowId), options: { credential } })).toMatchObject({ ok: true });
    expect(await person.client.callTool({ name: "flow_status", arguments: { flowId } })).toMatchObject({
      isError: true,
    });
    const refused = await ask({ through: "GATEWAY", ...draw, options: { credential } });
    expect(refused).toMatchObject({
      ok: false,
      error: { code: "test_key_not_allowed", message: expect.stringContaining("live key") },
    });
    expect(recordOf(refused)).toMatchObject({ tenantId: `test:${owner.tenantId}`, decision: "test_key_not_allowed" });
    const names = namesOf(await ask({ through: "GATEWAY", credential }));
    expect([names.length, names.includes("image_generate")]).toEqual([9, false]);
  });

  it("is refused with a credential under another kind's name, with two, or with none", async () => {
    const accessToken = person.auth.saved?.access_token ?? "";
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
      const credential = given as never; // as code that no compiler has seen would call it
      const refused = await ask({ through: "GATEWAY", tool: "image_list_models", input: {}, options: { credential } });
      expect(refused, JSON.stringify(Object.keys(given ?? {}))).toMatchObject({
        ok: false,
        error: { code: "unauthenticated" },
      });
      expect(recordOf(refused)).toMatchObject({ subject: "sibling:charter-web", decision: "unauthenticated" });
      expect(await ask({ through: "GATEWAY", credential })).toMatchObject({
        ok: false,
        error: { code: "unauthenticated" },
      });
    }
  });

  it("is refused with a key that was revoked: at once where it costs credits", async () => {
    const { key: apiKey, keyId } = await issuer.createKey(owner, ["generate"]);
    const options = { credential: { apiKey } };
    expect(await ask({ through: "GATEWAY", tool: "image_list_models", input: {}, options })).toMatchObject({
      ok: true,
    });
    await issuer.revokeKey(owner, keyId);
    const refused = await ask({ through: "GATEWAY", ...draw, options });
    expect(refused).toMatchObject({ ok: false, error: { code: "unauthenticated" } });
    expect(recordOf(refused)).toMatchObject({
      subject: owner.userId,
      decision: "unauthenticated",
      tool: "image_generate",
    });
  });

  it("is told that the owner owes money, or that nobody could be asked", async () => {
    const debtor = await connect(system.origin, "modern");
    const { tenantId, ...rest } = await issuer.ownerOf(debtor.auth.saved?.access_token ?? "");
    const options = { credential: { apiKey: (await issuer.createKey({ tenantId, ...rest }, ["read"])).key } };
    const wish = { through: "GATEWAY", tool: "image_list_models", input: {}, options } as const;
    const db = await issuer.db();
    await db.prepare("UPDATE tenants SET is_delinquent = 1 WHERE id = ?").bind(tenantId).run();
    const owing = await ask(wish);
    expect(owing).toMatchObject({
      ok: false,
      error: { code: "payment_required", message: expect.stringContaining("bill") },
    });
    expect(recordOf(owing)).toMatchObject({ decision: "payment_required", outcome: "payment_required" });
    await db.prepare("ALTER TABLE tenants RENAME TO tenants_away").run();
    try {
      const unasked = await ask(wish);
      expect(unasked).toMatchObject({ ok: false, error: { code: "unavailable", retryAfterSeconds: 5 } });
      expect(recordOf(unasked)).toMatchObject({ decision: "unauthenticated", outcome: "unavailable" });
    } finally {
      await db.prepare("ALTER TABLE tenants_away RENAME TO tenants").run();
    }
    await debtor.close();
  });

  it("leaves a record of both: the owner, and the sibling with the key", async () => {
    const { key: apiKey, keyId } = await issuer.createKey(owner, ["read"]);
    const jwt = await issuer.mintToken(owner, ["read"]);
    const told: [object, string][] = [
      [{ apiKey }, `key:${keyId}`],
      [{ jwt }, "jwt"],
      [
        { accessToken: person.auth.saved?.access_token },
        (person.auth.clientInformation() as { client_id: string }).client_id,
      ],
    ];
    for (const [given, client] of told) {
      const traceId = crypto.randomUUID().replaceAll("-", "");
      const options = { credential: given as { jwt: string }, traceparent: `00-${traceId}-b7ad6b7169203331-01` };
      expect(await ask({ through: "READER", tool: "image_list_models", input: {}, options })).toMatchObject({
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
    for (const secret of [apiKey, jwt, person.auth.saved?.access_token ?? "-"])
      expect(everything).not.toContain(secret);
  });
});
