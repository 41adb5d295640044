// The caller's wall: one typed call over a service binding becomes one plain result, whatever the far side does. A backend that
// throws, hangs, is not bound or answers what the contract does not allow cannot hurt its caller, and its words stop here.
import * as v from "valibot";
import { describeCrash } from "./crash.ts";
import type { CodeOf, Operation, OutputOf } from "./operation.ts";
import type { Result } from "./result.ts";

/** A refusal as a person or a model reads it. */
export interface Refusal<Code extends string = string> {
  readonly code: Code;
  /** Our sentence: what is the matter and what to do. Never the far side's words. */
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

/** Refusals that any call may end with: the backend could not be reached in time, or did not keep its contract. */
export type FaultCode = "unavailable" | "internal";

/** How a call went wrong: `rejected` (the binding threw), `timeout`, `crashed` (the backend says `internal`), `breach` (of its contract). */
export type Fault = "rejected" | "timeout" | "crashed" | "breach";

/** What a caller is told. Seconds to wait are a guess that suits a restart or a short overload. */
const FAULTS: Readonly<Record<Fault, Refusal<FaultCode>>> = {
  rejected: {
    code: "unavailable",
    message: "The service behind this tool could not be reached. Try again shortly.",
    retryAfterSeconds: 5,
  },
  timeout: {
    code: "unavailable",
    message:
      "The service behind this tool did not answer in time. The work may have been done: look at its state before you try again.",
    retryAfterSeconds: 10,
  },
  crashed: {
    code: "internal",
    message: "The service behind this tool failed. If trying again does not help, report the trace id.",
  },
  breach: {
    code: "internal",
    message: "The service behind this tool gave an answer that cannot be used. Report the trace id.",
  },
};

/** Where a call goes, for the one log line that a fault leaves. */
export interface CallTarget {
  readonly method: string;
  readonly traceId: string;
}

const Success = v.object({ ok: v.literal(true), value: v.unknown() });
const Refused = v.object({
  ok: v.literal(false),
  error: v.object({ code: v.string(), retryAfterSeconds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))) }),
});
const Envelope = v.lazy((reply) => (isSuccess(reply) ? Success : Refused));

function isSuccess(reply: unknown): boolean {
  return typeof reply === "object" && reply !== null && "ok" in reply && reply.ok === true;
}

/**
 * Sends one call and judges the reply: envelope, code, value.
 *
 * @param send makes the call; it may throw, reject or never settle
 */
export async function call<O extends Operation>(
  operation: O,
  send: () => PromiseLike<unknown>,
  about: CallTarget,
): Promise<Result<OutputOf<O>, Refusal<CodeOf<O> | FaultCode>>> {
  const reply = await invoke(Envelope, send, operation.timeoutMs, about);
  if (!reply.ok) return { ok: false, error: FAULTS[reply.fault] };
  if (!reply.value.ok) {
    const { code, retryAfterSeconds } = reply.value.error;
    if (Object.hasOwn(operation.errors, code)) {
      const refusal = { code: code as CodeOf<O>, message: operation.errors[code] ?? code };
      return { ok: false, error: retryAfterSeconds === undefined ? refusal : { ...refusal, retryAfterSeconds } };
    }
    return { ok: false, error: FAULTS[logFault(code === "internal" ? "crashed" : "breach", about, { where: "code" })] };
  }
  const value = v.safeParse(operation.output, reply.value.value);
  if (value.success) return { ok: true, value: value.output as OutputOf<O> };
  return { ok: false, error: FAULTS[logFault("breach", about, { where: v.getDotPath(value.issues[0]) })] };
}

/** One exchange over a binding: a reply that fits `schema`, or why there is none. A fault is logged here. */
export async function invoke<S extends v.GenericSchema>(
  schema: S,
  send: () => PromiseLike<unknown>,
  timeoutMs: number,
  about: CallTarget,
): Promise<{ readonly ok: true; readonly value: v.InferOutput<S> } | { readonly ok: false; readonly fault: Fault }> {
  let reply: unknown;
  try {
    reply = await withDeadline(send, timeoutMs);
  } catch (error) {
    return { ok: false, fault: logFault("rejected", about, describeCrash(error)) };
  }
  if (reply === TIMED_OUT) return { ok: false, fault: logFault("timeout", about, { timeoutMs }) };
  const parsed = v.safeParse(schema, reply);
  if (parsed.success) return { ok: true, value: parsed.output };
  return { ok: false, fault: logFault("breach", about, { where: v.getDotPath(parsed.issues[0]) }) };
}

/** Logs a fault under its trace id, with nothing that either side said, and hands it back. */
export function logFault(fault: Fault, about: CallTarget, detail: object): Fault {
  console.error(JSON.stringify({ event: "rpc.fault", fault, ...about, ...detail }));
  return fault;
}

/** What `withDeadline` answers when it gives up. */
export const TIMED_OUT = Symbol("timed out");

/** What `send` settles to, or `TIMED_OUT`. A reply that comes later is dropped, and cannot become an unhandled rejection. */
export async function withDeadline(send: () => PromiseLike<unknown>, timeoutMs: number): Promise<unknown> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<typeof TIMED_OUT>((resolve) => {
    timer = setTimeout(() => resolve(TIMED_OUT), timeoutMs);
  });
  try {
    const sent = Promise.resolve(send());
    sent.catch(() => undefined);
    return await Promise.race([sent, late]);
  } finally {
    if (timer !== undefined) clearTimeout(timer);
  }
}
