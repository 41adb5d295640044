// Metering: each piece of work counts against the plan of the identity that causes it, through
// either entrypoint. Lists and texts that no backend is asked for are free. Questions about a task
// have a limit of their own: a client polls until its work, which was counted, has ended.
import type { Identity } from "../../contracts/rpc/identity.ts";
import type { RequestContext } from "../context.ts";
import { consume, type LimitName, overrunOf } from "../limits/rate-limits.ts";
import type { RateLimited } from "../mcp/port.ts";

/** Counts one piece of work. `null` within the plan. */
export function overPlan(context: RequestContext, { tier, subject }: Identity): Promise<RateLimited | null> {
  return limited(context, `plan.${tier}`, subject);
}

/** Counts one question about a task. `null` within the limit. */
export function overTaskLimit(context: RequestContext, { subject }: Identity): Promise<RateLimited | null> {
  return limited(context, "taskQuery", subject);
}

async function limited(context: RequestContext, limit: LimitName, subject: string): Promise<RateLimited | null> {
  const wait = await consume(context, limit, subject);
  return wait > 0 ? { state: "rate_limited", ...overrunOf(limit, wait) } : null;
}
