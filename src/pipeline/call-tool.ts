// The path of every tool call, through either entrypoint: count, find tool, authorize, validate,
// plan and price, revalidate the credential, confirm, dispatch, record. The first three steps come
// apart from the others, because an entrypoint gives their refusals a form of its own before any
// work begins.

import type { ToolRefusal } from "../../contracts/gateway.ts";
import type { Progress, ProgressCallback } from "../../contracts/rpc/call-context.ts";
import { Recorder } from "../audit/recorder.ts";
import { dispatch } from "../backends/dispatch.ts";
import type { RequestContext } from "../context.ts";
import { missingScopes } from "./authorize.ts";
import { checkCall, checkConfirmation, endRefused, refuse } from "./checks.ts";
import { type Dispatched, governCall } from "./governed-call.ts";
import { rateRefusal } from "./limit-refusals.ts";
import { overPlan } from "./metering.ts";
import { startTask } from "./task.ts";
import type { AuthorizedCall, CallOutcome, ScopesMissing, ToolCallRequest, UnknownTool } from "./tool-call.ts";

/**
 * Counts the call, finds the tool and checks the scopes. A refusal has its audit record already.
 */
export async function authorizeCall(
  context: RequestContext,
  request: ToolCallRequest,
): Promise<
  | AuthorizedCall
  | UnknownTool
  | ScopesMissing
  | { readonly state: "rate_limited"; readonly error: ToolRefusal<"rate_limited"> }
> {
  const { catalog, name, identity, channel } = request;
  const recorder = new Recorder(context, identity, channel);
  const over = await overPlan(context, identity);
  if (over) {
    recorder.toolCall({ ...request, tool: catalog.get(name) }, "rate_limited", "rate_limited");
    return { state: "rate_limited", error: rateRefusal(over, context.trace) };
  }
  const call = findCall(context, request, recorder);
  if (call.state !== "authorized") recorder.toolCall({ ...request, tool: catalog.get(name) }, call.state, call.state);
  return call;
}

/** Finds the tool and checks the scopes. */
export function findCall(
  context: RequestContext,
  request: ToolCallRequest,
  recorder: Recorder,
): AuthorizedCall | UnknownTool | ScopesMissing {
  const tool = request.catalog.get(request.name);
  if (!tool) return { state: "unknown_tool" };
  const scopes = missingScopes(tool, request.identity);
  return scopes
    ? { state: "insufficient_scope", tool, scopes }
    : { ...request, state: "authorized", context, tool, recorder };
}

/** Checks the call, runs it and records the outcome. Never throws. */
export async function callTool(call: AuthorizedCall, progress?: ProgressCallback): Promise<CallOutcome> {
  const checked = await checkCall(call);
  if (checked.refused) return endRefused(call, checked.refused);
  const { input, credits } = checked;
  const stopped = await checkConfirmation(call, credits);
  if (stopped) return stopped;
  const { recorder, tool } = call;
  if (tool.risk === "READ_ONLY") {
    const dispatched = await dispatchCall(call, input, undefined, progress);
    recorder.toolCall(call, "allowed", dispatched.outcome);
    return outcomeOf(call, input, dispatched);
  }
  const send = (callId: string, mayCancel: () => Promise<boolean>) =>
    dispatchCall(call, input, callId, progress && unlessShared(progress, mayCancel));
  const governed = await governCall(call, input, credits, send);
  return "state" in governed ? governed : outcomeOf(call, input, governed);
}

/** Calls the backend: for the result, or to start a task if tool and client support that. */
async function dispatchCall(
  call: AuthorizedCall,
  input: object,
  idempotencyKey: string | undefined,
  progress?: ProgressCallback,
): Promise<Dispatched> {
  const { context, tool, identity } = call;
  const { backend, audience, method, operation } = tool;
  const observed = progress && observeCancellation(progress);
  const backendCall = {
    ...{ backend, audience, method, operation, identity, idempotencyKey },
    progress: observed?.callback,
  };
  const reply = await dispatch(context, backendCall, taskInputOf(call, input) ?? input);
  const outcome = observed?.isCancelled() ? "cancelled" : "ok";
  return { reply, outcome: reply.ok ? outcome : reply.error.code };
}

/** The input of a call that only starts the work; `null` if the client waits for the result. */
function taskInputOf({ allowTask, tool }: AuthorizedCall, input: object): object | null {
  return (allowTask && tool.task?.start(input)) || null;
}

function outcomeOf(call: AuthorizedCall, input: object, { reply }: Dispatched): Promise<CallOutcome> | CallOutcome {
  const { tool } = call;
  if (!reply.ok) return refuse(call, reply.error);
  const value = reply.value as object; // the schema of every output is an object, or the tool would not load
  if (tool.task && taskInputOf(call, input)) return startTask(call, tool.task.refOf(value));
  return { state: "completed", tool, result: { ok: true, value } };
}

/** The same reports, for work that is cancelled only where `mayCancel`, asked once, allows it. */
function unlessShared(progress: ProgressCallback, mayCancel: () => Promise<boolean>): ProgressCallback {
  let allowed: Promise<boolean> | undefined;
  return async function reportUnlessShared(update) {
    const reply = await progress(update);
    if (reply === "continue" || update.progress === update.total) return reply;
    allowed ??= mayCancel();
    return (await allowed) ? "cancel" : "continue";
  };
}

/**
 * Passes progress on, and notes if the client cancelled. The last report has nothing left to
 * cancel.
 */
function observeCancellation(progress: ProgressCallback) {
  let isCancelled = false;
  async function callback(update: Progress) {
    const reply = await progress(update);
    if (reply === "cancel" && update.progress !== update.total) isCancelled = true;
    return reply;
  }
  return { callback, isCancelled: () => isCancelled };
}
