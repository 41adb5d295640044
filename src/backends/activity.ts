// Recent activity of a tenant, from the audit store.
import { type Activity, audit, ListActivity } from "../../contracts/audit.ts";
import type { Identity } from "../../contracts/rpc/identity.ts";
import type { CallerContext } from "./call-context.ts";
import { dispatch } from "./dispatch.ts";

/** The latest records, newest first; `null` if the store does not respond. */
export async function recentActivity(context: CallerContext, identity: Identity): Promise<readonly Activity[] | null> {
  const { audience } = audit;
  const call = { backend: "AUDIT", audience, method: "listActivity", operation: ListActivity, identity } as const;
  const reply = await dispatch(context, call, { limit: 40 });
  return reply.ok ? reply.value.activity : null;
}
