// One path for every question about work that goes on after its call was answered: whose is it, may the caller, ask the backend, audit.
// What belongs to somebody else is answered like what does not exist.
import type { Refusal } from "../../contracts/rpc/call.ts";
import { digestInput } from "../../contracts/rpc/encoding.ts";
import type { Identity, Scope } from "../../contracts/rpc/identity.ts";
import type { Result } from "../../contracts/rpc/result.ts";
import type { Channel, TaskEvent } from "../audit/event.ts";
import { summarize } from "../audit/redact.ts";
import { type Background, record } from "../audit/sinks.ts";
import type { Trace } from "../context.ts";
import type { Env } from "../env.ts";
import type { Catalog } from "../tools/catalog.ts";
import type {
  BackendClient,
  BackendTaskState,
  TaskRef,
  TaskSupport,
  ToolDefinition,
} from "../tools/tool-definition.ts";
import { missingScopes } from "./authorize.ts";
import { backendClientFor, type Completed, completedWith } from "./call-tool.ts";
import { openTask, sealTask, type TaskWork } from "./task-handle.ts";

/** One question about a task, and whose. */
export interface TaskRequest {
  readonly catalog: Catalog;
  readonly taskId: string;
  readonly caller: Identity;
  readonly trace: Trace;
  readonly channel: Channel;
}

/** Why a question is not answered. Every one of them already has its audit record. */
export type TaskRefused =
  | { readonly state: "not_found" }
  | { readonly state: "insufficient_scope"; readonly scopes: readonly Scope[] }
  /** Nobody could tell just now; `message` is one of our sentences. */
  | { readonly state: "failed"; readonly message: string };

/** Where the work stands. */
export type TaskState =
  | Exclude<BackendTaskState, { state: "done" }>
  | { readonly state: "done"; readonly ended: Completed };

/** Names the work that a call has begun. */
export async function startTask(
  env: Env,
  caller: Identity,
  tool: ToolDefinition,
  args: unknown,
  ref: TaskRef,
  createdAtMs: number,
): Promise<string> {
  return sealTask(env, caller, { tool: tool.name, ref, inputDigest: await digestInput(args), createdAtMs });
}

/** Looks where the work stands. Whoever may read may look. */
export async function pollTask(
  env: Env,
  background: Background,
  request: TaskRequest,
): Promise<TaskRefused | { readonly state: "found"; readonly createdAtMs: number; readonly task: TaskState }> {
  const asked = await ask(env, background, request, "task.read", "read", ({ poll }, ref, reach) => poll(ref, reach));
  if (asked.state !== "answered") return asked;
  const { answer, tool, work } = asked;
  const { caller, trace } = request;
  const task: TaskState =
    answer.state === "done"
      ? { state: "done", ended: completedWith(env, tool, answer.value, { caller, trace }) }
      : answer;
  return { state: "found", createdAtMs: work.createdAtMs, task };
}

/** Takes what a client says to work that asked it for something. None of ours asks, so there is nothing to take in. */
export async function updateTask(
  env: Env,
  background: Background,
  request: TaskRequest,
): Promise<TaskRefused | { readonly state: "done" }> {
  const asked = await ask(env, background, request, "task.updated", null, ({ poll }, ref, reach) => poll(ref, reach));
  return asked.state === "answered" ? { state: "done" } : asked;
}

/** Stops the work, unless it is over. */
export async function cancelTask(
  env: Env,
  background: Background,
  request: TaskRequest,
): Promise<TaskRefused | { readonly state: "done" }> {
  const asked = await ask(env, background, request, "task.cancelled", null, ({ cancel }, ref, reach) =>
    cancel(ref, reach),
  );
  return asked.state === "answered" ? { state: "done" } : asked;
}

type Answered<Value> = {
  readonly state: "answered";
  readonly answer: Value;
  readonly tool: ToolDefinition;
  readonly work: TaskWork;
};

/** Asks the backend about the task's work. `scope`: what it takes; `null`: what a call of the tool takes. */
async function ask<Value>(
  env: Env,
  background: Background,
  { catalog, taskId, caller, trace, channel }: TaskRequest,
  type: TaskEvent["type"],
  scope: Scope | null,
  question: (long: TaskSupport, ref: TaskRef, reach: BackendClient) => Promise<Result<Value, Refusal>>,
): Promise<TaskRefused | Answered<Value>> {
  const startedAt = Date.now();
  const work = await openTask(env, caller, taskId);
  const tool = work === null ? undefined : catalog.get(work.tool);
  const { subject, tenantId, clientId, tier, scopes: held } = caller;
  const audit = (decision: TaskEvent["decision"], outcome: string): void =>
    record(env.PLATFORM_EVENTS_QUEUE, background, {
      ...{
        type,
        at: new Date().toISOString(),
        traceId: trace.traceId,
        channel,
        subject,
        tenantId,
        clientId,
        tier,
        scopes: held,
      },
      ...{
        tool: tool?.name ?? null,
        decision,
        outcome,
        durationMs: Date.now() - startedAt,
        input: summarize(work?.ref ?? {}),
      },
    });
  // A tool may have gone, or have become short, since the work was begun.
  if (work === null || !tool?.task) {
    audit("unknown_task", "unknown_task");
    return { state: "not_found" };
  }
  const scopes = missingScopes({ scope: scope ?? tool.scope }, caller);
  if (scopes) {
    audit("insufficient_scope", "insufficient_scope");
    return { state: "insufficient_scope", scopes };
  }
  const answer = await question(tool.task, work.ref, backendClientFor(env, tool, { caller, trace }));
  audit("allowed", answer.ok ? "ok" : answer.error.code);
  if (answer.ok) return { state: "answered", answer: answer.value, tool, work };
  const { code, message } = answer.error;
  if (code === tool.task.notFound) return { state: "not_found" };
  return { state: "failed", message: `${message} (code ${code}, trace id ${trace.traceId})` };
}
