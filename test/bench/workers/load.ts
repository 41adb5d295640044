// The gateway as it is deployed, with as many tools as it is told, over as many backends: each tool is `flow_status` under another name.
// Door, OAuth, limits, wire, pipeline and audit are the product's own.

import { INFO } from "../../../entrypoints/gateway/features.ts";
import { httpHandler } from "../../../entrypoints/gateway/http.ts";
import { openerOf } from "../../../entrypoints/gateway/mcp-server.ts";
import type { Trace } from "../../../src/context.ts";
import type { Env } from "../../../src/env.ts";
import type { McpServer, ServerFeatures } from "../../../src/mcp/port.ts";
import type { Credential } from "../../../src/oauth/resource-server/authenticate.ts";
import { catalogOf, catalog as productCatalog } from "../../../src/tools/catalog.ts";
import type { BackendName, ToolDefinition } from "../../../src/tools/tool-definition.ts";

interface CrowdEnv extends Env {
  readonly TOOLS: string;
  readonly BACKENDS: string;
}

interface Crowd {
  readonly catalog: ReadonlyMap<string, ToolDefinition>;
  readonly features: ServerFeatures;
}

const crowds = new WeakMap<CrowdEnv, Crowd>();

function crowdOf(env: CrowdEnv): Crowd {
  const known = crowds.get(env);
  if (known) return known;
  const { flow_status: model } = Object.fromEntries(productCatalog);
  if (!model) throw new Error("The product has no flow_status.");
  const tools = Array.from({ length: Number(env.TOOLS) }, (_, at): ToolDefinition => {
    // The bindings are named BACKEND_0 and so on, which the product's types cannot know.
    return { ...model, name: `flow_status_${at}`, backend: `BACKEND_${at % Number(env.BACKENDS)}` as BackendName };
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
  const crowd = { catalog: catalogOf(tools), features };
  crowds.set(env, crowd);
  return crowd;
}

function mcpServerFor(env: Env, ctx: ExecutionContext, caller: Credential, requestTrace: Trace): McpServer {
  const { catalog, features } = crowdOf(env as CrowdEnv); // it has the variables of its own Worker
  return {
    features,
    openTool: openerOf(catalog, env, ctx, caller, requestTrace),
    readResource: async () => ({ state: "not_found" }),
    getPrompt: async () => ({ state: "not_found" }),
    complete: async () => null,
  };
}

export default { fetch: httpHandler({ info: INFO, mcpServerFor }) } satisfies ExportedHandler<Env>;
