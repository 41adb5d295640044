// subscriptions/listen (2026-07-28, basic/patterns/subscriptions). No change is announced, so there is
// nothing to wait for: the stream says so, and ends gracefully at once.
import * as v from "valibot";
import { clientInputOf } from "./client-input.ts";
import { isObject, resultJson } from "./json-rpc.ts";
import { invalid, type McpRequest } from "./request.ts";
import { eventStream } from "./sse.ts";
import { takesTasks, tasksNeeded } from "./tasks.ts";

const SUBSCRIPTION_KEY = "io.modelcontextprotocol/subscriptionId";

const Filter = v.object({
  toolsListChanged: v.optional(v.boolean()),
  promptsListChanged: v.optional(v.boolean()),
  resourcesListChanged: v.optional(v.boolean()),
  resourceSubscriptions: v.optional(v.array(v.string())),
  taskIds: v.optional(v.array(v.string())),
});

/** Answers one subscriptions/listen, always as an event stream. */
export function listen(request: McpRequest): Response {
  const { id, params, server, codec } = request;
  const { notifications } = params;
  if (!isObject(notifications) || !v.is(Filter, notifications))
    return invalid(request, "params.notifications says what to listen for, an object.");
  const clientInput = clientInputOf(request);
  if (clientInput instanceof Response) return clientInput;
  // Tasks are asked about; nobody is told of them unasked.
  if (server.tasks && notifications.taskIds && !takesTasks(clientInput?.capabilities ?? {}))
    return tasksNeeded(request);
  const meta = { _meta: { [SUBSCRIPTION_KEY]: id } };
  const method = "notifications/subscriptions/acknowledged";
  return eventStream(async ({ notify }) => {
    await notify(JSON.stringify({ jsonrpc: "2.0", method, params: { notifications: {}, ...meta } }));
    return resultJson(id, JSON.stringify(codec.result(server.features.info, meta)));
  });
}
