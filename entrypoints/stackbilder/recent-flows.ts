// The latest flows of one owner, for listing. Access does not depend on this list: each flow stores
// its own owner.
import { DurableObject } from "cloudflare:workers";
import { TIMED_OUT, withDeadline } from "../../contracts/rpc/call.ts";
import { describeCrash } from "../../contracts/rpc/crash.ts";
import type { RecentFlow } from "../../contracts/stackbilder.ts";
import type { Env } from "./env.ts";

const MAX_STORED = 100;
const MAX_LISTED = 50;
/** The longest that `create` waits for the list. */
const TIMEOUT_MS = 1_000;

/** One object per owner. */
export class RecentFlows extends DurableObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS recent_flows (flow_id TEXT NOT NULL PRIMARY KEY, project_id TEXT, created_at INTEGER NOT NULL) STRICT",
    );
  }

  /** Adds a flow and deletes the oldest ones beyond the limit. A listed flow is left unchanged. */
  add({ flowId, projectId, createdAt }: RecentFlow): void {
    const { sql } = this.ctx.storage;
    sql.exec("INSERT INTO recent_flows VALUES (?, ?, ?) ON CONFLICT DO NOTHING", flowId, projectId, createdAt);
    sql.exec(
      "DELETE FROM recent_flows WHERE flow_id NOT IN (SELECT flow_id FROM recent_flows ORDER BY created_at DESC, rowid DESC LIMIT ?)",
      MAX_STORED,
    );
  }

  /** Returns the latest flows, newest first. */
  list(): RecentFlow[] {
    const rows = this.ctx.storage.sql.exec<{ flowId: string; projectId: string | null; createdAt: number }>(
      "SELECT flow_id AS flowId, project_id AS projectId, created_at AS createdAt FROM recent_flows ORDER BY created_at DESC, rowid DESC LIMIT ?",
      MAX_LISTED,
    );
    return rows.toArray();
  }
}

export function recentFlowsOf({ RECENT_FLOWS }: Env, owner: string): DurableObjectStub<RecentFlows> {
  return RECENT_FLOWS.get(RECENT_FLOWS.idFromName(owner));
}

/** Adds a flow to the list of `owner`. A failure is logged and costs only the entry. */
export async function addRecentFlow(env: Env, owner: string, flow: RecentFlow): Promise<void> {
  try {
    if ((await withDeadline(() => recentFlowsOf(env, owner).add(flow), TIMEOUT_MS)) === TIMED_OUT)
      throw new Error("The list did not respond in time.");
  } catch (error) {
    console.error(JSON.stringify({ event: "flow.unlisted", flowId: flow.flowId, ...describeCrash(error) }));
  }
}
