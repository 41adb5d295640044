// Multi round-trip requests (2026-07-28, basic/patterns/mrtr): the input that a client may send,
// and the results that request it.
import { describe, expect, it } from "vitest";
import { confirmationForm, confirmationResponse, supportsConfirmation } from "../../../src/mcp/elicitation.ts";
import type { ClientInput, InputRequired, ToolOutcome } from "../../../src/mcp/port.ts";
import type { CallToolResult, InputRequest } from "../../../src/mcp/schema.ts";
import { emptyFeatures, endpointOf, envelope, messagesIn, toolNamed } from "./http.ts";

const envelopeWith = (clientCapabilities: object) => ({
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

const clientInputs: (ClientInput | undefined)[] = [];
const inputRequired: InputRequired = { state: "input_required", inputRequests: { who: FORM }, requestState: "sealed" };

/** An endpoint whose server returns `outcome` for every method. */
function endpointReturning(outcome: Exclude<ToolOutcome, CallToolResult>) {
  return endpointOf({
    features: {
      ...emptyFeatures,
      tools: [toolNamed("t")],
      prompts: [{ name: "t", title: "T", description: "T.", arguments: [] }],
      resources: [{ uri: "t:t", name: "t", title: "T", description: "T.", mimeType: "text/plain" }],
    },
    prepareCall(_name, _args, _meta, clientInput) {
      clientInputs.push(clientInput);
      return { state: "ready", run: async () => outcome };
    },
    async getPrompt(_name, _args, clientInput) {
      clientInputs.push(clientInput);
      return outcome as InputRequired; // the three methods have it in common
    },
    async readResource(_uri, _traceparent, clientInput) {
      clientInputs.push(clientInput);
      return outcome as InputRequired; // the three methods have it in common
    },
  });
}

const METHODS: [string, Record<string, unknown>][] = [
  ["tools/call", { name: "t" }],
  ["prompts/get", { name: "t" }],
  ["resources/read", { uri: "t:t" }],
];

describe.each(METHODS)("%s", (method, params) => {
  const { modern, legacy } = endpointReturning(inputRequired);

  it(`${method} may return input_required, which is no error and not cached`, async () => {
    const { status, body } = await modern(method, { ...params, _meta: envelopeWith({ elicitation: {} }) });
    expect(status).toBe(200);
    expect(body).toEqual({
      jsonrpc: "2.0",
      id: 7,
      result: {
        resultType: "input_required",
        inputRequests: { who: FORM },
        requestState: "sealed",
        _meta: { "io.modelcontextprotocol/serverInfo": emptyFeatures.info },
      },
    });
  });

  it(`${method} passes on all input responses, also under names that were not requested`, async () => {
    const inputResponses = { who: { action: "accept", content: { name: "Ada" } }, other: {} };
    await modern(method, { ...params, _meta: envelopeWith({ sampling: {} }), inputResponses, requestState: "sealed" });
    expect(clientInputs.at(-1)).toEqual({ capabilities: { sampling: {} }, inputResponses, requestState: "sealed" });
    for (const absent of [{}, { inputResponses: null, requestState: null }]) {
      await modern(method, { ...params, ...absent });
      expect(clientInputs.at(-1)).toEqual({ capabilities: {}, inputResponses: {}, requestState: undefined });
    }
  });

  it.each([
    { inputResponses: [] },
    { inputResponses: "yes" },
    { inputResponses: { who: 12345 } },
    { inputResponses: { who: null } },
    { inputResponses: { who: [] } },
    { inputResponses: { who: { content: { text: "x".repeat(70_000) } } } },
    { inputResponses: { who: { list: Array(2_000).fill(0) } } },
    { requestState: 1 },
    { requestState: "x".repeat(5_000) },
    { requestState: {} },
  ])(`${method} refuses %j, before the server is called`, async (input) => {
    const before = clientInputs.length;
    const { status, body } = await modern(method, { ...params, ...input });
    expect([status, body]).toMatchObject([
      200,
      { id: 7, error: { code: -32602, message: expect.stringContaining(Object.keys(input)[0] ?? "-") } },
    ]);
    expect(clientInputs).toHaveLength(before);
  });

  it(`${method} is an error for a legacy client that would need to give input`, async () => {
    const { status, body } = await legacy(method, { ...params, inputResponses: { who: {} }, requestState: "sealed" });
    expect(clientInputs.at(-1)).toBeUndefined();
    expect([status, body]).toMatchObject([
      200,
      {
        id: 7,
        error: { code: -32600, message: expect.stringContaining("at initialize or in its request: elicitation") },
      },
    ]);
  });

  it(`${method} is -32602 with the server's sentence for invalid input`, async () => {
    const refusingEndpoint = endpointReturning({ state: "invalid", message: "Not this one." });
    const { body } = await refusingEndpoint.modern(method, params);
    expect(body).toMatchObject({ id: 7, error: { code: -32602, message: "Not this one." } });
  });
});

describe("client capabilities", () => {
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
  ])(
    "a client is asked for %s only if it declares the capability: %j with %j is %s",
    async (_, request, capabilities, isSupported) => {
      const { modern } = endpointReturning({ state: "input_required", inputRequests: { one: request } });
      const { body } = await modern("tools/call", { name: "t", _meta: envelopeWith(capabilities) });
      const { method } = request;
      if (isSupported) expect(body).toMatchObject({ result: { inputRequests: { one: { method } } } });
      else
        expect(body).toMatchObject({
          error: { code: -32021, data: { requiredCapabilities: { [method.split("/")[0] ?? ""]: {} } } },
        });
    },
  );

  it("a client without a capability that a tool needs gets status 400, or an error at 200 in the legacy era", async () => {
    const requiredCapabilities = { sampling: {} };
    const { modern, legacy } = endpointOf({
      prepareCall: () => ({ state: "missing_capability", requiredCapabilities }),
    });
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

  it("a client that reads a stream receives input_required there", async () => {
    const { modern } = endpointReturning(inputRequired);
    const { body } = await modern(
      "tools/call",
      { name: "t", _meta: { ...envelopeWith({ elicitation: {} }), progressToken: 1 } },
      { accept: "application/json, text/event-stream" },
    );
    expect(messagesIn(body)).toMatchObject([
      { id: 7, result: { resultType: "input_required", requestState: "sealed" } },
    ]);
  });
});

describe("a confirmation", () => {
  const inputWith = (confirm: unknown): ClientInput => ({
    capabilities: {},
    inputResponses: (confirm === undefined ? {} : { confirm }) as ClientInput["inputResponses"],
    requestState: undefined,
  });

  it("a confirmation is a form with one checkbox", () => {
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
    const supports = (capabilities: ClientInput["capabilities"]) =>
      supportsConfirmation({ ...inputWith({}), capabilities });
    expect([supports({ elicitation: {} }), supports({ elicitation: { url: {} } }), supports({})]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it.each([
    [{ action: "accept", content: { confirm: true } }, "accept"],
    [{ action: "accept", content: { confirm: true, more: 1 } }, "accept"],
    [{ action: "accept", content: { confirm: false } }, "decline"],
    [{ action: "decline" }, "decline"],
    [{ action: "cancel" }, "decline"],
    [{ action: "decline", content: { confirm: true } }, "decline"],
    [{ action: "accept", content: { confirm: "true" } }, null],
    [{ action: "accept", content: { confirm: 1 } }, null],
    [{ action: "accept", content: {} }, null],
    [{ action: "accept", content: [true] }, null],
    [{ action: "accept" }, null],
    [{ action: "ACCEPT", content: { confirm: true } }, null],
    [{ content: { confirm: true } }, null],
    [{}, null],
    [undefined, null],
  ])("a confirmation with the response %j is %s", (response, meaning) => {
    expect(confirmationResponse(inputWith(response))).toBe(meaning);
  });
});
