// The suite's tools with tasks, which also do what no tool of the product does with a task: require
// input, fail, be refused.

import { dispatch } from "../../src/backends/dispatch.ts";
import { type RequestContext, traceFrom } from "../../src/context.ts";
import type { ClientInput, PreparedCall, Tasks, ToolOutcome } from "../../src/mcp/port.ts";
import type { CallToolResult, DetailedTask, InputRequest, Task } from "../../src/mcp/schema.ts";
import { acceptsTasks, TASKS } from "../../src/mcp/tasks.ts";
import type { Credential } from "../../src/oauth/resource-server/authenticate.ts";
import { openTask, sealTask, TASK_TTL_MS } from "../../src/pipeline/task-handle.ts";
import { show, type Work, type WorkKind } from "./contract.ts";

/** The kind of work of each tool. */
export const WORKS: ReadonlyMap<string, WorkKind> = new Map([
  ["slow_compute", "compute"],
  ["failing_job", "fail"],
  ["protocol_error_job", "crash"],
  ["confirm_delete", "input"],
  ["multi_input", "input_twice"],
  ["test_tool_with_task", "compute"],
]);

const REQUIRED = { state: "missing_capability", requiredCapabilities: { extensions: { [TASKS]: {} } } } as const;

/** The request for the user's name, before the work starts. */
const NAME: InputRequest = {
  method: "elicitation/create",
  params: {
    message: "What is your name?",
    requestedSchema: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
  },
};

type Operation = "startWork" | "pollWork" | "updateWork" | "cancelWork";

async function send(
  context: RequestContext,
  { identity }: Credential,
  method: Operation,
  input: object,
): Promise<Work> {
  const { audience, methods } = show;
  const call = {
    backend: "STACKBILDER",
    audience,
    method,
    operation: methods[method],
    tool: method,
    identity,
  } as const;
  const reply = await dispatch(context, call, input);
  if (!reply.ok) throw new Error(`${method}: ${reply.error.code}`);
  return reply.value as Work; // all four have this output
}

const resultOf = ({ words, status }: Work): CallToolResult => ({
  content: [{ type: "text", text: status === "fail" ? "It failed, as it should." : words }],
  structuredContent: { blocks: [] },
  ...(status === "fail" && { isError: true }),
});

/** One call of one of these tools. */
export interface WorkCall {
  readonly context: RequestContext;
  readonly credential: Credential;
  readonly tool: string;
  readonly kind: WorkKind;
  readonly args: object;
  readonly clientInput: ClientInput;
}

export function prepareWork(call: WorkCall): PreparedCall {
  if (!acceptsTasks(call.clientInput.capabilities) && call.kind !== "compute") return REQUIRED;
  return { state: "ready", run: () => runWork(call) };
}

async function runWork({ context, credential, tool, kind, args, clientInput }: WorkCall): Promise<ToolOutcome> {
  const { seconds = 0.3, label = "" } = args as { seconds?: number; label?: string };
  const { action, content } = clientInput.inputResponses.user_name ?? {};
  const needsName = tool === "test_tool_with_task";
  if (needsName && action !== "accept") return { state: "input_required", inputRequests: { user_name: NAME } };
  const words = needsName ? `Hello, ${JSON.stringify(content)}!` : `Computed ${label}.`;
  const work = await send(context, credential, "startWork", { kind, seconds, words });
  if (!acceptsTasks(clientInput.capabilities)) return resultOf(work);
  const createdAtMs = Date.now();
  const ref = { work_id: work.work_id };
  const taskId = await sealTask(context, credential.identity, { tool, ref, inputDigest: "", createdAtMs });
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
      const requests = work.requests.map(({ key, method, params_json }) => [
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

/** Tasks of one user. */
export function tasksFor(context: RequestContext, credential: Credential): Tasks {
  const { identity } = credential;
  const withTrace = (traceparent: string | undefined) =>
    traceparent === undefined ? context : { ...context, trace: traceFrom(traceparent) };
  async function change(method: "updateWork" | "cancelWork", taskId: string, input: object, traceparent?: string) {
    const known = await openTask(context, identity, taskId);
    if (!known) return { state: "not_found" } as const;
    await send(withTrace(traceparent), credential, method, { ...known.ref, ...input });
    return { state: "done" } as const;
  }
  return {
    async get(taskId, traceparent) {
      const known = await openTask(context, identity, taskId);
      if (!known) return { state: "not_found" };
      const work = await send(withTrace(traceparent), credential, "pollWork", known.ref);
      return { state: "found", task: detailed(fieldsOf(taskId, known.createdAtMs), work) };
    },
    update: (taskId, inputResponses, traceparent) =>
      change("updateWork", taskId, { names: Object.keys(inputResponses) }, traceparent),
    cancel: (taskId, traceparent) => change("cancelWork", taskId, {}, traceparent),
  };
}
