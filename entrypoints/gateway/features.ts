// The features that an MCP client is shown: name, instructions, tools, prompts, resources,
// extensions.

import { isTestTenant, permits } from "../../contracts/rpc/identity.ts";
import { version } from "../../package.json";
import { SERVER } from "../../src/discovery/server-card.ts";
import { EXPLAIN } from "../../src/mcp/explain.ts";
import type { ServerFeatures } from "../../src/mcp/port.ts";
import type { Prompt, Resource, Tool } from "../../src/mcp/schema.ts";
import { TASKS } from "../../src/mcp/tasks.ts";
import type { Credential } from "../../src/oauth/resource-server/authenticate.ts";
import { mayCall } from "../../src/pipeline/authorize.ts";
import { prompts } from "../../src/prompts/catalog.ts";
import type { PromptDefinition } from "../../src/prompts/prompt-definition.ts";
import { PICTURES } from "../../src/resources/picture.ts";
import { VIEW_META, VIEW_MIME_TYPE, type View } from "../../src/resources/view.ts";
import { catalog } from "../../src/tools/catalog.ts";
import { digestsOf } from "../../src/tools/digest.ts";
import { productTexts } from "../../src/tools/product-texts.ts";
import type { ToolDefinition } from "../../src/tools/tool-definition.ts";

/** `Implementation` of the MCP schema. */
export const INFO: ServerFeatures["info"] = { ...SERVER, version };

/**
 * By everything that decides the list of tools, and by that list. One object for equal lists,
 * because the wire caches JSON by object.
 */
const cached = new Map<string, ServerFeatures>();

/**
 * The features for a credential. An OAuth client with `read` is shown every tool: the user can
 * grant the rest when the client asks (step-up). A key or a JWT cannot get more scopes, so it is
 * shown what it may call. Prompts and views accompany their tools.
 */
export function featuresFor({ kind, identity }: Credential): ServerFeatures {
  const { scopes, tenantId } = identity;
  const canStepUp = kind === "oauth" && permits(scopes, "read");
  const key = canStepUp ? "all" : `${scopes.join()} ${isTestTenant(tenantId)}`;
  const known = cached.get(key);
  if (known) return known;
  const tools = Array.from(catalog.values()).filter((tool) => canStepUp || mayCall(tool, identity));
  const list = tools.map(({ name }) => name).join();
  const features = cached.get(list) ?? featuresWith(tools);
  cached.set(key, features).set(list, features);
  return features;
}

function featuresWith(tools: readonly ToolDefinition[]): ServerFeatures {
  const names = new Set<string>(tools.map(({ name }) => name));
  return {
    info: INFO,
    instructions: productTexts.instructions,
    tools: tools.map(listedTool),
    prompts: Array.from(prompts.values()).flatMap((prompt) =>
      prompt.tools.every((tool) => names.has(tool)) ? listedPrompt(prompt) : [],
    ),
    resources: Array.from(new Set(tools.flatMap(({ view }) => view ?? [])), listedView),
    // Every tool needs at least `read`, which is what pictures need.
    templates: tools.length > 0 ? [PICTURES] : [],
    extensions: {
      ...(tools.some(({ view }) => view) && { "io.modelcontextprotocol/ui": { mimeTypes: [VIEW_MIME_TYPE] } }),
      ...(tools.some(({ task }) => task) && { [TASKS]: {} }),
      ...(tools.length > 0 && { [EXPLAIN]: {} }),
    },
    meta: async () => ({ "com.stackbilt/catalog": await digestsOf(tools) }),
  };
}

function listedTool({ price, view, ...tool }: ToolDefinition): Tool {
  const { name, title, description, inputSchema, outputSchema, annotations } = tool;
  // The second key is for clients from before MCP Apps 2026-01-26.
  const shown = view && { ui: { resourceUri: view.uri }, "ui/resourceUri": view.uri };
  const _meta = { "com.stackbilt/credits": price, ...shown };
  return { name, title, description, inputSchema, outputSchema, annotations, _meta };
}

function listedPrompt({ name, title, description, arguments: args }: PromptDefinition): Prompt {
  return { name, title, description, arguments: args };
}

function listedView({ uri, name, title, description, mimeType }: View): Resource {
  return { uri, name, title, description, mimeType, _meta: VIEW_META };
}
