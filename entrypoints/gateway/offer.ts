// How the gateway presents itself to MCP clients: name, instructions, and the tools of the catalog that a caller is shown.
import { version } from "../../package.json";
import type { ListedTool, Offer } from "../../src/mcp/host.ts";
import type { Caller } from "../../src/oauth/bearer.ts";
import { mayCall, permits } from "../../src/pipeline/authorize.ts";
import { catalog } from "../../src/tools/catalog.ts";
import type { Tool } from "../../src/tools/tool.ts";

/** `Implementation` of the MCP schema. */
export const INFO: Offer["info"] = { name: "stackbilt-mcp-gateway", title: "Stackbilt", version };

const INSTRUCTIONS =
  "flow_* tools design a system: flow_create with the user's description, then flow_advance once for each mode, then flow_summary for all artifacts. " +
  "image_* tools draw pictures: image_generate with a full visual description. Ids that a tool returns stay valid for the signed-in user.";

/** One for each list that somebody is shown, because the wire makes an offer's JSON once. */
const offers = new Map<string, Offer>();

/**
 * What `caller` is offered. A person who let an app read is shown every tool, because they can allow the rest when the app asks for
 * it; a key or a JWT cannot grow, so it is shown what it may call.
 */
export function offerTo({ kind, identity }: Caller): Offer {
  const canGrow = kind === "oauth" && permits(identity.scopes, "read");
  const tools = Array.from(catalog.values()).filter((tool) => canGrow || mayCall(tool, identity));
  const list = tools.map(({ name }) => name).join();
  const known = offers.get(list);
  if (known) return known;
  const offer = { info: INFO, instructions: INSTRUCTIONS, tools: tools.map(listed) };
  offers.set(list, offer);
  return offer;
}

function listed({ name, title, description, inputSchema, outputSchema, annotations }: Tool): ListedTool {
  return { name, title, description, inputSchema, outputSchema, annotations };
}
