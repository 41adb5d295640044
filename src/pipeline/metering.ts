// Metering: each piece of work counts against the plan of the identity that causes it, through
// either entrypoint. Lists and texts that no backend is asked for are free. Questions about a task
// have a limit of their own: a client polls until its work, which was counted, has ended.
import type { Identity } from "../../contracts/rpc/identity.ts";
import type { RequestContext } from "../context.ts";
import { consume } from "../limits/rate-limits.ts";
import type { RateLimited } from "../mcp/port.ts";

/** Counts one piece of work. `null` within the plan. */
export async function overPlan(context: RequestContext, { tier, subject }: Identity): Promise<RateLimited | null> {
  return limited(await consume(context, `plan.${tier}`, subject));
}

/** Counts one question about a task. `null` within the limit. */
export async function overTaskLimit(context: RequestContext, { subject }: Identity): Promise<RateLimited | null> {
  return limited(await consume(context, "taskQuery", subject));
}

function limited(retryAfterSeconds: number): RateLimited | null {
  return retryAfterSeconds > 0 ? { state: "rate_limited", retryAfterSeconds } : null;
}
