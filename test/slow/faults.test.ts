// A misbehaving backend and an auth Worker that is down, for clients and for people.
import { describe, expect, it } from "vitest";
import { connect } from "../support/mcp-clients.ts";
import { Person } from "../support/person.ts";
import { useSystem } from "../support/system.ts";
import { newAccount, User } from "../support/user.ts";
import { WireClient } from "../support/wire-client.ts";

describe("a misbehaving backend", () => {
  const system = useSystem({ replacements: { stackbilder: "test/support/bad-backend.ts" } });

  it("is a tool error with the gateway's own sentence and a trace id, and affects no other backend", async () => {
    const { client, close } = await connect(system.origin, "modern");
    const call = (name: string, args: object) => client.callTool({ name, arguments: { ...args } });
    const hanging = call("flow_status", { flowId: "hangs" });
    const expected: Record<string, string> = {
      "throws-a-secret": "unavailable",
      "throws-an-object": "unavailable",
      "returns-nothing": "internal",
      "returns-html": "internal",
      "breaks-the-contract": "internal",
      "invents-a-code": "internal",
      crashed: "internal",
    };
    for (const [flowId, code] of Object.entries(expected)) {
      // Five faults in a row would open the breaker.
      await call("flow_status", { flowId: "adds-fields" });
      const result = await call("flow_status", { flowId });
      expect(result, flowId).toMatchObject({
        isError: true,
        _meta: { "com.stackbilt/error": { code, traceId: expect.stringMatching(/^[0-9a-f]{32}$/) } },
      });
      expect(JSON.stringify(result), flowId).not.toMatch(/hunter2|postgres|html/);
    }
    expect(
      await call("flow_create", { projectDescription: "A kiosk" }),
      "a method that the backend lacks",
    ).toMatchObject({
      isError: true,
      _meta: { "com.stackbilt/error": { code: "unavailable" } },
    });
    const stripped = await call("flow_status", { flowId: "adds-fields" });
    expect(stripped.structuredContent).toEqual({
      flowId: "f",
      status: "draft",
      currentMode: "PRODUCT",
      progress: 0,
      estimatedRemainingSeconds: null,
    });
    expect(await call("image_list_models", {}), "another backend meanwhile").toMatchObject({
      structuredContent: { models: expect.any(Array) },
    });
    expect(await hanging).toMatchObject({ isError: true, _meta: { "com.stackbilt/error": { code: "unavailable" } } });
    await close();
    expect(system.logs().join("\n")).not.toContain("hunter2@");
  });

  it("is named in the file with one's data, which has the rest", async () => {
    const person = await Person.signUp(system);
    await person.call("image_generate", { prompt: "my hills", quality_tier: "draft" });
    const page = await person.user.submit(await person.open("/apps"), "/apps/data");
    expect(page.status).toBe(200);
    expect(JSON.parse(page.html)).toMatchObject({
      incomplete: ["stackbilder"],
      auth: expect.arrayContaining([expect.objectContaining({ kind: "charge" })]),
      "img-forge": [{ kind: "image", prompt: "my hills" }],
    });
  });
});

describe("a picture whose bytes stop coming", () => {
  const system = useSystem();

  it("is left out of the result, which still has its URL", async () => {
    const { client, close } = await connect(system.origin, "modern");
    const result = await client.callTool({ name: "image_generate", arguments: { prompt: "an endless kite" } });
    expect(result.structuredContent).toMatchObject({ status: "completed", url: expect.stringContaining("/images/") });
    expect(result.content).toEqual([{ type: "text", text: JSON.stringify(result.structuredContent) }]);
    await close();
  });
});

describe("an auth Worker that is down", () => {
  const system = useSystem({ replacements: { auth: "test/support/dead-auth.ts" } });

  it("is 503 for a sign-in, never a wrong password", async () => {
    const user = new User();
    const redirectUri = "http://localhost:33418/callback";
    const client = await WireClient.register(system, {
      client_name: "Test",
      redirect_uris: [redirectUri],
      token_endpoint_auth_method: "none",
    });
    const account = newAccount();
    const login = await user.open(client.authorizationRequest(redirectUri).url);
    const page = await user.submit(login, "/login", { email: account.email, password: account.password });
    expect(page.status).toBe(503);
    expect(page.html).toMatch(/trace id/i);
    expect(page.html).not.toMatch(/wrong|incorrect|hunter2/i);
  });

  it("is 503 for an API key or a JWT, never a refusal after which a client would discard it", async () => {
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: system.origin, aud: `${system.origin}/mcp`, iat: now, exp: now + 60 };
    const jwt = `${encode({ alg: "HS256", typ: "at+jwt" })}.${encode(claims)}.${encode({})}`;
    for (const bearer of [`sb_live_${"k".repeat(43)}`, `sb_test_${"k".repeat(43)}`, jwt]) {
      const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
      const response = await system.fetch("/mcp", { method: "POST", headers, body: "{}" });
      expect([response.status, response.headers.get("retry-after"), response.headers.get("www-authenticate")]).toEqual([
        503,
        "5",
        null,
      ]);
      expect(await response.json()).toEqual({
        error: "temporarily_unavailable",
        error_description: expect.stringMatching(
          /^The credential could not be checked\. Try again shortly\. Trace id [0-9a-f]{32}\.$/,
        ),
      });
    }
    expect(system.logs().join("\n")).not.toContain("kkkkkkkk");
  });

  it("does not affect the metadata, the health check and the challenge", async () => {
    expect((await system.fetch("/health")).status).toBe(200);
    expect((await system.fetch("/.well-known/oauth-authorization-server")).status).toBe(200);
    expect((await system.fetch("/mcp", { method: "POST" })).status).toBe(401);
  });
});
