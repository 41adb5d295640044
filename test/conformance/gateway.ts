// The gateway as it is deployed, with the suite's tools, prompts and resources behind its door instead of the product's. Everything
// before and between them is the product's own: door, OAuth, limits, wire, pipeline, audit.

import { INFO } from "../../entrypoints/gateway/features.ts";
import { httpHandler } from "../../entrypoints/gateway/http.ts";
import product from "../../entrypoints/gateway/index.ts";
import { openerOf, STATE_REFUSED } from "../../entrypoints/gateway/mcp-server.ts";
import { dispatch } from "../../src/backends/dispatch.ts";
import { type Trace, traceFrom } from "../../src/context.ts";
import type { Env } from "../../src/env.ts";
import { supportsRequest } from "../../src/mcp/client-input.ts";
import type {
  ClientInput,
  InputRequest,
  McpServer,
  OpenedToolCall,
  OpenTool,
  ReadResourceResult,
  ServerFeatures,
  ToolOutcome,
} from "../../src/mcp/port.ts";
import { TASKS } from "../../src/mcp/tasks.ts";
import type { Credential } from "../../src/oauth/resource-server/authenticate.ts";
import { openState, sealState } from "../../src/pipeline/request-state.ts";
import { catalogOf } from "../../src/tools/catalog.ts";
import type { Content } from "../../src/tools/content.ts";
import { type ToolDeclaration, toolsFrom } from "../../src/tools/tool-definition.ts";
import { type Block, type Conversation, type Shown, show, type Topic } from "./contract.ts";
import { fill, prompts, suggest } from "./prompts.ts";
import { openWork, tasksOf, WORKS } from "./tasks.ts";

export * from "../../entrypoints/gateway/index.ts";

/** A block as the MCP schema has it. */
function contentOf({ type, text, data, mime_type: mimeType, uri }: Block): Content {
  if (type === "text") return { type, text: text ?? "" };
  if (type === "resource") return { type, resource: { uri, mimeType, text } } as unknown as Content; // our own tools embed none
  return { type, data, mimeType } as Content; // nor do they play anything
}

const definition = {
  title: "Test",
  description: "A tool of the conformance suite.",
  risk: "READ_ONLY",
  render: async ({ blocks }: Shown) => blocks.map(contentOf),
} satisfies ToolDeclaration<typeof show, "test_simple_text">;

/** What the suite wants to find, word for word: every keyword that a server may strip. */
const SCHEMA_2020_12 = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  $defs: {
    address: {
      $anchor: "addressDef",
      type: "object",
      properties: { street: { type: "string" }, city: { type: "string" } },
    },
  },
  properties: {
    name: { type: "string" },
    address: { $ref: "#/$defs/address" },
    contactMethod: { type: "string", enum: ["phone", "email"] },
    phone: { type: "string" },
    email: { type: "string" },
  },
  allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
  if: { properties: { contactMethod: { const: "phone" } }, required: ["contactMethod"] },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: { required: ["phone"] },
  else: { required: ["email"] },
  additionalProperties: false,
};

/** A parameter that a request repeats in the header `Mcp-Param-Value`. */
const SCHEMA_WITH_HEADER = {
  type: "object",
  properties: { value: { type: "string", "x-mcp-header": "Value" } },
  required: ["value"],
  additionalProperties: false,
};

const tools = toolsFrom("STACKBILDER", show, {
  test_simple_text: definition,
  test_image_content: definition,
  test_audio_content: definition,
  test_embedded_resource: definition,
  test_multiple_content_types: definition,
  test_error_handling: definition,
  test_tool_with_progress: definition,
  test_logging_tool: definition,
  test_json_schema: definition,
  test_custom_headers: definition,
  test_missing_capability: definition,
  test_conversation: definition,
  test_tool_with_logging: definition,
});

/** What the tools ask about that end only after somebody was asked: all of them are one, under many names. */
const TOPICS: ReadonlyMap<string, Topic> = new Map([
  ["test_input_required_result_elicitation", "elicitation"],
  ["test_input_required_result_sampling", "sampling"],
  ["test_input_required_result_list_roots", "roots"],
  ["test_input_required_result_request_state", "confirmation"],
  ["test_input_required_result_tampered_state", "confirmation"],
  ["test_input_required_result_multiple_inputs", "everything"],
  ["test_input_required_result_multi_round", "two_rounds"],
  ["test_input_required_result_capabilities", "either"],
  ["test_streaming_elicitation", "elicitation"],
  ["test_sampling", "words"],
  ["test_elicitation", "person"],
  ["test_elicitation_sep1034_defaults", "defaults"],
  ["test_elicitation_sep1330_enums", "choices"],
]);
const NO_ARGUMENTS = { type: "object", additionalProperties: false };
/** The one argument of those that are told what to ask. */
const WORDS: ReadonlyMap<string, string> = new Map([
  ["test_sampling", "prompt"],
  ["test_elicitation", "message"],
]);

function schemaOf(name: string): Readonly<Record<string, unknown>> {
  const argument = WORDS.get(name);
  return argument === undefined
    ? NO_ARGUMENTS
    : {
        type: "object",
        properties: { [argument]: { type: "string" } },
        required: [argument],
        additionalProperties: false,
      };
}

const catalog = catalogOf(
  tools.flatMap((tool) => {
    if (tool.name === "test_conversation")
      return Array.from(TOPICS.keys(), (name) => ({ ...tool, name, inputSchema: schemaOf(name) }));
    if (tool.name === "test_simple_text") {
      return [tool, ...Array.from(WORKS.keys(), (name) => ({ ...tool, name, inputSchema: { type: "object" } }))];
    }
    if (tool.name === "test_json_schema") {
      return [
        { ...tool, name: "json_schema_2020_12_tool", inputSchema: SCHEMA_2020_12 },
        { ...tool, name: "greet" },
      ];
    }
    return tool.name === "test_custom_headers" ? { ...tool, inputSchema: SCHEMA_WITH_HEADER } : tool;
  }),
);

/** The suite calls the first one as a client that knows no tasks. */
const inOrder = Array.from(catalog.values()).toSorted((a, b) => Number(WORKS.has(a.name)) - Number(WORKS.has(b.name)));

const resource = (uri: string, mimeType: string) => ({
  uri,
  name: uri.slice(7),
  title: uri,
  description: "For the suite.",
  mimeType,
});

const features: ServerFeatures = {
  info: INFO,
  instructions: "Tools, prompts and resources of the conformance suite.",
  tools: inOrder.map(({ name, title, description, inputSchema, outputSchema, annotations }) => {
    return { name, title, description, inputSchema, outputSchema, annotations };
  }),
  prompts,
  resources: [
    resource("test://static-binary", "image/png"),
    resource("test://static-text", "text/plain"),
    resource("test://watched-resource", "text/plain"),
  ],
  templates: [
    {
      uriTemplate: "test://template/{id}/data",
      name: "data",
      title: "Data",
      description: "For the suite.",
      mimeType: "application/json",
    },
  ],
  extensions: { [TASKS]: {} },
  meta: async () => ({}),
};

function mcpServerFor(env: Env, ctx: ExecutionContext, caller: Credential, requestTrace: Trace): McpServer {
  return {
    features,
    openTool: opener(env, ctx, caller, requestTrace),
    readResource: (uri, traceparent) =>
      read(env, caller, uri, traceparent === undefined ? requestTrace : traceFrom(traceparent)),
    getPrompt: async (name, args, aside) => fill(name, args, aside),
    complete: async (typing) => suggest(typing),
    tasks: tasksOf(env, caller, requestTrace),
  };
}

const NOTHING: ClientInput = { capabilities: {}, inputResponses: {}, requestState: undefined };

function opener(env: Env, ctx: ExecutionContext, caller: Credential, requestTrace: Trace): OpenTool {
  const open = openerOf(catalog, env, ctx, caller, requestTrace);
  return (name, args, traceparent, aside = NOTHING) => {
    if (
      name === "test_missing_capability" &&
      !supportsRequest(aside.capabilities, { method: "sampling/createMessage", params: {} })
    ) {
      return { state: "missing_capability", requiredCapabilities: { sampling: {} } };
    }
    const kind = WORKS.get(name);
    const trace = traceparent === undefined ? requestTrace : traceFrom(traceparent);
    if (kind !== undefined) return openWork({ env, caller, trace }, name, kind, args as object, aside); // the wire has looked at it
    if (name === "test_tool_with_logging") return logged(open(name, args, traceparent, aside));
    const about = TOPICS.get(name);
    if (about === undefined) return open(name, args, traceparent, aside);
    const ask = async (input: object) => {
      const opened = open(name, input, traceparent);
      if (opened.state !== "ready") throw new Error(`${name}: ${opened.state}`);
      return opened.run();
    };
    return { state: "ready", run: () => converse(env, caller, name, args, about, aside, ask) };
  };
}

/** The same call; what it reports is logged. */
function logged(opened: OpenedToolCall): OpenedToolCall {
  if (opened.state !== "ready") return opened;
  return {
    state: "ready",
    run: (progress, log) =>
      opened.run((update) => {
        log?.("info", update);
        return progress?.(update) ?? "continue";
      }),
  };
}

const METHODS = ["elicitation/create", "sampling/createMessage", "roots/list"] as const;

/** One round: the Worker behind says in plain data what it needs and where it was; what the client keeps of that is sealed. */
async function converse(
  env: Env,
  { identity }: Credential,
  name: string,
  args: unknown,
  about: Topic,
  { capabilities, inputResponses, requestState }: ClientInput,
  ask: (input: object) => Promise<ToolOutcome>,
): Promise<ToolOutcome> {
  const round = { caller: identity, method: "tools/call", target: [name], args };
  const opened = requestState === undefined ? null : await openState(env, round, requestState);
  if (requestState !== undefined && opened === null) return STATE_REFUSED;
  const methods = METHODS.filter((method) => supportsRequest(capabilities, { method, params: {} }));
  const words = Object.values(args as Record<string, unknown>)[0] ?? null;
  const ended = await ask({
    about,
    words,
    methods,
    answers_json: JSON.stringify(inputResponses),
    state: opened?.kept ?? null,
  });
  if ("state" in ended) return ended;
  const { asks, state } = ended.structuredContent as Conversation; // judged by the pipeline
  if (asks.length === 0) return ended;
  const inputRequests = Object.fromEntries(
    asks.map(({ key, method, params_json }) => [
      key,
      { method, params: JSON.parse(params_json) as InputRequest["params"] },
    ]),
  );
  return { state: "input_required", inputRequests, requestState: await sealState(env, round, state ?? "") };
}

async function read(env: Env, { identity }: Credential, uri: string, trace: Trace): Promise<ReadResourceResult> {
  const target = { name: "read", backend: "STACKBILDER", audience: show.audience } as const;
  const answer = await dispatch(env, target, "read", show.methods.read, { uri }, { caller: identity, trace });
  if (!answer.ok) {
    return answer.error.code === "resource_not_found"
      ? { state: "not_found" }
      : { state: "failed", message: answer.error.message };
  }
  const { mime_type: mimeType, text, blob } = answer.value;
  const contents = text === null ? { uri, mimeType, blob: blob ?? "" } : { uri, mimeType, text };
  return { state: "read", contents: [contents], ttlMs: 0 };
}

export default { ...product, fetch: httpHandler({ info: INFO, mcpServerFor }) } satisfies ExportedHandler<Env>;
