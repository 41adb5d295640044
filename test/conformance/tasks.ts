// The suite's tools whose work goes on after the call: what the product's own tools never do with a task (ask, break, refuse) among it.

import { dispatch } from "../../src/backends/dispatch.ts";
import { type Trace, traceFrom } from "../../src/context.ts";
import type { Env } from "../../src/env.ts";
import type {
  CallToolResult,
  ClientInput,
  DetailedTask,
  InputRequest,
  OpenedToolCall,
  Task,
  Tasks,
  ToolOutcome,
} from "../../src/mcp/port.ts";
import { TASKS, takesTasks } from "../../src/mcp/tasks.ts";
import type { Credential } from "../../src/oauth/resource-server/authenticate.ts";
import { openTask, sealTask, TASK_TTL_MS } from "../../src/pipeline/task-handle.ts";
import { show, type Work, type WorkKind } from "./contract.ts";

/** What each of them does. */
export const WORKS: ReadonlyMap<string, WorkKind> = new Map([
  ["slow_compute", "compute"],
  ["failing_job", "fail"],
  ["protocol_error_job", "crash"],
  ["confirm_delete", "ask"],
  ["multi_input", "ask_twice"],
  ["test_tool_with_task", "compute"],
]);

const REQUIRED = { state: "missing_capability", requiredCapabilities: { extensions: { [TASKS]: {} } } } as const;

/** Who is asked for their name before the work begins. */
const NAME: InputRequest = {
  method: "elicitation/create",
  params: {
    message: "What is your name?",
    requestedSchema: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
  },
};

type Errand = { readonly env: Env; readonly caller: Credential; readonly trace: Trace };

async function send<M extends "beginWork" | "lookAtWork" | "answerWork" | "stopWork">(
  { env, caller: { identity }, trace }: Errand,
  method: M,
  input: object,
): Promise<Work> {
  const target = { name: method, backend: "STACKBILDER", audience: show.audience } as const;
  const answer = await dispatch(env, target, method, show.methods[method], input, { caller: identity, trace });
  if (!answer.ok) throw new Error(`${method}: ${answer.error.code}`);
  return answer.value as Work; // all four answer alike
}

const resultOf = ({ words, status }: Work): CallToolResult => ({
  content: [{ type: "text", text: status === "fail" ? "It failed, as it should." : words }],
  structuredContent: { blocks: [] },
  ...(status === "fail" && { isError: true }),
});

/** Opens a call of one of these tools. */
export function openWork(
  errand: Errand,
  tool: string,
  kind: WorkKind,
  args: object,
  aside: ClientInput,
): OpenedToolCall {
  const mayGoOn = takesTasks(aside.capabilities);
  if (!mayGoOn && kind !== "compute") return REQUIRED;
  return { state: "ready", run: () => begin(errand, tool, kind, args, aside, mayGoOn) };
}

async function begin(
  errand: Errand,
  tool: string,
  kind: WorkKind,
  args: object,
  aside: ClientInput,
  mayGoOn: boolean,
): Promise<ToolOutcome> {
  const { seconds = 0.3, label = "" } = args as { seconds?: number; label?: string };
  const { action, content } = aside.inputResponses.user_name ?? {};
  const isAsked = tool === "test_tool_with_task";
  if (isAsked && action !== "accept") return { state: "input_required", inputRequests: { user_name: NAME } };
  const words = isAsked ? `Hello, ${JSON.stringify(content)}!` : `Computed ${label}.`;
  const work = await send(errand, "beginWork", { kind, seconds, words });
  if (!mayGoOn) return resultOf(work);
  const createdAtMs = Date.now();
  const ref = { work_id: work.work_id };
  const taskId = await sealTask(errand.env, errand.caller.identity, { tool, ref, inputDigest: "", createdAtMs });
  return { state: "task", task: { ...fieldsOf(taskId, createdAtMs), status: "working" } };
}

function fieldsOf(taskId: string, createdAtMs: number): Omit<Task, "status"> {
  const [createdAt, lastUpdatedAt] = [new Date(createdAtMs).toISOString(), new Date().toISOString()];
  return { taskId, createdAt, lastUpdatedAt, ttlMs: TASK_TTL_MS, pollIntervalMs: 200 };
}

function detailed(fields: Omit<Task, "status">, work: Work): DetailedTask {
  switch (work.status) {
    case "working":
    case "cancelled":
      return { ...fields, status: work.status };
    case "input_required": {
      const requests = work.asks.map(({ key, method, params_json }) => [
        key,
        { method, params: JSON.parse(params_json) as InputRequest["params"] },
      ]);
      return {
        ...fields,
        status: "input_required",
        inputRequests: Object.fromEntries(requests) as Readonly<Record<string, InputRequest>>,
      };
    }
    case "crash":
      return { ...fields, status: "failed", error: { code: -32603, message: "It broke, as it should." } };
    case "done":
    case "fail":
      return { ...fields, status: "completed", result: resultOf(work) };
  }
}

/** Tasks of one caller. */
export function tasksOf(env: Env, caller: Credential, requestTrace: Trace): Tasks {
  const errandOf = (traceparent: string | undefined) => {
    return { env, caller, trace: traceparent === undefined ? requestTrace : traceFrom(traceparent) };
  };
  const tell = async (
    method: "answerWork" | "stopWork",
    taskId: string,
    more: object,
    traceparent: string | undefined,
  ) => {
    const known = await openTask(env, caller.identity, taskId);
    if (!known) return { state: "not_found" } as const;
    await send(errandOf(traceparent), method, { ...known.ref, ...more });
    return { state: "done" } as const;
  };
  return {
    async get(taskId, traceparent) {
      const known = await openTask(env, caller.identity, taskId);
      if (!known) return { state: "not_found" };
      const work = await send(errandOf(traceparent), "lookAtWork", known.ref);
      return { state: "found", task: detailed(fieldsOf(taskId, known.createdAtMs), work) };
    },
    update: (taskId, inputResponses, traceparent) =>
      tell("answerWork", taskId, { names: Object.keys(inputResponses) }, traceparent),
    cancel: (taskId, traceparent) => tell("stopWork", taskId, {}, traceparent),
  };
}
