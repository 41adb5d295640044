// Pins everything that clients, siblings and the auth Worker can observe of the gateway, as
// literals. A failure asks if the change is intended.
import { describe, expect, it } from "vitest";
import type { Scope, TenantId } from "../../contracts/rpc/identity.ts";
import { featuresFor } from "../../entrypoints/gateway/features.ts";
import * as gateway from "../../entrypoints/gateway/index.ts";
import { mcpServerFor } from "../../entrypoints/gateway/mcp-server.ts";
import { SessionTarget } from "../../entrypoints/gateway/session.ts";
import type { CredentialKind } from "../../src/oauth/resource-server/authenticate.ts";
import { catalog } from "../../src/tools/catalog.ts";
import { READ_TOOLS, TOOL_ROWS, TOOLS } from "../support/tool-names.ts";
import { newContext } from "./context.ts";
import { envWith } from "./oauth/browser.ts";

/** The features for a credential with these scopes. */
function shownTo(kind: CredentialKind, scopes: readonly Scope[], tenant = "t") {
  const tenantId = tenant as TenantId; // the brand lives in TypeScript only
  const identity = { subject: "u", tenantId, tier: "free", scopes, clientId: "c" } as const;
  return featuresFor({ kind, identity, expiresAt: null, revalidate: async () => "good" });
}

const features = shownTo("oauth", ["read"]);

describe("the gateway's surface", () => {
  it("is these tools, each with its risk, scope and method", () => {
    const rows = Array.from(catalog.values(), ({ name, risk, scope, backend, method }) => [
      name,
      { risk, scope, calls: `${backend}.${method}` },
    ]);
    const expected = TOOLS.map((name) => [name, { ...TOOL_ROWS[name], takes: undefined }]);
    const advice = "Add a row to test/support/tool-names.ts for each new tool.";
    expect(Object.fromEntries(rows), advice).toEqual(Object.fromEntries(expected));
  });

  it("costs credits in one place", () => {
    const credits = { draft: 1, standard: 1, premium: 3, ultra: 5, ultra_plus: 8 };
    const prices = Array.from(catalog.values(), ({ name, isPaid, price }) => [name, isPaid ? price : 0]);
    const expected = TOOLS.map((name) => [name, name === "image_generate" ? { by: "quality_tier", credits } : 0]);
    expect(Object.fromEntries(prices)).toEqual(Object.fromEntries(expected));
    const shown = features.tools.map(({ name, _meta: meta }) => [name, meta?.["com.stackbilt/credits"]]);
    expect(Object.fromEntries(shown)).toEqual(Object.fromEntries(expected));
  });

  it("is shown whole to an app that its user can allow more, and to a key or a JWT as far as it goes", () => {
    const names = (...rights: Parameters<typeof shownTo>) => shownTo(...rights).tools.map(({ name }) => name);
    const all = [...catalog.keys()];
    expect([names("oauth", ["read"]), names("oauth", ["read", "generate"])]).toEqual([all, all]);
    expect(names("oauth", [])).toEqual([]);
    for (const kind of ["api_key", "jwt"] as const) {
      expect(names(kind, ["read"])).toEqual(READ_TOOLS);
      expect(names(kind, ["generate"])).toEqual(all);
      expect(names(kind, [])).toEqual([]);
    }
    expect(names("api_key", ["generate"], "test:t")).toEqual(all.filter((name) => name !== "image_generate"));
  });

  it("is one object for all who are shown the same, so that its JSON is made once", () => {
    expect(shownTo("api_key", ["read", "generate"], "another")).toBe(features);
    expect(shownTo("jwt", ["read"])).toBe(shownTo("api_key", ["read"]));
    expect(shownTo("jwt", ["read"])).not.toBe(features);
  });

  it("has three prompts, shown with the tools that they name", async () => {
    const shape = ({ name, arguments: args }: (typeof features.prompts)[number]) => [
      name,
      ...args.map((one) => (one.required ? one.name : `${one.name}?`)),
    ];
    const all = [
      ["design_system", "description?", "profile?"],
      ["illustrate_idea", "idea?", "style?", "quality_tier?", "model?"],
      ["review_flow", "flowId?"],
    ];
    expect(features.prompts.map(shape)).toEqual(all);
    for (const { title, description, arguments: args } of features.prompts) {
      for (const words of [title, description, ...args.map((one) => one.description)]) expect(words).toMatch(/\w/);
    }
    expect(shownTo("api_key", ["generate"]).prompts.map(shape)).toEqual(all);
    expect(shownTo("api_key", ["read"]).prompts.map(({ name }) => name)).toEqual(["review_flow"]);
    expect(shownTo("api_key", ["generate"], "test:t").prompts.map(({ name }) => name)).toEqual([
      "design_system",
      "review_flow",
    ]);
    expect(shownTo("api_key", []).prompts).toEqual([]);
  });

  it("neither returns nor completes a prompt that is not listed", async () => {
    const identity = { subject: "u", tenantId: null, tier: "free", scopes: ["read"], clientId: "c" } as const;
    const credential = { kind: "api_key", identity, expiresAt: null, revalidate: async () => "good" as const } as const;
    const server = mcpServerFor(newContext(envWith()).context, credential);
    const request = { name: "profile", value: "", others: {} };
    expect(await server.getPrompt("review_flow", { flowId: "f" })).toMatchObject({ state: "filled" });
    expect(
      await server.complete({ ...request, of: { prompt: "review_flow" }, name: "flowId" }, undefined),
    ).toMatchObject({
      values: [],
    });
    expect(await server.getPrompt("design_system", { description: "x" })).toEqual({ state: "not_found" });
    expect(await server.complete({ ...request, of: { prompt: "design_system" } }, undefined)).toBeNull();
  });

  it("has one template and two views, each shown with the tools whose results it shows", async () => {
    const views = features.tools.map(({ name, _meta: meta }) => [
      name,
      (meta?.ui as { resourceUri: string } | undefined)?.resourceUri,
    ]);
    expect(Object.fromEntries(views.filter(([, uri]) => uri))).toEqual({
      flow_advance: "ui://stackbilt/flow",
      flow_quality: "ui://stackbilt/flow",
      flow_recover: "ui://stackbilt/flow",
      flow_summary: "ui://stackbilt/flow",
      image_check_job: "ui://stackbilt/picture",
      image_generate: "ui://stackbilt/picture",
    });
    expect(features.tools.map(({ _meta: meta }) => meta?.["ui/resourceUri"])).toEqual(views.map(([, uri]) => uri));
    expect(features.resources.map(({ uri, mimeType }) => [uri, mimeType])).toEqual([
      ["ui://stackbilt/flow", "text/html;profile=mcp-app"],
      ["ui://stackbilt/picture", "text/html;profile=mcp-app"],
    ]);
    expect(features.templates.map(({ uriTemplate, mimeType }) => [uriTemplate, mimeType])).toEqual([
      ["stackbilt://images/{job_id}", "image/png"],
    ]);
    const ui = { mimeTypes: ["text/html;profile=mcp-app"] };
    const read = { "io.modelcontextprotocol/ui": ui, "com.stackbilt/explain": {} };
    expect(features.extensions).toEqual({ ...read, "io.modelcontextprotocol/tasks": {} });
    expect(shownTo("api_key", ["read"]).extensions).toEqual(read);
    const nothing = shownTo("api_key", []);
    expect([nothing.resources, nothing.templates, nothing.extensions]).toEqual([[], [], {}]);
  });

  it("asks for these arguments", () => {
    const namesIn = (schema: object) => {
      const { properties, required } = schema as { properties: object; required: string[] };
      return Object.keys(properties).map((name) => (required.includes(name) ? name : `${name}?`));
    };
    expect(features.tools.map(({ name, inputSchema }) => [name, namesIn(inputSchema)])).toEqual(
      TOOLS.map((name) => [name, TOOL_ROWS[name]?.takes]),
    );
  });

  it("fits every client: names, and schemas with a plain object at the root", () => {
    for (const { name, inputSchema, outputSchema, description } of features.tools) {
      expect(name).toMatch(/^[a-z][a-z0-9_]{0,39}$/);
      for (const schema of [inputSchema, outputSchema] as Record<string, unknown>[]) {
        expect(schema.type, name).toBe("object");
        for (const keyword of ["$schema", "oneOf", "anyOf", "allOf", "if", "not", "$ref"])
          expect(Object.keys(schema), name).not.toContain(keyword);
      }
      expect(description.length, name).toBeLessThan(1024);
    }
  });

  it("exports one HTTP handler, two RPC entrypoints and seven Durable Object classes, and nothing else", () => {
    expect(Object.keys(gateway).toSorted()).toEqual([
      "AuditLogObject",
      "ErasureObject",
      "GatewayAdminEntrypoint",
      "GatewayEntrypoint",
      "GrantObject",
      "McpSessionObject",
      "OneTimeMark",
      "RateCounter",
      "UserObject",
      "default",
    ]);
    expect(Object.keys(gateway.default)).toEqual(["fetch"]);
  });

  it("lets a sibling call four methods, and in a session one for each tool and three more", () => {
    expect(methodsOf(gateway.GatewayEntrypoint)).toEqual(["callTool", "explain", "listTools", "session"]);
    expect(methodsOf(SessionTarget)).toEqual([...TOOLS, "explain", "only", "tools"].toSorted());
    expect(methodsOf(gateway.GatewayAdminEntrypoint)).toEqual(["revokeUser"]);
    expect(methodsOf(gateway.AuditLogObject)).toEqual([
      "alarm",
      "append",
      "begin",
      "beginCancel",
      "erase",
      "eraseSubject",
      "finish",
      "settleNow",
      "undelivered",
    ]);
    expect(methodsOf(gateway.ErasureObject)).toEqual(["alarm", "start"]);
    expect(methodsOf(gateway.OneTimeMark)).toEqual(["alarm", "answer", "claim", "settle"]);
    expect(methodsOf(gateway.GrantObject)).toEqual(["addToList", "alarm", "handleTokenRequest", "open", "revoke"]);
    expect(methodsOf(gateway.UserObject)).toEqual([
      "alarm",
      "deleteApprovals",
      "endEverything",
      "endGrant",
      "endSession",
      "endToken",
      "findApproval",
      "hasEndedSession",
      "listGrants",
      "registerGrant",
      "storeApproval",
      "tokenState",
    ]);
    expect(methodsOf(gateway.RateCounter)).toEqual(["alarm", "count", "peek"]);
    expect(methodsOf(gateway.McpSessionObject)).toEqual([
      "alarm",
      "cancel",
      "create",
      "end",
      "expect",
      "fetch",
      "isCancelled",
      "resolve",
      "responsesTo",
      "send",
      "setLevel",
      "touch",
    ]);
  });
});

/** Everything on the prototype can be called over RPC, whatever TypeScript calls private. */
function methodsOf(entry: { prototype: object }): string[] {
  return Object.getOwnPropertyNames(entry.prototype)
    .filter((name) => name !== "constructor")
    .toSorted();
}
