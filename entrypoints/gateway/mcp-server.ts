// The gateway as an MCP server: the port that the wire calls, over the pipeline, for one
// credential.
import type { ProgressCallback } from "../../contracts/rpc/call-context.ts";
import { type RequestContext, traceFrom } from "../../src/context.ts";
import { EXPLAIN } from "../../src/mcp/explain.ts";
import type { McpServer, PreparedCall, RateLimited, ReadyCall, Tasks, ToolOutcome } from "../../src/mcp/port.ts";
import type { Resource } from "../../src/mcp/schema.ts";
import { acceptsTasks, TASKS } from "../../src/mcp/tasks.ts";
import type { Credential } from "../../src/oauth/resource-server/authenticate.ts";
import { authorizeCall, callTool } from "../../src/pipeline/call-tool.ts";
import { explainCall } from "../../src/pipeline/explain.ts";
import { overPlan } from "../../src/pipeline/metering.ts";
import { complete, getPrompt } from "../../src/pipeline/prompts.ts";
import { readResource } from "../../src/pipeline/read-resource.ts";
import { renderRefusal, renderResult } from "../../src/pipeline/render.ts";
import { sourcesFor } from "../../src/pipeline/sources.ts";
import { cancelTask, pollTask, updateTask } from "../../src/pipeline/task.ts";
import type { AuthorizedCall } from "../../src/pipeline/tool-call.ts";
import { listedPictures } from "../../src/resources/picture.ts";
import { type Catalog, catalog } from "../../src/tools/catalog.ts";
import { jsonIn } from "../../src/tools/content.ts";
import { featuresFor } from "./features.ts";

/**
 * The server for one request. `context` holds the trace of the request; a message may name its own.
 */
export function mcpServerFor(context: RequestContext, credential: Credential): McpServer {
  const { identity } = credential;
  const features = featuresFor(credential);
  const isListed = (prompt: string) => features.prompts.some(({ name }) => name === prompt);
  let pictures: Promise<readonly Resource[]> | undefined;
  /** One backend call a request, however often a batch lists. Each list counts. */
  async function listResources(traceparent: string | undefined): Promise<readonly Resource[] | RateLimited> {
    const over = await overPlan(context, identity);
    if (over) return over;
    pictures ??= sourcesFor(withTrace(context, traceparent), identity).images().then(listedPictures);
    return pictures;
  }
  return {
    features,
    prepareCall: callPreparer(context, credential, catalog),
    ...(EXPLAIN in features.extensions && { explain: explainer(context, credential, catalog) }),
    ...(features.templates.length > 0 && { listResources }),
    readResource: (uri, traceparent) => hold(context, readResource(withTrace(context, traceparent), identity, uri)),
    getPrompt: async (name, args) => (isListed(name) ? getPrompt(name, args) : { state: "not_found" }),
    complete: async (request, traceparent) =>
      "prompt" in request.of && !isListed(request.of.prompt)
        ? null
        : complete(withTrace(context, traceparent), identity, request),
    ...(TASKS in features.extensions && { tasks: tasksFor(context, credential, catalog) }),
  };
}

/** The same request under the trace that a message names, if it names one. */
function withTrace(context: RequestContext, traceparent: string | undefined): RequestContext {
  return traceparent === undefined ? context : { ...context, trace: traceFrom(traceparent) };
}

/**
 * Continues the work if the client disconnects, so that the backend hears of it and the record is
 * written.
 */
function hold<T>({ ctx }: RequestContext, work: Promise<T>): Promise<T> {
  ctx.waitUntil(work);
  return work;
}

/** Prepares calls of the catalog's tools for one credential. */
export function callPreparer(
  context: RequestContext,
  { identity, revalidate }: Credential,
  catalog: Catalog,
): McpServer["prepareCall"] {
  return async function prepareCall(name, args, { traceparent, idempotencyKey }, clientInput): Promise<PreparedCall> {
    const allowTask = clientInput !== undefined && acceptsTasks(clientInput.capabilities);
    const call = { catalog, name, args, identity, channel: "mcp", revalidate, clientInput, allowTask } as const;
    const request = { ...call, idempotencyKey };
    const authorized = await authorizeCall(withTrace(context, traceparent), request);
    if (authorized.state === "rate_limited") return { state: "refused", result: renderRefusal(authorized.error) };
    if (authorized.state !== "authorized") return authorized;
    const run: ReadyCall["run"] = (progress, _log, lost) => hold(context, runCall({ ...authorized, lost }, progress));
    return { state: "ready", isChange: authorized.tool.risk !== "READ_ONLY", run };
  };
}

/** Explains calls of the catalog's tools for one credential. */
function explainer(
  context: RequestContext,
  { identity, revalidate }: Credential,
  catalog: Catalog,
): NonNullable<McpServer["explain"]> {
  return function explain(name, args, traceparent, clientInput) {
    const call = { catalog, name, args, identity, channel: "mcp", revalidate, clientInput } as const;
    return explainCall(withTrace(context, traceparent), call);
  };
}

async function runCall(call: AuthorizedCall, progress?: ProgressCallback): Promise<ToolOutcome> {
  const outcome = await callTool(call, progress);
  if (outcome.state !== "completed") return outcome;
  const result = await renderResult(call.context, call.identity, outcome);
  const structuredJson = jsonIn(result.content[0], result.structuredContent);
  return structuredJson === undefined ? result : { ...result, structuredJson };
}

function tasksFor(context: RequestContext, { identity }: Credential, catalog: Catalog): Tasks {
  return {
    get: (taskId, traceparent) =>
      hold(context, pollTask(withTrace(context, traceparent), { catalog, taskId, identity })),
    update: (taskId, _inputResponses, traceparent) =>
      hold(context, updateTask(withTrace(context, traceparent), { catalog, taskId, identity })),
    cancel: (taskId, traceparent) =>
      hold(context, cancelTask(withTrace(context, traceparent), { catalog, taskId, identity })),
  };
}
