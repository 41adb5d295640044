// Tools that need the user's confirmation, through the pipeline, with backends that count.
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Identity, TenantId } from "../../../contracts/rpc/identity.ts";
import type { ToolCallEvent } from "../../../src/audit/event.ts";
import type { Env } from "../../../src/env.ts";
import type { ClientInput } from "../../../src/mcp/port.ts";
import { authorizeCall, callTool } from "../../../src/pipeline/call-tool.ts";
import { STATE_REFUSED } from "../../../src/pipeline/checks.ts";
import { catalog, catalogOf } from "../../../src/tools/catalog.ts";
import { auditLogWith, newContext } from "../context.ts";
import { envWith, quiet } from "../oauth/browser.ts";

const job = {
  job_id: "0b7e5a52-95a8-4d0e-8a6e-0a9c1a1d3a10",
  status: "completed",
  url: null,
  model: "procedural",
  quality_tier: "draft",
};
const generateImage = vi.fn(async () => ({
  ok: true,
  value: { ...job, enhanced_prompt: "a", width: 1, height: 1, size_bytes: null },
}));
const listModels = vi.fn(async () => ({ ok: true, value: { models: [] } }));
const records: ToolCallEvent[] = [];
const queue = { send: async (event: ToolCallEvent) => void records.push(event) };
const settings = (more: Partial<Env> = {}) =>
  envWith(
    {},
    {
      CONFIRM_RISKS: "EXTERNAL_MUTATION",
      // Plain objects do not have the bindings' types, but are called alike.
      IMG_FORGE: { generateImage, listModels } as unknown as Env["IMG_FORGE"],
      AUDIT_LOG: auditLogWith((event) => records.push(event)),
      PLATFORM_EVENTS_QUEUE: queue as never,
      ...more,
    },
  );
const env = settings();

beforeEach(() => {
  vi.clearAllMocks();
  records.length = 0;
});

const ADA: Identity = {
  subject: "u",
  tenantId: "t" as TenantId,
  tier: "enterprise",
  scopes: ["generate"],
  clientId: "c",
}; // the brand lives in TypeScript only
const DRAW = { prompt: "a portrait of my neighbour", quality_tier: "draft" };

interface Call {
  readonly name?: string;
  readonly args?: object;
  readonly identity?: Identity;
  readonly clientInput?: ClientInput | undefined;
  readonly env?: Env;
  readonly tools?: typeof catalog;
  readonly revalidate?: () => Promise<"good" | "unauthenticated">;
}

/** Input of a client that shows forms. */
function clientInput(response: "accept" | "decline" | null, requestState: string | undefined): ClientInput {
  const accepted = { confirm: { action: "accept", content: { confirm: response === "accept" } } };
  return { capabilities: { elicitation: {} }, inputResponses: response === null ? {} : accepted, requestState };
}

const NO_RESPONSE = clientInput(null, undefined);

/** Calls a tool; by default for a client that shows forms, without a response. */
async function use(call: Call = {}) {
  const { name = "image_generate", args = DRAW, identity = ADA, tools = catalog, revalidate } = call;
  const input = "clientInput" in call ? call.clientInput : NO_RESPONSE;
  const { context, finish } = newContext(call.env ?? env);
  const request = { catalog: tools, name, args, identity, channel: "mcp", revalidate, clientInput: input } as const;
  const authorized = await authorizeCall(context, request);
  if (authorized.state !== "authorized") throw new Error(authorized.state);
  const outcome = await callTool(authorized);
  await finish();
  return { outcome, recorded: records.map(({ decision, outcome: ended }) => [decision, ended]) };
}

/** The state of a new question. */
async function ask(call: Call = {}): Promise<string> {
  const { outcome } = await use(call);
  if (outcome.state !== "input_required") throw new Error("The user is not asked.");
  return outcome.requestState ?? "";
}

describe("a call whose risk needs a confirmation", () => {
  it("asks the user with tool, redacted arguments and effect, and does not call the backend", async () => {
    const { outcome, recorded } = await use();
    expect(outcome).toEqual({
      state: "input_required",
      inputRequests: { confirm: { method: "elicitation/create", params: expect.objectContaining({ mode: "form" }) } },
      requestState: expect.stringMatching(/^[0-9a-f]{8}\./),
    });
    const requests = outcome.state === "input_required" ? outcome.inputRequests : {};
    const question = requests.confirm?.params.message;
    expect(question).toBe(
      [
        'Allow one call of "Generate an image" (image_generate)?',
        'Arguments: {"prompt":"<26 characters>","quality_tier":"draft"}',
        "Effect: it starts work outside this platform. It costs 1 credit.",
      ].join("\n\n"),
    );
    expect(recorded).toEqual([["confirmation_required", "asked"]]);
    expect(generateImage).not.toHaveBeenCalled();
  });

  it("runs once with an accepted confirmation", async () => {
    const state = await ask();
    expect((await use({ clientInput: clientInput("accept", state) })).outcome).toMatchObject({ result: { ok: true } });
    expect((await use({ clientInput: clientInput("accept", state) })).outcome).toEqual(STATE_REFUSED);
    expect(records.map(({ decision, outcome }) => [decision, outcome])).toEqual([
      ["confirmation_required", "asked"],
      ["allowed", "ok"],
      ["state_refused", "state_refused"],
    ]);
    expect(generateImage).toHaveBeenCalledTimes(1);
  });

  it("runs once if the accepted confirmation arrives many times at once", async () => {
    const input = clientInput("accept", await ask());
    await Promise.all(Array.from({ length: 5 }, () => use({ clientInput: input })));
    expect(generateImage).toHaveBeenCalledTimes(1);
  });

  it("ends if the user declines, and a later acceptance does not undo that", async () => {
    const state = await ask();
    const { outcome } = await use({ clientInput: clientInput("decline", state) });
    expect(outcome).toMatchObject({
      result: { ok: false, error: { code: "declined", message: expect.stringMatching(/declined/i) } },
    });
    expect((await use({ clientInput: clientInput("accept", state) })).outcome).toEqual(STATE_REFUSED);
    expect(records.map(({ decision, outcome }) => [decision, outcome])).toEqual([
      ["confirmation_required", "asked"],
      ["declined", "declined"],
      ["state_refused", "state_refused"],
    ]);
    expect(generateImage).not.toHaveBeenCalled();
  });

  it.each<[string, Call]>([
    ["other arguments", { args: { ...DRAW, prompt: "a portrait of my neighbours" } }],
    ["one argument more", { args: { ...DRAW, wait: false } }],
    ["another user", { identity: { ...ADA, subject: "v" } }],
    ["another client of the user", { identity: { ...ADA, clientId: "d" } }],
    [
      "a tool that changed since",
      { tools: catalogOf(Array.from(catalog.values(), (tool) => ({ ...tool, description: "Erases." }))) },
    ],
  ])("is refused with a confirmation that was given for %s", async (_, other) => {
    const input = clientInput("accept", await ask());
    expect((await use({ ...other, clientInput: input })).outcome).toEqual(STATE_REFUSED);
    expect(generateImage).not.toHaveBeenCalled();
    // The refused attempt does not use it up.
    expect((await use({ clientInput: input })).outcome).toMatchObject({ result: { ok: true } });
  });

  it("is refused with an expired confirmation", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      const input = clientInput("accept", await ask());
      vi.setSystemTime(Date.now() + 600_000);
      expect((await use({ clientInput: input })).outcome).toEqual(STATE_REFUSED);
      expect(generateImage).not.toHaveBeenCalled();
    } finally {
      vi.useRealTimers();
    }
  });

  it("asks again without a response, and with a response to no question of ours", async () => {
    const state = await ask();
    expect((await use({ clientInput: clientInput(null, state) })).outcome).toMatchObject({ state: "input_required" });
    expect((await use({ clientInput: clientInput("accept", undefined) })).outcome).toMatchObject({
      state: "input_required",
    });
    expect(generateImage).not.toHaveBeenCalled();
  });

  it("is refused with a sentence if the client cannot show a form", async () => {
    const { outcome, recorded } = await use({ clientInput: undefined });
    const error = {
      code: "confirmation_required",
      message: expect.stringMatching(/confirm.*elicitation/i),
    };
    expect(outcome).toMatchObject({ result: { ok: false, error } });
    expect(recorded).toEqual([["confirmation_required", "confirmation_required"]]);
    expect(generateImage).not.toHaveBeenCalled();
  });

  it("asks only after all other checks have passed", async () => {
    const invalid = { result: { ok: false, error: { code: "invalid_arguments" } } };
    expect((await use({ args: { prompt: 1 } })).outcome).toMatchObject(invalid);
    const outcome = { result: { ok: false, error: { code: "unauthenticated" } } };
    expect((await use({ revalidate: async () => "unauthenticated" })).outcome).toMatchObject(outcome);
    const tester = { ...ADA, tenantId: "test:t" as TenantId }; // the brand lives in TypeScript only
    expect((await use({ identity: tester })).outcome).toMatchObject({
      result: { ok: false, error: { code: "test_key_not_allowed" } },
    });
  });

  it("does not run if storage cannot tell whether the confirmation was used", async () => {
    const log = quiet();
    const input = clientInput("accept", await ask());
    const gone = {
      idFromName() {
        throw new Error("a secret of the storage");
      },
    };
    const broken = settings({ ONE_TIME: gone as never });
    const { outcome, recorded } = await use({ clientInput: input, env: broken });
    expect(outcome).toMatchObject({ result: { ok: false, error: { code: "unavailable", retryAfterSeconds: 5 } } });
    expect(JSON.stringify(outcome)).not.toContain("secret");
    expect(recorded.at(-1)).toEqual(["confirmation_required", "unavailable"]);
    expect(log.mock.calls.flat().join()).toContain("confirmation.unchecked");
    expect(generateImage).not.toHaveBeenCalled();
    log.mockRestore();
  });
});

describe("a call whose risk needs no confirmation", () => {
  it.each(["", "DESTRUCTIVE", undefined])("runs without a question if the setting is %j", async (CONFIRM_RISKS) => {
    const { CONFIRM_RISKS: _, ...rest } = env;
    const lenient = { ...rest, ...(CONFIRM_RISKS !== undefined && { CONFIRM_RISKS }) } as Env;
    expect((await use({ env: lenient, clientInput: undefined })).outcome).toMatchObject({ result: { ok: true } });
    expect((await use({ env: lenient })).outcome).toMatchObject({ result: { ok: true } });
  });

  it("is still refused with a state of another call", async () => {
    const name = "image_list_models";
    expect((await use({ name, args: {} })).outcome).toMatchObject({ result: { ok: true } });
    expect((await use({ name, args: {}, clientInput: clientInput(null, await ask()) })).outcome).toEqual(STATE_REFUSED);
    expect(listModels).toHaveBeenCalledTimes(1);
  });
});
