// A person is asked before a tool does what the settings call risky: through the official client, whose forms are answered here, and
// by hand where a client would not do such a thing.
import type { Client, ElicitRequest, ElicitResult } from "@modelcontextprotocol/client";
import { describe, expect, it } from "vitest";
import type { AuditEvent } from "../../src/audit/event.ts";
import type { Wish } from "../support/example-sibling.ts";
import { type Connected, connect, type Mode } from "../support/mcp-clients.ts";
import { useSystem } from "../support/system.ts";

const system = useSystem({
  vars: { gateway: { CONFIRM_RISKS: "EXTERNAL_MUTATION" } },
  also: [
    {
      name: "example-sibling",
      main: "test/support/example-sibling.ts",
      services: [
        {
          binding: "GATEWAY",
          service: "stackbilt-mcp-gateway",
          entrypoint: "GatewayEntrypoint",
          props: { caller: "charter-web", scopes: ["read", "generate"] },
        },
      ],
    },
  ],
});

const DRAW = {
  name: "image_generate",
  arguments: { prompt: "a kite over my neighbour's house", quality_tier: "draft" },
};
const YES: ElicitResult = { action: "accept", content: { confirm: true } };

/** Somebody whose client shows forms, and who answers them with `answer`. */
async function somebody(answer: ElicitResult): Promise<Connected & { readonly asked: ElicitRequest["params"][] }> {
  const connected = await connect(system.origin, "modern", { capabilities: { elicitation: { form: {} } } });
  const asked: ElicitRequest["params"][] = [];
  connected.client.setRequestHandler("elicitation/create", ({ params }) => {
    asked.push(params);
    return answer;
  });
  return { ...connected, asked };
}

/** What the audit says of image_generate for the owner of the token, in order. */
function toldOf({ auth }: Connected): unknown[] {
  const subject = auth.saved?.access_token?.split(":")[0];
  return system.logs().flatMap((line) => {
    if (!line.includes('"event":"audit"')) return [];
    const { type, tool, subject: who, decision, outcome } = JSON.parse(line.slice(line.indexOf("{"))) as AuditEvent;
    return type === "tool.called" && tool === DRAW.name && who === subject ? [[decision, outcome]] : [];
  });
}

interface Reply {
  readonly result: {
    resultType: string;
    requestState: string;
    inputRequests: object;
    structuredContent?: object;
    isError?: boolean;
  };
  readonly error: { code: number; message: string };
}

/** Calls the tool by hand, as a client does that shows forms. */
async function call({ auth }: Connected, more: object = {}, args: object = DRAW.arguments): Promise<Reply> {
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": { elicitation: {} },
  };
  const params = { name: DRAW.name, arguments: args, _meta, ...more };
  const answer = await system.fetch("/mcp", {
    method: "POST",
    headers: {
      authorization: `Bearer ${auth.saved?.access_token}`,
      "content-type": "application/json",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/call",
      "mcp-name": DRAW.name,
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params }),
  });
  return (await answer.json()) as Reply;
}

const codeOf = ({ _meta }: Awaited<ReturnType<Client["callTool"]>>) =>
  (_meta?.["com.stackbilt/error"] as { code: string } | undefined)?.code;
const REFUSED = {
  code: -32602,
  message: expect.stringContaining("params.requestState does not belong to this request"),
};

describe("with a client that shows forms", () => {
  it("the person is asked once, and their yes draws", async () => {
    const person = await somebody(YES);
    const drawn = await person.client.callTool(DRAW);
    expect(drawn.structuredContent).toMatchObject({ status: "completed", quality_tier: "draft" });
    expect(drawn.content).toContainEqual(expect.objectContaining({ type: "image" }));
    expect(person.asked).toMatchObject([
      {
        mode: "form",
        message: expect.stringMatching(/"Generate an image".*quality_tier":"draft".*outside this platform.*credits/s),
        requestedSchema: { properties: { confirm: { type: "boolean" } }, required: ["confirm"] },
      },
    ]);
    expect(JSON.stringify(person.asked)).not.toContain("neighbour");
    expect(toldOf(person)).toEqual([
      ["confirmation_required", "asked"],
      ["allowed", "ok"],
    ]);
    await person.close();
  });

  it.each<ElicitResult>([
    { action: "decline" },
    { action: "cancel" },
    { action: "accept", content: { confirm: false } },
  ])("nothing is drawn for %j", async (answer) => {
    const person = await somebody(answer);
    const refused = await person.client.callTool(DRAW);
    expect([refused.isError, codeOf(refused)]).toEqual([true, "declined"]);
    expect(refused.content).toMatchObject([{ type: "text", text: expect.stringContaining("said no") }]);
    expect(toldOf(person)).toEqual([
      ["confirmation_required", "asked"],
      ["declined", "declined"],
    ]);
    await person.close();
  });

  it("nobody is asked about a tool of another risk", async () => {
    const person = await somebody({ action: "decline" });
    expect(
      (await person.client.callTool({ name: "flow_create", arguments: { policy: {} } })).structuredContent,
    ).toMatchObject({
      flowId: expect.any(String),
    });
    expect(person.asked).toEqual([]);
    await person.close();
  });

  it("a yes is good for one call, with these arguments, by this person", async () => {
    const [ada, eve] = [await somebody(YES), await somebody(YES)];
    const { result } = await call(ada);
    expect(result).toMatchObject({ resultType: "input_required", requestState: expect.any(String) });
    const yes = { inputResponses: { confirm: YES }, requestState: result.requestState };
    expect((await call(eve, yes)).error).toMatchObject(REFUSED);
    expect((await call(ada, yes, { ...DRAW.arguments, prompt: "something else" })).error).toMatchObject(REFUSED);
    expect((await call(ada, { ...yes, requestState: `${result.requestState}A` })).error).toMatchObject(REFUSED);
    expect((await call(ada, { ...yes, requestState: "" })).error).toMatchObject(REFUSED);
    expect((await call(ada, { inputResponses: yes.inputResponses })).result.resultType).toBe("input_required");
    expect((await call(ada, { ...yes, inputResponses: {} })).result.resultType).toBe("input_required");

    const both = await Promise.all([call(ada, yes), call(ada, yes)]);
    expect(both.flatMap(({ result: drawn }) => drawn?.structuredContent ?? [])).toHaveLength(1);
    expect(both.flatMap(({ error }) => error ?? [])).toMatchObject([REFUSED]);
    expect((await call(ada, yes)).error).toMatchObject(REFUSED);
    expect(toldOf(ada).filter((told) => String(told) === "allowed,ok")).toHaveLength(1);
    expect(toldOf(eve)).toEqual([["state_refused", "state_refused"]]);
    await Promise.all([ada.close(), eve.close()]);
  });
});

describe("where nobody can be asked", () => {
  it.each<Mode>(["modern", "legacy", "older-sdk"])("a %s client is told so, and nothing is drawn", async (mode) => {
    const person = await connect(system.origin, mode);
    const refused = await person.client.callTool(DRAW);
    expect(refused).toMatchObject({
      isError: true,
      content: [
        {
          type: "text",
          text: expect.stringMatching(/A person must say yes.*2025-06-18.*elicitation.*confirmation_required/s),
        },
      ],
    });
    expect(toldOf(person)).toEqual([["confirmation_required", "confirmation_required"]]);
    await person.close();
  });

  it("a sibling Worker is told so", async () => {
    const wish: Wish = { through: "GATEWAY", tool: DRAW.name, input: DRAW.arguments };
    const answer = await system.worker("example-sibling").fetch("/", { method: "POST", body: JSON.stringify(wish) });
    expect(await answer.json()).toMatchObject({
      ok: false,
      error: { code: "confirmation_required", traceId: expect.any(String) },
    });
  });
});
