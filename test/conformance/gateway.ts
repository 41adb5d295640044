// The gateway with the suite's tools, prompts and resources instead of the product's. OAuth,
// limits, MCP, pipeline and audit are the product's own.

import { INFO } from "../../entrypoints/gateway/features.ts";
import { httpHandler } from "../../entrypoints/gateway/http.ts";
import product from "../../entrypoints/gateway/index.ts";
import { callPreparer } from "../../entrypoints/gateway/mcp-server.ts";
import { dispatch } from "../../src/backends/dispatch.ts";
import { type RequestContext, traceFrom } from "../../src/context.ts";
import type { Env } from "../../src/env.ts";
import { supportsRequest } from "../../src/mcp/elicitation.ts";
import type {
  ClientInput,
  McpServer,
  PrepareCall,
  PreparedCall,
  ReadResourceResult,
  ServerFeatures,
  ToolOutcome,
} from "../../src/mcp/port.ts";
import type { ContentBlock, InputRequest } from "../../src/mcp/schema.ts";
import { TASKS } from "../../src/mcp/tasks.ts";
import type { Credential } from "../../src/oauth/resource-server/authenticate.ts";
import { STATE_REFUSED } from "../../src/pipeline/checks.ts";
import { openState, sealState } from "../../src/pipeline/request-state.ts";
import { catalogOf } from "../../src/tools/catalog.ts";
import { type ToolDeclaration, toolsFrom } from "../../src/tools/tool-definition.ts";
import { type Block, type Conversation, type Shown, show, type Topic } from "./contract.ts";
import { fill, prompts, suggest } from "./prompts.ts";
import { prepareWork, tasksFor, WORKS } from "./tasks.ts";

export * from "../../entrypoints/gateway/index.ts";

/** A block as the MCP schema has it. */
function contentOf({ type, text, data, mime_type: mimeType, uri }: Block): ContentBlock {
  if (type === "text") return { type, text: text ?? "" };
  // The types of the product have neither embedded resources nor audio.
  if (type === "resource") return { type, resource: { uri, mimeType, text } } as unknown as ContentBlock;
  return { type, data, mimeType } as ContentBlock;
}

const definition = {
  title: "Test",
  description: "A tool of the conformance suite.",
  risk: "READ_ONLY",
  price: 0,
  render: async ({ blocks }: Shown) => blocks.map(contentOf),
} satisfies ToolDeclaration<typeof show, "test_simple_text">;

/** The schema that the suite expects unchanged, with every keyword that a server could strip. */
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

/** The topic of each tool that requires input. All of them are one tool, under many names. */
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
  ["test_elicitation", "user_details"],
  ["test_elicitation_sep1034_defaults", "defaults"],
  ["test_elicitation_sep1330_enums", "choices"],
]);
const NO_ARGUMENTS = { type: "object", additionalProperties: false };
/** The argument with the text of the request, for the tools that have one. */
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
        // The suite wants the greeting as the first block, where a tool has the JSON of its value.
        { ...tool, name: "greet", render: async (value: object) => (value as Shown).blocks.map(contentOf) },
      ];
    }
    return tool.name === "test_custom_headers" ? { ...tool, inputSchema: SCHEMA_WITH_HEADER } : tool;
  }),
);

/** Tools with tasks are last, because the suite calls the first tool without the capability. */
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

function mcpServerFor(context: RequestContext, credential: Credential): McpServer {
  return {
    features,
    prepareCall: preparerFor(context, credential),
    readResource: (uri, traceparent) => read(withTrace(context, traceparent), credential, uri),
    getPrompt: async (name, args, clientInput) => fill(name, args, clientInput),
    complete: async (request) => suggest(request),
    tasks: tasksFor(context, credential),
  };
}

function withTrace(context: RequestContext, traceparent: string | undefined): RequestContext {
  return traceparent === undefined ? context : { ...context, trace: traceFrom(traceparent) };
}

const NO_INPUT: ClientInput = { capabilities: {}, inputResponses: {}, requestState: undefined };

function preparerFor(requestContext: RequestContext, credential: Credential): PrepareCall {
  const prepare = callPreparer(requestContext, credential, catalog);
  return async (name, args, meta, clientInput = NO_INPUT) => {
    if (
      name === "test_missing_capability" &&
      !supportsRequest(clientInput.capabilities, { method: "sampling/createMessage", params: {} })
    ) {
      return { state: "missing_capability", requiredCapabilities: { sampling: {} } };
    }
    const context = withTrace(requestContext, meta.traceparent);
    const kind = WORKS.get(name);
    // src/mcp has checked that `args` is an object.
    if (kind !== undefined) {
      return prepareWork({ context, credential, tool: name, kind, args: args as object, clientInput });
    }
    if (name === "test_tool_with_logging") return logged(await prepare(name, args, meta, clientInput));
    const about = TOPICS.get(name);
    if (about === undefined) return prepare(name, args, meta, clientInput);
    const send = async (input: object) => {
      const prepared = await prepare(name, input, meta);
      if (prepared.state !== "ready") throw new Error(`${name}: ${prepared.state}`);
      return prepared.run();
    };
    const conversation = { context, credential, name, args, about, clientInput, send };
    return { state: "ready", run: () => converse(conversation) };
  };
}

/** The same call, with a log message for each progress report. */
function logged(prepared: PreparedCall): PreparedCall {
  if (prepared.state !== "ready") return prepared;
  return {
    state: "ready",
    run: (progress, log) =>
      prepared.run((update) => {
        log?.("info", update);
        return progress?.(update) ?? "continue";
      }),
  };
}

const METHODS = ["elicitation/create", "sampling/createMessage", "roots/list"] as const;

interface ConversationCall {
  readonly context: RequestContext;
  readonly credential: Credential;
  readonly name: string;
  readonly args: unknown;
  readonly about: Topic;
  readonly clientInput: ClientInput;
  send(input: object): Promise<ToolOutcome>;
}

/** One step of a multi round-trip request: the backend returns its input requests and its state. */
async function converse(call: ConversationCall): Promise<ToolOutcome> {
  const { context, credential, name, args, about, send } = call;
  const { capabilities, inputResponses, requestState } = call.clientInput;
  const binding = { identity: credential.identity, method: "tools/call", target: [name], args };
  const opened = requestState === undefined ? null : await openState(context, binding, requestState);
  if (requestState !== undefined && opened === null) return STATE_REFUSED;
  const methods = METHODS.filter((method) => supportsRequest(capabilities, { method, params: {} }));
  const words = Object.values(args as Record<string, unknown>)[0] ?? null;
  const responses_json = JSON.stringify(inputResponses);
  const outcome = await send({ about, words, methods, responses_json, state: opened?.payload ?? null });
  if ("state" in outcome) return outcome;
  const { requests, state } = outcome.structuredContent as Conversation; // validated by the pipeline
  if (requests.length === 0) return outcome;
  const inputRequests = Object.fromEntries(
    requests.map(({ key, method, params_json }) => [
      key,
      { method, params: JSON.parse(params_json) as InputRequest["params"] },
    ]),
  );
  return { state: "input_required", inputRequests, requestState: await sealState(context, binding, state ?? "") };
}

async function read(context: RequestContext, { identity }: Credential, uri: string): Promise<ReadResourceResult> {
  const { audience, methods } = show;
  const call = { backend: "STACKBILDER", audience, method: "read", operation: methods.read, tool: "read" } as const;
  const reply = await dispatch(context, { ...call, identity }, { uri });
  if (!reply.ok) {
    return reply.error.code === "resource_not_found"
      ? { state: "not_found" }
      : { state: "failed", message: reply.error.message };
  }
  const { mime_type: mimeType, text, blob } = reply.value;
  const contents = text === null ? { uri, mimeType, blob: blob ?? "" } : { uri, mimeType, text };
  return { state: "read", contents: [contents], ttlMs: 0 };
}

export default { ...product, fetch: httpHandler({ info: INFO, mcpServerFor }) } satisfies ExportedHandler<Env>;
