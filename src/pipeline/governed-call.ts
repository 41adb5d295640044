// A call that changes something, from its intent to its outcome: record the intent, reserve
// credits, dispatch, settle, record the outcome. A lost isolate or an unknown outcome leaves the
// call open; the tenant's audit log settles it.
import type { ToolRefusal } from "../../contracts/gateway.ts";
import type { Refusal } from "../../contracts/rpc/call.ts";
import { TIMED_OUT } from "../../contracts/rpc/deadlines.ts";
import { canonicalJson, digestInput, digestText } from "../../contracts/rpc/encoding.ts";
import type { Result } from "../../contracts/rpc/result.ts";
import type { PolicyDecision } from "../audit/event.ts";
import { auditLogOf, deliver, logRecord } from "../audit/sinks.ts";
import { AuthService } from "../backends/auth.ts";
import { PAUSED } from "../backends/breaker.ts";
import { type Ending, settleCredits } from "../backends/settlement.ts";
import { orUnavailable } from "../context.ts";
import type { CallEnd } from "../durable/open-calls.ts";
import { refusal, refuse } from "./checks.ts";
import { LEDGER_UNAVAILABLE } from "./credits.ts";
import { keyRefusal, quotaRefusal } from "./limit-refusals.ts";
import type { AuthorizedCall, Completed } from "./tool-call.ts";

/** The reply of the backend, and the outcome for the record. */
export interface Dispatched {
  readonly reply: Result<unknown, Refusal>;
  readonly outcome: string;
}

/** A call that has begun. */
interface GovernedCall {
  readonly call: AuthorizedCall;
  /** Also the reservation, and the idempotency key at the backend. */
  readonly callId: string;
  readonly credits: number;
  /** Identifies this attempt of the call. */
  readonly beganAtMs: number;
  /** True if another call with this id was made before. */
  readonly isRepeated: boolean;
  /** False if its intent could not be stored, and the call may proceed without. */
  readonly isRecorded: boolean;
  /** Set once its work was cancelled: a call that repeats it does the work anew. */
  isStopped?: boolean;
}

/** The longest wait for the audit log, in milliseconds. */
const AUDIT_TIMEOUT_MS = 5_000;
/** The longest wait of work that succeeded for its charge, which is made later then. */
const CHARGE_WAIT_MS = 1_000;

/**
 * Runs `send` with the id of the call, if the call may be made. Returns its result, or the refusal
 * that ended the call before. `mayCancel`: asked before the work is cancelled.
 */
export async function governCall(
  call: AuthorizedCall,
  input: object,
  credits: number,
  send: (callId: string, mayCancel: () => Promise<boolean>) => Promise<Dispatched>,
): Promise<Dispatched | Completed> {
  const governed = await beginCall(call, input, credits);
  if ("state" in governed) return governed;
  reportLoss(governed);
  const barred = await reserveCredits(governed);
  if (barred) return barred;
  const dispatched = await send(governed.callId, () => mayCancel(governed));
  await endCall(governed, dispatched);
  return dispatched;
}

/** Tells the audit log as soon as the answer is lost, also after the end of the call. */
function reportLoss(governed: GovernedCall): void {
  const { call, callId, beganAtMs, isRecorded } = governed;
  const { context, identity, lost } = call;
  if (!lost || !isRecorded) return;
  const report = () => auditLogOf(context.env, identity.tenantId).undelivered(callId, beganAtMs);
  const onLost = () => governed.isStopped || context.ctx.waitUntil(inTime(call, report));
  if (lost.aborted) onLost();
  else lost.addEventListener("abort", onLost, { once: true });
}

/** False if a repeated call waits for the same work. */
async function mayCancel({ call, callId, beganAtMs, isRecorded }: GovernedCall): Promise<boolean> {
  const log = auditLogOf(call.context.env, call.identity.tenantId);
  return !isRecorded || (await inTime(call, () => log.beginCancel(callId, beganAtMs))) !== false;
}

/** Stores the intent. A repeated call gets the id of the first one. */
async function beginCall(call: AuthorizedCall, input: object, credits: number): Promise<GovernedCall | Completed> {
  const { context, tool, identity, recorder, idempotencyKey } = call;
  const callId = crypto.randomUUID();
  const intent = await recorder.callStarted(call, { callId, credits });
  const { clientId, subject } = identity;
  const digest = await digestInput(input);
  const beginning = {
    callId,
    intent,
    key: idempotencyKey === undefined ? null : await digestText(JSON.stringify([clientId, tool.name, idempotencyKey])),
    request: await digestText(JSON.stringify([subject, clientId, tool.name, digest])),
    input: idempotencyKey === undefined ? digest : await digestFields(input),
    open: credits > 0 ? { tool: tool.name, identity, credits, traceId: context.trace.traceId } : null,
  };
  const begun = await inTime(call, () => auditLogOf(context.env, identity.tenantId).begin(beginning));
  if (begun === "unavailable") return withoutRecord(call, callId, credits);
  if (begun.conflict) return refuseCall(call, keyRefusal(begun.conflict, context.trace));
  logRecord({ ...intent, callId: begun.callId });
  const { beganAtMs } = begun;
  return { call, callId: begun.callId, beganAtMs, credits, isRepeated: begun.state === "repeated", isRecorded: true };
}

/** A call whose intent could not be stored. With a key, it could be made twice. */
function withoutRecord(call: AuthorizedCall, callId: string, credits: number): GovernedCall | Completed {
  const isRequired = call.context.config.auditRequiredRisks.has(call.tool.risk);
  if (isRequired || credits > 0 || call.idempotencyKey !== undefined)
    return refuseCall(call, refusal("audit_unavailable", call.context.trace));
  return { call, callId, beganAtMs: 0, credits, isRepeated: false, isRecorded: false };
}

/** Reserves the credits of the call, or ends it. */
async function reserveCredits(governed: GovernedCall): Promise<Completed | null> {
  const { call, callId, credits, isRepeated } = governed;
  if (credits === 0) return null;
  const { context, tool, identity } = call;
  const request = { reservationId: callId, tool: tool.name, credits };
  const reply = await new AuthService(context).call("reserveCredits", identity, request);
  if (reply.ok && reply.value.isReserved) return null;
  const error = reply.ok ? quotaRefusal(credits, reply.value.balance, context.trace) : LEDGER_UNAVAILABLE;
  const outcome = { decision: "quota_exceeded", outcome: error.code } as const;
  // A reservation that the ledger did not confirm may exist, as may the work of an earlier attempt.
  const isSettled = reply.ok && !isRepeated;
  const end = { isDispatched: isRepeated, isSettled, isKeyFreed: !isRepeated, isUndelivered: isRepeated };
  await finish(governed, outcome, end);
  return refuse(call, error);
}

/** Settles the call, as far as its outcome is known, and records the outcome. */
async function endCall(governed: GovernedCall, dispatched: Dispatched): Promise<void> {
  const { call, credits, isRepeated } = governed;
  const { context, tool } = call;
  const { reply, outcome } = dispatched;
  const isPaused = !reply.ok && reply.error === PAUSED;
  // An earlier attempt may have done the work.
  const state = isPaused && !isRepeated ? "failed" : stateOf(call, reply);
  const isFinal = state === "succeeded" || state === "failed";
  const reference = reply.ok ? tool.settlement?.referenceOf(reply.value as object) : undefined; // outputs are objects
  const ending = { outcome: state === "succeeded" ? "commit" : "refund", reference } as const;
  const isSettled = isFinal && (credits === 0 || (await settle(governed, ending)));
  // A tool that costs nothing cannot tell if its work has ended all the same.
  governed.isStopped = outcome === "cancelled" && !tool.settlement;
  const isLost = call.lost?.aborted === true && !governed.isStopped;
  const isUndelivered = isLost || (state === "unknown" && isRepeatable(governed, reply));
  const end = { isDispatched: isRepeated || !isPaused, isSettled, isKeyFreed: state === "failed", isUndelivered };
  const finished = finish(governed, { decision: "allowed", outcome }, end);
  // The next attempt must find the key of a failed one freed.
  if (state === "failed") await finished;
  else context.ctx.waitUntil(finished);
}

/**
 * True if an identical call belongs to this one, whose outcome is unknown. A backend that fails for
 * the repetition as well would fail for ever, so the one after that is a new call.
 */
function isRepeatable({ isRepeated }: GovernedCall, reply: Result<unknown, Refusal>): boolean {
  return !isRepeated || (!reply.ok && reply.error.code === "unavailable");
}

/**
 * Settles the reservation. False if the ledger did not confirm in time. A result does not wait long
 * for its charge; a failure does for its refund, which the next attempt may need.
 */
async function settle({ call: { context, identity }, callId }: GovernedCall, ending: Ending): Promise<boolean> {
  const settling = settleCredits(context, identity, callId, ending);
  const inTime = () => context.deadlines.within(() => settling, CHARGE_WAIT_MS);
  const state = await (ending.outcome === "refund" ? settling : inTime());
  return state !== null && state !== TIMED_OUT;
}

/**
 * State of the work. A fault is `unknown`: the backend may have done it. A refusal that the
 * contract lists did nothing.
 */
function stateOf(
  { tool }: AuthorizedCall,
  reply: Result<unknown, Refusal>,
): "running" | "succeeded" | "failed" | "unknown" {
  if (reply.ok) return tool.settlement?.stateOf(reply.value as object) ?? "succeeded"; // outputs are objects
  return Object.hasOwn(tool.operation.errors, reply.error.code) ? "failed" : "unknown";
}

/**
 * Stores the outcome. If the audit log does not confirm that, the record goes to the queue, outside
 * of the chain. It may be in the chain as well, with the same `callId`.
 */
async function finish(
  { call, callId, beganAtMs, credits, isRecorded }: GovernedCall,
  ended: { readonly decision: PolicyDecision; readonly outcome: string },
  end: Omit<CallEnd, "beganAtMs">,
): Promise<void> {
  const { context, identity, recorder } = call;
  const event = await recorder.callEnded(call, ended, { callId, credits });
  const log = auditLogOf(context.env, identity.tenantId);
  const stored = isRecorded
    ? await inTime(call, () => log.finish(callId, event, { ...end, beganAtMs }))
    : "unavailable";
  if (stored === "unavailable") deliver(context, event);
  else logRecord(event);
}

/** Asks the audit log, which may hang. */
function inTime<T>({ context, tool }: AuthorizedCall, ask: () => PromiseLike<T>): Promise<T | "unavailable"> {
  return orUnavailable(context.trace, "audit.unrecorded", { tool: tool.name }, () =>
    context.deadlines.inTime(ask, AUDIT_TIMEOUT_MS, "The audit log did not answer in time."),
  );
}

/** Ends a call before its intent was stored. */
function refuseCall(call: AuthorizedCall, error: ToolRefusal<"idempotency_conflict" | "audit_unavailable">): Completed {
  call.recorder.toolCall(call, error.code, error.code);
  return refuse(call, error);
}

/** Digests of the arguments by name, sorted, as JSON. */
async function digestFields(input: object): Promise<string> {
  const fields = Object.entries(input).map(async ([name, value]) => [name, await digestInput(value)] as const);
  return canonicalJson(Object.fromEntries(await Promise.all(fields)));
}
