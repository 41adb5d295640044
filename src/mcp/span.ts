// Spans of the platform's traces, by OpenTelemetry's semantic conventions for MCP. An attribute is
// an id, a number or a name of ours: nothing of a user, and no text of a client.
import { type Tracing, traceIdIn } from "../context.ts";
import { LEGACY_VERSIONS, MODERN_VERSIONS } from "./era.ts";
import { headerValue } from "./headers.ts";
import type { RequestId } from "./json-rpc.ts";
import { type HandlerResult, type McpRequest, type MethodHandler, type RequestSpan, traceparentOf } from "./request.ts";

type PlatformSpan = Parameters<Parameters<Tracing["startActiveSpan"]>[1]>[0];
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

class HoldableSpan implements RequestSpan {
  readonly #span: PlatformSpan;
  #isHeld = false;

  constructor(span: PlatformSpan) {
    this.#span = span;
  }

  fail(errorType: string, code?: string): void {
    this.#span.setAttribute("error.type", errorType);
    if (code !== undefined) this.#span.setAttribute("com.stackbilt.error_code", code);
  }

  async hold<T>(work: Promise<T>): Promise<T> {
    this.#isHeld = true;
    try {
      return await work;
    } finally {
      this.#span.end();
    }
  }

  /** Ends the span, unless it is held. */
  end(): void {
    if (!this.#isHeld) this.#span.end();
  }
}

/**
 * Runs the handler in a span named after the method and its tool or prompt, if this request is
 * traced. The platform accepts no remote parent, so the client's `traceparent` is an attribute.
 *
 * @param version of the protocol, as the request names it
 */
export function inSpan(
  request: McpRequest,
  method: string,
  version: string | null | undefined,
  handler: MethodHandler,
): HandlerResult | Promise<HandlerResult> {
  if (!request.tracing) return handler(request);
  const target = targetOf(request, method);
  const name = target === undefined ? method : `${method} ${target}`;
  return request.tracing.startActiveSpan(name, async function runInSpan(platformSpan) {
    if (!platformSpan.isTraced) return handler(request);
    const span = new HoldableSpan(platformSpan);
    for (const [key, value] of Object.entries(attributesOf(request, method, version, target)))
      if (value !== undefined) platformSpan.setAttribute(key, value);
    try {
      const result = await handler({ ...request, span });
      if (!(result instanceof Response)) span.fail("insufficient_scope");
      else if (!result.ok) span.fail(String(result.status));
      return result;
    } finally {
      span.end();
    }
  });
}

function attributesOf(
  { id, headers, params, traceId }: McpRequest,
  method: string,
  version: string | null | undefined,
  target: string | undefined,
): Record<string, string | number | undefined> {
  const traceparent = traceparentOf(params) ?? headerValue(headers, "traceparent") ?? undefined;
  const clientTraceId = traceIdIn(traceparent);
  return {
    "mcp.method.name": method,
    "mcp.protocol.version": [...MODERN_VERSIONS, ...LEGACY_VERSIONS].find((known) => known === version),
    "jsonrpc.request.id": recordedId(id),
    "gen_ai.operation.name": method === "tools/call" ? "execute_tool" : undefined,
    "gen_ai.tool.name": method === "tools/call" ? target : undefined,
    "gen_ai.prompt.name": method === "prompts/get" ? target : undefined,
    /** The id in logs and records, which the trace of the platform does not have. */
    "com.stackbilt.trace_id": clientTraceId ?? traceId,
    "com.stackbilt.traceparent": clientTraceId && traceparent,
  };
}

/** The tool or prompt that the request names, if it is one of ours. */
function targetOf({ server: { features }, params }: McpRequest, method: string): string | undefined {
  if (method === "tools/call") return features.tools.find(({ name }) => name === params.name)?.name;
  if (method === "prompts/get") return features.prompts.find(({ name }) => name === params.name)?.name;
}

/** A client may put any text into an id. */
function recordedId(id: RequestId): string {
  return typeof id === "number" || UUID.test(id) ? String(id) : `<${id.length} characters>`;
}
