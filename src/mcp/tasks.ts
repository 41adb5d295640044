// The Tasks extension (`io.modelcontextprotocol/tasks`, 2026-07-28): a call may be answered with a task, which is then asked about.
// Only a request that declares the extension gets a task, or an answer about one. What is behind a task, the host knows.
import {
  type Answer,
  attempt,
  type Exchange,
  failureJson,
  finish,
  invalid,
  type Method,
  refuse,
  traceparentOf,
  work,
} from "./exchange.ts";
import type { Aside, BegunTask, Host, Tasks } from "./host.ts";
import { asideOf, missingCapability } from "./input.ts";
import { INTERNAL_ERROR, isObject, jsonResponse, resultJson } from "./json-rpc.ts";

/** The extension's name. */
export const TASKS = "io.modelcontextprotocol/tasks";

/** Whether a client with these capabilities can be answered with a task. */
export function takesTasks({ extensions }: Aside["capabilities"]): boolean {
  return isObject(extensions) && isObject(extensions[TASKS]);
}

/** The answer to a request that is about tasks, of a client that does not say that it knows them. */
export function tasksNeeded(exchange: Exchange): Response {
  return missingCapability(exchange, {
    state: "missing_capability",
    requiredCapabilities: { extensions: { [TASKS]: {} } },
  });
}

/** The answer to a call whose work goes on. */
export function taskJson({ id, host, dialect }: Exchange, { task }: BegunTask): string {
  return resultJson(id, JSON.stringify(dialect.result(host.offer.info, { resultType: "task", ...task })));
}

type Question = (
  tasks: Tasks,
  taskId: string,
  aside: Aside,
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

/** A method of the extension, where the host has tasks. */
export function taskMethod({ tasks }: Host, name: string): Method | undefined {
  const question = QUESTIONS.get(name);
  return tasks && question ? work((exchange) => answer(exchange, (...asked) => question(tasks, ...asked))) : undefined;
}

async function answer(
  exchange: Exchange,
  question: (taskId: string, aside: Aside, traceparent: string | undefined) => ReturnType<Question>,
): Promise<Answer> {
  const { params } = exchange;
  const aside = asideOf(exchange);
  if (aside instanceof Response) return aside;
  if (!aside || !takesTasks(aside.capabilities)) return tasksNeeded(exchange);
  const { taskId } = params;
  if (typeof taskId !== "string") return invalid(exchange, "params.taskId is the task's id, a string.");
  const told = await attempt(exchange, async () => question(taskId, aside, traceparentOf(params)));
  switch (told?.state) {
    case undefined:
      return jsonResponse(200, failureJson(exchange));
    case "not_found":
      return invalid(
        exchange,
        "There is no such task: its id is none of ours, or too old, or the task belongs to somebody else.",
      );
    case "insufficient_scope":
      return { scopesNeeded: told.scopes };
    case "failed":
      return refuse(exchange, INTERNAL_ERROR, told.message);
    case "found":
      return finish(exchange, told.task);
    case "done":
      return finish(exchange, {});
  }
}
