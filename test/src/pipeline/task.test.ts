// Tasks through the pipeline, with backends that count and can be made to misbehave.
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Identity, Scope, TenantId } from "../../../contracts/rpc/identity.ts";
import type { TaskEvent, ToolCallEvent } from "../../../src/audit/event.ts";
import type { Env } from "../../../src/env.ts";
import type { ClientInput } from "../../../src/mcp/port.ts";
import { authorizeCall, callTool } from "../../../src/pipeline/call-tool.ts";
import { STATE_REFUSED } from "../../../src/pipeline/checks.ts";
import { cancelTask, pollTask, type TaskRequest, updateTask } from "../../../src/pipeline/task.ts";
import { sealTask } from "../../../src/pipeline/task-handle.ts";
import { catalog, catalogOf } from "../../../src/tools/catalog.ts";
import { auditLogWith, newContext } from "../context.ts";
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
const records: (ToolCallEvent | TaskEvent)[] = [];
const queue = { send: async (event: ToolCallEvent | TaskEvent) => void records.push(event) };
const env = envWith(
  {},
  {
    // Plain objects do not have the bindings' types, but are called alike.
    IMG_FORGE: { generateImage, checkJob, cancelJob } as unknown as Env["IMG_FORGE"],
    AUDIT_LOG: auditLogWith((event) => records.push(event)),
    PLATFORM_EVENTS_QUEUE: queue as never,
  },
);

beforeEach(() => {
  vi.resetAllMocks();
  records.length = 0;
  for (const method of [generateImage, checkJob, cancelJob])
    method.mockImplementation(async () => ({ ok: true, value: job }));
});

const ADA: Identity = {
  subject: "u",
  tenantId: "t" as TenantId,
  tier: "enterprise",
  scopes: ["generate"],
  clientId: "c",
}; // the brand lives in TypeScript only
const DRAW = { prompt: "a portrait", quality_tier: "draft" };

interface Options {
  readonly allowTask?: boolean;
  readonly clientInput?: ClientInput;
  readonly env?: Env;
}

async function generate(args: object, { allowTask = true, clientInput, env: settings = env }: Options = {}) {
  const { context, finish } = newContext(settings);
  const request = {
    catalog,
    name: "image_generate",
    args,
    identity: ADA,
    channel: "mcp",
    allowTask,
    clientInput,
  } as const;
  const call = await authorizeCall(context, request);
  if (call.state !== "authorized") throw new Error(call.state);
  const outcome = await callTool(call);
  await finish();
  return outcome;
}

function newTask(): Promise<string> {
  const work = { tool: "image_generate", ref: { job_id: JOB }, inputDigest: "d", createdAtMs: Date.now() };
  return sealTask(newContext(env).context, ADA, work);
}

const REQUESTS = { pollTask, updateTask, cancelTask } as const;
type Name = keyof typeof REQUESTS;
const NAMES = Object.keys(REQUESTS) as Name[];

async function send(name: Name, request: Partial<TaskRequest> = {}) {
  const { context, finish } = newContext(env);
  const taskId = request.taskId ?? (await newTask());
  const result = await REQUESTS[name](context, { catalog, identity: ADA, ...request, taskId });
  await finish();
  return result;
}
const recorded = () => records.map(({ type, tool: of, decision, outcome }) => [type, of, decision, outcome]);

describe("a call whose client accepts a task", () => {
  it("only starts the work, and is recorded like any call", async () => {
    const outcome = await generate(DRAW);
    expect(outcome).toMatchObject({ state: "task", task: { taskId: expect.any(String), status: "working" } });
    expect(generateImage.mock.calls.map(([, input]) => input)).toEqual([{ ...DRAW, wait: false }]);
    expect(recorded()).toEqual([["tool.called", "image_generate", "allowed", "ok"]]);
    const taskId = outcome.state === "task" ? outcome.task.taskId : "";
    expect(await send("pollTask", { taskId })).toMatchObject({ state: "found", task: { taskId } });
    expect(checkJob.mock.calls.map(([, input]) => input)).toEqual([{ job_id: JOB }]);
  });

  it("waits for the result if the client accepts no task, or the call asks not to wait", async () => {
    const completed = { state: "completed", result: { ok: true, value: job } };
    expect(await generate(DRAW, { allowTask: false })).toMatchObject(completed);
    expect(await generate({ ...DRAW, wait: false })).toMatchObject(completed);
    expect(generateImage.mock.calls.map(([, input]) => input)).toMatchObject([{ wait: true }, { wait: false }]);
  });

  it("needs its confirmation first, and starts with it once", async () => {
    const careful = { ...env, CONFIRM_RISKS: "EXTERNAL_MUTATION" };
    const client = { capabilities: { elicitation: {} }, inputResponses: {}, requestState: undefined };
    const asked = await generate(DRAW, { clientInput: client, env: careful });
    expect(asked).toMatchObject({ state: "input_required" });
    expect(generateImage).not.toHaveBeenCalled();
    const requestState = asked.state === "input_required" ? asked.requestState : undefined;
    const inputResponses = { confirm: { action: "accept", content: { confirm: true } } };
    const clientInput = { ...client, inputResponses, requestState };
    expect(await generate(DRAW, { clientInput, env: careful })).toMatchObject({ state: "task" });
    expect(await generate(DRAW, { clientInput, env: careful })).toEqual(STATE_REFUSED);
    expect(generateImage).toHaveBeenCalledTimes(1);
  });

  it("is refused at once if the backend refuses", async () => {
    generateImage.mockResolvedValueOnce({ ok: false, error: { code: "content_rejected" } });
    expect(await generate(DRAW)).toMatchObject({ result: { ok: false, error: { code: "content_rejected" } } });
  });
});

describe("a picture's task", () => {
  it.each([
    ["queued", { status: "working" }],
    ["running", { status: "working" }],
    ["cancelled", { status: "cancelled" }],
    ["completed", { status: "completed", result: { structuredContent: { ...job, status: "completed" } } }],
    ["failed", { status: "completed", result: { structuredContent: { ...job, status: "failed" } } }],
  ])("has the status of a job that is %s", async (status, task) => {
    checkJob.mockResolvedValueOnce({ ok: true, value: { ...job, status } });
    expect(await send("pollTask")).toMatchObject({ state: "found", task });
    expect(checkJob.mock.calls.map(([, input]) => input)).toEqual([{ job_id: JOB }]);
    expect(recorded()).toEqual([["task.read", "image_generate", "allowed", "ok"]]);
  });

  it("is cancelled by cancelling the job", async () => {
    expect(await send("cancelTask")).toEqual({ state: "done" });
    expect(cancelJob.mock.calls.map(([, input]) => input)).toEqual([{ job_id: JOB }]);
    expect(recorded()).toEqual([["task.cancelled", "image_generate", "allowed", "ok"]]);
    expect(records).toMatchObject([{ input: { job_id: JOB }, subject: "u", channel: "mcp" }]);
  });

  it("drops input responses, and is not found if the job does not exist", async () => {
    expect(await send("updateTask")).toEqual({ state: "done" });
    checkJob.mockResolvedValueOnce({ ok: false, error: { code: "job_not_found" } });
    expect(await send("updateTask")).toEqual({ state: "not_found" });
  });
});

describe.each(NAMES)("%s", (name) => {
  it("finds no task of another user, without a backend call", async () => {
    const taskId = await newTask();
    expect(await send(name, { taskId, identity: { ...ADA, subject: "v" } })).toEqual({ state: "not_found" });
    expect(await send(name, { taskId: "nonsense" })).toEqual({ state: "not_found" });
    expect([checkJob.mock.calls, cancelJob.mock.calls]).toEqual([[], []]);
    expect(records).toMatchObject([
      { tool: null, decision: "unknown_task", input: {} },
      { tool: null, decision: "unknown_task", input: {} },
    ]);
  });

  it("finds no task of a tool that was removed", async () => {
    expect(await send(name, { catalog: catalogOf([]) })).toEqual({ state: "not_found" });
  });

  it("finds no task whose work the backend does not know", async () => {
    for (const method of [checkJob, cancelJob])
      method.mockResolvedValueOnce({ ok: false, error: { code: "job_not_found" } });
    expect(await send(name)).toEqual({ state: "not_found" });
    expect(records).toMatchObject([{ decision: "allowed", outcome: "job_not_found" }]);
  });

  it("needs `read` to poll, and the tool's scope otherwise", async () => {
    const stateWith = async (...scopes: Scope[]) => (await send(name, { identity: { ...ADA, scopes } })).state;
    expect(await stateWith()).toBe("insufficient_scope");
    expect(await stateWith("read")).toBe(name === "pollTask" ? "found" : "insufficient_scope");
    expect(await stateWith("generate")).toBe(name === "pollTask" ? "found" : "done");
    expect(records[0]).toMatchObject({
      tool: "image_generate",
      decision: "insufficient_scope",
      outcome: "insufficient_scope",
    });
  });

  it("fails with our sentence if the backend throws", async () => {
    for (const method of [checkJob, cancelJob])
      method.mockRejectedValueOnce(new Error("hunter2")).mockRejectedValueOnce(new Error("hunter2"));
    const result = await send(name);
    expect(result).toEqual({
      state: "failed",
      message: expect.stringMatching(/could not be reached.*code unavailable, trace id [0-9a-f]{32}/),
    });
    expect(JSON.stringify([result, records])).not.toContain("hunter2");
    expect(records).toMatchObject([{ decision: "allowed", outcome: "unavailable" }]);
  });
});
