// Requests that go in rounds, 2026-07-28, basic/patterns/mrtr: what a client may say beside its params, and what it is asked for.
import { describe, expect, it } from "vitest";
import { canConfirm, confirmationForm, confirmationReply } from "../../../src/mcp/elicitation.ts";
import type { ClientInput, InputRequest, InputRequired, McpServer } from "../../../src/mcp/port.ts";
import { envelope, eventsOf, features, listedTool, wire } from "./http.ts";

const able = (clientCapabilities: object) => ({
  ...envelope,
  "io.modelcontextprotocol/clientCapabilities": clientCapabilities,
});
const FORM: InputRequest = {
  method: "elicitation/create",
  params: { message: "Who?", requestedSchema: { type: "object", properties: {} } },
};
const URL_MODE: InputRequest = {
  method: "elicitation/create",
  params: { mode: "url", message: "Go there.", url: "https://a.test", elicitationId: "e" },
};
const SAMPLE: InputRequest = { method: "sampling/createMessage", params: { messages: [], maxTokens: 1 } };
const ROOTS: InputRequest = { method: "roots/list", params: {} };

const heard: (ClientInput | undefined)[] = [];
const asking: InputRequired = { state: "input_required", inputRequests: { who: FORM }, requestState: "sealed" };

/** A host that answers everything with `outcome`. */
function answering(
  outcome: Awaited<ReturnType<Extract<ReturnType<McpServer["openTool"]>, { state: "ready" }>["run"]>> & {
    state: string;
  },
) {
  return wire({
    features: {
      ...features,
      tools: [listedTool("t")],
      prompts: [{ name: "t", title: "T", description: "T.", arguments: [] }],
      resources: [{ uri: "t:t", name: "t", title: "T", description: "T.", mimeType: "text/plain" }],
    },
    openTool(_name, _args, _traceparent, aside) {
      heard.push(aside);
      return { state: "ready", run: async () => outcome };
    },
    async getPrompt(_name, _args, aside) {
      heard.push(aside);
      return outcome as InputRequired; // the three methods pause alike
    },
    async readResource(_uri, _traceparent, aside) {
      heard.push(aside);
      return outcome as InputRequired; // the three methods pause alike
    },
  });
}

const METHODS: [string, Record<string, unknown>][] = [
  ["tools/call", { name: "t" }],
  ["prompts/get", { name: "t" }],
  ["resources/read", { uri: "t:t" }],
];

describe.each(METHODS)("%s", (method, params) => {
  const { modern, legacy } = answering(asking);

  it("may be answered with a wish for more, which names no error and keeps for no time", async () => {
    const { status, body } = await modern(method, { ...params, _meta: able({ elicitation: {} }) });
    expect(status).toBe(200);
    expect(body).toEqual({
      jsonrpc: "2.0",
      id: 7,
      result: {
        resultType: "input_required",
        inputRequests: { who: FORM },
        requestState: "sealed",
        _meta: { "io.modelcontextprotocol/serverInfo": features.info },
      },
    });
  });

  it("hands on what comes back, names that nobody asked for included", async () => {
    const inputResponses = { who: { action: "accept", content: { name: "Ada" } }, other: {} };
    await modern(method, { ...params, _meta: able({ sampling: {} }), inputResponses, requestState: "sealed" });
    expect(heard.at(-1)).toEqual({ capabilities: { sampling: {} }, inputResponses, requestState: "sealed" });
    await modern(method, params);
    expect(heard.at(-1)).toEqual({ capabilities: {}, inputResponses: {}, requestState: undefined });
  });

  it.each([
    { inputResponses: null },
    { inputResponses: [] },
    { inputResponses: "yes" },
    { inputResponses: { who: 12345 } },
    { inputResponses: { who: null } },
    { inputResponses: { who: [] } },
    { requestState: 1 },
    { requestState: null },
    { requestState: {} },
  ])("refuses %j, and the host hears of nothing", async (said) => {
    const before = heard.length;
    const { status, body } = await modern(method, { ...params, ...said });
    expect([status, body]).toMatchObject([
      200,
      { id: 7, error: { code: -32602, message: expect.stringContaining(Object.keys(said)[0] ?? "-") } },
    ]);
    expect(heard).toHaveLength(before);
  });

  it("never asks a client of an older revision, and says why", async () => {
    const { status, body } = await legacy(method, { ...params, inputResponses: { who: {} }, requestState: "sealed" });
    expect(heard.at(-1)).toBeUndefined();
    expect([status, body]).toMatchObject([
      200,
      {
        id: 7,
        error: { code: -32600, message: expect.stringContaining("at initialize or in its request: elicitation") },
      },
    ]);
  });

  it("says that a state is not good", async () => {
    const refusing = answering({ state: "invalid", message: "Not this one." });
    const { body } = await refusing.modern(method, params);
    expect(body).toMatchObject({ id: 7, error: { code: -32602, message: "Not this one." } });
  });
});

describe("a client", () => {
  it.each<[string, InputRequest, object, boolean]>([
    ["a form", FORM, { elicitation: {} }, true],
    ["a form", FORM, { elicitation: { form: {} } }, true],
    ["a form", FORM, { elicitation: { form: {}, url: {} } }, true],
    ["a form", FORM, { elicitation: { url: {} } }, false],
    ["a form", FORM, { elicitation: true }, false],
    ["a form", FORM, { sampling: {}, roots: {} }, false],
    ["a page", URL_MODE, { elicitation: { url: {} } }, true],
    ["a page", URL_MODE, { elicitation: {} }, false],
    ["a sample", SAMPLE, { sampling: {} }, true],
    ["a sample", SAMPLE, { elicitation: {} }, false],
    ["roots", ROOTS, { roots: {} }, true],
    ["roots", ROOTS, {}, false],
  ])("is asked for %s only where it declares it: %j with %j is %s", async (_, request, capabilities, isAsked) => {
    const { modern } = answering({ state: "input_required", inputRequests: { one: request } });
    const { body } = await modern("tools/call", { name: "t", _meta: able(capabilities) });
    const { method } = request;
    if (isAsked) expect(body).toMatchObject({ result: { inputRequests: { one: { method } } } });
    else
      expect(body).toMatchObject({
        error: { code: -32021, data: { requiredCapabilities: { [method.split("/")[0] ?? ""]: {} } } },
      });
  });

  it("that cannot do what a tool takes is told so with status 400", async () => {
    const requiredCapabilities = { sampling: {} };
    const { modern, legacy } = wire({ openTool: () => ({ state: "missing_capability", requiredCapabilities }) });
    const error = { code: -32021, message: expect.stringContaining("sampling"), data: { requiredCapabilities } };
    expect(await modern("tools/call", { name: "t" })).toMatchObject({
      status: 400,
      body: { jsonrpc: "2.0", id: 7, error },
    });
    expect(await legacy("tools/call", { name: "t" })).toMatchObject({
      status: 200,
      body: { error: { ...error, code: -32600 } },
    });
  });

  it("that waits on a stream is asked there", async () => {
    const { modern } = answering(asking);
    const { body } = await modern(
      "tools/call",
      { name: "t", _meta: { ...able({ elicitation: {} }), progressToken: 1 } },
      { accept: "application/json, text/event-stream" },
    );
    expect(eventsOf(body)).toMatchObject([{ id: 7, result: { resultType: "input_required", requestState: "sealed" } }]);
  });
});

describe("a yes-or-no question", () => {
  const said = (confirm: unknown): ClientInput => ({
    capabilities: {},
    inputResponses: (confirm === undefined ? {} : { confirm }) as ClientInput["inputResponses"],
    requestState: undefined,
  });

  it("is a form with one box", () => {
    expect(confirmationForm("Draw?")).toEqual({
      confirm: {
        method: "elicitation/create",
        params: {
          mode: "form",
          message: "Draw?",
          requestedSchema: {
            type: "object",
            properties: { confirm: { type: "boolean", title: "Yes, do it", default: false } },
            required: ["confirm"],
          },
        },
      },
    });
    const client = (capabilities: ClientInput["capabilities"]) => canConfirm({ ...said({}), capabilities });
    expect([client({ elicitation: {} }), client({ elicitation: { url: {} } }), client({})]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it.each([
    [{ action: "accept", content: { confirm: true } }, "yes"],
    [{ action: "accept", content: { confirm: true, more: 1 } }, "yes"],
    [{ action: "accept", content: { confirm: false } }, "no"],
    [{ action: "decline" }, "no"],
    [{ action: "cancel" }, "no"],
    [{ action: "decline", content: { confirm: true } }, "no"],
    [{ action: "accept", content: { confirm: "true" } }, null],
    [{ action: "accept", content: { confirm: 1 } }, null],
    [{ action: "accept", content: {} }, null],
    [{ action: "accept", content: [true] }, null],
    [{ action: "accept" }, null],
    [{ action: "ACCEPT", content: { confirm: true } }, null],
    [{ content: { confirm: true } }, null],
    [{}, null],
    [undefined, null],
  ])("answered with %j is %s", (answer, meaning) => {
    expect(confirmationReply(said(answer))).toBe(meaning);
  });
});
