// Tools that need a person's yes: asked of the pipeline itself, with backends that count.
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Identity, TenantId } from "../../../contracts/rpc/identity.ts";
import type { AuditEvent } from "../../../src/audit/event.ts";
import { traceFrom } from "../../../src/context.ts";
import type { Env } from "../../../src/env.ts";
import { openCall } from "../../../src/pipeline/call-tool.ts";
import type { Person } from "../../../src/pipeline/confirmation.ts";
import { catalog, catalogOf } from "../../../src/tools/catalog.ts";
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
const records: AuditEvent[] = [];
const queue = { send: async (event: AuditEvent) => void records.push(event) };
const settings = (more: Partial<Env> = {}) =>
  envWith(
    {},
    {
      CONFIRM_RISKS: "EXTERNAL_MUTATION",
      // Plain objects cannot be bindings' types, but they are called like them.
      IMG_FORGE: { generateImage, listModels } as unknown as Env["IMG_FORGE"],
      PLATFORM_EVENTS_QUEUE: queue as never,
      ...more,
    },
  );
const env = settings();

beforeEach(() => {
  vi.clearAllMocks();
  records.length = 0;
});

const ADA: Identity = { subject: "u", tenantId: "t" as TenantId, tier: "free", scopes: ["generate"], clientId: "c" }; // the brand lives in TypeScript only
const DRAW = { prompt: "a portrait of my neighbour", quality_tier: "draft" };

interface Wish {
  readonly name?: string;
  readonly args?: object;
  readonly caller?: Identity;
  readonly person?: Person | null;
  readonly env?: Env;
  readonly tools?: typeof catalog;
  readonly revalidate?: () => Promise<"good" | "unauthenticated">;
}

/** Calls a tool as a channel does that can ask a person. */
async function use({
  name = "image_generate",
  args = DRAW,
  caller = ADA,
  person = nobody,
  tools = catalog,
  revalidate,
  ...wish
}: Wish = {}) {
  const ctx = createExecutionContext();
  const request = {
    catalog: tools,
    name,
    args,
    caller,
    trace: traceFrom(null),
    channel: "mcp",
    revalidate,
    person,
  } as const;
  const opened = openCall(wish.env ?? env, ctx, request);
  if (opened.state !== "ready") throw new Error(opened.state);
  const ended = await opened.run();
  await waitOnExecutionContext(ctx);
  return { ended, told: records.map(({ decision, outcome }) => [decision, outcome]) };
}

const nobody: Person = { answer: null, state: undefined };

/** The state of a new question. */
async function ask(wish: Wish = {}): Promise<string> {
  const { ended } = await use(wish);
  if (!("state" in ended) || ended.state !== "asked") throw new Error("Nobody is asked.");
  return ended.requestState;
}
const saying = (answer: Person["answer"], state: string | undefined): Person => ({ answer, state });

describe("a call whose risk needs a yes", () => {
  it("waits for it: the person is shown tool, redacted arguments and effect, and the backend hears of nothing", async () => {
    const { ended, told } = await use();
    expect(ended).toEqual({
      state: "asked",
      question: expect.any(String),
      requestState: expect.stringMatching(/^[0-9a-f]{8}\./),
    });
    const { question } = ended as { question: string };
    expect(question).toBe(
      [
        'Allow one call of "Generate an image" (image_generate)?',
        'Arguments: {"prompt":"<26 characters>","quality_tier":"draft"}',
        "Effect: it sets work going outside this platform. It costs credits.",
      ].join("\n\n"),
    );
    expect(told).toEqual([["confirmation_required", "asked"]]);
    expect(generateImage).not.toHaveBeenCalled();
  });

  it("goes on with a yes, once", async () => {
    const state = await ask();
    expect((await use({ person: saying("yes", state) })).ended).toMatchObject({ result: { ok: true } });
    expect((await use({ person: saying("yes", state) })).ended).toEqual({ state: "state_refused" });
    expect(records.map(({ decision, outcome }) => [decision, outcome])).toEqual([
      ["confirmation_required", "asked"],
      ["allowed", "ok"],
      ["state_refused", "state_refused"],
    ]);
    expect(generateImage).toHaveBeenCalledTimes(1);
  });

  it("goes on once where the yes comes many times together", async () => {
    const person = saying("yes", await ask());
    await Promise.all(Array.from({ length: 5 }, () => use({ person })));
    expect(generateImage).toHaveBeenCalledTimes(1);
  });

  it("ends with a no, which no later yes undoes", async () => {
    const state = await ask();
    const { ended } = await use({ person: saying("no", state) });
    expect(ended).toMatchObject({
      result: { ok: false, error: { code: "declined", message: expect.stringContaining("said no") } },
    });
    expect((await use({ person: saying("yes", state) })).ended).toEqual({ state: "state_refused" });
    expect(records.map(({ decision, outcome }) => [decision, outcome])).toEqual([
      ["confirmation_required", "asked"],
      ["declined", "declined"],
      ["state_refused", "state_refused"],
    ]);
    expect(generateImage).not.toHaveBeenCalled();
  });

  it.each<[string, Wish]>([
    ["other arguments", { args: { ...DRAW, prompt: "a portrait of my neighbours" } }],
    ["one argument more", { args: { ...DRAW, wait: false } }],
    ["another person", { caller: { ...ADA, subject: "v" } }],
    ["another app of the person's", { caller: { ...ADA, clientId: "d" } }],
    [
      "a tool that changed since",
      { tools: catalogOf(Array.from(catalog.values(), (tool) => ({ ...tool, description: "Erases." }))) },
    ],
  ])("is refused with a yes that was given for %s", async (_, other) => {
    const person = saying("yes", await ask());
    expect((await use({ ...other, person })).ended).toEqual({ state: "state_refused" });
    expect(generateImage).not.toHaveBeenCalled();
    // It is not used up by whoever it was not given to.
    expect((await use({ person })).ended).toMatchObject({ result: { ok: true } });
  });

  it("is refused with a yes that comes too late", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      const person = saying("yes", await ask());
      vi.setSystemTime(Date.now() + 600_000);
      expect((await use({ person })).ended).toEqual({ state: "state_refused" });
      expect(generateImage).not.toHaveBeenCalled();
    } finally {
      vi.useRealTimers();
    }
  });

  it("is asked about again where there is no answer, and where a yes answers no question of ours", async () => {
    const state = await ask();
    expect((await use({ person: saying(null, state) })).ended).toMatchObject({ state: "asked" });
    expect((await use({ person: saying("yes", undefined) })).ended).toMatchObject({ state: "asked" });
    expect(generateImage).not.toHaveBeenCalled();
  });

  it("is refused, in words, where nobody can be asked", async () => {
    const { ended, told } = await use({ person: null });
    const error = {
      code: "confirmation_required",
      message: expect.stringMatching(/A person must say yes.*elicitation/),
    };
    expect(ended).toMatchObject({ result: { ok: false, error } });
    expect(told).toEqual([["confirmation_required", "confirmation_required"]]);
    expect(generateImage).not.toHaveBeenCalled();
  });

  it("is not asked about before everything else is right", async () => {
    const invalid = { result: { ok: false, error: { code: "invalid_arguments" } } };
    expect((await use({ args: { prompt: 1 } })).ended).toMatchObject(invalid);
    const ended = { result: { ok: false, error: { code: "unauthenticated" } } };
    expect((await use({ revalidate: async () => "unauthenticated" })).ended).toMatchObject(ended);
    const tester = { ...ADA, tenantId: "test:t" as TenantId }; // the brand lives in TypeScript only
    expect((await use({ caller: tester })).ended).toMatchObject({
      result: { ok: false, error: { code: "test_key_not_allowed" } },
    });
  });

  it("does not happen where nobody can tell whether the yes was used", async () => {
    const log = quiet();
    const person = saying("yes", await ask());
    const gone = {
      idFromName() {
        throw new Error("a secret of the storage");
      },
    };
    const broken = settings({ ONE_TIME: gone as never });
    const { ended, told } = await use({ person, env: broken });
    expect(ended).toMatchObject({ result: { ok: false, error: { code: "unavailable", retryAfterSeconds: 5 } } });
    expect(JSON.stringify(ended)).not.toContain("secret");
    expect(told.at(-1)).toEqual(["confirmation_required", "unavailable"]);
    expect(log.mock.calls.flat().join()).toContain("confirmation.unchecked");
    expect(generateImage).not.toHaveBeenCalled();
    log.mockRestore();
  });
});

describe("a call whose risk needs none", () => {
  it.each(["", "DESTRUCTIVE", undefined])(
    "goes on without a question where the setting is %j",
    async (CONFIRM_RISKS) => {
      const { CONFIRM_RISKS: _, ...rest } = env;
      const lenient = { ...rest, ...(CONFIRM_RISKS !== undefined && { CONFIRM_RISKS }) } as Env;
      expect((await use({ env: lenient, person: null })).ended).toMatchObject({ result: { ok: true } });
      expect((await use({ env: lenient })).ended).toMatchObject({ result: { ok: true } });
    },
  );

  it("is still refused with a state that is not its own", async () => {
    const name = "image_list_models";
    expect((await use({ name, args: {} })).ended).toMatchObject({ result: { ok: true } });
    expect((await use({ name, args: {}, person: saying(null, await ask()) })).ended).toEqual({
      state: "state_refused",
    });
    expect(listModels).toHaveBeenCalledTimes(1);
  });
});
