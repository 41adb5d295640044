// Settlement of calls that cost credits: work that succeeded is charged, and the credits of work
// that failed are returned. The outcome of a call can stay unknown (a timeout, a lost isolate), or
// its work can continue; then the backend is asked later.
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
  /** Milliseconds since the Unix epoch. */
  readonly beganAtMs: number;
}

/** A call that was settled late. */
export interface LateSettlement {
  /** State of the work, or the code that says that there is none. */
  readonly outcome: string;
  readonly isCommitted: boolean;
}

/** The end of a reservation. */
export interface Ending {
  readonly outcome: "commit" | "refund";
  /** The backend's own id of the work. */
  readonly reference?: string | undefined;
}

/** A call that has not arrived by then never will: its identity token has expired. Milliseconds. */
const NEVER_ARRIVES_MS = (IDENTITY_LIFETIME_SECONDS + 2 * CLOCK_SKEW_SECONDS) * 1000;

/** Settles a reservation. `false`: the ledger did not confirm, so it must be settled later. */
export async function settleCredits(
  context: CallerContext,
  identity: Identity,
  reservationId: string,
  { outcome, reference }: Ending,
): Promise<boolean> {
  const request = { reservationId, outcome, ...(reference !== undefined && { reference }) };
  return (await new AuthService(context).call("settleCredits", identity, request)).ok;
}

/** Asks the backend what became of a call, and settles it. `null`: not known, or not over yet. */
export async function settleLate(
  context: CallerContext,
  { callId, tool: name, identity, beganAtMs }: UnsettledCall,
): Promise<LateSettlement | null> {
  const tool = catalog.get(name);
  if (!tool?.settlement) return null;
  const { find, notFound, stateOf, referenceOf } = tool.settlement;
  const found = await find(callId, backendClient(context, identity, tool));
  if (!found.ok) {
    const isLost = found.error.code === notFound && Date.now() - beganAtMs > NEVER_ARRIVES_MS;
    if (!isLost || !(await settleCredits(context, identity, callId, { outcome: "refund" }))) return null;
    return { outcome: notFound, isCommitted: false };
  }
  const state = stateOf(found.value);
  if (state === "running") return null;
  const isCommitted = state === "succeeded";
  const ending = { outcome: isCommitted ? "commit" : "refund", reference: referenceOf(found.value) } as const;
  return (await settleCredits(context, identity, callId, ending)) ? { outcome: state, isCommitted } : null;
}
