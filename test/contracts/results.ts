// Results of MCP methods, by revision: valid ones, and invalid ones with what is wrong.

export type Fields = Readonly<Record<string, unknown>>;

export const OLDER = "2025-11-25";
export const MODERN = "2026-07-28";

const TOOL = {
  name: "a",
  description: "b",
  inputSchema: { type: "object", properties: { c: { type: "string" } } },
  annotations: { title: "A" },
};
export const LATER_TOOL = { ...TOOL, title: "A", outputSchema: { type: "object" }, _meta: { "com.example/x": 1 } };
const IMPLEMENTATION = { name: "a", version: "1" };
const TEXT = { type: "text", text: "a" };
const LINK = { type: "resource_link", uri: "image://a", name: "a" };
const FLOW = { structuredContent: { a: 1 }, content: [TEXT] };
export const CACHED = {
  resultType: "complete",
  ttlMs: 0,
  cacheScope: "private",
  _meta: { "io.modelcontextprotocol/serverInfo": IMPLEMENTATION },
};
export const WHOLE = { resultType: "complete" };
const TASK = {
  taskId: "t",
  createdAt: "2026-01-01T00:00:00Z",
  lastUpdatedAt: "2026-01-01T00:00:00Z",
  ttlMs: null,
  pollIntervalMs: 5000,
};
const FORM = { message: "Sure?", requestedSchema: { type: "object", properties: { yes: { type: "boolean" } } } };
export const ELICITATION = { method: "elicitation/create", params: { mode: "form", ...FORM } };
export const HANDSHAKE = { protocolVersion: OLDER, capabilities: { tools: {} }, serverInfo: IMPLEMENTATION };
const COMPLETION = { values: ["a"], hasMore: false };
const PROMPT = { name: "p", arguments: [{ name: "a", required: true }] };
const RESOURCE = { uri: "image://a", name: "a", mimeType: "image/png", size: 3 };
const CONTENTS = [{ uri: "image://a", mimeType: "image/png", blob: "AAAA" }];
const MESSAGES = [{ role: "user", content: TEXT }];

/** A valid result of each method, and invalid ones with their violations. */
export const RESULTS: readonly (readonly [
  request: readonly [revision: string | null, method: string],
  valid: Fields | null,
  ...invalid: readonly [result: Fields, violation: string][],
])[] = [
  [[OLDER, "ping"], {}, [{ a: 1 }, "Unrecognized"], [WHOLE, "resultType"]],
  [
    [OLDER, "tools/list"],
    { tools: [LATER_TOOL] },
    [{}, "result.tools"],
    [{ tools: [{ ...TOOL, name: 1 }] }, "result.tools.0.name"],
    [{ tools: [{ ...TOOL, risk: "a" }] }, "result.tools.0.risk: is unknown"],
    [{ tools: [{ ...TOOL, inputSchema: { type: "string" } }] }, "result.tools.0.inputSchema.type"],
    [{ tools: [{ ...TOOL, outputSchema: { type: "string" } }] }, "result.tools.0.outputSchema.type"],
    [{ tools: [{ ...TOOL, annotations: { risk: "a" } }] }, "result.tools.0.annotations.risk: is unknown"],
    [{ tools: [], ttlMs: 1, cacheScope: "private" }, "ttlMs"],
  ],
  [
    ["2025-06-18", "tools/list"],
    { tools: [LATER_TOOL] },
    [{ tools: [{ ...TOOL, icons: [] }] }, "icons: is unknown in this revision"],
  ],
  [
    ["2025-03-26", "tools/list"],
    { tools: [TOOL] },
    [{ tools: [{ ...TOOL, title: "A" }] }, "tools.0.title: is unknown in this revision"],
    [{ tools: [{ ...TOOL, execution: {} }] }, "tools.0.execution: is unknown in this revision"],
    [{ tools: [{ ...TOOL, outputSchema: { type: "object" } }] }, "outputSchema: is unknown in this revision"],
  ],
  [
    [MODERN, "tools/list"],
    { ...CACHED, tools: [{ ...LATER_TOOL, outputSchema: { type: "string" } }] },
    [{ tools: [] }, "result.resultType"],
    [{ ...WHOLE, tools: [] }, "result.ttlMs"],
    [{ ...CACHED, ttlMs: -1, tools: [] }, "result.ttlMs"],
    [{ ...CACHED, cacheScope: "mine", tools: [] }, "result.cacheScope"],
    [{ ...CACHED, tools: [{ ...TOOL, execution: {} }] }, "execution: is unknown in this revision"],
    [
      { ...CACHED, _meta: { "io.modelcontextprotocol/serverInfo": { name: "a" } }, tools: [] },
      "serverInfo: is unknown or not valid",
    ],
  ],
  [
    [OLDER, "tools/call"],
    { ...FLOW, content: [TEXT, LINK, { type: "image", data: "AAAA", mimeType: "image/png" }] },
    [{ structuredContent: {} }, "result.content: is missing"],
    [{ content: [{ type: "picture" }] }, "result.content.0"],
    [{ content: [{ ...TEXT, words: 1 }] }, "result.content.0.words: is unknown"],
    [{ content: [{ type: "image", data: "no base64!", mimeType: "image/png" }] }, "result.content.0"],
    [{ content: [], structuredContent: [1] }, "result.structuredContent"],
    [{ content: [], isError: "no" }, "result.isError"],
    [{ resultType: "task", ...TASK, status: "working" }, "resultType"],
  ],
  [
    ["2025-03-26", "tools/call"],
    { content: [TEXT] },
    [FLOW, "structuredContent: is unknown"],
    [{ content: [LINK] }, "resource_link is unknown"],
  ],
  [
    [null, "tools/call"],
    FLOW,
    [{ content: [LINK] }, "resource_link is unknown"],
    [{ resultType: "complete", content: [] }, "resultType"],
  ],
  [
    [MODERN, "tools/call"],
    { ...WHOLE, ...FLOW, structuredContent: [1] },
    [FLOW, "result.resultType"],
    [{ resultType: "done", content: [] }, "result.resultType"],
    [{ ...WHOLE, content: [], ttlMs: 1, cacheScope: "private" }, "ttlMs"],
  ],
  [
    [MODERN, "tools/call"],
    { resultType: "input_required", inputRequests: { confirm: ELICITATION }, requestState: "s" },
    [{ resultType: "input_required" }, "requires no input"],
    [{ resultType: "input_required", requestState: 1 }, "requestState"],
    [{ resultType: "input_required", requestState: "s", content: [] }, "content"],
    [
      { resultType: "input_required", inputRequests: { a: { method: "ping" } } },
      "inputRequests.a.method: is unknown in this revision",
    ],
    [
      { resultType: "input_required", inputRequests: { a: { ...ELICITATION, params: { mode: "form" } } } },
      "inputRequests.a.params",
    ],
  ],
  [
    [MODERN, "tools/call"],
    { resultType: "task", ...TASK, status: "working", statusMessage: "a" },
    [{ resultType: "task", ...TASK, status: "busy" }, "result.status"],
    [{ resultType: "task", ...TASK, status: "working", ttl: 1 }, "ttl"],
    [{ resultType: "task", ...TASK, status: "working", ttlMs: undefined }, "result.ttlMs"],
    [{ resultType: "task", ...TASK, status: "completed", result: FLOW }, "does not fit"],
  ],
  [
    [MODERN, "tasks/get"],
    { ...WHOLE, ...TASK, status: "completed", result: FLOW },
    [{ ...WHOLE, ...TASK, status: "completed" }, "does not fit"],
    [{ ...WHOLE, ...TASK, status: "working", result: FLOW }, "does not fit"],
    [{ ...WHOLE, ...TASK, status: "completed", result: { content: [{}] } }, "result.result.content.0"],
    [{ ...WHOLE, ...TASK, status: "working", pollIntervalMs: 0.5 }, "result.pollIntervalMs"],
  ],
  [[MODERN, "tasks/cancel"], WHOLE, [{ ...WHOLE, status: "cancelled" }, "status"]],
  [[MODERN, "tasks/update"], WHOLE, [{}, "resultType"]],
  [[OLDER, "tasks/get"], null, [{ taskId: "t" }, "has none in this revision"]],
  [[OLDER, "resources/list"], { resources: [RESOURCE] }, [{ resources: [{ name: "a" }] }, "result.resources.0.uri"]],
  [
    [OLDER, "resources/templates/list"],
    { resourceTemplates: [{ uriTemplate: "image://{id}", name: "a" }] },
    [{ resourceTemplates: [{ uri: "image://a", name: "a" }] }, "result.resourceTemplates.0.uriTemplate"],
  ],
  [[OLDER, "resources/read"], { contents: CONTENTS }, [{ contents: [{ uri: "image://a" }] }, "result.contents.0"]],
  [[MODERN, "resources/read"], { ...CACHED, contents: CONTENTS }, [{ ...WHOLE, contents: CONTENTS }, "result.ttlMs"]],
  [
    [OLDER, "prompts/list"],
    { prompts: [PROMPT] },
    [{ prompts: [{ ...PROMPT, arguments: ["a"] }] }, "result.prompts.0.arguments.0"],
  ],
  [
    [OLDER, "prompts/get"],
    { messages: MESSAGES },
    [{ messages: [{ role: "system", content: TEXT }] }, "result.messages.0.role"],
  ],
  [[MODERN, "prompts/get"], { ...WHOLE, messages: MESSAGES }, [{ messages: MESSAGES }, "result.resultType"]],
  [
    [OLDER, "completion/complete"],
    { completion: COMPLETION },
    [{ completion: { values: Array(101).fill("a") } }, "result.completion.values"],
    [{ completion: { ...COMPLETION, more: 1 } }, "more"],
  ],
  [
    [MODERN, "server/discover"],
    {
      ...CACHED,
      supportedVersions: [MODERN],
      capabilities: { tools: {}, extensions: { "a/b": {} } },
      instructions: "a",
    },
    [{ ...CACHED, supportedVersions: MODERN, capabilities: {} }, "result.supportedVersions"],
    [
      { ...CACHED, supportedVersions: [], capabilities: { tasks: {} } },
      "capabilities.tasks: is unknown in this revision",
    ],
    [{ ...CACHED, supportedVersions: [], capabilities: { magic: {} } }, "capabilities.magic: is unknown"],
    [{ ...CACHED, supportedVersions: [], capabilities: {}, serverInfo: IMPLEMENTATION }, "serverInfo"],
  ],
  [[OLDER, "server/discover"], null, [{ supportedVersions: [] }, "has none in this revision"]],
  [[MODERN, "ping"], null, [WHOLE, "has none in this revision"]],
  [
    [null, "initialize"],
    HANDSHAKE,
    [{ ...HANDSHAKE, serverInfo: { name: "a" } }, "result.serverInfo.version"],
    [{ ...HANDSHAKE, protocolVersion: MODERN }, "has no handshake"],
    [
      { ...HANDSHAKE, protocolVersion: "2025-03-26", serverInfo: { ...IMPLEMENTATION, title: "A" } },
      "serverInfo.title: is unknown",
    ],
    [{ ...HANDSHAKE, resultType: "complete" }, "resultType"],
  ],
];
