// The latest flows of one owner, so that they can be found again. Nobody's right to a flow depends on it: a flow itself knows whose it is.
import { DurableObject } from "cloudflare:workers";
import { TIMED_OUT, withDeadline } from "../../contracts/rpc/call.ts";
import { describeCrash } from "../../contracts/rpc/crash.ts";
import type { RecentFlow } from "../../contracts/stackbilder.ts";
import type { Env } from "./env.ts";

const KEPT = 100;
const LISTED = 50;
/** The work that a flow is noted for does not wait longer. */
const TIMEOUT_MS = 1_000;

/** One object an owner. */
export class RecentFlows extends DurableObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS recent_flows (flow_id TEXT NOT NULL PRIMARY KEY, project_id TEXT, created_at INTEGER NOT NULL) STRICT",
    );
  }

  /** Notes a flow, and forgets the oldest beyond what is kept. One that is there stays as it is. */
  add({ flowId, projectId, createdAt }: RecentFlow): void {
    const { sql } = this.ctx.storage;
    sql.exec("INSERT INTO recent_flows VALUES (?, ?, ?) ON CONFLICT DO NOTHING", flowId, projectId, createdAt);
    sql.exec(
      "DELETE FROM recent_flows WHERE flow_id NOT IN (SELECT flow_id FROM recent_flows ORDER BY created_at DESC, rowid DESC LIMIT ?)",
      KEPT,
    );
  }

  /** Newest first. */
  list(): RecentFlow[] {
    const rows = this.ctx.storage.sql.exec<{ flowId: string; projectId: string | null; createdAt: number }>(
      "SELECT flow_id AS flowId, project_id AS projectId, created_at AS createdAt FROM recent_flows ORDER BY created_at DESC, rowid DESC LIMIT ?",
      LISTED,
    );
    return rows.toArray();
  }
}

export function recentFlowsOf({ RECENT_FLOWS }: Env, owner: string): DurableObjectStub<RecentFlows> {
  return RECENT_FLOWS.get(RECENT_FLOWS.idFromName(owner));
}

/** Notes a flow of `owner`. Trouble is logged, and loses no more than the entry. */
export async function noteFlow(env: Env, owner: string, flow: RecentFlow): Promise<void> {
  try {
    if ((await withDeadline(() => recentFlowsOf(env, owner).add(flow), TIMEOUT_MS)) === TIMED_OUT)
      throw new Error("too slow");
  } catch (error) {
    console.error(JSON.stringify({ event: "flow.not_noted", flowId: flow.flowId, ...describeCrash(error) }));
  }
}
