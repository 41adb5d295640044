// Prompts, resources and completion over HTTP in both eras: the advertised methods exist, and no
// others.
import { describe, expect, it, vi } from "vitest";
import type { CompletionRequest, McpServer, ServerFeatures } from "../../../src/mcp/port.ts";
import type { Resource } from "../../../src/mcp/schema.ts";
import { emptyFeatures, endpointOf, envelope, toolNamed } from "./http.ts";

const prompt = {
  name: "design",
  title: "Design",
  description: "Designs.",
  arguments: [{ name: "idea", description: "What.", required: true }],
};
const resource = { uri: "ui://flow", name: "flow", title: "Flow", description: "Shows a flow.", mimeType: "text/html" };
const template = {
  uriTemplate: "pic://{id}",
  name: "pic",
  title: "Picture",
  description: "A picture.",
  mimeType: "image/png",
};
const features: ServerFeatures = {
  ...emptyFeatures,
  tools: [toolNamed("add")],
  prompts: [prompt],
  resources: [resource],
  templates: [template],
  extensions: { "io.modelcontextprotocol/ui": {}, "io.modelcontextprotocol/tasks": {} },
  meta: async () => ({ "com.example/digest": "abc" }),
};
const messages = [{ role: "user", content: { type: "text", text: "Design a boat." } }];
const calls: { traceparent?: string | undefined; typing?: CompletionRequest; args?: object }[] = [];

const server: Omit<McpServer, "prepareCall"> = {
  features,
  async readResource(uri, traceparent) {
    calls.push({ traceparent });
    if (uri === "pic://1")
      return { state: "read", contents: [{ uri, mimeType: "image/png", blob: "AAAA" }], ttlMs: 60_000 };
    if (uri === "pic://broken") return { state: "failed", message: "The picture could not be read just now." };
    if (uri === "pic://forbidden") return { state: "insufficient_scope", scopes: ["read"] };
    if (uri === "pic://throws") throw new Error("postgres://hunter2@db");
    return { state: "not_found" };
  },
  async getPrompt(name, args) {
    calls.push({ args });
    if (name !== "design") return { state: "not_found" };
    if (!args.idea) return { state: "invalid", message: "The argument idea is missing." };
    return { state: "filled", description: "Designs.", messages };
  },
  async complete(typing, traceparent) {
    calls.push({ typing, traceparent });
    if (typing.name === "many") return { values: Array.from({ length: 150 }, (_, index) => `v${index}`), total: 150 };
    return typing.name === "idea" || typing.name === "id" ? { values: ["boat"], hasMore: false } : null;
  },
};
const full = endpointOf(server);
const bare = endpointOf({ features: { ...emptyFeatures, tools: [toolNamed("add")] } });

const failure = (code: number, more: object = {}) => ({
  jsonrpc: "2.0",
  id: 7,
  error: { code, message: expect.any(String), ...more },
});
const modernResult = (result: object, _meta: object = {}) => ({
  jsonrpc: "2.0",
  id: 7,
  result: {
    resultType: "complete",
    ...result,
    _meta: { ..._meta, "io.modelcontextprotocol/serverInfo": features.info },
  },
});
const legacyResult = (result: object) => ({ jsonrpc: "2.0", id: 7, result });
const cached = { ttlMs: 300_000, cacheScope: "private" };
const LEGACY = { "mcp-protocol-version": "2025-11-25" };

describe("capabilities", () => {
  it("server/discover returns the capabilities and the _meta of the features (2026-07-28, server/discover)", async () => {
    const capabilities = { tools: {}, prompts: {}, resources: {}, completions: {}, extensions: features.extensions };
    const result = { supportedVersions: ["2026-07-28"], capabilities, instructions: "Use the tools.", ...cached };
    expect((await full.modern("server/discover")).body).toEqual(modernResult(result, await features.meta()));
    expect((await bare.modern("server/discover")).body).toMatchObject({ result: { capabilities: { tools: {} } } });
  });

  it("initialize returns the same capabilities, without the Tasks extension (2025-11-25, basic/lifecycle)", async () => {
    const initialized = await full.legacy("initialize", { protocolVersion: "2025-11-25" });
    expect((initialized.body as { result: { capabilities: object } }).result.capabilities).toEqual({
      ...{ tools: {}, prompts: {}, resources: {}, completions: {} },
      extensions: { "io.modelcontextprotocol/ui": {} },
    });
    const { body } = await bare.legacy("initialize", { protocolVersion: "2025-11-25" });
    expect(body).toMatchObject({ result: { capabilities: { tools: {} } } });
    expect(JSON.stringify(body)).not.toMatch(/prompts|resources|completions|extensions/);
  });

  it("a method without its capability is -32601, at 404 in the modern era and 200 in the legacy one", async () => {
    for (const method of [
      "prompts/list",
      "prompts/get",
      "resources/list",
      "resources/templates/list",
      "resources/read",
      "completion/complete",
    ]) {
      const params = { name: "design", uri: "pic://1" };
      const named = method.startsWith("resources") ? { "mcp-name": "pic://1" } : {};
      expect(await bare.modern(method, params, named), method).toMatchObject({ status: 404, body: failure(-32601) });
      expect(await bare.legacy(method, params), method).toMatchObject({ status: 200, body: failure(-32601) });
    }
  });

  it("templates alone enable completions and resources", async () => {
    const { modern } = endpointOf({ ...server, features: { ...emptyFeatures, templates: [template] } });
    const { body } = await modern("server/discover");
    expect(body).toMatchObject({ result: { capabilities: { tools: {}, resources: {}, completions: {} } } });
    expect((await modern("resources/list")).body).toMatchObject({ result: { resources: [] } });
    expect((await modern("prompts/list")).status).toBe(404);
  });
});

describe.each<[string, string, object[]]>([
  ["tools/list", "tools", [...features.tools]],
  ["prompts/list", "prompts", [prompt]],
  ["resources/list", "resources", [resource]],
  ["resources/templates/list", "resourceTemplates", [template]],
])("%s", (method, key, entries) => {
  it(`${method} returns all entries on one page in both eras (server/utilities/caching, pagination)`, async () => {
    expect((await full.modern(method)).body).toEqual(modernResult({ [key]: entries, ...cached }));
    expect((await full.legacy(method, {}, LEGACY)).body).toEqual(legacyResult({ [key]: entries }));
  });

  it(`${method} is -32602 with any cursor: the server issues none`, async () => {
    for (const cursor of ["", "abc", 1]) {
      expect(await full.modern(method, { cursor })).toMatchObject({ status: 200, body: failure(-32602) });
      expect(await full.legacy(method, { cursor })).toMatchObject({ status: 200, body: failure(-32602) });
    }
  });

  it(`${method} is serialized once for the same features`, async () => {
    const mutable = { ...features };
    const { modern } = endpointOf({ features: mutable });
    const first = await modern(method);
    Object.assign(mutable, {
      tools: [],
      prompts: [prompt, prompt],
      resources: [resource, resource],
      templates: [template, template],
    });
    expect((await modern(method)).body).toEqual(first.body);
  });
});

describe("resources/list with resources that come and go", () => {
  const changing: Resource = {
    ...{ uri: "pic://1", name: "A boat", title: "A boat", mimeType: "image/png", size: 4 },
    annotations: { lastModified: "2026-11-23T04:36:17.000Z" },
  };
  const listResources = vi.fn<NonNullable<McpServer["listResources"]>>(async () => [changing]);
  const { modern, legacy } = endpointOf({ ...server, listResources });
  const list = async (version: string) =>
    (await legacy("resources/list", {}, { "mcp-protocol-version": version })).body;

  it("resources/list returns resources that come and go after the others, with a short ttlMs", async () => {
    const short = { ttlMs: 5_000, cacheScope: "private" };
    expect((await modern("resources/list")).body).toEqual(modernResult({ resources: [resource, changing], ...short }));
    expect(await list("2025-11-25")).toEqual(legacyResult({ resources: [resource, changing] }));
    listResources.mockResolvedValueOnce([]);
    expect((await modern("resources/list")).body).toEqual(modernResult({ resources: [resource], ...short }));
    expect((await modern("resources/templates/list")).body).toEqual(
      modernResult({ resourceTemplates: [template], ...cached }),
    );
  });

  it("a client of 2025-03-26 gets no lastModified and no title of a resource, and keeps tool annotations", async () => {
    expect(await list("2025-06-18")).toEqual(legacyResult({ resources: [resource, changing] }));
    const { title: _, ...known } = { ...changing, annotations: {} };
    const { title: __, ...view } = resource;
    expect(await list("2025-03-26")).toEqual(legacyResult({ resources: [view, known] }));
    const annotations = { readOnlyHint: true };
    const tools = endpointOf({ features: { ...emptyFeatures, tools: [{ ...toolNamed("add"), annotations }] } });
    const { body } = await tools.legacy("tools/list", {}, { "mcp-protocol-version": "2025-03-26" });
    expect(body).toMatchObject({ result: { tools: [{ name: "add", annotations }] } });
  });

  it("resources/list is -32602 with a cursor, before the server is called", async () => {
    listResources.mockClear();
    for (const cursor of ["", "abc"])
      expect((await modern("resources/list", { cursor })).body).toEqual(failure(-32602));
    expect(listResources).not.toHaveBeenCalled();
  });

  it("resources/list returns the others if resources that come and go fail, and logs no exception text", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    listResources.mockRejectedValueOnce(new Error("hunter2"));
    expect((await modern("resources/list")).body).toMatchObject({ result: { resources: [resource] } });
    expect(log).toHaveBeenCalledTimes(1);
    expect(JSON.stringify(log.mock.calls)).not.toContain("hunter2");
    log.mockRestore();
  });

  it("resources/list passes on the traceparent of the message", async () => {
    const traceparent = `00-${"d".repeat(32)}-${"e".repeat(16)}-01`;
    await modern("resources/list", { _meta: { ...envelope, traceparent } });
    expect(listResources).toHaveBeenLastCalledWith(traceparent);
  });
});

describe("resources/read", () => {
  it("resources/read returns the contents and their ttlMs (2026-07-28, server/resources)", async () => {
    const contents = [{ uri: "pic://1", mimeType: "image/png", blob: "AAAA" }];
    expect((await full.modern("resources/read", { uri: "pic://1" })).body).toEqual(
      modernResult({ contents, ttlMs: 60_000, cacheScope: "private" }),
    );
    expect((await full.legacy("resources/read", { uri: "pic://1" })).body).toEqual(legacyResult({ contents }));
  });

  it("resources/read of an unknown URI is -32602, or -32002 before 2026-07-28, with the URI", async () => {
    const uri = "pic://nope";
    expect(await full.modern("resources/read", { uri })).toMatchObject({
      status: 200,
      body: failure(-32602, { data: { uri } }),
    });
    for (const version of ["2025-11-25", "2025-06-18", "2025-03-26"]) {
      const response = await full.legacy("resources/read", { uri }, { "mcp-protocol-version": version });
      expect(response).toMatchObject({ status: 200, body: failure(-32002, { data: { uri } }) });
    }
  });

  it("resources/read that fails is -32603 with the server's sentence, and reveals no exception", async () => {
    expect((await full.modern("resources/read", { uri: "pic://broken" })).body).toEqual(
      failure(-32603, { message: "The picture could not be read just now." }),
    );
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const thrown = await full.modern("resources/read", { uri: "pic://throws" });
    expect(thrown).toMatchObject({
      status: 200,
      body: failure(-32603, { message: expect.stringContaining("a".repeat(32)) }),
    });
    expect(JSON.stringify([thrown.body, log.mock.calls])).not.toContain("hunter2");
    expect(JSON.parse(String(log.mock.calls[0]?.[0]))).toMatchObject({ event: "mcp.crashed", traceId: "a".repeat(32) });
    log.mockRestore();
  });

  it("resources/read returns the missing scopes", async () => {
    expect(await full.modern("resources/read", { uri: "pic://forbidden" })).toMatchObject({
      body: { scopesNeeded: ["read"] },
    });
  });

  it("resources/read is -32602 for a URI that is not a string, and -32020 for a different Mcp-Name", async () => {
    for (const uri of [undefined, 1, ["pic://1"]])
      expect((await full.modern("resources/read", { uri })).body).toEqual(failure(-32602));
    for (const name of [null, "pic://2", "PIC://1"]) {
      const response = await full.modern("resources/read", { uri: "pic://1" }, { "mcp-name": name });
      expect(response).toMatchObject({ status: 400, body: failure(-32020) });
    }
    const encoded = { "mcp-name": `=?base64?${btoa("pic://1")}?=` };
    expect((await full.modern("resources/read", { uri: "pic://1" }, encoded)).status).toBe(200);
  });

  it("resources/read passes on a valid traceparent only (W3C Trace Context section 3.2)", async () => {
    const traceparent = `00-${"d".repeat(32)}-${"e".repeat(16)}-01`;
    const bad = ["", "00-x", `00-${"0".repeat(32)}-${"e".repeat(16)}-01`, `${traceparent}\n`, 5, { traceparent }];
    for (const [given, expected] of [[traceparent, traceparent], ...bad.map((one) => [one, undefined])]) {
      await full.modern("resources/read", { uri: "pic://1", _meta: { ...envelope, traceparent: given } });
      expect(calls.at(-1)).toEqual({ traceparent: expected });
    }
  });
});

describe("prompts/get", () => {
  it("prompts/get returns the messages of a prompt (server/prompts)", async () => {
    const params = { name: "design", arguments: { idea: "boat" } };
    expect((await full.modern("prompts/get", params)).body).toEqual(
      modernResult({ description: "Designs.", messages }),
    );
    expect((await full.legacy("prompts/get", params)).body).toEqual(
      legacyResult({ description: "Designs.", messages }),
    );
    expect(calls.at(-1)).toEqual({ args: { idea: "boat" } });
  });

  it("prompts/get is -32602 for an unknown prompt, a missing argument and malformed params", async () => {
    const wrong = [{ name: "nope" }, { name: "constructor" }, { name: "design" }, {}, { name: 5 }];
    for (const params of [...wrong, { name: "design", arguments: ["x"] }, { name: "design", arguments: { idea: 1 } }]) {
      expect(await full.modern("prompts/get", params), JSON.stringify(params)).toMatchObject({
        status: 200,
        body: failure(-32602),
      });
      expect(await full.legacy("prompts/get", params), JSON.stringify(params)).toMatchObject({
        status: 200,
        body: failure(-32602),
      });
    }
    const listArguments = await full.legacy("prompts/get", { name: "design", arguments: ["x"] });
    expect(listArguments.body).toEqual(failure(-32602, { message: expect.stringContaining("JSON object") }));
    expect((await full.legacy("prompts/get", { name: "design" })).body).toEqual(
      failure(-32602, { message: "The argument idea is missing." }),
    );
  });

  it("prompts/get is -32020 for a different Mcp-Name (2026-07-28, basic/transports)", async () => {
    const response = await full.modern("prompts/get", { name: "design" }, { "mcp-name": "other" });
    expect(response).toMatchObject({ status: 400, body: failure(-32020) });
  });
});

describe("completion/complete", () => {
  const argument = { name: "idea", value: "b" };

  it("completion/complete suggests values for prompt arguments and template variables (server/utilities/completion)", async () => {
    const completion = { values: ["boat"], hasMore: false };
    const ofPrompt = {
      ref: { type: "ref/prompt", name: "design" },
      argument,
      context: { arguments: { tier: "draft" } },
    };
    expect((await full.modern("completion/complete", ofPrompt)).body).toEqual(modernResult({ completion }));
    expect(calls.at(-1)?.typing).toEqual({
      of: { prompt: "design" },
      name: "idea",
      value: "b",
      others: { tier: "draft" },
    });
    const ofTemplate = { ref: { type: "ref/resource", uri: "pic://{id}" }, argument: { name: "id", value: "" } };
    expect((await full.legacy("completion/complete", ofTemplate)).body).toEqual(legacyResult({ completion }));
    expect(calls.at(-1)?.typing).toEqual({ of: { template: "pic://{id}" }, name: "id", value: "", others: {} });
  });

  it("completion/complete returns at most 100 values, and hasMore", async () => {
    const params = { ref: { type: "ref/prompt", name: "design" }, argument: { name: "many", value: "" } };
    const { body } = await full.legacy("completion/complete", params);
    const { completion } = (body as { result: { completion: { values: string[] } } }).result;
    expect(completion).toEqual({ values: expect.arrayContaining(["v0", "v99"]), total: 150, hasMore: true });
    expect(completion.values).toHaveLength(100);
  });

  it("completion/complete is -32602 for an unknown reference or argument, and for malformed params", async () => {
    const ref = { type: "ref/prompt", name: "design" };
    for (const params of [
      {},
      { ref },
      { argument },
      { ref: { type: "ref/tool", name: "x" }, argument },
      { ref: { type: "ref/prompt" }, argument },
      { ref, argument: { name: "idea" } },
      { ref, argument: { name: "idea", value: 1 } },
      { ref, argument, context: { arguments: { a: 1 } } },
      { ref, argument: { name: "nope", value: "" } },
    ]) {
      expect(await full.modern("completion/complete", params), JSON.stringify(params)).toMatchObject({
        status: 200,
        body: failure(-32602),
      });
    }
  });
});

describe("a member of params that is null", () => {
  it.each(["tools/list", "prompts/list", "resources/list", "resources/templates/list"])(
    "counts as absent in %s, also params themselves and members of _meta",
    async (method) => {
      for (const params of [
        null,
        { cursor: null, _meta: null },
        { _meta: { progressToken: null, traceparent: null } },
      ]) {
        const sent = { jsonrpc: "2.0", id: 7, method, params };
        expect(await full.post(sent, LEGACY)).toMatchObject({ status: 200, body: { result: expect.any(Object) } });
      }
      const { status } = await full.modern(method, { cursor: null });
      expect(status).toBe(200);
    },
  );

  it("counts as absent in prompts/get and completion/complete, also in their arguments", async () => {
    const filled = await full.legacy("prompts/get", { name: "design", arguments: { idea: "boat", style: null } });
    expect(filled.body).toMatchObject({ result: { messages } });
    expect(calls.at(-1)?.args).toEqual({ idea: "boat" });
    const ref = { type: "ref/prompt", name: "design" };
    for (const context of [null, { arguments: null }]) {
      const typed = await full.legacy("completion/complete", { ref, argument: { name: "idea", value: "" }, context });
      expect(typed.body).toMatchObject({ result: { completion: { values: ["boat"] } } });
    }
  });

  it("is missing where a method needs it", async () => {
    for (const [method, params] of [
      ["tools/call", { name: null }],
      ["resources/read", { uri: null }],
      ["initialize", { protocolVersion: null }],
    ] as const)
      expect((await full.legacy(method, params)).body, method).toEqual(failure(-32602));
  });

  it("is no id in a notification, and refused as the id of a request", async () => {
    const message = { jsonrpc: "2.0", id: null, params: null };
    expect((await full.post({ ...message, method: "notifications/initialized" }, LEGACY)).status).toBe(202);
    expect((await full.post({ ...message, method: "ping" }, LEGACY)).status).toBe(400);
  });
});
