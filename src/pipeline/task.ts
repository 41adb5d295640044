// Tasks: work that continues after its call. One path for every request about a task: open the id,
// authorize, ask the backend, record. A task of another user is reported like one that does not
// exist.

import type { Refusal } from "../../contracts/rpc/call.ts";
import { digestInput } from "../../contracts/rpc/encoding.ts";
import type { Identity, Scope } from "../../contracts/rpc/identity.ts";
import type { Result } from "../../contracts/rpc/result.ts";
import type { TaskEvent } from "../audit/event.ts";
import { Recorder } from "../audit/recorder.ts";
import { backendClient } from "../backends/dispatch.ts";
import type { RequestContext } from "../context.ts";
import type { TaskRefused, TaskStarted } from "../mcp/port.ts";
import type { DetailedTask } from "../mcp/schema.ts";
import type { Catalog } from "../tools/catalog.ts";
import type { BackendClient, TaskRef, TaskSupport, ToolDefinition } from "../tools/tool-definition.ts";
import { missingScopes } from "./authorize.ts";
import { overTaskLimit } from "./metering.ts";
import { renderResult } from "./render.ts";
import { openTask, sealTask, TASK_TTL_MS, type TaskWork } from "./task-handle.ts";
import type { AuthorizedCall } from "./tool-call.ts";

/** Suits a user who waits. */
const POLL_INTERVAL_MS = 5_000;

/** A request about one task. */
export interface TaskRequest {
  readonly catalog: Catalog;
  readonly taskId: string;
  readonly identity: Identity;
}

/**
 * The task of a call whose work has started. Its backend knows the work, so it can be polled at
 * once.
 */
export async function startTask(call: AuthorizedCall, ref: TaskRef): Promise<TaskStarted> {
  const { context, identity, tool, args } = call;
  const createdAtMs = Date.now();
  const work = { tool: tool.name, ref, inputDigest: await digestInput(args), createdAtMs };
  const taskId = await sealTask(context, identity, work);
  return { state: "task", task: { ...taskFields(taskId, createdAtMs), status: "working" } };
}

/** The task as its backend sees the work. Needs the scope `read`. */
export async function pollTask(
  context: RequestContext,
  request: TaskRequest,
): Promise<TaskRefused | { readonly state: "found"; readonly task: DetailedTask }> {
  const reply = await askBackend(context, request, { type: "task.read", scope: "read", ask: poll });
  if (reply.state !== "replied") return reply;
  const { value, tool, work } = reply;
  const fields = taskFields(request.taskId, work.createdAtMs);
  if (value.state !== "done") {
    return { state: "found", task: { ...fields, status: value.state, statusMessage: value.message } };
  }
  const completed = { state: "completed", tool, result: { ok: true, value: value.value } } as const;
  const result = await renderResult(context, request.identity, completed);
  return { state: "found", task: { ...fields, status: "completed", result } };
}

/**
 * Accepts input responses. No task here requests input, so they are dropped. Needs the tool's
 * scope.
 */
export async function updateTask(
  context: RequestContext,
  request: TaskRequest,
): Promise<TaskRefused | { readonly state: "done" }> {
  const reply = await askBackend(context, request, { type: "task.updated", scope: "tool", ask: poll });
  return reply.state === "replied" ? { state: "done" } : reply;
}

/** Stops the work unless it has ended. Needs the tool's scope. */
export async function cancelTask(
  context: RequestContext,
  request: TaskRequest,
): Promise<TaskRefused | { readonly state: "done" }> {
  const reply = await askBackend(context, request, { type: "task.cancelled", scope: "tool", ask: cancel });
  return reply.state === "replied" ? { state: "done" } : reply;
}

type Ask<Value> = (task: TaskSupport, ref: TaskRef, backend: BackendClient) => Promise<Result<Value, Refusal>>;

function poll(task: TaskSupport, ref: TaskRef, backend: BackendClient) {
  return task.poll(ref, backend);
}

function cancel(task: TaskSupport, ref: TaskRef, backend: BackendClient) {
  return task.cancel(ref, backend);
}

interface Replied<Value> {
  readonly state: "replied";
  readonly value: Value;
  readonly tool: ToolDefinition;
  readonly work: TaskWork;
}

/**
 * Asks the backend about the work behind a task. `scope`: the scope needed; `tool`: the tool's own.
 */
async function askBackend<Value>(
  context: RequestContext,
  { catalog, taskId, identity }: TaskRequest,
  { type, scope, ask }: { type: TaskEvent["type"]; scope: Scope | "tool"; ask: Ask<Value> },
): Promise<TaskRefused | Replied<Value>> {
  const over = await overTaskLimit(context, identity);
  if (over) return over;
  const recorder = new Recorder(context, identity, "mcp");
  const work = await openTask(context, identity, taskId);
  const tool = work === null ? undefined : catalog.get(work.tool);
  const subject = { type, tool, input: work?.ref ?? {} };
  // A deployment may have removed the tool, or its support of tasks, since the work started.
  if (work === null || !tool?.task) {
    recorder.task(subject, "unknown_task", "unknown_task");
    return { state: "not_found" };
  }
  const scopes = missingScopes({ scope: scope === "tool" ? tool.scope : scope }, identity);
  if (scopes) {
    recorder.task(subject, "insufficient_scope", "insufficient_scope");
    return { state: "insufficient_scope", scopes };
  }
  const reply = await ask(tool.task, work.ref, backendClient(context, identity, tool));
  recorder.task(subject, "allowed", reply.ok ? "ok" : reply.error.code);
  if (reply.ok) return { state: "replied", value: reply.value, tool, work };
  const { code, message } = reply.error;
  if (code === tool.task.notFound) return { state: "not_found" };
  return { state: "failed", message: `${message} (code ${code}, trace id ${context.trace.traceId})` };
}

/**
 * No backend says when it last touched its work, so `lastUpdatedAt` is the time of the response.
 */
function taskFields(taskId: string, createdAtMs: number) {
  const [createdAt, lastUpdatedAt] = [new Date(createdAtMs).toISOString(), new Date().toISOString()];
  return { taskId, createdAt, lastUpdatedAt, ttlMs: TASK_TTL_MS, pollIntervalMs: POLL_INTERVAL_MS };
}
