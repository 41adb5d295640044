// Confirmation: the user is asked before a tool of a configured risk runs. The official clients
// show the forms; requests that no official client sends are written here.
import type { Client, ElicitRequest, ElicitResult } from "@modelcontextprotocol/client";
import { describe, expect, it } from "vitest";
import { auditEventsIn } from "../support/audit-log.ts";
import { accessTokenOf, type Connected, connect, type Mode, userIdOf } from "../support/mcp-clients.ts";
import { postRequest } from "../support/mcp-requests.ts";
import type { SiblingCall } from "../support/sibling-worker.ts";
import { useSystem } from "../support/system.ts";

const system = useSystem("confirming");

const DRAW = {
  name: "image_generate",
  arguments: { prompt: "a kite over my neighbour's house", quality_tier: "draft" },
};
const YES: ElicitResult = { action: "accept", content: { confirm: true } };

/**
 * A client with forms, whose user responds to each with `response`. `forms`: those shown so far.
 */
async function connectWithForms(
  response: ElicitResult,
): Promise<Connected & { readonly forms: ElicitRequest["params"][] }> {
  const connected = await connect(system.origin, "modern", { capabilities: { elicitation: { form: {} } } });
  const forms: ElicitRequest["params"][] = [];
  connected.client.setRequestHandler("elicitation/create", ({ params }) => {
    forms.push(params);
    return response;
  });
  return { ...connected, forms };
}

/** Decision and outcome of each audited image_generate of this user, oldest first. */
function auditedDraws(connected: Connected): unknown[] {
  return auditEventsIn(system.logs()).flatMap((event) =>
    event.type === "tool.called" && event.tool === DRAW.name && event.subject === userIdOf(connected)
      ? [[event.decision, event.outcome]]
      : [],
  );
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

/** Calls the tool as a client with forms does, with `more` parameters. */
async function call(connected: Connected, more: object = {}, args: object = DRAW.arguments): Promise<Reply> {
  const response = await postRequest(
    system,
    accessTokenOf(connected),
    { method: "tools/call", params: { name: DRAW.name, arguments: args, ...more } },
    { revision: "2026-07-28", capabilities: { elicitation: {} } },
  );
  return (await response.json()) as Reply;
}

const codeOf = ({ _meta }: Awaited<ReturnType<Client["callTool"]>>) =>
  (_meta?.["com.stackbilt/error"] as { code: string } | undefined)?.code;
const REFUSED = {
  code: -32602,
  message: expect.stringContaining("params.requestState is not valid for this request"),
};

describe("a client with forms", () => {
  it("asks its user once, and an accepted form draws the picture", async () => {
    const user = await connectWithForms(YES);
    const drawn = await user.client.callTool(DRAW);
    expect(drawn.structuredContent).toMatchObject({ status: "completed", quality_tier: "draft" });
    expect(drawn.content).toContainEqual(expect.objectContaining({ type: "image" }));
    expect(user.forms).toMatchObject([
      {
        mode: "form",
        message: expect.stringMatching(
          /"Generate an image".*quality_tier":"draft".*outside this platform.*costs 1 credit\./s,
        ),
        requestedSchema: { properties: { confirm: { type: "boolean" } }, required: ["confirm"] },
      },
    ]);
    expect(JSON.stringify(user.forms)).not.toContain("neighbour");
    expect(auditedDraws(user)).toEqual([
      ["confirmation_required", "asked"],
      ["allowed", "ok"],
    ]);
    await user.close();
  });

  it.each<ElicitResult>([
    { action: "decline" },
    { action: "cancel" },
    { action: "accept", content: { confirm: false } },
  ])("draws nothing for %j", async (response) => {
    const user = await connectWithForms(response);
    const refused = await user.client.callTool(DRAW);
    expect([refused.isError, codeOf(refused)]).toEqual([true, "declined"]);
    expect(refused.content).toMatchObject([
      { type: "text", text: expect.stringContaining("The user declined this call") },
    ]);
    expect(auditedDraws(user)).toEqual([
      ["confirmation_required", "asked"],
      ["declined", "declined"],
    ]);
    await user.close();
  });

  it("does not ask its user about a tool of another risk", async () => {
    const user = await connectWithForms({ action: "decline" });
    const { structuredContent } = await user.client.callTool({
      name: "flow_create",
      arguments: { projectDescription: "A kiosk" },
    });
    expect(structuredContent).toMatchObject({ flowId: expect.any(String) });
    expect(user.forms).toEqual([]);
    await user.close();
  });

  it("can use a confirmation for one call only, with the same arguments and by the same user", async () => {
    const [ada, eve] = [await connectWithForms(YES), await connectWithForms(YES)];
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
    expect(auditedDraws(ada).filter((draw) => String(draw) === "allowed,ok")).toHaveLength(1);
    expect(auditedDraws(eve)).toEqual([["state_refused", "state_refused"]]);
    await Promise.all([ada.close(), eve.close()]);
  });
});

describe("a tool that needs confirmation", () => {
  it.each<Mode>(["modern", "legacy", "older-sdk"])("is refused for a %s client without forms", async (mode) => {
    const user = await connect(system.origin, mode);
    const refused = await user.client.callTool(DRAW);
    expect(refused).toMatchObject({
      isError: true,
      content: [
        {
          type: "text",
          text: expect.stringMatching(
            /The user must confirm this call.*2025-06-18.*elicitation.*confirmation_required/s,
          ),
        },
      ],
    });
    expect(auditedDraws(user)).toEqual([["confirmation_required", "confirmation_required"]]);
    await user.close();
  });

  it("is refused for a sibling Worker", async () => {
    const call: SiblingCall = { through: "GATEWAY", tool: DRAW.name, input: DRAW.arguments };
    const response = await system.worker("sibling").fetch("/", { method: "POST", body: JSON.stringify(call) });
    expect(await response.json()).toMatchObject({
      ok: false,
      error: { code: "confirmation_required", traceId: expect.any(String) },
    });
  });
});
