// Step four: one typed call to the backend, signed for exactly this caller, tool and input.

import { call, type FaultCode, type Refusal } from "../../contracts/rpc/call.ts";
import type { ProgressCallback } from "../../contracts/rpc/call-context.ts";
import type { Identity } from "../../contracts/rpc/identity.ts";
import type { CodeOf, Operation, OutputOf } from "../../contracts/rpc/operation.ts";
import type { Result } from "../../contracts/rpc/result.ts";
import { configOf } from "../config.ts";
import type { Trace } from "../context.ts";
import type { Env } from "../env.ts";
import type { ToolDefinition } from "../tools/tool-definition.ts";
import { callContext } from "./call-context.ts";

/** What a call to a backend needs beside its input. */
export interface BackendCall {
  readonly caller: Identity;
  readonly trace: Trace;
  readonly idempotencyKey?: string | undefined;
  readonly progress?: ProgressCallback | undefined;
}

/** Calls `method` of the tool's backend. Whatever the backend does, the answer is a result. */
export async function dispatch<O extends Operation>(
  env: Env,
  tool: Pick<ToolDefinition, "name" | "backend" | "audience">,
  method: string,
  operation: O,
  input: unknown,
  errand: BackendCall,
): Promise<Result<OutputOf<O>, Refusal<CodeOf<O> | FaultCode>>> {
  const { caller, trace, idempotencyKey, progress } = errand;
  const { timeoutMs } = operation;
  const request = {
    audience: tool.audience,
    identity: caller,
    tool: tool.name,
    trace,
    timeoutMs,
    idempotencyKey,
    progress,
  };
  const context = await callContext(configOf(env), request, input);
  // The method's name comes from the contract that types this binding; indexing by it is what the compiler cannot follow.
  const backend = env[tool.backend] as unknown as Record<
    string,
    (context: unknown, input: unknown) => Promise<unknown>
  >;
  const send = () => (backend[method] as (context: unknown, input: unknown) => Promise<unknown>)(context, input);
  return call(operation, send, { method: `${tool.backend}.${method}`, traceId: trace.traceId });
}
