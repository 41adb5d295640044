// How the gateway presents itself to MCP clients: name, instructions, and the tools, prompts and resources that a caller is shown.
import { version } from "../../package.json";
import { SERVER } from "../../src/discovery/server-card.ts";
import type { Prompt, Resource, ServerFeatures, Tool } from "../../src/mcp/port.ts";
import { TASKS } from "../../src/mcp/tasks.ts";
import type { Credential } from "../../src/oauth/resource-server/authenticate.ts";
import { mayCall, permits } from "../../src/pipeline/authorize.ts";
import { prompts } from "../../src/prompts/catalog.ts";
import type { PromptDefinition } from "../../src/prompts/prompt-definition.ts";
import { PICTURES } from "../../src/resources/picture.ts";
import { VIEW_META, VIEW_MIME_TYPE, type View } from "../../src/resources/view.ts";
import { catalog } from "../../src/tools/catalog.ts";
import { digestsOf } from "../../src/tools/digest.ts";
import type { ToolDefinition } from "../../src/tools/tool-definition.ts";

/** `Implementation` of the MCP schema. */
export const INFO: ServerFeatures["info"] = { ...SERVER, version };

const INSTRUCTIONS =
  "flow_* tools design a system: flow_create with the user's description, then flow_advance once for each mode, then flow_summary for all artifacts. " +
  "image_* tools draw pictures: image_generate with a full visual description. Ids that a tool returns stay valid for the signed-in user.";

/** One for each list that somebody is shown, because the wire makes an offer's JSON once. */
const offers = new Map<string, ServerFeatures>();

/**
 * What `caller` is offered. A person who let an app read is shown every tool, because they can allow the rest when the app asks for
 * it; a key or a JWT cannot grow, so it is shown what it may call. Prompts and views come with the tools that they are for.
 */
export function featuresFor({ kind, identity }: Credential): ServerFeatures {
  const canGrow = kind === "oauth" && permits(identity.scopes, "read");
  const tools = Array.from(catalog.values()).filter((tool) => canGrow || mayCall(tool, identity));
  const names = new Set<string>(tools.map(({ name }) => name));
  const list = Array.from(names).join();
  const known = offers.get(list);
  if (known) return known;
  const offer: ServerFeatures = {
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
      ...(tools.some(({ task }) => task) && { [TASKS]: {} }),
    },
    meta: async () => ({ "com.stackbilt/catalog": await digestsOf(tools) }),
  };
  offers.set(list, offer);
  return offer;
}

function listed({ name, title, description, inputSchema, outputSchema, annotations, view }: ToolDefinition): Tool {
  const tool = { name, title, description, inputSchema, outputSchema, annotations };
  // The second key is what clients knew before MCP Apps 2026-01-26.
  return view ? { ...tool, _meta: { ui: { resourceUri: view.uri }, "ui/resourceUri": view.uri } } : tool;
}

function listedPrompt({ name, title, description, arguments: args }: PromptDefinition): Prompt {
  return { name, title, description, arguments: args };
}

function listedView({ uri, name, title, description, mimeType }: View): Resource {
  return { uri, name, title, description, mimeType, _meta: VIEW_META };
}
