// What the world can see of the gateway, as literals. A red test here is a question: did you mean it?
import { createExecutionContext } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { Scope, TenantId } from "../../contracts/rpc/identity.ts";
import { featuresFor } from "../../entrypoints/gateway/features.ts";
import * as gateway from "../../entrypoints/gateway/index.ts";
import { mcpServerFor } from "../../entrypoints/gateway/mcp-server.ts";
import { traceFrom } from "../../src/context.ts";
import type { CredentialKind } from "../../src/oauth/resource-server/authenticate.ts";
import { catalog } from "../../src/tools/catalog.ts";
import { envWith } from "./oauth/browser.ts";

/** What somebody with these rights is shown. */
function shownTo(kind: CredentialKind, scopes: readonly Scope[], tenant = "t") {
  const tenantId = tenant as TenantId; // the brand lives in TypeScript only
  const identity = { subject: "u", tenantId, tier: "free", scopes, clientId: "c" } as const;
  return featuresFor({ kind, identity, expiresAt: null, revalidate: async () => "good" });
}

const offer = shownTo("oauth", ["read"]);
const READING = [
  "flow_governance",
  "flow_quality",
  "flow_status",
  "flow_summary",
  "image_check_job",
  "image_list_models",
];

describe("the gateway's surface", () => {
  it("is ten tools, each with its risk and scope", () => {
    expect(
      Array.from(catalog.values(), ({ name, risk, scope, backend, method }) => [
        name,
        risk,
        scope,
        `${backend}.${method}`,
      ]),
    ).toEqual([
      ["flow_advance", "LOCAL_MUTATION", "generate", "STACKBILDER.advanceFlow"],
      ["flow_create", "LOCAL_MUTATION", "generate", "STACKBILDER.createFlow"],
      ["flow_governance", "READ_ONLY", "read", "STACKBILDER.getFlowGovernance"],
      ["flow_quality", "READ_ONLY", "read", "STACKBILDER.getFlowQuality"],
      ["flow_recover", "LOCAL_MUTATION", "generate", "STACKBILDER.recoverFlow"],
      ["flow_status", "READ_ONLY", "read", "STACKBILDER.getFlowStatus"],
      ["flow_summary", "READ_ONLY", "read", "STACKBILDER.getFlowSummary"],
      ["image_check_job", "READ_ONLY", "read", "IMG_FORGE.checkJob"],
      ["image_generate", "EXTERNAL_MUTATION", "generate", "IMG_FORGE.generateImage"],
      ["image_list_models", "READ_ONLY", "read", "IMG_FORGE.listModels"],
    ]);
  });

  it("costs credits in one place", () => {
    expect(Array.from(catalog.values()).flatMap(({ name, isPaid }) => (isPaid ? name : []))).toEqual([
      "image_generate",
    ]);
  });

  it("is shown whole to an app that its user can allow more, and to a key or a JWT as far as it goes", () => {
    const names = (...rights: Parameters<typeof shownTo>) => shownTo(...rights).tools.map(({ name }) => name);
    const all = [...catalog.keys()];
    expect([names("oauth", ["read"]), names("oauth", ["read", "generate"])]).toEqual([all, all]);
    expect(names("oauth", [])).toEqual([]);
    for (const kind of ["api_key", "jwt"] as const) {
      expect(names(kind, ["read"])).toEqual(READING);
      expect(names(kind, ["generate"])).toEqual(all);
      expect(names(kind, [])).toEqual([]);
    }
    expect(names("api_key", ["generate"], "test:t")).toEqual(all.filter((name) => name !== "image_generate"));
  });

  it("is one object for all who are shown the same, so that its JSON is made once", () => {
    expect(shownTo("api_key", ["read", "generate"], "another")).toBe(offer);
    expect(shownTo("jwt", ["read"])).toBe(shownTo("api_key", ["read"]));
    expect(shownTo("jwt", ["read"])).not.toBe(offer);
  });

  it("has three prompts, shown with the tools that they name", async () => {
    const shape = ({ name, arguments: args }: (typeof offer.prompts)[number]) => [
      name,
      ...args.map((one) => (one.required ? one.name : `${one.name}?`)),
    ];
    const all = [
      ["design_system", "description", "profile?"],
      ["illustrate_idea", "idea", "style?", "quality_tier?", "model?"],
      ["review_flow", "flowId"],
    ];
    expect(offer.prompts.map(shape)).toEqual(all);
    for (const { title, description, arguments: args } of offer.prompts) {
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

  it("fills in and completes no prompt that is not shown", async () => {
    const identity = { subject: "u", tenantId: null, tier: "free", scopes: ["read"], clientId: "c" } as const;
    const caller = { kind: "api_key", identity, expiresAt: null, revalidate: async () => "good" as const } as const;
    const host = mcpServerFor(envWith(), createExecutionContext(), caller, traceFrom(null));
    const typing = { name: "profile", value: "", others: {} };
    expect(await host.getPrompt("review_flow", { flowId: "f" })).toMatchObject({ state: "filled" });
    expect(await host.complete({ ...typing, of: { prompt: "review_flow" }, name: "flowId" }, undefined)).toMatchObject({
      values: [],
    });
    expect(await host.getPrompt("design_system", { description: "x" })).toEqual({ state: "not_found" });
    expect(await host.complete({ ...typing, of: { prompt: "design_system" } }, undefined)).toBeNull();
  });

  it("has one template and two views, each shown with the tools whose results it shows", async () => {
    const views = offer.tools.map(({ name, _meta: meta }) => [
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
    expect(offer.tools.map(({ _meta: meta }) => meta?.["ui/resourceUri"])).toEqual(views.map(([, uri]) => uri));
    expect(offer.resources.map(({ uri, mimeType }) => [uri, mimeType])).toEqual([
      ["ui://stackbilt/flow", "text/html;profile=mcp-app"],
      ["ui://stackbilt/picture", "text/html;profile=mcp-app"],
    ]);
    expect(offer.templates.map(({ uriTemplate, mimeType }) => [uriTemplate, mimeType])).toEqual([
      ["stackbilt://images/{job_id}", "image/png"],
    ]);
    const ui = { mimeTypes: ["text/html;profile=mcp-app"] };
    expect(offer.extensions).toEqual({ "io.modelcontextprotocol/ui": ui, "io.modelcontextprotocol/tasks": {} });
    expect(shownTo("api_key", ["read"]).extensions).toEqual({ "io.modelcontextprotocol/ui": ui });
    const nothing = shownTo("api_key", []);
    expect([nothing.resources, nothing.templates, nothing.extensions]).toEqual([[], [], {}]);
  });

  it("asks for these arguments", () => {
    const shape = (schema: object) => {
      const { properties, required } = schema as { properties: object; required: string[] };
      return Object.keys(properties).map((name) => (required.includes(name) ? name : `${name}?`));
    };
    expect(Object.fromEntries(offer.tools.map(({ name, inputSchema }) => [name, shape(inputSchema)]))).toEqual({
      flow_advance: ["flowId", "wait?"],
      flow_create: ["policy", "projectId?", "projectDescription?", "taskKeywords?"],
      flow_governance: ["flowId"],
      flow_quality: ["flowId"],
      flow_recover: ["flowId", "wait?"],
      flow_status: ["flowId"],
      flow_summary: ["flowId"],
      image_check_job: ["job_id"],
      image_generate: ["prompt", "quality_tier?", "negative_prompt?", "model?", "wait?"],
      image_list_models: [],
    });
  });

  it("fits every client: names, and schemas with a plain object at the root", () => {
    for (const { name, inputSchema, outputSchema, description } of offer.tools) {
      expect(name).toMatch(/^[a-z][a-z0-9_]{0,39}$/);
      for (const schema of [inputSchema, outputSchema] as Record<string, unknown>[]) {
        expect(schema.type, name).toBe("object");
        for (const keyword of ["$schema", "oneOf", "anyOf", "allOf", "if", "not", "$ref"])
          expect(Object.keys(schema), name).not.toContain(keyword);
      }
      expect(description.length, name).toBeLessThan(1024);
    }
  });

  it("exports one HTTP handler, two RPC entrypoints and five Durable Object classes, and nothing else", () => {
    expect(Object.keys(gateway).toSorted()).toEqual([
      "GatewayAdminEntrypoint",
      "GatewayEntrypoint",
      "GrantObject",
      "McpSessionObject",
      "OneTimeMark",
      "RateCounter",
      "UserRevocations",
      "default",
    ]);
    expect(Object.keys(gateway.default)).toEqual(["fetch", "scheduled"]);
  });

  it("lets a sibling call two methods", () => {
    expect(methodsOf(gateway.GatewayEntrypoint)).toEqual(["callTool", "listTools"]);
    expect(methodsOf(gateway.GatewayAdminEntrypoint)).toEqual(["revokeUser"]);
    expect(methodsOf(gateway.OneTimeMark)).toEqual(["alarm", "claim"]);
    expect(methodsOf(gateway.GrantObject)).toEqual(["alarm", "handleTokenRequest", "hasEnded", "open", "revoke"]);
    expect(methodsOf(gateway.UserRevocations)).toEqual([
      "alarm",
      "endSession",
      "endSessions",
      "endTokens",
      "hasEndedSession",
      "hasEndedTokens",
    ]);
    expect(methodsOf(gateway.RateCounter)).toEqual(["alarm", "count"]);
    expect(methodsOf(gateway.McpSessionObject)).toEqual([
      "alarm",
      "begin",
      "cancel",
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
