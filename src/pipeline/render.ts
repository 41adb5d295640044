// The result of a call as MCP writes it: the value with text and pictures, or a tool error that
// says what to do.
import type { ToolRefusal } from "../../contracts/gateway.ts";
import { logCrash } from "../../contracts/log.ts";
import type { Identity } from "../../contracts/rpc/identity.ts";
import { backendClient } from "../backends/dispatch.ts";
import type { RequestContext } from "../context.ts";
import type { CallToolResult, ContentBlock } from "../mcp/schema.ts";
import { json, text } from "../tools/content.ts";
import type { ToolDefinition } from "../tools/tool-definition.ts";
import type { Completed } from "./tool-call.ts";

/** Renders a completed call. May call the backend again, for pictures. Never throws. */
export async function renderResult(
  context: RequestContext,
  identity: Identity,
  { tool, result }: Completed,
): Promise<CallToolResult> {
  if (result.ok) {
    return { content: await renderValue(context, identity, tool, result.value), structuredContent: result.value };
  }
  return renderRefusal(result.error);
}

/** A refusal as a tool error, which the model reads. */
export function renderRefusal(error: ToolRefusal): CallToolResult {
  const { code, message, retryAfterSeconds, limit, traceId } = error;
  // The sentence about a limit says when it resets.
  const wait = retryAfterSeconds === undefined || limit ? null : `Try again in ${retryAfterSeconds} s.`;
  return {
    isError: true,
    content: [text(message, wait, `(code ${code}, trace id ${traceId})`)],
    _meta: { "com.stackbilt/error": error },
  };
}

/** A picture whose bytes stop arriving must not delay a value that is there. */
const RENDER_TIMEOUT_MS = 10_000;

async function renderValue(
  context: RequestContext,
  identity: Identity,
  tool: ToolDefinition,
  value: object,
): Promise<readonly ContentBlock[]> {
  try {
    const render = () => tool.render(value, backendClient(context, identity, tool));
    return await context.deadlines.inTime(render, RENDER_TIMEOUT_MS, "the content did not arrive in time");
  } catch (error) {
    const { traceId } = context.trace;
    logCrash("tool.unrendered", { tool: tool.name, traceId }, error);
    return [json(value)];
  }
}
