// The Tasks extension (`io.modelcontextprotocol/tasks`, 2026-07-28): a call may be answered with a task, which is then asked about.
// Only a request that declares the extension gets a task, or an answer about one. What is behind a task, the server knows.

import { clientInputOf, missingCapability } from "./client-input.ts";
import { INTERNAL_ERROR, isObject, jsonResponse, resultJson } from "./json-rpc.ts";
import type { ClientInput, McpServer, TaskStarted, Tasks } from "./port.ts";
import {
  failureJson,
  finish,
  type HandlerResult,
  invalid,
  type McpRequest,
  type Method,
  orUndefined,
  refuse,
  traceparentOf,
  work,
} from "./request.ts";

/** The extension's name. */
export const TASKS = "io.modelcontextprotocol/tasks";

/** Whether a client with these capabilities can be answered with a task. */
export function takesTasks({ extensions }: ClientInput["capabilities"]): boolean {
  return isObject(extensions) && isObject(extensions[TASKS]);
}

/** The answer to a request that is about tasks, of a client that does not say that it knows them. */
export function tasksNeeded(request: McpRequest): Response {
  return missingCapability(request, {
    state: "missing_capability",
    requiredCapabilities: { extensions: { [TASKS]: {} } },
  });
}

/** The answer to a call whose work goes on. */
export function taskJson({ id, server, codec }: McpRequest, { task }: TaskStarted): string {
  return resultJson(id, JSON.stringify(codec.result(server.features.info, { resultType: "task", ...task })));
}

type Question = (
  tasks: Tasks,
  taskId: string,
  clientInput: ClientInput,
  traceparent: string | undefined,
) => ReturnType<Tasks["get"]> | ReturnType<Tasks["update"]>;

const QUESTIONS: ReadonlyMap<string, Question> = new Map<string, Question>([
  ["tasks/get", (tasks, taskId, _, traceparent) => tasks.get(taskId, traceparent)],
  [
    "tasks/update",
    (tasks, taskId, { inputResponses }, traceparent) => tasks.update(taskId, inputResponses, traceparent),
  ],
  ["tasks/cancel", (tasks, taskId, _, traceparent) => tasks.cancel(taskId, traceparent)],
]);

/** A method of the extension, where the server has tasks. */
export function taskMethod({ tasks }: McpServer, name: string): Method | undefined {
  const question = QUESTIONS.get(name);
  return tasks && question ? work((request) => answer(request, (...asked) => question(tasks, ...asked))) : undefined;
}

async function answer(
  request: McpRequest,
  question: (taskId: string, clientInput: ClientInput, traceparent: string | undefined) => ReturnType<Question>,
): Promise<HandlerResult> {
  const { params } = request;
  const clientInput = clientInputOf(request);
  if (clientInput instanceof Response) return clientInput;
  if (!clientInput || !takesTasks(clientInput.capabilities)) return tasksNeeded(request);
  const { taskId } = params;
  if (typeof taskId !== "string") return invalid(request, "params.taskId is the task's id, a string.");
  const told = await orUndefined(request, async () => question(taskId, clientInput, traceparentOf(params)));
  switch (told?.state) {
    case undefined:
      return jsonResponse(200, failureJson(request));
    case "not_found":
      return invalid(
        request,
        "There is no such task: its id is none of ours, or too old, or the task belongs to somebody else.",
      );
    case "insufficient_scope":
      return { scopesNeeded: told.scopes };
    case "failed":
      return refuse(request, INTERNAL_ERROR, told.message);
    case "found":
      return finish(request, told.task);
    case "done":
      return finish(request, {});
  }
}
