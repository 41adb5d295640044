// One typed call to a product backend, signed for exactly this identity, method and input.
import * as v from "valibot";
import type { Audience, BackendName } from "../../contracts/backends.ts";
import { type CallTarget, call, type FaultCode, faultOf, type Refusal } from "../../contracts/rpc/call.ts";
import { Progress, type ProgressCallback } from "../../contracts/rpc/call-context.ts";
import type { Identity } from "../../contracts/rpc/identity.ts";
import type { CodeOf, Operation, OutputOf } from "../../contracts/rpc/operation.ts";
import type { Result } from "../../contracts/rpc/result.ts";
import { wellFormed } from "../../contracts/rpc/well-formed.ts";
import type { BackendClient, ToolDefinition } from "../tools/tool-definition.ts";
import { breakerOf, PAUSED } from "./breaker.ts";
import { type CallerContext, callContext } from "./call-context.ts";

/** Everything about a call but its input. */
export interface BackendCall<O extends Operation = Operation> {
  /** Name of the binding. */
  readonly backend: BackendName;
  readonly audience: Audience;
  readonly method: string;
  readonly operation: O;
  readonly identity: Identity;
  readonly idempotencyKey?: string | undefined;
  readonly progress?: ProgressCallback | undefined;
}

type RpcMethods = Record<string, (context: unknown, input: unknown) => Promise<unknown>>;

/** Result of a call: of the contract, or a fault. */
type Reply<O extends Operation> = Result<OutputOf<O>, Refusal<CodeOf<O> | FaultCode>>;

/**
 * Calls the backend, unless its breaker is open: then the refusal is `PAUSED`. Whatever the backend
 * does, the promise resolves to a result.
 */
export async function dispatch<O extends Operation>(
  context: CallerContext,
  { backend, audience, method, operation, identity, idempotencyKey, progress }: BackendCall<O>,
  input: unknown,
): Promise<Reply<O>> {
  const breaker = breakerOf(context.env[backend]);
  const admission = breaker.enter();
  if (admission === null) return { ok: false, error: PAUSED };
  const { timeoutMs } = operation;
  const parameters = { audience, method, input, identity, timeoutMs, idempotencyKey };
  const signed = await callContext(context, { ...parameters, progress: progress && checked(progress) });
  // The contract that names the method also types the binding; the compiler cannot follow the
  // index.
  const methods = context.env[backend] as unknown as RpcMethods;
  const send = () => (methods[method] as RpcMethods[string])(signed, input);
  const { traceId } = context.trace;
  const target = { method: `${backend}.${method}`, traceId, deadlines: context.deadlines };
  const reply = await callWithRetry(operation, send, signed.deadlineMs, target);
  breaker.leave(admission, !reply.ok && faultOf(reply.error) !== null, { backend, traceId });
  return reply;
}

/**
 * Repeats a call that only reads once if the binding itself failed, as when its Worker is deployed
 * just now. After a timeout or a reply, nothing is repeated.
 */
async function callWithRetry<O extends Operation>(
  operation: O,
  send: () => PromiseLike<unknown>,
  deadlineMs: number,
  target: CallTarget,
): Promise<Reply<O>> {
  const reply = await call(operation, send, target);
  if (reply.ok || operation.changes || faultOf(reply.error) !== "rejected") return reply;
  const timeoutMs = deadlineMs - Date.now();
  return timeoutMs > 0 ? call({ ...operation, timeoutMs }, send, target) : reply;
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
