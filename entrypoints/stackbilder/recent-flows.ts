// The latest flows of one owner, for listing. Access does not depend on this list: each flow stores
// its own owner.
import { DurableObject } from "cloudflare:workers";
import { logCrash } from "../../contracts/log.ts";
import { TIMED_OUT, withDeadline } from "../../contracts/rpc/call.ts";
import type { RecentFlow } from "../../contracts/stackbilder.ts";
import { type Env, retentionMs } from "./env.ts";

const MAX_STORED = 100;
const MAX_LISTED = 50;
/** The longest that `create` waits for the list. */
const TIMEOUT_MS = 1_000;

const TABLE =
  "CREATE TABLE IF NOT EXISTS recent_flows (flow_id TEXT NOT NULL PRIMARY KEY, project_id TEXT, created_at INTEGER NOT NULL) STRICT";

/** One object per owner. */
export class RecentFlows extends DurableObject<Env> {
  /**
   * Adds a flow and deletes the oldest ones beyond the limit. A listed flow is left unchanged. The
   * alarm deletes the ones that have expired.
   */
  async add({ flowId, projectId, createdAt }: RecentFlow): Promise<void> {
    const { sql } = this.ctx.storage;
    sql.exec(TABLE);
    sql.exec("INSERT INTO recent_flows VALUES (?, ?, ?) ON CONFLICT DO NOTHING", flowId, projectId, createdAt);
    sql.exec(
      "DELETE FROM recent_flows WHERE flow_id NOT IN (SELECT flow_id FROM recent_flows ORDER BY created_at DESC, rowid DESC LIMIT ?)",
      MAX_STORED,
    );
    await this.#schedule();
  }

  /** Deletes what has expired. */
  override async alarm(): Promise<void> {
    const { sql } = this.ctx.storage;
    sql.exec("DELETE FROM recent_flows WHERE created_at <= ?", this.#expiredAt());
    await this.#schedule();
  }

  /** Returns the latest flows that have not expired, newest first. Creates no storage. */
  list(): RecentFlow[] {
    const { sql } = this.ctx.storage;
    if (sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'recent_flows'").toArray().length === 0) return [];
    const rows = sql.exec<{ flowId: string; projectId: string | null; createdAt: number }>(
      "SELECT flow_id AS flowId, project_id AS projectId, created_at AS createdAt FROM recent_flows WHERE created_at > ? ORDER BY created_at DESC, rowid DESC LIMIT ?",
      this.#expiredAt(),
      MAX_LISTED,
    );
    return rows.toArray();
  }

  /** Sets the alarm for the expiry of the oldest entry; deletes all storage if there is none. */
  async #schedule(): Promise<void> {
    const { sql } = this.ctx.storage;
    const { oldest } = sql.exec<{ oldest: number | null }>("SELECT min(created_at) AS oldest FROM recent_flows").one();
    if (oldest === null) return this.ctx.storage.deleteAll();
    await this.ctx.storage.setAlarm(oldest * 1000 + retentionMs(this.env));
  }

  /** Entries up to this time, in seconds since the Unix epoch, have expired. */
  #expiredAt(): number {
    return Math.floor((Date.now() - retentionMs(this.env)) / 1000);
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
    logCrash("flow.unlisted", { flowId: flow.flowId }, error);
  }
}
