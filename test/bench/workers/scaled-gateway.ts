// The gateway with other numbers of tools and backends, as its variables say: each tool is
// `flow_status` under another name, and four unlisted ones differ in what governs their call only.
// OAuth, limits, MCP, pipeline and audit are the product's own.

import { INFO } from "../../../entrypoints/gateway/features.ts";
import { httpHandler } from "../../../entrypoints/gateway/http.ts";
import { callPreparer } from "../../../entrypoints/gateway/mcp-server.ts";
import type { RequestContext } from "../../../src/context.ts";
import type { Env } from "../../../src/env.ts";
import type { McpServer, ServerFeatures } from "../../../src/mcp/port.ts";
import type { Credential } from "../../../src/oauth/resource-server/authenticate.ts";
import { catalogOf, catalog as productCatalog } from "../../../src/tools/catalog.ts";
import type { Settlement, ToolDefinition } from "../../../src/tools/tool-definition.ts";
import type { GovernedTool } from "../flow.ts";

interface ScaledEnv extends Env {
  readonly TOOLS: string;
  readonly BACKENDS: string;
}

interface Scaled {
  readonly catalog: ReadonlyMap<string, ToolDefinition>;
  readonly features: ServerFeatures;
}

const gateways = new WeakMap<ScaledEnv, Scaled>();

function scaledFor(env: ScaledEnv): Scaled {
  const known = gateways.get(env);
  if (known) return known;
  const { flow_status: model } = Object.fromEntries(productCatalog);
  if (!model) throw new Error("The product has no flow_status.");
  const tools = Array.from({ length: Number(env.TOOLS) }, (_, at): ToolDefinition => {
    // The bindings are named BACKEND_0 and so on, which the product's types cannot know.
    return {
      ...model,
      name: `flow_status_${at}`,
      backend: `BACKEND_${at % Number(env.BACKENDS)}` as ToolDefinition["backend"],
    };
  });
  const features: ServerFeatures = {
    info: INFO,
    instructions: "Many tools.",
    tools: tools.map(({ name, title, description, inputSchema, outputSchema, annotations }) => {
      return { name, title, description, inputSchema, outputSchema, annotations };
    }),
    prompts: [],
    resources: [],
    templates: [],
    extensions: {},
    meta: async () => ({}),
  };
  const scaled = { catalog: catalogOf([...tools, ...governedTools(model)]), features };
  gateways.set(env, scaled);
  return scaled;
}

/** Each does all that the one before does, and one thing more. */
function governedTools(model: ToolDefinition): readonly ToolDefinition[] {
  const settlement = (state: "running" | "succeeded"): Settlement => ({
    find: async () => ({ ok: false, error: { code: "flow_not_found", message: "" } }),
    notFound: "flow_not_found",
    stateOf: () => state,
    referenceOf: () => "flow",
  });
  const change = { ...model, backend: "BACKEND_0" as ToolDefinition["backend"], risk: "LOCAL_MUTATION" } as const; // as above
  const paid = { ...change, isPaid: true, price: 1 };
  const tools: Readonly<Record<GovernedTool, ToolDefinition>> = {
    intent_and_outcome: change,
    and_credential: { ...change, isPaid: true },
    and_reserve: { ...paid, settlement: settlement("running") },
    and_settle: { ...paid, settlement: settlement("succeeded") },
  };
  return Object.entries(tools).map(([name, tool]) => ({ ...tool, name }));
}

function mcpServerFor(context: RequestContext, credential: Credential): McpServer {
  const { catalog, features } = scaledFor(context.env as ScaledEnv); // it has the variables of its own Worker
  return {
    features,
    prepareCall: callPreparer(context, credential, catalog),
    readResource: async () => ({ state: "not_found" }),
    getPrompt: async () => ({ state: "not_found" }),
    complete: async () => null,
  };
}

export default { fetch: httpHandler({ info: INFO, mcpServerFor }) } satisfies ExportedHandler<Env>;
