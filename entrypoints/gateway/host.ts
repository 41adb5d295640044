// The gateway as the MCP wire sees it: what one caller is offered, and how their calls run.
import type { ProgressCallback } from "../../contracts/rpc/call-context.ts";
import type { Env } from "../../src/env.ts";
import { canConfirm, confirmAnswer, confirmForm } from "../../src/mcp/elicitation.ts";
import type { CallToolResult, Host, InputRequired, Invalid, OpenTool } from "../../src/mcp/host.ts";
import type { Caller } from "../../src/oauth/bearer.ts";
import { type Finished, openCall, type Paused } from "../../src/pipeline/pipeline.ts";
import { fillPrompt, suggest } from "../../src/pipeline/prompts.ts";
import { readResource } from "../../src/pipeline/read.ts";
import { type Catalog, catalog } from "../../src/tools/catalog.ts";
import { text } from "../../src/tools/content.ts";
import { type Trace, traceFrom } from "../../src/trace.ts";
import { offerTo } from "./offer.ts";

/** The host of one request. `requestTrace` is gone on with where a message names no trace of its own. */
export function hostFor(env: Env, ctx: ExecutionContext, caller: Caller, requestTrace: Trace): Host {
  const { identity } = caller;
  const offer = offerTo(caller);
  const isOffered = (prompt: string) => offer.prompts.some(({ name }) => name === prompt);
  const traceOf = (traceparent: string | undefined) => (traceparent === undefined ? requestTrace : traceFrom(traceparent));
  return {
    offer,
    openTool: openerOf(catalog, env, ctx, caller, requestTrace),
    readResource(uri, traceparent) {
      const answer = readResource(env, ctx, { uri, caller: identity, trace: traceOf(traceparent), door: "mcp" });
      // Held also when the client hangs up, so that the read leaves its record.
      ctx.waitUntil(answer);
      return answer;
    },
    getPrompt: async (name, args) => (isOffered(name) ? fillPrompt(name, args) : { state: "not_found" }),
    complete: async (typing, traceparent) =>
      "prompt" in typing.of && !isOffered(typing.of.prompt) ? null : suggest(env, identity, traceOf(traceparent), typing),
  };
}

/** Opens calls of these tools for one caller. */
export function openerOf(catalog: Catalog, env: Env, ctx: ExecutionContext, caller: Caller, requestTrace: Trace): OpenTool {
  const { identity, confirm } = caller;
  return (name, args, traceparent, aside) => {
    const trace = traceparent === undefined ? requestTrace : traceFrom(traceparent);
    const person = aside && canConfirm(aside) ? { answer: confirmAnswer(aside), state: aside.requestState } : null;
    const opened = openCall(env, ctx, { catalog, name, args, caller: identity, trace, door: "mcp", confirm, person });
    if (opened.state !== "ready") return opened;
    const run = (progress?: ProgressCallback) => {
      const result = opened.run(progress).then(shownAs);
      // Held also when the client hangs up, so that the backend hears of it and the call leaves its record.
      ctx.waitUntil(result);
      return result;
    };
    return { state: "ready", run };
  };
}

/** The answer to a state that belongs to no request, or not to this one any more. */
export const STATE_REFUSED: Invalid = {
  state: "invalid",
  message: "params.requestState does not belong to this request: it is another's, changed, used or too old. Send the request without it.",
};

/** What a call ended with, or what it waits for. */
async function shownAs(ended: Finished | Paused): Promise<CallToolResult | InputRequired | Invalid> {
  if ("result" in ended) return toResult(ended);
  if (ended.state === "state_refused") return STATE_REFUSED;
  return { state: "input_required", inputRequests: confirmForm(ended.question), requestState: ended.requestState };
}

/** A finished call as MCP shows it: a value with words and pictures, or a tool error that says what to do. */
async function toResult({ result, show }: Finished): Promise<CallToolResult> {
  if (result.ok) return { content: await show(), structuredContent: result.value };
  const { code, message, retryAfterSeconds, traceId } = result.error;
  const wait = retryAfterSeconds === undefined ? null : `Try again in ${retryAfterSeconds} s.`;
  return {
    isError: true,
    content: [text(message, wait, `(code ${code}, trace id ${traceId})`)],
    _meta: { "com.stackbilt/error": result.error },
  };
}
