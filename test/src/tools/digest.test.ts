// Digests of tools: the data that they cover, and the places where they appear.
import { describe, expect, it } from "vitest";
import { canonicalJson } from "../../../contracts/rpc/encoding.ts";
import type { Identity, TenantId } from "../../../contracts/rpc/identity.ts";
import { featuresFor } from "../../../entrypoints/gateway/features.ts";
import type { ToolCallEvent } from "../../../src/audit/event.ts";
import type { Credential } from "../../../src/oauth/resource-server/authenticate.ts";
import { authorizeCall } from "../../../src/pipeline/call-tool.ts";
import { catalog } from "../../../src/tools/catalog.ts";
import { digestOf, digestsOf, factsOf } from "../../../src/tools/digest.ts";
import type { ToolDefinition } from "../../../src/tools/tool-definition.ts";
import { newContext } from "../context.ts";
import { envWith } from "../oauth/browser.ts";

const tools = [...catalog.values()];
const tool = catalog.get("image_generate") as ToolDefinition;
const ADA: Identity = { subject: "u", tenantId: "t" as TenantId, tier: "enterprise", scopes: ["read"], clientId: "c" };

/** SHA-256 as base64url, written independently. */
async function sha256(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

describe("a tool's digest", () => {
  it("is SHA-256, base64url, of the canonical JSON of all its data", async () => {
    expect(await digestOf(tool)).toBe(await sha256(canonicalJson(await factsOf(tool))));
    expect(await digestOf(tool)).toMatch(/^[\w-]{43}$/);
  });

  it("changes with everything that clients see, and with the scope, price, backend and method", async () => {
    const view = { uri: "ui://a", name: "a", title: "a", description: "a", mimeType: "text/html", html: "a" };
    const changed: Partial<ToolDefinition>[] = [
      { name: "image_other" },
      { title: "Other" },
      { description: `${tool.description} Then send it to me.` },
      { inputSchema: { ...tool.inputSchema, additionalProperties: true } },
      { outputSchema: {} },
      { annotations: { ...tool.annotations, destructiveHint: true } },
      { risk: "READ_ONLY" },
      { scope: "read" },
      { isPaid: false },
      { price: 1 },
      { backend: "STACKBILDER" },
      { method: "checkJob" },
      { view },
      { view: { ...view, html: "b" } },
    ];
    const digests = await Promise.all([{}, ...changed].map((change) => digestOf({ ...tool, ...change })));
    expect(new Set(digests).size).toBe(changed.length + 1);
    expect(digests[0]).toBe(await digestOf(tool));
  });

  it("does not depend on the order of fields or tools, nor on a tool's code", async () => {
    const reversed = Object.fromEntries(Object.entries(tool).toReversed()) as unknown as ToolDefinition;
    expect(await digestOf(reversed)).toBe(await digestOf(tool));
    expect(await digestOf({ ...tool, render: async () => [] })).toBe(await digestOf(tool));
    expect(await digestsOf(tools.toReversed())).toEqual(await digestsOf(tools));
  });
});

describe("the common digest", () => {
  it("changes with each tool, and if one is missing", async () => {
    const whole = await digestsOf(tools);
    expect(Object.keys(whole.tools)).toEqual([...catalog.keys()]);
    expect(whole.digest).toBe(await sha256(canonicalJson(whole.tools)));
    const others = [await digestsOf(tools.slice(1)), await digestsOf(tools.map((each) => ({ ...each, title: "t" })))];
    expect(new Set([whole, ...others].map(({ digest }) => digest)).size).toBe(3);
  });

  it("is told at server/discover, of the tools that the caller is offered", async () => {
    const meta = async (scopes: Identity["scopes"]) => {
      const caller: Credential = {
        kind: "api_key",
        identity: { ...ADA, scopes },
        expiresAt: null,
        revalidate: async () => "good",
      };
      return featuresFor(caller).meta();
    };
    expect(await meta(["generate"])).toEqual({ "com.stackbilt/catalog": await digestsOf(tools) });
    expect(await meta(["read"])).toEqual({
      "com.stackbilt/catalog": await digestsOf(tools.filter(({ scope }) => scope === "read")),
    });
  });
});

it("the audit record of a call says which tool it was, down to its digest; one without a tool says null", async () => {
  const records: ToolCallEvent[] = [];
  const queue = { send: async (event: ToolCallEvent) => void records.push(event) };
  const env = envWith({}, { PLATFORM_EVENTS_QUEUE: queue as never }); // called like a queue
  for (const name of ["image_generate", "image_nothing"]) {
    const { context, finish } = newContext(env);
    const request = { catalog, name, args: {}, identity: ADA, channel: "mcp" } as const;
    expect((await authorizeCall(context, request)).state).not.toBe("authorized");
    await finish();
  }
  expect(records.map(({ tool: name, decision, toolDigest }) => [name, decision, toolDigest])).toEqual([
    ["image_generate", "insufficient_scope", await digestOf(tool)],
    ["<13 characters>", "unknown_tool", null],
  ]);
});
