// How the gateway presents itself to MCP clients: name, instructions, and the tools, prompts and resources that a caller is shown.
import { version } from "../../package.json";
import type { ListedPrompt, ListedResource, ListedTool, Offer } from "../../src/mcp/host.ts";
import { TASKS } from "../../src/mcp/tasks.ts";
import type { Caller } from "../../src/oauth/bearer.ts";
import { mayCall, permits } from "../../src/pipeline/authorize.ts";
import { prompts } from "../../src/prompts/catalog.ts";
import type { Prompt } from "../../src/prompts/prompt.ts";
import { PICTURES } from "../../src/resources/picture.ts";
import { VIEW_META, VIEW_MIME_TYPE, type View } from "../../src/resources/view.ts";
import { SERVER } from "../../src/server-card.ts";
import { catalog } from "../../src/tools/catalog.ts";
import { digestsOf } from "../../src/tools/digest.ts";
import type { Tool } from "../../src/tools/tool.ts";

/** `Implementation` of the MCP schema. */
export const INFO: Offer["info"] = { ...SERVER, version };

const INSTRUCTIONS =
  "flow_* tools design a system: flow_create with the user's description, then flow_advance once for each mode, then flow_summary for all artifacts. " +
  "image_* tools draw pictures: image_generate with a full visual description. Ids that a tool returns stay valid for the signed-in user.";

/** One for each list that somebody is shown, because the wire makes an offer's JSON once. */
const offers = new Map<string, Offer>();

/**
 * What `caller` is offered. A person who let an app read is shown every tool, because they can allow the rest when the app asks for
 * it; a key or a JWT cannot grow, so it is shown what it may call. Prompts and views come with the tools that they are for.
 */
export function offerTo({ kind, identity }: Caller): Offer {
  const canGrow = kind === "oauth" && permits(identity.scopes, "read");
  const tools = Array.from(catalog.values()).filter((tool) => canGrow || mayCall(tool, identity));
  const names = new Set<string>(tools.map(({ name }) => name));
  const list = Array.from(names).join();
  const known = offers.get(list);
  if (known) return known;
  const offer: Offer = {
    info: INFO,
    instructions: INSTRUCTIONS,
    tools: tools.map(listed),
    prompts: Array.from(prompts.values()).flatMap((prompt) =>
      prompt.tools.every((tool) => names.has(tool)) ? listedPrompt(prompt) : [],
    ),
    resources: Array.from(new Set(tools.flatMap(({ view }) => view ?? [])), listedView),
    // Every tool takes at least the right to read.
    templates: tools.length > 0 ? [PICTURES] : [],
    extensions: {
      ...(tools.some(({ view }) => view) && { "io.modelcontextprotocol/ui": { mimeTypes: [VIEW_MIME_TYPE] } }),
      ...(tools.some(({ long }) => long) && { [TASKS]: {} }),
    },
    meta: async () => ({ "com.stackbilt/catalog": await digestsOf(tools) }),
  };
  offers.set(list, offer);
  return offer;
}

function listed({ name, title, description, inputSchema, outputSchema, annotations, view }: Tool): ListedTool {
  const tool = { name, title, description, inputSchema, outputSchema, annotations };
  // The second key is what clients knew before MCP Apps 2026-01-26.
  return view ? { ...tool, _meta: { ui: { resourceUri: view.uri }, "ui/resourceUri": view.uri } } : tool;
}

function listedPrompt({ name, title, description, arguments: args }: Prompt): ListedPrompt {
  return { name, title, description, arguments: args };
}

function listedView({ uri, name, title, description, mimeType }: View): ListedResource {
  return { uri, name, title, description, mimeType, _meta: VIEW_META };
}
