// Settlement of calls that cost credits: work that succeeded is charged, and the credits of work
// that failed are returned. The outcome of a call can stay unknown (a timeout, a lost isolate), or
// its work can continue; then the backend is asked later.
import { LEASE_MS } from "../../contracts/auth.ts";
import { logError } from "../../contracts/log.ts";
import { CLOCK_SKEW_SECONDS } from "../../contracts/rpc/claim-once.ts";
import type { Identity } from "../../contracts/rpc/identity.ts";
import { IDENTITY_LIFETIME_SECONDS } from "../../contracts/rpc/identity-token.ts";
import { catalog } from "../tools/catalog.ts";
import { AuthService } from "./auth.ts";
import type { CallerContext } from "./call-context.ts";
import { backendClient } from "./dispatch.ts";

/** A call whose credits are reserved. */
export interface UnsettledCall {
  readonly callId: string;
  readonly tool: string;
  readonly identity: Identity;
  readonly traceId: string;
  /** Milliseconds since the Unix epoch. */
  readonly beganAtMs: number;
  /** False if the backend was never asked. */
  readonly isDispatched?: boolean;
}

/** A call that was settled late. */
export interface LateSettlement {
  /** State of the work, or the reason why there is none. */
  readonly outcome: string;
  readonly isCommitted: boolean;
  /** True if there is no work that a call with the same key could return. */
  readonly isKeyFreed: boolean;
}

/** The end of a reservation. */
export interface Ending {
  readonly outcome: "commit" | "refund";
  /** The backend's own id of the work. */
  readonly reference?: string | undefined;
}

/** The end of a reservation, and the state of its work. */
interface LateEnding extends Ending {
  readonly state: string;
}

/** A call that has not arrived by then never will: its identity token has expired. Milliseconds. */
const NEVER_ARRIVES_MS = (IDENTITY_LIFETIME_SECONDS + 2 * CLOCK_SKEW_SECONDS) * 1000;
/** Time for which a backend that does not say what became of its work is asked. */
const LONGEST_UNKNOWN_MS = 7 * 86_400_000;

/** State of the reservation after it was settled; `null` if the ledger did not confirm. */
export async function settleCredits(
  context: CallerContext,
  identity: Identity,
  reservationId: string,
  { outcome, reference }: Ending,
): Promise<"committed" | "refunded" | "unknown" | null> {
  const request = { reservationId, outcome, ...(reference !== undefined && { reference }) };
  const reply = await new AuthService(context).call("settleCredits", identity, request);
  return reply.ok ? reply.value.state : null;
}

/** Asks the backend what became of a call, and settles it. `null`: not known, or not over yet. */
export async function settleLate(context: CallerContext, call: UnsettledCall): Promise<LateSettlement | null> {
  const ageMs = Date.now() - call.beganAtMs;
  const ending = (await endingOf(context, call, ageMs)) ?? abandoned(call, ageMs);
  if (ending === null) return null;
  const state = await settleCredits(context, call.identity, call.callId, ending);
  // A reservation that the ledger does not know may still arrive.
  if (state === null || (state === "unknown" && ageMs <= NEVER_ARRIVES_MS)) return null;
  if (ending.state === "unknown") logAbandoned(call);
  const isCommitted = state === "committed";
  return { outcome: ending.state, isCommitted, isKeyFreed: !isCommitted && ending.outcome === "refund" };
}

async function endingOf(context: CallerContext, call: UnsettledCall, ageMs: number): Promise<LateEnding | null> {
  const { callId, identity, isDispatched = true } = call;
  if (!isDispatched) return { outcome: "refund", state: "not_dispatched" };
  const tool = catalog.get(call.tool);
  if (!tool?.settlement) return null;
  const { find, notFound, stateOf, referenceOf } = tool.settlement;
  const found = await find(callId, backendClient(context, identity, tool));
  if (!found.ok) {
    const isLost = found.error.code === notFound && ageMs > NEVER_ARRIVES_MS;
    return isLost ? { outcome: "refund", state: notFound } : null;
  }
  const state = stateOf(found.value);
  if (state === "running") return null;
  return { outcome: state === "succeeded" ? "commit" : "refund", reference: referenceOf(found.value), state };
}

/**
 * The end of a call whose outcome cannot become known: its tool is gone, or its backend has not
 * said for too long. The ledger has returned the credits at the end of their lease by then.
 */
function abandoned({ tool }: UnsettledCall, ageMs: number): LateEnding | null {
  const canBecomeKnown = Boolean(catalog.get(tool)?.settlement);
  return ageMs > (canBecomeKnown ? LONGEST_UNKNOWN_MS : LEASE_MS) ? { outcome: "refund", state: "unknown" } : null;
}

function logAbandoned({ callId, tool, traceId }: UnsettledCall): void {
  logError("call.abandoned", { callId, tool, traceId });
}
