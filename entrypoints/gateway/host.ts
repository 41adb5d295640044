// The gateway as the MCP wire sees it: what one caller is offered, and how their calls run.
import type { ProgressCallback } from "../../contracts/rpc/call-context.ts";
import type { Env } from "../../src/env.ts";
import type { CallToolResult, Host, OpenTool } from "../../src/mcp/host.ts";
import type { Caller } from "../../src/oauth/bearer.ts";
import { type Finished, openCall } from "../../src/pipeline/pipeline.ts";
import { text } from "../../src/tools/content.ts";
import { type Trace, traceFrom } from "../../src/trace.ts";
import { offerTo } from "./offer.ts";

/** The host of one request. `requestTrace` is gone on with where a message names no trace of its own. */
export function hostFor(env: Env, ctx: ExecutionContext, caller: Caller, requestTrace: Trace): Host {
  const { identity, confirm } = caller;
  const openTool: OpenTool = (name, args, traceparent) => {
    const trace = traceparent === undefined ? requestTrace : traceFrom(traceparent);
    const opened = openCall(env, ctx, { name, args, caller: identity, trace, door: "mcp", confirm });
    if (opened.state !== "ready") return opened;
    const run = (progress?: ProgressCallback) => {
      const result = opened.run(progress).then(toResult);
      // Held also when the client hangs up, so that the backend hears of it and the call leaves its record.
      ctx.waitUntil(result);
      return result;
    };
    return { state: "ready", run };
  };
  return { offer: offerTo(caller), openTool };
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
