// Recent activity of a tenant, from the audit store.
import { type Activity, audit, ListActivity } from "../../contracts/audit.ts";
import { call } from "../../contracts/rpc/call.ts";
import type { Identity } from "../../contracts/rpc/identity.ts";
import { type CallerContext, callContext } from "./call-context.ts";

/** The latest records, newest first; `null` if the store does not respond. */
export async function recentActivity(context: CallerContext, identity: Identity): Promise<readonly Activity[] | null> {
  const { audience } = audit;
  const { timeoutMs } = ListActivity;
  const input = { limit: 40 };
  const parameters = { audience, method: "listActivity", input, identity, timeoutMs, idempotencyKey: undefined };
  const send = async () => context.env.AUDIT.listActivity(await callContext(context, parameters), input);
  const reply = await call(ListActivity, send, { method: "audit.listActivity", traceId: context.trace.traceId });
  return reply.ok ? reply.value.activity : null;
}
