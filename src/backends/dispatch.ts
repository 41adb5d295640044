// One typed call to a product backend, signed for exactly this identity, method and input.
import * as v from "valibot";
import type { Audience, ToolBackendName } from "../../contracts/backends.ts";
import { call, type FaultCode, type Refusal } from "../../contracts/rpc/call.ts";
import { Progress, type ProgressCallback } from "../../contracts/rpc/call-context.ts";
import type { Identity } from "../../contracts/rpc/identity.ts";
import type { CodeOf, Operation, OutputOf } from "../../contracts/rpc/operation.ts";
import type { Result } from "../../contracts/rpc/result.ts";
import { wellFormed } from "../../contracts/rpc/well-formed.ts";
import type { BackendClient, ToolDefinition } from "../tools/tool-definition.ts";
import { type CallerContext, callContext } from "./call-context.ts";

/** Everything about a call but its input. */
export interface BackendCall<O extends Operation = Operation> {
  /** Name of the binding. */
  readonly backend: ToolBackendName;
  readonly audience: Audience;
  readonly method: string;
  readonly operation: O;
  readonly identity: Identity;
  readonly idempotencyKey?: string | undefined;
  readonly progress?: ProgressCallback | undefined;
}

type RpcMethods = Record<string, (context: unknown, input: unknown) => Promise<unknown>>;

/** Calls the backend. Whatever the backend does, the promise resolves to a result. */
export async function dispatch<O extends Operation>(
  context: CallerContext,
  { backend, audience, method, operation, identity, idempotencyKey, progress }: BackendCall<O>,
  input: unknown,
): Promise<Result<OutputOf<O>, Refusal<CodeOf<O> | FaultCode>>> {
  const { timeoutMs } = operation;
  const parameters = { audience, method, input, identity, timeoutMs, idempotencyKey };
  const signed = await callContext(context, { ...parameters, progress: progress && checked(progress) });
  // The contract that names the method also types the binding; the compiler cannot follow the
  // index.
  const methods = context.env[backend] as unknown as RpcMethods;
  const send = () => (methods[method] as RpcMethods[string])(signed, input);
  return call(operation, send, { method: `${backend}.${method}`, traceId: context.trace.traceId });
}

/** Passes on only reports that fit the contract, with well-formed text. */
function checked(progress: ProgressCallback): ProgressCallback {
  return function reportChecked(update) {
    const report = v.safeParse(Progress, update);
    return report.success ? progress(wellFormed(report.output)) : "continue";
  };
}

/** Calls other methods of the tool's backend in the name of `identity`. */
export function backendClient(context: CallerContext, identity: Identity, tool: ToolDefinition): BackendClient {
  const { backend, audience, methods } = tool;
  return async function callMethod(method, input) {
    const operation = methods[method];
    if (!operation) throw new Error(`${backend} has no method ${method}.`);
    return dispatch(context, { backend, audience, method, operation, identity }, input);
  };
}
