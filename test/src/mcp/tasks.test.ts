// The Tasks extension over HTTP, with a fake server that has tasks.
import { describe, expect, it, vi } from "vitest";
import type { McpServer, Tasks } from "../../../src/mcp/port.ts";
import type { Task } from "../../../src/mcp/schema.ts";
import { quiet } from "../oauth/browser.ts";
import { emptyFeatures, endpointOf, envelope, messagesIn, toolNamed } from "./http.ts";

const TASKS = "io.modelcontextprotocol/tasks";
const DECLARED = { ...envelope, "io.modelcontextprotocol/clientCapabilities": { extensions: { [TASKS]: {} } } };
const METHODS = ["tasks/get", "tasks/update", "tasks/cancel"] as const;

const task: Task = {
  taskId: "t1",
  status: "working",
  createdAt: "2026-07-28T00:00:00.000Z",
  lastUpdatedAt: "2026-07-28T00:00:01.000Z",
  ttlMs: 60_000,
  pollIntervalMs: 1_000,
};
const meta = { _meta: { "io.modelcontextprotocol/serverInfo": emptyFeatures.info } };

/** An endpoint whose server has these tasks. */
function endpointWithTasks(tasks: Partial<Tasks> = {}, more: Partial<McpServer> = {}) {
  const done = async () => ({ state: "done" }) as const;
  const replaced: Tasks = {
    get: async () => ({ state: "found", task: { ...task, status: "working" } }),
    update: done,
    cancel: done,
    ...tasks,
  };
  const { modern, ...rest } = endpointOf({
    features: { ...emptyFeatures, tools: [toolNamed("t")] },
    tasks: replaced,
    ...more,
  });
  const query = (method: string, params: object = {}, headers = {}) =>
    modern(method, { _meta: DECLARED, taskId: "t1", ...params }, { "mcp-name": "t1", ...headers });
  return { ...rest, modern, query };
}

describe("a call that becomes a task", () => {
  const endpointWithTaskCall = () =>
    endpointWithTasks({}, { prepareCall: () => ({ state: "ready", run: async () => ({ state: "task", task }) }) });

  it("tools/call may return a task, whose fields are those of the result", async () => {
    const { body } = await endpointWithTaskCall().modern("tools/call", { name: "t", _meta: DECLARED });
    expect(body).toEqual({ jsonrpc: "2.0", id: 7, result: { resultType: "task", ...task, ...meta } });
  });

  it("tools/call may return a task on a stream", async () => {
    const _meta = { ...DECLARED, progressToken: 1 };
    const { body } = await endpointWithTaskCall().modern(
      "tools/call",
      { name: "t", _meta },
      { accept: "application/json, text/event-stream" },
    );
    expect(messagesIn(body)).toMatchObject([{ id: 7, result: { resultType: "task", taskId: "t1" } }]);
  });
});

describe("a request about a task", () => {
  it.each([
    { ...task, status: "working" },
    { ...task, status: "cancelled", statusMessage: "It was stopped." },
    { ...task, status: "completed", result: { content: [], structuredContent: {}, isError: true } },
    { ...task, status: "failed", error: { code: -32603, message: "It broke." } },
    { ...task, status: "input_required", inputRequests: { who: { method: "roots/list", params: {} } } },
  ] as const)("tasks/get returns all fields of the task: %j", async (found) => {
    const { status, body } = await endpointWithTasks({ get: async () => ({ state: "found", task: found }) }).query(
      "tasks/get",
    );
    expect([status, body]).toEqual([
      200,
      { jsonrpc: "2.0", id: 7, result: { resultType: "complete", ...found, ...meta } },
    ]);
  });

  it.each(["tasks/update", "tasks/cancel"])("%s returns an empty result", async (method) => {
    const { body } = await endpointWithTasks().query(method);
    expect(body).toEqual({ jsonrpc: "2.0", id: 7, result: { resultType: "complete", ...meta } });
  });

  it("tasks/update passes on the id, the input responses and the trace", async () => {
    const update = vi.fn<Tasks["update"]>(async () => ({ state: "done" }));
    const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    const inputResponses = { who: { roots: [] } };
    await endpointWithTasks({ update }).query("tasks/update", { inputResponses, _meta: { ...DECLARED, traceparent } });
    expect(update.mock.calls).toEqual([["t1", inputResponses, traceparent]]);
  });

  it.each(METHODS)("%s is refused unless the same request declares the extension", async (method) => {
    const { query } = endpointWithTasks();
    for (const clientCapabilities of [
      {},
      { extensions: {} },
      { extensions: { [TASKS]: true } },
      { extensions: [] },
      { [TASKS]: {} },
    ]) {
      const { status, body } = await query(method, {
        _meta: { ...envelope, "io.modelcontextprotocol/clientCapabilities": clientCapabilities },
      });
      const data = { requiredCapabilities: { extensions: { [TASKS]: {} } } };
      expect([status, body]).toMatchObject([400, { id: 7, error: { code: -32021, data } }]);
    }
  });

  it.each(METHODS)("%s is refused unless Mcp-Name repeats the task id", async (method) => {
    const { query } = endpointWithTasks();
    for (const name of [null, "t2", ""]) {
      expect(await query(method, {}, { "mcp-name": name })).toMatchObject({
        status: 400,
        body: { id: 7, error: { code: -32020 } },
      });
    }
    expect(await query(method, {}, { "mcp-name": `=?base64?${btoa("t1")}?=` })).toMatchObject({
      status: 200,
      body: { result: {} },
    });
  });

  it.each(METHODS)("%s is -32602 for an unknown task and a malformed id", async (method) => {
    const notFound = async () => ({ state: "not_found" }) as const;
    const { query } = endpointWithTasks({ get: notFound, update: notFound, cancel: notFound });
    for (const taskId of ["t1", 1, null, undefined, {}]) {
      expect(await query(method, { taskId })).toMatchObject({ status: 200, body: { id: 7, error: { code: -32602 } } });
    }
  });

  it.each(METHODS)("%s may need more scopes", async (method) => {
    const missing = async () => ({ state: "insufficient_scope", scopes: ["read"] }) as const;
    expect((await endpointWithTasks({ get: missing, update: missing, cancel: missing }).query(method)).body).toEqual({
      scopesNeeded: ["read"],
    });
  });

  it.each(METHODS)("%s is -32603 if the server fails, and reveals no exception", async (method) => {
    const log = quiet();
    const failed = async () => ({ state: "failed", message: "Try again." }) as const;
    const { body } = await endpointWithTasks({ get: failed, update: failed, cancel: failed }).query(method);
    expect(body).toMatchObject({ error: { code: -32603, message: "Try again." } });
    const crash = async () => {
      throw new Error("hunter2");
    };
    const crashed = await endpointWithTasks({ get: crash, update: crash, cancel: crash }).query(method);
    expect(crashed.body).toMatchObject({
      id: 7,
      error: { code: -32603, message: expect.stringContaining("Trace id") },
    });
    expect(JSON.stringify(crashed.body)).not.toContain("hunter2");
    log.mockRestore();
  });

  it.each(["tasks/list", "tasks/result"])("%s is not supported", async (method) => {
    expect(await endpointWithTasks().query(method)).toMatchObject({ status: 404, body: { error: { code: -32601 } } });
  });

  it.each(METHODS)("%s is not supported in legacy revisions, nor by a server without tasks", async (method) => {
    const { body } = await endpointWithTasks().legacy(
      method,
      { taskId: "t1" },
      { "mcp-protocol-version": "2025-11-25" },
    );
    expect(body).toMatchObject({ error: { code: -32601 } });
    const { modern } = endpointOf({});
    expect(await modern(method, { _meta: DECLARED, taskId: "t1" }, { "mcp-name": "t1" })).toMatchObject({
      status: 404,
    });
  });
});

describe("subscriptions/listen with task ids", () => {
  const notifications = { taskIds: ["t1"] };

  it("subscriptions/listen with task ids is refused unless the request declares the extension", async () => {
    const { modern } = endpointWithTasks();
    expect(await modern("subscriptions/listen", { notifications })).toMatchObject({
      status: 400,
      body: { error: { code: -32021 } },
    });
    expect(await modern("subscriptions/listen", { notifications: { taskIds: "t1" } })).toMatchObject({
      body: { error: { code: -32602 } },
    });
  });

  it("subscriptions/listen acknowledges no task ids: clients poll tasks", async () => {
    const { body } = await endpointWithTasks().modern("subscriptions/listen", { _meta: DECLARED, notifications });
    expect(messagesIn(body)[0]).toMatchObject({
      method: "notifications/subscriptions/acknowledged",
      params: { notifications: {} },
    });
  });
});
