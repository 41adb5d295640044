// Questions about work that goes on, asked of the pipeline itself, with backends that count and can be made to misbehave.
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Identity, Scope, TenantId } from "../../../contracts/rpc/identity.ts";
import type { AuditEvent, TaskEvent } from "../../../src/audit/event.ts";
import { traceFrom } from "../../../src/context.ts";
import type { Env } from "../../../src/env.ts";
import { openCall } from "../../../src/pipeline/call-tool.ts";
import type { Person } from "../../../src/pipeline/confirmation.ts";
import { cancelTask, pollTask, startTask, type TaskRequest, updateTask } from "../../../src/pipeline/task.ts";
import { catalog, catalogOf } from "../../../src/tools/catalog.ts";
import { envWith } from "../oauth/browser.ts";

const JOB = "0b7e5a52-95a8-4d0e-8a6e-0a9c1a1d3a10";
const job = {
  job_id: JOB,
  status: "queued",
  url: null,
  model: "procedural",
  quality_tier: "draft",
  enhanced_prompt: "a",
  width: 1,
  height: 1,
  size_bytes: null,
};
type Method = (context: unknown, input: object) => Promise<unknown>;
const [generateImage, checkJob, cancelJob] = [vi.fn<Method>(), vi.fn<Method>(), vi.fn<Method>()];
const records: (AuditEvent | TaskEvent)[] = [];
const queue = { send: async (event: AuditEvent | TaskEvent) => void records.push(event) };
const env = envWith(
  {},
  {
    // Plain objects cannot be bindings' types, but they are called like them.
    IMG_FORGE: { generateImage, checkJob, cancelJob } as unknown as Env["IMG_FORGE"],
    PLATFORM_EVENTS_QUEUE: queue as never,
  },
);

beforeEach(() => {
  vi.resetAllMocks();
  records.length = 0;
  for (const method of [generateImage, checkJob, cancelJob])
    method.mockImplementation(async () => ({ ok: true, value: job }));
});

const ADA: Identity = { subject: "u", tenantId: "t" as TenantId, tier: "free", scopes: ["generate"], clientId: "c" }; // the brand lives in TypeScript only
const DRAW = { prompt: "a portrait", quality_tier: "draft" };
const tool = catalog.get("image_generate");

async function begin(args: object, allowTask: boolean, person: Person | null = null, settings: Env = env) {
  const ctx = createExecutionContext();
  const request = {
    catalog,
    name: "image_generate",
    args,
    caller: ADA,
    trace: traceFrom(null),
    channel: "mcp",
    person,
    allowTask,
  } as const;
  const opened = openCall(settings, ctx, request);
  if (opened.state !== "ready") throw new Error(opened.state);
  const ended = await opened.run();
  await waitOnExecutionContext(ctx);
  return ended;
}

async function taskOf(ref: Readonly<Record<string, string>> = { job_id: JOB }): Promise<string> {
  if (!tool) throw new Error("There is no such tool.");
  return startTask(env, ADA, tool, DRAW, ref, Date.now());
}

const QUESTIONS = { pollTask, updateTask, cancelTask } as const;
type Name = keyof typeof QUESTIONS;
const NAMES = Object.keys(QUESTIONS) as Name[];

async function ask(name: Name, request: Partial<TaskRequest> = {}) {
  const ctx = createExecutionContext();
  const taskId = request.taskId ?? (await taskOf());
  const answer = await QUESTIONS[name](env, ctx, {
    catalog,
    caller: ADA,
    trace: traceFrom(null),
    channel: "mcp",
    ...request,
    taskId,
  });
  await waitOnExecutionContext(ctx);
  return answer;
}
const told = () => records.map(({ type, tool: of, decision, outcome }) => [type, of, decision, outcome]);

describe("a call whose work may go on", () => {
  it("only starts it, and is on record like any call", async () => {
    expect(await begin(DRAW, true)).toMatchObject({ state: "started", ref: { job_id: JOB } });
    expect(generateImage.mock.calls.map(([, input]) => input)).toEqual([{ ...DRAW, wait: false }]);
    expect(told()).toEqual([["tool.called", "image_generate", "allowed", "ok"]]);
  });

  it("waits for its end as ever where the client takes no tasks, or the call asks not to wait", async () => {
    expect(await begin(DRAW, false)).toMatchObject({ result: { ok: true, value: job } });
    expect(await begin({ ...DRAW, wait: false }, true)).toMatchObject({ result: { ok: true, value: job } });
    expect(generateImage.mock.calls.map(([, input]) => input)).toMatchObject([{ wait: true }, { wait: false }]);
  });

  it("is asked about first where its risk needs a yes, and begins with it, once", async () => {
    const careful = { ...env, CONFIRM_RISKS: "EXTERNAL_MUTATION" };
    const asked = await begin(DRAW, true, { answer: null, state: undefined }, careful);
    expect(asked).toMatchObject({ state: "asked" });
    expect(generateImage).not.toHaveBeenCalled();
    const state = "requestState" in asked ? asked.requestState : "";
    expect(await begin(DRAW, true, { answer: "yes", state }, careful)).toMatchObject({ state: "started" });
    expect(await begin(DRAW, true, { answer: "yes", state }, careful)).toEqual({ state: "state_refused" });
    expect(generateImage).toHaveBeenCalledTimes(1);
  });

  it("is refused at once where the backend refuses", async () => {
    generateImage.mockResolvedValueOnce({ ok: false, error: { code: "content_rejected" } });
    expect(await begin(DRAW, true)).toMatchObject({ result: { ok: false, error: { code: "content_rejected" } } });
  });
});

describe("a picture's task", () => {
  it.each([
    ["queued", { state: "working" }],
    ["running", { state: "working" }],
    ["cancelled", { state: "cancelled" }],
    ["completed", { state: "done", ended: { result: { ok: true, value: { ...job, status: "completed" } } } }],
    ["failed", { state: "done", ended: { result: { ok: true, value: { ...job, status: "failed" } } } }],
  ])("whose job is %s", async (status, task) => {
    checkJob.mockResolvedValueOnce({ ok: true, value: { ...job, status } });
    expect(await ask("pollTask")).toMatchObject({ state: "found", createdAtMs: expect.any(Number), task });
    expect(checkJob.mock.calls.map(([, input]) => input)).toEqual([{ job_id: JOB }]);
    expect(told()).toEqual([["task.read", "image_generate", "allowed", "ok"]]);
  });

  it("is stopped by stopping the job", async () => {
    expect(await ask("cancelTask")).toEqual({ state: "done" });
    expect(cancelJob.mock.calls.map(([, input]) => input)).toEqual([{ job_id: JOB }]);
    expect(told()).toEqual([["task.cancelled", "image_generate", "allowed", "ok"]]);
    expect(records).toMatchObject([{ input: { job_id: JOB }, subject: "u", channel: "mcp" }]);
  });

  it("takes no answers, but says whether it is there", async () => {
    expect(await ask("updateTask")).toEqual({ state: "done" });
    checkJob.mockResolvedValueOnce({ ok: false, error: { code: "job_not_found" } });
    expect(await ask("updateTask")).toEqual({ state: "not_found" });
  });
});

describe.each(NAMES)("%s", (name) => {
  it("finds nothing that is not the caller's, and asks no backend", async () => {
    const taskId = await taskOf();
    expect(await ask(name, { taskId, caller: { ...ADA, subject: "v" } })).toEqual({ state: "not_found" });
    expect(await ask(name, { taskId: "nonsense" })).toEqual({ state: "not_found" });
    expect([checkJob.mock.calls, cancelJob.mock.calls]).toEqual([[], []]);
    expect(records).toMatchObject([
      { tool: null, decision: "unknown_task", input: {} },
      { tool: null, decision: "unknown_task", input: {} },
    ]);
  });

  it("finds nothing of a tool that is not there any more", async () => {
    expect(await ask(name, { catalog: catalogOf([]) })).toEqual({ state: "not_found" });
  });

  it("finds nothing that the backend does not have", async () => {
    for (const method of [checkJob, cancelJob])
      method.mockResolvedValueOnce({ ok: false, error: { code: "job_not_found" } });
    expect(await ask(name)).toEqual({ state: "not_found" });
    expect(records).toMatchObject([{ decision: "allowed", outcome: "job_not_found" }]);
  });

  it("takes rights: to read for a look, those of the tool for more", async () => {
    const asked = async (...scopes: Scope[]) => (await ask(name, { caller: { ...ADA, scopes } })).state;
    expect(await asked()).toBe("insufficient_scope");
    expect(await asked("read")).toBe(name === "pollTask" ? "found" : "insufficient_scope");
    expect(await asked("generate")).toBe(name === "pollTask" ? "found" : "done");
    expect(records[0]).toMatchObject({
      tool: "image_generate",
      decision: "insufficient_scope",
      outcome: "insufficient_scope",
    });
  });

  it("says so in our words where the backend is in trouble", async () => {
    for (const method of [checkJob, cancelJob]) method.mockRejectedValueOnce(new Error("hunter2"));
    const answer = await ask(name);
    expect(answer).toEqual({
      state: "failed",
      message: expect.stringMatching(/could not be reached.*code unavailable, trace id [0-9a-f]{32}/),
    });
    expect(JSON.stringify([answer, records])).not.toContain("hunter2");
    expect(records).toMatchObject([{ decision: "allowed", outcome: "unavailable" }]);
  });
});
