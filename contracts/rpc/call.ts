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

/** Why a call failed beyond what its contract allows. Seconds to wait are a guess that suits a restart or a short overload. */
const FAULTS = {
  rejected: {
    code: "unavailable",
    message: "The service behind this tool could not be reached. Nothing more is known; try again shortly.",
    retryAfterSeconds: 5,
  },
  timeout: {
    code: "unavailable",
    message:
      "The service behind this tool did not answer in time. The work may still have been done: look at its state before trying again.",
    retryAfterSeconds: 10,
  },
  crashed: {
    code: "internal",
    message: "The service behind this tool failed while working on this. Trying again may help; if it does not, report the trace id.",
  },
  breach: {
    code: "internal",
    message: "The service behind this tool gave an answer that breaks its contract, so it was not used. Report the trace id.",
  },
} as const satisfies Record<string, Refusal<FaultCode>>;

/** How a call went wrong: `rejected` (the binding threw), `timeout`, `crashed` (the backend says `internal`), `breach`. */
export type Fault = keyof typeof FAULTS;

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
 * @param about where the call goes, for the log line that every fault leaves under its trace id
 */
export async function call<O extends Operation>(
  operation: O,
  send: () => PromiseLike<unknown>,
  about: { method: string; traceId: string },
): Promise<Result<OutputOf<O>, Refusal<CodeOf<O> | FaultCode>>> {
  const faulty = (fault: Fault, detail?: object) => {
    console.error(JSON.stringify({ event: "rpc.fault", fault, ...about, ...detail }));
    return { ok: false, error: FAULTS[fault] } as const;
  };
  let reply: unknown;
  try {
    reply = await withDeadline(send, operation.timeoutMs);
  } catch (error) {
    return faulty("rejected", describeCrash(error));
  }
  if (reply === TIMED_OUT) return faulty("timeout", { timeoutMs: operation.timeoutMs });
  const envelope = v.safeParse(Envelope, reply);
  if (!envelope.success) return faulty("breach", { where: "envelope" });
  if (!envelope.output.ok) {
    const { code, retryAfterSeconds } = envelope.output.error;
    if (Object.hasOwn(operation.errors, code)) {
      const refusal = { code: code as CodeOf<O>, message: operation.errors[code] ?? code };
      return { ok: false, error: retryAfterSeconds === undefined ? refusal : { ...refusal, retryAfterSeconds } };
    }
    return code === "internal" ? faulty("crashed") : faulty("breach", { where: "code" });
  }
  const value = v.safeParse(operation.output, envelope.output.value);
  if (!value.success) return faulty("breach", { where: v.getDotPath(value.issues[0]) ?? "value" });
  return { ok: true, value: value.output as OutputOf<O> };
}

const TIMED_OUT = Symbol("timed out");

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

/** Whether `withDeadline` gave up. */
export function isTimedOut(reply: unknown): boolean {
  return reply === TIMED_OUT;
}
