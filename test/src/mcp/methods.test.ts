// Prompts, resources and completion over the wire, in both eras: what is advertised is served, and nothing else.
import { describe, expect, it, vi } from "vitest";
import type { CompletionRequest, McpServer, Resource, ServerFeatures } from "../../../src/mcp/port.ts";
import { envelope, listedTool, features as nothing, wire } from "./http.ts";

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
  ...nothing,
  tools: [listedTool("add")],
  prompts: [prompt],
  resources: [resource],
  templates: [template],
  extensions: { "io.modelcontextprotocol/ui": {}, "io.modelcontextprotocol/tasks": {} },
  meta: async () => ({ "com.example/digest": "abc" }),
};
const messages = [{ role: "user", content: { type: "text", text: "Design a boat." } }];
const seen: { traceparent?: string | undefined; typing?: CompletionRequest; args?: object }[] = [];

const serving: Omit<McpServer, "openTool"> = {
  features,
  async readResource(uri, traceparent) {
    seen.push({ traceparent });
    if (uri === "pic://1")
      return { state: "read", contents: [{ uri, mimeType: "image/png", blob: "AAAA" }], ttlMs: 60_000 };
    if (uri === "pic://broken") return { state: "failed", message: "The picture could not be read just now." };
    if (uri === "pic://forbidden") return { state: "insufficient_scope", scopes: ["read"] };
    if (uri === "pic://throws") throw new Error("postgres://hunter2@db");
    return { state: "not_found" };
  },
  async getPrompt(name, args) {
    seen.push({ args });
    if (name !== "design") return { state: "not_found" };
    if (!args.idea) return { state: "invalid", message: "The argument idea is missing." };
    return { state: "filled", description: "Designs.", messages };
  },
  async complete(typing, traceparent) {
    seen.push({ typing, traceparent });
    if (typing.name === "many") return { values: Array.from({ length: 150 }, (_, index) => `v${index}`), total: 150 };
    return typing.name === "idea" || typing.name === "id" ? { values: ["boat"], hasMore: false } : null;
  },
};
const full = wire(serving);
const bare = wire({ features: { ...nothing, tools: [listedTool("add")] } });

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
  it("are those that the features has something for, in server/discover with the offer's own facts (2026-07-28, server/discover)", async () => {
    const capabilities = { tools: {}, prompts: {}, resources: {}, completions: {}, extensions: features.extensions };
    const result = { supportedVersions: ["2026-07-28"], capabilities, instructions: "Use the tools.", ...cached };
    expect((await full.modern("server/discover")).body).toEqual(modernResult(result, await features.meta()));
    expect((await bare.modern("server/discover")).body).toMatchObject({ result: { capabilities: { tools: {} } } });
  });

  it("are the same in the handshake, without the extension whose answers that era cannot read (2025-11-25, basic/lifecycle)", async () => {
    const served = await full.legacy("initialize", { protocolVersion: "2025-11-25" });
    expect((served.body as { result: { capabilities: object } }).result.capabilities).toEqual({
      ...{ tools: {}, prompts: {}, resources: {}, completions: {} },
      extensions: { "io.modelcontextprotocol/ui": {} },
    });
    const { body } = await bare.legacy("initialize", { protocolVersion: "2025-11-25" });
    expect(body).toMatchObject({ result: { capabilities: { tools: {} } } });
    expect(JSON.stringify(body)).not.toMatch(/prompts|resources|completions|extensions/);
  });

  it("decide which methods there are: 404 in the modern era, 200 in the legacy one, both -32601", async () => {
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

  it("open completion for templates alone, and resources for either kind", async () => {
    const { modern } = wire({ ...serving, features: { ...nothing, templates: [template] } });
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
  it("lists everything on one page, in both eras (server/utilities/caching, pagination)", async () => {
    expect((await full.modern(method)).body).toEqual(modernResult({ [key]: entries, ...cached }));
    expect((await full.legacy(method, {}, LEGACY)).body).toEqual(legacyResult({ [key]: entries }));
  });

  it("is -32602 with a cursor, whatever it is: none was ever handed out", async () => {
    for (const cursor of ["", "abc", 1, null]) {
      expect(await full.modern(method, { cursor })).toMatchObject({ status: 200, body: failure(-32602) });
      expect(await full.legacy(method, { cursor })).toMatchObject({ status: 200, body: failure(-32602) });
    }
  });

  it("is made once for an offer", async () => {
    const changing = { ...features };
    const { modern } = wire({ features: changing });
    const first = await modern(method);
    Object.assign(changing, {
      tools: [],
      prompts: [prompt, prompt],
      resources: [resource, resource],
      templates: [template, template],
    });
    expect((await modern(method)).body).toEqual(first.body);
  });
});

describe("resources/list of a host with resources beside its offer", () => {
  const own: Resource = {
    ...{ uri: "pic://1", name: "A boat", title: "A boat", mimeType: "image/png", size: 4 },
    annotations: { lastModified: "2026-11-23T04:36:17.000Z" },
  };
  const listResources = vi.fn<NonNullable<McpServer["listResources"]>>(async () => [own]);
  const { modern, legacy } = wire({ ...serving, listResources });
  const list = async (version: string) =>
    (await legacy("resources/list", {}, { "mcp-protocol-version": version })).body;

  it("lists them after those, for a short time, each time anew", async () => {
    const short = { ttlMs: 5_000, cacheScope: "private" };
    expect((await modern("resources/list")).body).toEqual(modernResult({ resources: [resource, own], ...short }));
    expect(await list("2025-11-25")).toEqual(legacyResult({ resources: [resource, own] }));
    listResources.mockResolvedValueOnce([]);
    expect((await modern("resources/list")).body).toEqual(modernResult({ resources: [resource], ...short }));
    expect((await modern("resources/templates/list")).body).toEqual(
      modernResult({ resourceTemplates: [template], ...cached }),
    );
  });

  it("tells no time and no title to a client of 2025-03-26, and leaves what annotates a tool", async () => {
    expect(await list("2025-06-18")).toEqual(legacyResult({ resources: [resource, own] }));
    const { title: _, ...known } = { ...own, annotations: {} };
    const { title: __, ...view } = resource;
    expect(await list("2025-03-26")).toEqual(legacyResult({ resources: [view, known] }));
    const annotations = { readOnlyHint: true };
    const tools = wire({ features: { ...nothing, tools: [{ ...listedTool("add"), annotations }] } });
    const { body } = await tools.legacy("tools/list", {}, { "mcp-protocol-version": "2025-03-26" });
    expect(body).toMatchObject({ result: { tools: [{ name: "add", annotations }] } });
  });

  it("is -32602 with a cursor, and nobody is asked", async () => {
    listResources.mockClear();
    for (const cursor of ["", "abc", null])
      expect((await modern("resources/list", { cursor })).body).toEqual(failure(-32602));
    expect(listResources).not.toHaveBeenCalled();
  });

  it("lists the offer's where the others cannot be had, and says nothing of what was thrown", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    listResources.mockRejectedValueOnce(new Error("hunter2"));
    expect((await modern("resources/list")).body).toMatchObject({ result: { resources: [resource] } });
    expect(log).toHaveBeenCalledTimes(1);
    expect(JSON.stringify(log.mock.calls)).not.toContain("hunter2");
    log.mockRestore();
  });

  it("hands on the message's trace", async () => {
    const traceparent = `00-${"d".repeat(32)}-${"e".repeat(16)}-01`;
    await modern("resources/list", { _meta: { ...envelope, traceparent } });
    expect(listResources).toHaveBeenLastCalledWith(traceparent);
  });
});

describe("resources/read", () => {
  it("gives the contents, and how long they may be kept (2026-07-28, server/resources)", async () => {
    const contents = [{ uri: "pic://1", mimeType: "image/png", blob: "AAAA" }];
    expect((await full.modern("resources/read", { uri: "pic://1" })).body).toEqual(
      modernResult({ contents, ttlMs: 60_000, cacheScope: "private" }),
    );
    expect((await full.legacy("resources/read", { uri: "pic://1" })).body).toEqual(legacyResult({ contents }));
  });

  it("is -32602 for what is not there, and was -32002 before 2026-07-28; both name the URI", async () => {
    const uri = "pic://nope";
    expect(await full.modern("resources/read", { uri })).toMatchObject({
      status: 200,
      body: failure(-32602, { data: { uri } }),
    });
    for (const version of ["2025-11-25", "2025-06-18", "2025-03-26"]) {
      const answer = await full.legacy("resources/read", { uri }, { "mcp-protocol-version": version });
      expect(answer).toMatchObject({ status: 200, body: failure(-32002, { data: { uri } }) });
    }
  });

  it("is -32603 with our sentence where reading fails, and says nothing of what was thrown", async () => {
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

  it("asks for scopes where the host does", async () => {
    expect(await full.modern("resources/read", { uri: "pic://forbidden" })).toMatchObject({
      body: { scopesNeeded: ["read"] },
    });
  });

  it("is -32602 for a URI that is no string, and -32020 where Mcp-Name differs", async () => {
    for (const uri of [undefined, 1, ["pic://1"]])
      expect((await full.modern("resources/read", { uri })).body).toEqual(failure(-32602));
    for (const name of [null, "pic://2", "PIC://1"]) {
      const answer = await full.modern("resources/read", { uri: "pic://1" }, { "mcp-name": name });
      expect(answer).toMatchObject({ status: 400, body: failure(-32020) });
    }
    const encoded = { "mcp-name": `=?base64?${btoa("pic://1")}?=` };
    expect((await full.modern("resources/read", { uri: "pic://1" }, encoded)).status).toBe(200);
  });

  it("hands on the message's trace where it is one, and nothing where it is not (W3C Trace Context section 3.2)", async () => {
    const traceparent = `00-${"d".repeat(32)}-${"e".repeat(16)}-01`;
    const bad = ["", "00-x", `00-${"0".repeat(32)}-${"e".repeat(16)}-01`, `${traceparent}\n`, 5, { traceparent }];
    for (const [given, expected] of [[traceparent, traceparent], ...bad.map((one) => [one, undefined])]) {
      await full.modern("resources/read", { uri: "pic://1", _meta: { ...envelope, traceparent: given } });
      expect(seen.at(-1)).toEqual({ traceparent: expected });
    }
  });
});

describe("prompts/get", () => {
  it("fills a prompt in (server/prompts)", async () => {
    const params = { name: "design", arguments: { idea: "boat" } };
    expect((await full.modern("prompts/get", params)).body).toEqual(
      modernResult({ description: "Designs.", messages }),
    );
    expect((await full.legacy("prompts/get", params)).body).toEqual(
      legacyResult({ description: "Designs.", messages }),
    );
    expect(seen.at(-1)).toEqual({ args: { idea: "boat" } });
  });

  it("is -32602 for an unknown prompt, a missing argument, and params of another shape", async () => {
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
    const aList = await full.legacy("prompts/get", { name: "design", arguments: ["x"] });
    expect(aList.body).toEqual(failure(-32602, { message: expect.stringContaining("JSON object") }));
    expect((await full.legacy("prompts/get", { name: "design" })).body).toEqual(
      failure(-32602, { message: "The argument idea is missing." }),
    );
  });

  it("is -32020 where Mcp-Name differs (2026-07-28, basic/transports)", async () => {
    const answer = await full.modern("prompts/get", { name: "design" }, { "mcp-name": "other" });
    expect(answer).toMatchObject({ status: 400, body: failure(-32020) });
  });
});

describe("completion/complete", () => {
  const argument = { name: "idea", value: "b" };

  it("suggests values for a prompt's argument and a template's variable (server/utilities/completion)", async () => {
    const completion = { values: ["boat"], hasMore: false };
    const ofPrompt = {
      ref: { type: "ref/prompt", name: "design" },
      argument,
      context: { arguments: { tier: "draft" } },
    };
    expect((await full.modern("completion/complete", ofPrompt)).body).toEqual(modernResult({ completion }));
    expect(seen.at(-1)?.typing).toEqual({
      of: { prompt: "design" },
      name: "idea",
      value: "b",
      others: { tier: "draft" },
    });
    const ofTemplate = { ref: { type: "ref/resource", uri: "pic://{id}" }, argument: { name: "id", value: "" } };
    expect((await full.legacy("completion/complete", ofTemplate)).body).toEqual(legacyResult({ completion }));
    expect(seen.at(-1)?.typing).toEqual({ of: { template: "pic://{id}" }, name: "id", value: "", others: {} });
  });

  it("gives at most 100 values and says that there are more", async () => {
    const params = { ref: { type: "ref/prompt", name: "design" }, argument: { name: "many", value: "" } };
    const { body } = await full.legacy("completion/complete", params);
    const { completion } = (body as { result: { completion: { values: string[] } } }).result;
    expect(completion).toEqual({ values: expect.arrayContaining(["v0", "v99"]), total: 150, hasMore: true });
    expect(completion.values).toHaveLength(100);
  });

  it("is -32602 for what does not exist and for params of another shape", async () => {
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
