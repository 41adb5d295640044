// Refusals that say which limit was reached or who holds a key, and when that ends. Their sentences
// are complete: a sibling shows them as they are.
import type { Balance } from "../../contracts/auth.ts";
import type { ToolRefusal } from "../../contracts/gateway.ts";
import type { Trace } from "../context.ts";
import type { KeyConflict } from "../durable/open-calls.ts";
import type { Overrun } from "../limits/rate-limits.ts";
import { creditCount } from "../tools/price.ts";

/** A call over a rate limit. */
export function rateRefusal(
  { message, retryAfterSeconds, limit }: Overrun,
  { traceId }: Trace,
): ToolRefusal<"rate_limited"> {
  return { code: "rate_limited", message, retryAfterSeconds, limit, traceId };
}

/** A call that costs more than what is left of the month's credits. */
export function quotaRefusal(
  credits: number,
  { tier, allowance, available, resetsAt }: Balance,
  { traceId }: Trace,
): ToolRefusal<"quota_exceeded"> {
  const left = Math.max(0, available);
  const reset = isoOf(resetsAt * 1000);
  const next =
    left > 0 ? `A call that costs at most ${creditCount(left)} still works.` : "Calls that cost nothing work.";
  const message =
    `This call costs ${creditCount(credits)}, and ${left} of ${creditCount(allowance)} a month in the plan ${tier} ` +
    `${left === 1 ? "is" : "are"} left. They are renewed at ${reset}. Tell the user. ${next}`;
  const retryAfterSeconds = Math.max(1, Math.ceil(resetsAt - Date.now() / 1000));
  const limit = { plan: tier, unit: "credits", allowed: allowance, period: "month", left, resetsAt: reset } as const;
  return { code: "quota_exceeded", message, retryAfterSeconds, limit, traceId };
}

/** A call whose idempotency key belongs to another one. */
export function keyRefusal(
  { differing, sinceMs, untilMs }: KeyConflict,
  { traceId }: Trace,
): ToolRefusal<"idempotency_conflict"> {
  const [since, until] = [isoOf(sinceMs), isoOf(untilMs)];
  const message =
    `Since ${since}, this idempotency key belongs to a call with other arguments: ${differing.join(", ")} ` +
    `${differing.length === 1 ? "differs" : "differ"}. To get the result of that call, send its arguments; ` +
    `for a new call use a new key. This one is free again at ${until}.`;
  return { code: "idempotency_conflict", message, key: { differing, since, until }, traceId };
}

function isoOf(instantMs: number): string {
  return new Date(instantMs).toISOString();
}
