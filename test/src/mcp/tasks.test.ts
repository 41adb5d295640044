// The Tasks extension on the wire, with tasks of one's own behind it.
import { describe, expect, it, vi } from "vitest";
import type { McpServer, Task, Tasks } from "../../../src/mcp/port.ts";
import { quiet } from "../oauth/browser.ts";
import { envelope, eventsOf, features, listedTool, wire } from "./http.ts";

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
const meta = { _meta: { "io.modelcontextprotocol/serverInfo": features.info } };

/** A wire whose host has tasks that answer like this. */
function withTasks(tasks: Partial<Tasks> = {}, more: Partial<McpServer> = {}) {
  const done = async () => ({ state: "done" }) as const;
  const all: Tasks = {
    get: async () => ({ state: "found", task: { ...task, status: "working" } }),
    update: done,
    cancel: done,
    ...tasks,
  };
  const { modern, ...rest } = wire({ features: { ...features, tools: [listedTool("t")] }, tasks: all, ...more });
  const ask = (method: string, params: object = {}, headers = {}) =>
    modern(method, { _meta: DECLARED, taskId: "t1", ...params }, { "mcp-name": "t1", ...headers });
  return { ...rest, modern, ask };
}

describe("a call", () => {
  const begun = () =>
    withTasks({}, { openTool: () => ({ state: "ready", run: async () => ({ state: "task", task }) }) });

  it("is answered with the task itself, flat", async () => {
    const { body } = await begun().modern("tools/call", { name: "t", _meta: DECLARED });
    expect(body).toEqual({ jsonrpc: "2.0", id: 7, result: { resultType: "task", ...task, ...meta } });
  });

  it("is answered with it on a stream too", async () => {
    const _meta = { ...DECLARED, progressToken: 1 };
    const { body } = await begun().modern(
      "tools/call",
      { name: "t", _meta },
      { accept: "application/json, text/event-stream" },
    );
    expect(eventsOf(body)).toMatchObject([{ id: 7, result: { resultType: "task", taskId: "t1" } }]);
  });
});

describe("a question about a task", () => {
  it.each([
    { ...task, status: "working" },
    { ...task, status: "cancelled", statusMessage: "It was stopped." },
    { ...task, status: "completed", result: { content: [], structuredContent: {}, isError: true } },
    { ...task, status: "failed", error: { code: -32603, message: "It broke." } },
    { ...task, status: "input_required", inputRequests: { who: { method: "roots/list", params: {} } } },
  ] as const)("is answered with all of it: %j", async (told) => {
    const { status, body } = await withTasks({ get: async () => ({ state: "found", task: told }) }).ask("tasks/get");
    expect([status, body]).toEqual([
      200,
      { jsonrpc: "2.0", id: 7, result: { resultType: "complete", ...told, ...meta } },
    ]);
  });

  it.each(["tasks/update", "tasks/cancel"])("%s is acknowledged with nothing else", async (method) => {
    const { body } = await withTasks().ask(method);
    expect(body).toEqual({ jsonrpc: "2.0", id: 7, result: { resultType: "complete", ...meta } });
  });

  it("hands over the id, the answers and the trace", async () => {
    const update = vi.fn<Tasks["update"]>(async () => ({ state: "done" }));
    const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    const inputResponses = { who: { roots: [] } };
    await withTasks({ update }).ask("tasks/update", { inputResponses, _meta: { ...DECLARED, traceparent } });
    expect(update.mock.calls).toEqual([["t1", inputResponses, traceparent]]);
  });

  it.each(METHODS)("%s needs the extension in this very request", async (method) => {
    const { ask } = withTasks();
    for (const clientCapabilities of [
      {},
      { extensions: {} },
      { extensions: { [TASKS]: true } },
      { extensions: [] },
      { [TASKS]: {} },
    ]) {
      const { status, body } = await ask(method, {
        _meta: { ...envelope, "io.modelcontextprotocol/clientCapabilities": clientCapabilities },
      });
      const data = { requiredCapabilities: { extensions: { [TASKS]: {} } } };
      expect([status, body]).toMatchObject([400, { id: 7, error: { code: -32021, data } }]);
    }
  });

  it.each(METHODS)("%s names its task in a header too", async (method) => {
    const { ask } = withTasks();
    for (const name of [null, "t2", ""]) {
      expect(await ask(method, {}, { "mcp-name": name })).toMatchObject({
        status: 400,
        body: { id: 7, error: { code: -32020 } },
      });
    }
    expect(await ask(method, {}, { "mcp-name": `=?base64?${btoa("t1")}?=` })).toMatchObject({
      status: 200,
      body: { result: {} },
    });
  });

  it.each(METHODS)("%s takes the id of a task that is there", async (method) => {
    const gone = async () => ({ state: "not_found" }) as const;
    const { ask } = withTasks({ get: gone, update: gone, cancel: gone });
    for (const taskId of ["t1", 1, null, undefined, {}]) {
      expect(await ask(method, { taskId })).toMatchObject({ status: 200, body: { id: 7, error: { code: -32602 } } });
    }
  });

  it.each(METHODS)("%s may take more rights", async (method) => {
    const missing = async () => ({ state: "insufficient_scope", scopes: ["read"] }) as const;
    expect((await withTasks({ get: missing, update: missing, cancel: missing }).ask(method)).body).toEqual({
      scopesNeeded: ["read"],
    });
  });

  it.each(METHODS)("%s says so where nobody can tell, with no word of a crash", async (method) => {
    const log = quiet();
    const failed = async () => ({ state: "failed", message: "Try again." }) as const;
    const { body } = await withTasks({ get: failed, update: failed, cancel: failed }).ask(method);
    expect(body).toMatchObject({ error: { code: -32603, message: "Try again." } });
    const crash = async () => {
      throw new Error("hunter2");
    };
    const crashed = await withTasks({ get: crash, update: crash, cancel: crash }).ask(method);
    expect(crashed.body).toMatchObject({
      id: 7,
      error: { code: -32603, message: expect.stringContaining("Trace id") },
    });
    expect(JSON.stringify(crashed.body)).not.toContain("hunter2");
    log.mockRestore();
  });

  it.each(["tasks/list", "tasks/result"])("%s is not served", async (method) => {
    expect(await withTasks().ask(method)).toMatchObject({ status: 404, body: { error: { code: -32601 } } });
  });

  it.each(METHODS)("%s is served in no older revision, and by no host without tasks", async (method) => {
    const { body } = await withTasks().legacy(method, { taskId: "t1" }, { "mcp-protocol-version": "2025-11-25" });
    expect(body).toMatchObject({ error: { code: -32601 } });
    const { modern } = wire({});
    expect(await modern(method, { _meta: DECLARED, taskId: "t1" }, { "mcp-name": "t1" })).toMatchObject({
      status: 404,
    });
  });
});

describe("a wish to be told of tasks", () => {
  const notifications = { taskIds: ["t1"] };

  it("needs the extension", async () => {
    const { modern } = withTasks();
    expect(await modern("subscriptions/listen", { notifications })).toMatchObject({
      status: 400,
      body: { error: { code: -32021 } },
    });
    expect(await modern("subscriptions/listen", { notifications: { taskIds: "t1" } })).toMatchObject({
      body: { error: { code: -32602 } },
    });
  });

  it("is honoured for none: they are asked about", async () => {
    const { body } = await withTasks().modern("subscriptions/listen", { _meta: DECLARED, notifications });
    expect(eventsOf(body)[0]).toMatchObject({
      method: "notifications/subscriptions/acknowledged",
      params: { notifications: {} },
    });
  });
});
