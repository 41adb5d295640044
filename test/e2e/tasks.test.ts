// Work that goes on after its call was answered, with the real backends behind it: requests as a client of the Tasks extension sends
// them, for no official client does so by itself.
import { describe, expect, it } from "vitest";
import type { AuditEvent, TaskEvent } from "../../src/audit/event.ts";
import { type Connected, connect } from "../support/mcp-clients.ts";
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

/** Sends one request of somebody whose client knows tasks, unless `capabilities` says otherwise. */
async function send(
  { auth }: Pick<Connected, "auth">,
  method: string,
  params: Readonly<Record<string, unknown>>,
  capabilities: object = { extensions: { [TASKS]: {} } },
  name = String(params.taskId ?? params.name),
): Promise<Reply> {
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": capabilities,
  };
  const answer = await system.fetch("/mcp", {
    method: "POST",
    headers: {
      authorization: `Bearer ${auth.saved?.access_token}`,
      "content-type": "application/json",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": method,
      "mcp-name": name,
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: { _meta, ...params } }),
  });
  return { status: answer.status, ...((await answer.json()) as Omit<Reply, "status">) };
}

/** Asks until the work is over. */
async function settled(somebody: Connected, taskId: string): Promise<Reply["result"]> {
  for (let asked = 0; asked < 15; asked++) {
    const { result, error } = await send(somebody, "tasks/get", { taskId });
    expect(error).toBeUndefined();
    if (result.status !== "working") return result;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  throw new Error("The work does not end.");
}

/** A flow of somebody's. */
async function flowOf({ client }: Connected, policy: object = {}): Promise<string> {
  const { structuredContent } = await client.callTool({ name: "flow_create", arguments: { policy } });
  return (structuredContent as { flowId: string }).flowId;
}

/** What the audit says of somebody's tasks, in order. */
function toldOf({ auth }: Connected): unknown[] {
  const subject = auth.saved?.access_token?.split(":")[0];
  return system.logs().flatMap((line) => {
    if (!line.includes('"event":"audit"')) return [];
    const {
      type,
      tool,
      subject: who,
      decision,
      outcome,
    } = JSON.parse(line.slice(line.indexOf("{"))) as AuditEvent | TaskEvent;
    return type.startsWith("task.") && who === subject ? [[type, tool, decision, outcome]] : [];
  });
}

const NOT_FOUND = { code: -32602, message: expect.stringContaining("There is no such task") };
const HANDLE = /^[0-9a-f]{8}\.[\w-]+\.[\w-]+$/;

describe("a client that knows tasks", () => {
  it("gets a task for a picture at once, and at its end what the tool itself would have answered", async () => {
    const ada = await connect(system.origin, "modern");
    const { result: begun } = await send(ada, "tools/call", DRAW);
    expect(begun).toEqual({
      resultType: "task",
      taskId: expect.stringMatching(HANDLE),
      status: "working",
      createdAt: expect.stringMatching(/^20.*Z$/),
      lastUpdatedAt: expect.stringMatching(/^20.*Z$/),
      ttlMs: 86_400_000,
      pollIntervalMs: 5_000,
      _meta: expect.anything(),
    });
    const over = await settled(ada, begun.taskId);
    expect(over).toMatchObject({
      resultType: "complete",
      taskId: begun.taskId,
      status: "completed",
      createdAt: begun.createdAt,
    });

    const { result: plain } = await send(ada, "tools/call", DRAW, {});
    expect(plain.resultType).toBe("complete");
    const [{ job_id: first, url: one, ...job }, { job_id: second, url: two, ...same }] = [
      over.result.structuredContent,
      plain.structuredContent,
    ];
    expect(job).toEqual(same);
    expect([first === second, one === two]).toEqual([false, false]);
    const { content } = plain as unknown as Reply["result"]["result"];
    expect(over.result.content.map(({ type }) => type)).toEqual(content.map(({ type }) => type));
    expect(over.result.content[0]).toEqual(content[0]);
    expect(toldOf(ada).at(-1)).toEqual(["task.read", "image_generate", "allowed", "ok"]);
    await ada.close();
  });

  it("gets a task for a mode of a flow, and at its end the artifact and its scores", async () => {
    const ada = await connect(system.origin, "modern");
    const [flowId, other] = [await flowOf(ada), await flowOf(ada)];
    const { result: begun } = await send(ada, "tools/call", { name: "flow_advance", arguments: { flowId } });
    expect(begun).toMatchObject({ resultType: "task", status: "working" });
    const over = await settled(ada, begun.taskId);
    const { result: plain } = await send(ada, "tools/call", { name: "flow_advance", arguments: { flowId: other } }, {});
    const { estimatedRemainingSeconds: _, ...value } = over.result.structuredContent;
    const { estimatedRemainingSeconds: __, ...same } = plain.structuredContent;
    expect(value).toEqual({ ...same, flowId });
    expect(value).toMatchObject({
      mode: "PRODUCT",
      artifact: { mode: "PRODUCT" },
      quality: { mode: "PRODUCT" },
      currentMode: "UX",
    });
    await ada.close();
  });

  it("is told of a mode that failed as the tool tells it, as a value, and gets a task to run it again", async () => {
    const ada = await connect(system.origin, "modern");
    const flowId = await flowOf(ada, { failMode: "PRODUCT" });
    const { result } = await send(ada, "tools/call", { name: "flow_advance", arguments: { flowId } });
    const over = await settled(ada, result.taskId);
    expect(over.status).toBe("completed");
    expect(over.result.structuredContent).toMatchObject({
      status: "failed",
      mode: "PRODUCT",
      artifact: null,
      quality: null,
    });

    const { result: again } = await send(ada, "tools/call", { name: "flow_recover", arguments: { flowId } });
    expect(again).toMatchObject({ resultType: "task", status: "working" });
    const recovered = await settled(ada, again.taskId);
    expect(recovered.result.structuredContent).toMatchObject({
      status: "running",
      mode: "PRODUCT",
      artifact: { mode: "PRODUCT" },
    });
    await ada.close();
  });

  it("stops a picture and a mode, as often as it says so", async () => {
    const ada = await connect(system.origin, "modern");
    const flowId = await flowOf(ada);
    // Longer work than the shortest, so that it is still under way.
    const draw = { ...DRAW, arguments: { ...DRAW.arguments, quality_tier: "standard" } };
    for (const wish of [draw, { name: "flow_advance", arguments: { flowId } }]) {
      const { result } = await send(ada, "tools/call", wish);
      const { taskId } = result;
      expect((await send(ada, "tasks/cancel", { taskId })).result).toEqual({
        resultType: "complete",
        _meta: expect.anything(),
      });
      const { result: stopped } = await send(ada, "tasks/get", { taskId });
      expect(stopped).toMatchObject({ status: "cancelled", statusMessage: expect.stringContaining("stopped") });
      expect(stopped).not.toHaveProperty("result");
      expect((await send(ada, "tasks/cancel", { taskId })).result).toMatchObject({ resultType: "complete" });
    }
    expect((await ada.client.callTool({ name: "flow_status", arguments: { flowId } })).structuredContent).toMatchObject(
      {
        status: "draft",
      },
    );
    expect(toldOf(ada)).toContainEqual(["task.cancelled", "image_generate", "allowed", "ok"]);
    await ada.close();
  });

  it("does not stop a later mode with the task of an earlier one", async () => {
    const ada = await connect(system.origin, "modern");
    const flowId = await flowOf(ada);
    const { result: first } = await send(ada, "tools/call", { name: "flow_advance", arguments: { flowId } });
    await settled(ada, first.taskId);
    const { result: next } = await send(ada, "tools/call", { name: "flow_advance", arguments: { flowId } });
    expect((await send(ada, "tasks/cancel", { taskId: first.taskId })).result).toMatchObject({
      resultType: "complete",
    });
    expect(await settled(ada, next.taskId)).toMatchObject({
      status: "completed",
      result: { structuredContent: { mode: "UX" } },
    });
    await ada.close();
  });

  it("is answered at once where the call itself asks not to wait, and where the work is short", async () => {
    const ada = await connect(system.origin, "modern");
    const quick = await send(ada, "tools/call", { ...DRAW, arguments: { ...DRAW.arguments, wait: false } });
    expect(quick.result).toMatchObject({ resultType: "complete", structuredContent: { status: "queued" } });
    const listed = await send(ada, "tools/call", { name: "image_list_models", arguments: {} });
    expect(listed.result).toMatchObject({ resultType: "complete", structuredContent: { models: expect.any(Array) } });
    await ada.close();
  });

  it("is told at once of a call that does not begin", async () => {
    const ada = await connect(system.origin, "modern");
    const refused = await send(ada, "tools/call", { name: "flow_advance", arguments: { flowId: "a".repeat(64) } });
    expect(refused.result).toMatchObject({ resultType: "complete", isError: true });
    await ada.close();
  });

  it("has nothing to answer where nothing was asked, which is acknowledged", async () => {
    const ada = await connect(system.origin, "modern");
    const { result } = await send(ada, "tools/call", DRAW);
    const update = { taskId: result.taskId, inputResponses: { nobody: { action: "accept" } } };
    expect((await send(ada, "tasks/update", update)).result).toEqual({
      resultType: "complete",
      _meta: expect.anything(),
    });
    expect(toldOf(ada)).toEqual([["task.updated", "image_generate", "allowed", "ok"]]);
    await ada.close();
  });
});

describe("a task", () => {
  it.each(["tasks/get", "tasks/update", "tasks/cancel"])(
    "is nobody else's, and in no form but its own: %s",
    async (method) => {
      const [ada, eve] = [await connect(system.origin, "modern"), await connect(system.origin, "modern")];
      const { result } = await send(ada, "tools/call", DRAW);
      const inputResponses = {};
      expect((await send(eve, method, { taskId: result.taskId, inputResponses })).error).toEqual(NOT_FOUND);
      for (const taskId of [`${result.taskId}A`, "x", "00000000-0000-4000-8000-000000000000"]) {
        expect((await send(ada, method, { taskId, inputResponses })).error).toEqual(NOT_FOUND);
      }
      expect((await send(ada, method, { taskId: result.taskId, inputResponses })).error).toBeUndefined();
      expect(toldOf(eve)).toMatchObject([[expect.any(String), null, "unknown_task", "unknown_task"]]);
      await Promise.all([ada.close(), eve.close()]);
    },
  );

  it.each(["tasks/get", "tasks/update", "tasks/cancel"])(
    "is asked about only by who says to know tasks: %s",
    async (method) => {
      const ada = await connect(system.origin, "modern");
      const { result } = await send(ada, "tools/call", DRAW);
      const { status, error } = await send(ada, method, { taskId: result.taskId, inputResponses: {} }, {});
      expect([status, error]).toMatchObject([
        400,
        { code: -32021, data: { requiredCapabilities: { extensions: { [TASKS]: {} } } } },
      ]);
      await ada.close();
    },
  );

  it("is named in a header, equally", async () => {
    const ada = await connect(system.origin, "modern");
    const { result } = await send(ada, "tools/call", DRAW);
    const { status, error } = await send(ada, "tasks/get", { taskId: result.taskId }, undefined, "another");
    expect([status, error.code]).toEqual([400, -32020]);
    await ada.close();
  });
});

describe("the extension", () => {
  it("is offered to the modern era, and to no other", async () => {
    const [modern, legacy] = [await connect(system.origin, "modern"), await connect(system.origin, "legacy")];
    const discovered = (await send(modern, "server/discover", {})).result as unknown as {
      capabilities: { extensions: object };
    };
    expect(discovered.capabilities.extensions).toHaveProperty([TASKS], {});
    expect(legacy.client.getServerCapabilities()?.extensions ?? {}).not.toHaveProperty([TASKS]);
    await Promise.all([modern.close(), legacy.close()]);
  });
});
