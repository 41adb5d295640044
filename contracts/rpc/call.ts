// Caller side of the RPC boundary. Each call over a service binding becomes one plain result, even
// if the backend throws, hangs, is not bound or breaks its contract. Texts of the backend stop
// here.
import * as v from "valibot";
import { type LogFields, logError } from "../log.ts";
import { describeCrash } from "./crash.ts";
import { Deadlines, TIMED_OUT } from "./deadlines.ts";
import type { CodeOf, Operation, OutputOf } from "./operation.ts";
import type { Failure, Result } from "./result.ts";
import { wellFormed } from "./well-formed.ts";

/** A failure with a sentence for the user or the model. */
export interface Refusal<Code extends string = string> extends Failure<Code> {
  /** The problem and the remedy. Comes from a contract, never from the backend's reply. */
  readonly message: string;
}

/** Refusals of any call: the backend was not reached in time, or broke its contract. */
export type FaultCode = "unavailable" | "internal";

/**
 * A call that went wrong: `rejected` (the binding threw), `timeout`, `crashed` (the backend
 * returned `internal`), `breach` (the reply does not fit the contract).
 */
export type Fault = "rejected" | "timeout" | "crashed" | "breach";

/** The refusal for each fault. The seconds to wait suit a restart or a short overload. */
const FAULTS: Readonly<Record<Fault, Refusal<FaultCode>>> = {
  rejected: {
    code: "unavailable",
    message: "The service behind this tool could not be reached. Try again shortly.",
    retryAfterSeconds: 5,
  },
  timeout: {
    code: "unavailable",
    message:
      "The service behind this tool did not respond in time. The work may have been done: check its state before you try again.",
    retryAfterSeconds: 10,
  },
  crashed: {
    code: "internal",
    message: "The service behind this tool failed. If trying again does not help, report the trace id.",
  },
  breach: {
    code: "internal",
    message: "The service behind this tool returned an invalid response. Report the trace id.",
  },
};

/** The fault behind a refusal that `call` returned; `null` for one that the contract lists. */
export function faultOf(refusal: Refusal): Fault | null {
  const faults = Object.keys(FAULTS) as Fault[]; // the keys of the record
  return faults.find((fault) => FAULTS[fault] === refusal) ?? null;
}

/** Names the call in the log line of a fault. */
export interface CallName {
  readonly method: string;
  readonly traceId: string;
}

/** A call, and the deadlines of the request that makes it. */
export interface CallTarget extends CallName {
  readonly deadlines?: Deadlines | undefined;
}

/** Checked by `isSuccess`. */
const Success = v.unknown() as v.GenericSchema<unknown, { readonly ok: true; readonly value: unknown }>;
const Refused = v.object({
  ok: v.literal(false),
  error: v.object({ code: v.string(), retryAfterSeconds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))) }),
});
const Envelope = v.lazy((reply) => (isSuccess(reply) ? Success : Refused));

function isSuccess(reply: unknown): boolean {
  return typeof reply === "object" && reply !== null && "ok" in reply && reply.ok === true && "value" in reply;
}

/**
 * Sends one call and validates the reply: envelope, code, value.
 *
 * @param send makes the call; it may throw, reject or never settle
 */
export async function call<O extends Operation>(
  operation: O,
  send: () => PromiseLike<unknown>,
  target: CallTarget,
): Promise<Result<OutputOf<O>, Refusal<CodeOf<O> | FaultCode>>> {
  const reply = await invoke(Envelope, send, operation.timeoutMs, target);
  if (!reply.ok) return { ok: false, error: FAULTS[reply.fault] };
  if (!reply.value.ok) return { ok: false, error: refusalOf(operation, reply.value.error, target) };
  const value = v.safeParse(operation.output, reply.value.value);
  if (!value.success) cancelStreams(reply.value.value);
  if (value.success) return { ok: true, value: wellFormed(value.output as OutputOf<O>) };
  return { ok: false, error: FAULTS[logFault("breach", target, { where: v.getDotPath(value.issues[0]) })] };
}

/**
 * The contract's sentence for a failure that the backend returned; a fault for an unlisted code.
 */
function refusalOf<O extends Operation>(
  { errors }: O,
  { code, retryAfterSeconds }: v.InferOutput<typeof Refused>["error"],
  target: CallTarget,
): Refusal<CodeOf<O> | FaultCode> {
  if (!Object.hasOwn(errors, code))
    return FAULTS[logFault(code === "internal" ? "crashed" : "breach", target, { where: "code" })];
  const refusal = { code: code as CodeOf<O>, message: errors[code] ?? code };
  return retryAfterSeconds === undefined ? refusal : { ...refusal, retryAfterSeconds };
}

/**
 * Sends one request over a binding. Returns a reply that fits `schema`, or the fault, which is
 * logged.
 */
export async function invoke<S extends v.GenericSchema>(
  schema: S,
  send: () => PromiseLike<unknown>,
  timeoutMs: number,
  target: CallTarget,
): Promise<{ readonly ok: true; readonly value: v.InferOutput<S> } | { readonly ok: false; readonly fault: Fault }> {
  const { deadlines = new Deadlines() } = target;
  let reply: unknown;
  try {
    reply = await deadlines.within(send, timeoutMs, cancelStreams);
  } catch (error) {
    return { ok: false, fault: logFault("rejected", target, describeCrash(error)) };
  }
  if (reply === TIMED_OUT) return { ok: false, fault: logFault("timeout", target, { timeoutMs }) };
  const parsed = v.safeParse(schema, reply);
  if (parsed.success) return { ok: true, value: parsed.output };
  cancelStreams(reply);
  return { ok: false, fault: logFault("breach", target, { where: v.getDotPath(parsed.issues[0]) }) };
}

/** Logs a fault under its trace id, without any text of either side, and returns it. */
export function logFault(fault: Fault, { method, traceId }: CallName, detail: LogFields): Fault {
  logError("rpc.fault", { fault, method, traceId, ...detail });
  return fault;
}

/** Streams are fields of a reply's value. */
const STREAM_DEPTH = 3;

/** Cancels the streams in a reply that is not used, or their sources would wait for a reader. */
function cancelStreams(reply: unknown, depth = STREAM_DEPTH): void {
  if (typeof reply !== "object" || reply === null) return;
  if (reply instanceof ReadableStream)
    void reply.cancel().catch(() => undefined); // it may be broken
  else if (depth > 0) for (const field of Object.values(reply)) cancelStreams(field, depth - 1);
}
