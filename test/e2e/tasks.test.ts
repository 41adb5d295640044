// The Tasks extension with the real backends: work that continues after the response to its call.
// No official client sends these requests by itself, so they are written here.
import { describe, expect, it } from "vitest";
import { auditEventsIn } from "../support/audit-log.ts";
import { accessTokenOf, type Connected, callTool, connect, userIdOf } from "../support/mcp-clients.ts";
import { type McpRequestOptions, postRequest } from "../support/mcp-requests.ts";
import { useSystem } from "../support/system.ts";

const system = useSystem();

const TASKS = "io.modelcontextprotocol/tasks";
const DRAW = { name: "image_generate", arguments: { prompt: "a kite over a lake", quality_tier: "draft" } };

interface Reply {
  readonly status: number;
  readonly result: Readonly<Record<string, unknown>> & {
    readonly taskId: string;
    readonly resultType: string;
    readonly status: string;
    readonly result: {
      readonly content: readonly { readonly type: string }[];
      readonly structuredContent: Record<string, unknown>;
    };
    readonly structuredContent: Record<string, unknown>;
  };
  readonly error: { readonly code: number; readonly message: string; readonly data?: object };
}

/**
 * Sends a request of a client with the Tasks extension, unless `options` has other capabilities.
 */
async function send(
  connected: Pick<Connected, "auth">,
  method: string,
  params: Readonly<Record<string, unknown>>,
  options: McpRequestOptions = {},
): Promise<Reply> {
  const response = await postRequest(
    system,
    accessTokenOf(connected),
    { method, params },
    { revision: "2026-07-28", capabilities: { extensions: { [TASKS]: {} } }, ...options },
  );
  return { status: response.status, ...((await response.json()) as Omit<Reply, "status">) };
}

/** Polls a task until it is not working any more. */
async function finalTask(connected: Connected, taskId: string): Promise<Reply["result"]> {
  for (let polls = 0; polls < 15; polls++) {
    const { result, error } = await send(connected, "tasks/get", { taskId });
    if (error) throw new Error(JSON.stringify(error));
    if (result.status !== "working") return result;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  throw new Error("The task is still working.");
}

/** Creates a flow. Returns its id. */
async function createFlow(connected: Connected): Promise<string> {
  return (await callTool<{ flowId: string }>(connected, "flow_create", { projectDescription: "A kiosk" })).flowId;
}

/** The audited task events of this user, oldest first. */
function auditedTasks(connected: Connected): unknown[] {
  return auditEventsIn(system.logs()).flatMap((event) =>
    event.type.startsWith("task.") && event.subject === userIdOf(connected)
      ? [[event.type, ...("tool" in event && "decision" in event ? [event.tool, event.decision, event.outcome] : [])]]
      : [],
  );
}

const WITHOUT_TASKS: McpRequestOptions = { capabilities: {} };
const OTHER_NAME: McpRequestOptions = { headers: { "mcp-name": "another" } };
const NOT_FOUND = { code: -32602, message: expect.stringContaining("There is no such task") };
const HANDLE = /^[0-9a-f]{8}\.[\w-]+\.[\w-]+$/;

describe("a client with the Tasks extension", () => {
  it("gets a task for a picture at once, and finally the result that the tool returns without tasks", async () => {
    const ada = await connect(system.origin, "modern");
    const { result: started } = await send(ada, "tools/call", DRAW);
    expect(started).toEqual({
      resultType: "task",
      taskId: expect.stringMatching(HANDLE),
      status: "working",
      createdAt: expect.stringMatching(/^20.*Z$/),
      lastUpdatedAt: expect.stringMatching(/^20.*Z$/),
      ttlMs: 86_400_000,
      pollIntervalMs: 5_000,
      _meta: expect.anything(),
    });
    const final = await finalTask(ada, started.taskId);
    expect(final).toMatchObject({
      resultType: "complete",
      taskId: started.taskId,
      status: "completed",
      createdAt: started.createdAt,
    });

    const { result: plain } = await send(ada, "tools/call", DRAW, WITHOUT_TASKS);
    expect(plain.resultType).toBe("complete");
    const [{ job_id: first, url: one, ...job }, { job_id: second, url: two, ...same }] = [
      final.result.structuredContent,
      plain.structuredContent,
    ];
    expect(job).toEqual(same);
    expect([first === second, one === two]).toEqual([false, false]);
    const { content } = plain as unknown as Reply["result"]["result"];
    expect(final.result.content.map(({ type }) => type)).toEqual(content.map(({ type }) => type));
    expect(final.result.content[1]).toEqual(content[1]);
    expect(auditedTasks(ada).at(-1)).toEqual(["task.read", "image_generate", "allowed", "ok"]);
    await ada.close();
  });

  it("gets a task for a mode of a flow, and finally the artifact and its scores", async () => {
    const ada = await connect(system.origin, "modern");
    const [flowId, other] = [await createFlow(ada), await createFlow(ada)];
    const { result: started } = await send(ada, "tools/call", { name: "flow_advance", arguments: { flowId } });
    expect(started).toMatchObject({ resultType: "task", status: "working" });
    const final = await finalTask(ada, started.taskId);
    const { result: plain } = await send(
      ada,
      "tools/call",
      { name: "flow_advance", arguments: { flowId: other } },
      WITHOUT_TASKS,
    );
    const { estimatedRemainingSeconds: _, ...value } = final.result.structuredContent;
    const { estimatedRemainingSeconds: __, runId: ___, ...same } = plain.structuredContent;
    expect(value).toEqual({ ...same, flowId, runId: expect.any(String) });
    expect(value).toMatchObject({
      mode: "PRODUCT",
      artifact: { mode: "PRODUCT" },
      quality: { mode: "PRODUCT" },
      currentMode: "UX",
    });
    await ada.close();
  });

  it("gets a failed mode as the result of the task, and a new task for the recovery", async () => {
    const ada = await connect(system.origin, "modern");
    const flowId = await createFlow(ada);
    for (const _ of ["PRODUCT", "UX"]) await callTool(ada, "flow_advance", { flowId, wait: true });
    const { result } = await send(ada, "tools/call", { name: "flow_advance", arguments: { flowId } });
    const final = await finalTask(ada, result.taskId);
    expect(final.status).toBe("completed");
    expect(final.result.structuredContent).toMatchObject({
      status: "failed",
      mode: "RISK",
      artifact: null,
      quality: null,
    });

    const { result: again } = await send(ada, "tools/call", { name: "flow_recover", arguments: { flowId } });
    expect(again).toMatchObject({ resultType: "task", status: "working" });
    const recovered = await finalTask(ada, again.taskId);
    expect(recovered.result.structuredContent).toMatchObject({
      status: "waiting",
      mode: "RISK",
      artifact: { mode: "RISK" },
    });
    await ada.close();
  });

  it("can cancel a picture and a mode, also repeatedly", async () => {
    const ada = await connect(system.origin, "modern");
    const flowId = await createFlow(ada);
    // Longer than a draft, so that the work is still running.
    const draw = { ...DRAW, arguments: { ...DRAW.arguments, quality_tier: "standard" } };
    for (const call of [draw, { name: "flow_advance", arguments: { flowId } }]) {
      const { result } = await send(ada, "tools/call", call);
      const { taskId } = result;
      expect((await send(ada, "tasks/cancel", { taskId })).result).toEqual({
        resultType: "complete",
        _meta: expect.anything(),
      });
      const { result: stopped } = await send(ada, "tasks/get", { taskId });
      expect(stopped).toMatchObject({ status: "cancelled", statusMessage: expect.stringContaining("was cancelled") });
      expect(stopped).not.toHaveProperty("result");
      expect((await send(ada, "tasks/cancel", { taskId })).result).toMatchObject({ resultType: "complete" });
    }
    expect((await ada.client.callTool({ name: "flow_status", arguments: { flowId } })).structuredContent).toMatchObject(
      {
        status: "draft",
      },
    );
    expect(auditedTasks(ada)).toContainEqual(["task.cancelled", "image_generate", "allowed", "ok"]);
    await ada.close();
  });

  it("does not cancel a later mode by the task of an earlier one", async () => {
    const ada = await connect(system.origin, "modern");
    const flowId = await createFlow(ada);
    const { result: first } = await send(ada, "tools/call", { name: "flow_advance", arguments: { flowId } });
    await finalTask(ada, first.taskId);
    const { result: next } = await send(ada, "tools/call", { name: "flow_advance", arguments: { flowId } });
    expect((await send(ada, "tasks/cancel", { taskId: first.taskId })).result).toMatchObject({
      resultType: "complete",
    });
    expect(await finalTask(ada, next.taskId)).toMatchObject({
      status: "completed",
      result: { structuredContent: { mode: "UX" } },
    });
    await ada.close();
  });

  it("gets a result at once for a call with wait: false, and for a tool without tasks", async () => {
    const ada = await connect(system.origin, "modern");
    const quick = await send(ada, "tools/call", { ...DRAW, arguments: { ...DRAW.arguments, wait: false } });
    expect(quick.result).toMatchObject({ resultType: "complete", structuredContent: { status: "queued" } });
    const listed = await send(ada, "tools/call", { name: "image_list_models", arguments: {} });
    expect(listed.result).toMatchObject({ resultType: "complete", structuredContent: { models: expect.any(Array) } });
    await ada.close();
  });

  it("gets the error of a call that cannot start at once", async () => {
    const ada = await connect(system.origin, "modern");
    const refused = await send(ada, "tools/call", { name: "flow_advance", arguments: { flowId: "a".repeat(64) } });
    expect(refused.result).toMatchObject({ resultType: "complete", isError: true });
    await ada.close();
  });

  it("gets an acknowledgement for input that no task requested", async () => {
    const ada = await connect(system.origin, "modern");
    const { result } = await send(ada, "tools/call", DRAW);
    const update = { taskId: result.taskId, inputResponses: { unknown: { action: "accept" } } };
    expect((await send(ada, "tasks/update", update)).result).toEqual({
      resultType: "complete",
      _meta: expect.anything(),
    });
    expect(auditedTasks(ada)).toEqual([["task.updated", "image_generate", "allowed", "ok"]]);
    await ada.close();
  });
});

describe("a task", () => {
  it.each(["tasks/get", "tasks/update", "tasks/cancel"])(
    "of another user, or with a changed id, is not found: %s",
    async (method) => {
      const [ada, eve] = [await connect(system.origin, "modern"), await connect(system.origin, "modern")];
      const { result } = await send(ada, "tools/call", DRAW);
      const inputResponses = {};
      expect((await send(eve, method, { taskId: result.taskId, inputResponses })).error).toEqual(NOT_FOUND);
      for (const taskId of [`${result.taskId}A`, "x", "00000000-0000-4000-8000-000000000000"]) {
        expect((await send(ada, method, { taskId, inputResponses })).error).toEqual(NOT_FOUND);
      }
      expect((await send(ada, method, { taskId: result.taskId, inputResponses })).error).toBeUndefined();
      expect(auditedTasks(eve)).toMatchObject([[expect.any(String), null, "unknown_task", "unknown_task"]]);
      await Promise.all([ada.close(), eve.close()]);
    },
  );

  it.each(["tasks/get", "tasks/update", "tasks/cancel"])("needs the capability in each request: %s", async (method) => {
    const ada = await connect(system.origin, "modern");
    const { result } = await send(ada, "tools/call", DRAW);
    const { status, error } = await send(ada, method, { taskId: result.taskId, inputResponses: {} }, WITHOUT_TASKS);
    expect([status, error]).toMatchObject([
      400,
      { code: -32021, data: { requiredCapabilities: { extensions: { [TASKS]: {} } } } },
    ]);
    await ada.close();
  });

  it("must have the same id in the Mcp-Name header", async () => {
    const ada = await connect(system.origin, "modern");
    const { result } = await send(ada, "tools/call", DRAW);
    const { status, error } = await send(ada, "tasks/get", { taskId: result.taskId }, OTHER_NAME);
    expect([status, error.code]).toEqual([400, -32020]);
    await ada.close();
  });
});

describe("the extension", () => {
  it("is announced to clients of the modern era only", async () => {
    const [modern, legacy] = [await connect(system.origin, "modern"), await connect(system.origin, "legacy")];
    const discovered = (await send(modern, "server/discover", {})).result as unknown as {
      capabilities: { extensions: object };
    };
    expect(discovered.capabilities.extensions).toHaveProperty([TASKS], {});
    expect(legacy.client.getServerCapabilities()?.extensions ?? {}).not.toHaveProperty([TASKS]);
    await Promise.all([modern.close(), legacy.close()]);
  });
});
