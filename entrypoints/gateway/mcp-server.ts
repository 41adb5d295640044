// The gateway as the MCP wire sees it: what one caller is offered, and how their calls run.
import type { ProgressCallback } from "../../contracts/rpc/call-context.ts";
import type { Identity } from "../../contracts/rpc/identity.ts";
import { type Trace, traceFrom } from "../../src/context.ts";
import type { Env } from "../../src/env.ts";
import { canConfirm, confirmationForm, confirmationReply } from "../../src/mcp/elicitation.ts";
import type {
  CallToolResult,
  Invalid,
  McpServer,
  OpenTool,
  Resource,
  TaskStarted,
  Tasks,
  ToolOutcome,
} from "../../src/mcp/port.ts";
import { TASKS, takesTasks } from "../../src/mcp/tasks.ts";
import type { Credential } from "../../src/oauth/resource-server/authenticate.ts";
import {
  type Completed,
  type InputRequired,
  openCall,
  type TaskStarted as StartedCall,
} from "../../src/pipeline/call-tool.ts";
import { fillPrompt, suggest } from "../../src/pipeline/prompts.ts";
import { readResource } from "../../src/pipeline/read-resource.ts";
import { sourcesFor } from "../../src/pipeline/sources.ts";
import { cancelTask, pollTask, startTask, type TaskRequest, updateTask } from "../../src/pipeline/task.ts";
import { TASK_TTL_MS } from "../../src/pipeline/task-handle.ts";
import { listedPictures } from "../../src/resources/picture.ts";
import { type Catalog, catalog } from "../../src/tools/catalog.ts";
import { text } from "../../src/tools/content.ts";
import { featuresFor } from "./features.ts";

/** The host of one request. `requestTrace` is gone on with where a message names no trace of its own. */
export function mcpServerFor(env: Env, ctx: ExecutionContext, caller: Credential, requestTrace: Trace): McpServer {
  const { identity } = caller;
  const features = featuresFor(caller);
  const isOffered = (prompt: string) => features.prompts.some(({ name }) => name === prompt);
  let pictures: Promise<readonly Resource[]> | undefined;
  /** Asked once a request, however often a batch lists. */
  const listResources = (traceparent: string | undefined) => {
    pictures ??= sourcesFor(env, identity, traceOf(requestTrace, traceparent)).images().then(listedPictures);
    return pictures;
  };
  return {
    features,
    openTool: openerOf(catalog, env, ctx, caller, requestTrace),
    ...(features.templates.length > 0 && { listResources }),
    readResource(uri, traceparent) {
      const answer = readResource(env, ctx, {
        uri,
        caller: identity,
        trace: traceOf(requestTrace, traceparent),
        channel: "mcp",
      });
      // Held also when the client hangs up, so that the read leaves its record.
      ctx.waitUntil(answer);
      return answer;
    },
    getPrompt: async (name, args) => (isOffered(name) ? fillPrompt(name, args) : { state: "not_found" }),
    complete: async (typing, traceparent) =>
      "prompt" in typing.of && !isOffered(typing.of.prompt)
        ? null
        : suggest(env, identity, traceOf(requestTrace, traceparent), typing),
    ...(TASKS in features.extensions && { tasks: tasksOf(catalog, env, ctx, caller, requestTrace) }),
  };
}

/** The trace that the message names, or the request's. */
function traceOf(requestTrace: Trace, traceparent: string | undefined): Trace {
  return traceparent === undefined ? requestTrace : traceFrom(traceparent);
}

/** Opens calls of these tools for one caller. */
export function openerOf(
  catalog: Catalog,
  env: Env,
  ctx: ExecutionContext,
  caller: Credential,
  requestTrace: Trace,
): OpenTool {
  const { identity, revalidate } = caller;
  return (name, args, traceparent, aside) => {
    const trace = traceOf(requestTrace, traceparent);
    const person = aside && canConfirm(aside) ? { answer: confirmationReply(aside), state: aside.requestState } : null;
    const allowTask = aside !== undefined && takesTasks(aside.capabilities);
    const opened = openCall(env, ctx, {
      catalog,
      name,
      args,
      caller: identity,
      trace,
      channel: "mcp",
      revalidate,
      person,
      allowTask,
    });
    if (opened.state !== "ready") return opened;
    const run = (progress?: ProgressCallback) => {
      const result = opened.run(progress).then((ended) => shownAs(ended, env, identity, args));
      // Held also when the client hangs up, so that the backend hears of it and the call leaves its record.
      ctx.waitUntil(result);
      return result;
    };
    return { state: "ready", run };
  };
}

/** How often a client should ask about a task: often enough for a person, and within the slowest plan's rate of requests. */
const POLL_INTERVAL_MS = 5_000;

/** The task of a call whose work goes on. Its backend has the work, so the task can be asked about at once. */
async function begun(env: Env, caller: Identity, { tool, ref }: StartedCall, args: unknown): Promise<TaskStarted> {
  const nowMs = Date.now();
  const taskId = await startTask(env, caller, tool, args, ref, nowMs);
  return { state: "task", task: { ...taskFields(taskId, nowMs), status: "working" } };
}

/** No backend says when it last touched its work, so what is told of a task is as of now. */
function taskFields(taskId: string, createdAtMs: number) {
  const [createdAt, lastUpdatedAt] = [new Date(createdAtMs).toISOString(), new Date().toISOString()];
  return { taskId, createdAt, lastUpdatedAt, ttlMs: TASK_TTL_MS, pollIntervalMs: POLL_INTERVAL_MS };
}

/** Tasks of one caller, of calls of these tools. */
function tasksOf(
  catalog: Catalog,
  env: Env,
  ctx: ExecutionContext,
  { identity }: Credential,
  requestTrace: Trace,
): Tasks {
  const of = (taskId: string, traceparent: string | undefined): TaskRequest => {
    const trace = traceOf(requestTrace, traceparent);
    return { catalog, taskId, caller: identity, trace, channel: "mcp" };
  };
  // Held also when the client hangs up, so that the question leaves its record.
  const held = <Told>(told: Promise<Told>): Promise<Told> => {
    ctx.waitUntil(told);
    return told;
  };
  return {
    async get(taskId, traceparent) {
      const told = await held(pollTask(env, ctx, of(taskId, traceparent)));
      if (told.state !== "found") return told;
      const fields = taskFields(taskId, told.createdAtMs);
      const { task } = told;
      if (task.state === "done")
        return { state: "found", task: { ...fields, status: "completed", result: await toResult(task.ended) } };
      return { state: "found", task: { ...fields, status: task.state, statusMessage: task.message } };
    },
    update: (taskId, _, traceparent) => held(updateTask(env, ctx, of(taskId, traceparent))),
    cancel: (taskId, traceparent) => held(cancelTask(env, ctx, of(taskId, traceparent))),
  };
}

/** The answer to a state that belongs to no request, or not to this one any more. */
export const STATE_REFUSED: Invalid = {
  state: "invalid",
  message:
    "params.requestState does not belong to this request: it is another's, changed, used or too old. Send the request without it.",
};

/** What a call ended with, or what it waits for. */
async function shownAs(
  ended: Completed | InputRequired | StartedCall,
  env: Env,
  caller: Identity,
  args: unknown,
): Promise<ToolOutcome> {
  if ("result" in ended) return toResult(ended);
  if (ended.state === "started") return begun(env, caller, ended, args);
  if (ended.state === "state_refused") return STATE_REFUSED;
  return { state: "input_required", inputRequests: confirmationForm(ended.question), requestState: ended.requestState };
}

/** A finished call as MCP shows it: a value with words and pictures, or a tool error that says what to do. */
async function toResult({ result, render }: Completed): Promise<CallToolResult> {
  if (result.ok) return { content: await render(), structuredContent: result.value };
  const { code, message, retryAfterSeconds, traceId } = result.error;
  const wait = retryAfterSeconds === undefined ? null : `Try again in ${retryAfterSeconds} s.`;
  return {
    isError: true,
    content: [text(message, wait, `(code ${code}, trace id ${traceId})`)],
    _meta: { "com.stackbilt/error": result.error },
  };
}
