// subscriptions/listen (2026-07-28, basic/patterns/subscriptions). The server announces no changes,
// so the stream acknowledges no subscription and ends at once.
import * as v from "valibot";
import { clientInputOf } from "./client-input.ts";
import { isObject, resultJson } from "./json-rpc.ts";
import { invalidParams, type McpRequest } from "./request.ts";
import { eventStream } from "./sse.ts";
import { acceptsTasks, tasksNeeded } from "./tasks.ts";

const SUBSCRIPTION_KEY = "io.modelcontextprotocol/subscriptionId";

const Filter = v.object({
  toolsListChanged: v.nullish(v.boolean()),
  promptsListChanged: v.nullish(v.boolean()),
  resourcesListChanged: v.nullish(v.boolean()),
  resourceSubscriptions: v.nullish(v.array(v.string())),
  taskIds: v.nullish(v.array(v.string())),
});

/** Handles subscriptions/listen. A valid request always gets an event stream. */
export function listen(request: McpRequest): Response {
  const { id, params, server, codec } = request;
  const { notifications } = params;
  if (!isObject(notifications) || !v.is(Filter, notifications))
    return invalidParams(request, "params.notifications must be an object that names the notifications to listen for.");
  const clientInput = clientInputOf(request);
  if (clientInput instanceof Response) return clientInput;
  // Clients poll tasks: there are no task notifications to subscribe to.
  if (server.tasks && notifications.taskIds && !acceptsTasks(clientInput?.capabilities ?? {}))
    return tasksNeeded(request);
  const meta = { _meta: { [SUBSCRIPTION_KEY]: id } };
  const method = "notifications/subscriptions/acknowledged";
  return eventStream(async (stream) => {
    await stream.notify(JSON.stringify({ jsonrpc: "2.0", method, params: { notifications: {}, ...meta } }));
    return resultJson(id, JSON.stringify(codec.result(server.features.info, meta)));
  });
}
