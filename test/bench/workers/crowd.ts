// The gateway as it is deployed, with as many tools as it is told, over as many backends: each tool is `flow_status` under another name.
// Door, OAuth, limits, wire, pipeline and audit are the product's own.
import { openerOf } from "../../../entrypoints/gateway/host.ts";
import { httpDoor } from "../../../entrypoints/gateway/http.ts";
import { INFO } from "../../../entrypoints/gateway/offer.ts";
import type { Env } from "../../../src/env.ts";
import type { Host, Offer } from "../../../src/mcp/host.ts";
import type { Caller } from "../../../src/oauth/bearer.ts";
import { catalogOf, catalog as productCatalog } from "../../../src/tools/catalog.ts";
import type { BackendName, Tool } from "../../../src/tools/tool.ts";
import type { Trace } from "../../../src/trace.ts";

interface CrowdEnv extends Env {
  readonly TOOLS: string;
  readonly BACKENDS: string;
}

interface Crowd {
  readonly catalog: ReadonlyMap<string, Tool>;
  readonly offer: Offer;
}

const crowds = new WeakMap<CrowdEnv, Crowd>();

function crowdOf(env: CrowdEnv): Crowd {
  const known = crowds.get(env);
  if (known) return known;
  const { flow_status: model } = Object.fromEntries(productCatalog);
  if (!model) throw new Error("The product has no flow_status.");
  const tools = Array.from({ length: Number(env.TOOLS) }, (_, at): Tool => {
    // The bindings are named BACKEND_0 and so on, which the product's types cannot know.
    return { ...model, name: `flow_status_${at}`, backend: `BACKEND_${at % Number(env.BACKENDS)}` as BackendName };
  });
  const offer: Offer = {
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
  const crowd = { catalog: catalogOf(tools), offer };
  crowds.set(env, crowd);
  return crowd;
}

function hostFor(env: Env, ctx: ExecutionContext, caller: Caller, requestTrace: Trace): Host {
  const { catalog, offer } = crowdOf(env as CrowdEnv); // it has the variables of its own Worker
  return {
    offer,
    openTool: openerOf(catalog, env, ctx, caller, requestTrace),
    readResource: async () => ({ state: "not_found" }),
    getPrompt: async () => ({ state: "not_found" }),
    complete: async () => null,
  };
}

export default { fetch: httpDoor({ info: INFO, hostFor }) } satisfies ExportedHandler<Env>;
