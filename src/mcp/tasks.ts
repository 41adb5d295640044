// The Tasks extension (`io.modelcontextprotocol/tasks`, 2026-07-28): the result of a call may be a
// task, which the client then polls. Only a request that declares the extension gets a task or a
// response about one.
import { clientInputOf, missingCapability } from "./client-input.ts";
import { INTERNAL_ERROR, isObject, jsonResponse, resultJson } from "./json-rpc.ts";
import type { ClientInput, McpServer, TaskStarted, Tasks } from "./port.ts";
import {
  type HandlerResult,
  internalErrorJson,
  invalidParams,
  type McpRequest,
  type MethodHandler,
  methodError,
  orUndefined,
  rateLimited,
  resultResponse,
  traceparentOf,
} from "./request.ts";

/** Longer than any id of ours. */
const MAX_TASK_ID_LENGTH = 4_096;

/** Name of the extension. */
export const TASKS = "io.modelcontextprotocol/tasks";

/** True if a client with these capabilities accepts tasks. */
export function acceptsTasks({ extensions }: ClientInput["capabilities"]): boolean {
  return isObject(extensions) && isObject(extensions[TASKS]);
}

/** The error for a request about tasks from a client that does not declare the extension. */
export function tasksNeeded(request: McpRequest): Response {
  return missingCapability(request, {
    state: "missing_capability",
    requiredCapabilities: { extensions: { [TASKS]: {} } },
  });
}

/** The result of a call whose work continues. */
export function taskJson({ id, server, codec }: McpRequest, { task }: TaskStarted): string {
  return resultJson(id, JSON.stringify(codec.result(server.features.info, { resultType: "task", ...task })));
}

/** One request about a task, its params checked. */
interface TaskQuery {
  readonly taskId: string;
  readonly clientInput: ClientInput;
  readonly traceparent: string | undefined;
}

type TaskReply = ReturnType<Tasks["get"]> | ReturnType<Tasks["update"]>;
type TaskOperation = (tasks: Tasks, query: TaskQuery) => TaskReply;

const OPERATIONS: ReadonlyMap<string, TaskOperation> = new Map<string, TaskOperation>([
  ["tasks/get", (tasks, { taskId, traceparent }) => tasks.get(taskId, traceparent)],
  [
    "tasks/update",
    (tasks, { taskId, clientInput, traceparent }) => tasks.update(taskId, clientInput.inputResponses, traceparent),
  ],
  ["tasks/cancel", (tasks, { taskId, traceparent }) => tasks.cancel(taskId, traceparent)],
]);

/** The handler of a method of the extension, if the server has tasks. */
export function taskMethod({ tasks }: McpServer, name: string): MethodHandler | undefined {
  const operation = OPERATIONS.get(name);
  if (!tasks || !operation) return undefined;
  return function handleTaskMethod(request) {
    return handleTask(request, tasks, operation);
  };
}

async function handleTask(request: McpRequest, tasks: Tasks, operation: TaskOperation): Promise<HandlerResult> {
  const { params } = request;
  const clientInput = clientInputOf(request);
  if (clientInput instanceof Response) return clientInput;
  if (!clientInput || !acceptsTasks(clientInput.capabilities)) return tasksNeeded(request);
  const { taskId } = params;
  if (typeof taskId !== "string" || taskId.length > MAX_TASK_ID_LENGTH)
    return invalidParams(request, "params.taskId is the task's id, a string.");
  const query = { taskId, clientInput, traceparent: traceparentOf(params) };
  const reply = await orUndefined(request, async () => operation(tasks, query));
  switch (reply?.state) {
    case undefined:
      return jsonResponse(200, internalErrorJson(request));
    case "not_found":
      return invalidParams(
        request,
        "There is no such task: the id is invalid, the task has expired, or it belongs to another user.",
      );
    case "rate_limited":
      return rateLimited(request, reply);
    case "insufficient_scope":
      return { scopesNeeded: reply.scopes };
    case "failed":
      return methodError(request, INTERNAL_ERROR, reply.message);
    case "found":
      return resultResponse(request, reply.task);
    case "done":
      return resultResponse(request, {});
  }
}
