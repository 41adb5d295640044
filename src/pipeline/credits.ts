// The balance that a call would find. Reserves nothing.
import type { Balance } from "../../contracts/auth.ts";
import type { Refusal } from "../../contracts/rpc/call.ts";
import type { Identity } from "../../contracts/rpc/identity.ts";
import { AuthService } from "../backends/auth.ts";
import type { RequestContext } from "../context.ts";
import { quotaRefusal } from "./limit-refusals.ts";

/** The ledger did not answer. */
export const LEDGER_UNAVAILABLE: Refusal = {
  code: "unavailable",
  message: "The credits of this account could not be checked just now, and nothing was done. Try again shortly.",
  retryAfterSeconds: 5,
};

/** The balance, and the refusal that a call of this price would get. Reserves nothing. */
export async function checkCredits(
  context: RequestContext,
  identity: Identity,
  credits: number,
): Promise<{ readonly balance: Balance | null; readonly error: Refusal | null }> {
  if (credits === 0) return { balance: null, error: null };
  const reply = await new AuthService(context).call("getCredits", identity, {});
  if (!reply.ok) return { balance: null, error: LEDGER_UNAVAILABLE };
  const balance = reply.value;
  return { balance, error: balance.available < credits ? quotaRefusal(credits, balance, context.trace) : null };
}
