// The flows of one owner: the latest ones, for listing, and the ids of all, for erasure. Access
// does not depend on them: each flow stores its own owner.
import { DurableObject } from "cloudflare:workers";
import { logCrash } from "../../contracts/log.ts";
import { claimToken } from "../../contracts/rpc/claim-once.ts";
import { TIMED_OUT, withDeadline } from "../../contracts/rpc/deadlines.ts";
import type { OneTimeToken } from "../../contracts/rpc/identity.ts";
import type { RecentFlow } from "../../contracts/stackbilder.ts";
import { type Env, retentionMs } from "./env.ts";

const MAX_STORED = 100;
const MAX_LISTED = 50;
/** The longest that `create` waits for the list. */
const TIMEOUT_MS = 1_000;
const DAY_MS = 86_400_000;

const TABLES = `
  CREATE TABLE IF NOT EXISTS recent_flows (flow_id TEXT NOT NULL PRIMARY KEY, project_id TEXT, created_at INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS owned_flows (flow_id TEXT NOT NULL PRIMARY KEY, created_at INTEGER NOT NULL) STRICT;
`;
/** Key of the instant of the erasure, in milliseconds since the Unix epoch. */
const ERASED = "erasedAtMs";

/** One object per owner. */
export class RecentFlows extends DurableObject<Env> {
  /** Notes the id of a flow before it is created. False: the owner was erased. */
  async register(flowId: string): Promise<boolean> {
    if (this.#isErased()) return false;
    const { sql } = this.ctx.storage;
    sql.exec(TABLES);
    sql.exec("INSERT INTO owned_flows VALUES (?, ?) ON CONFLICT DO NOTHING", flowId, Math.floor(Date.now() / 1000));
    await this.#schedule();
    return true;
  }

  /**
   * Deletes the list, and refuses new flows for a day, by when every call that was on its way has
   * arrived. False: the token was used before.
   */
  async erase(token: OneTimeToken): Promise<boolean> {
    if (!claimToken(this.ctx.storage, token)) return false;
    const { sql, kv } = this.ctx.storage;
    sql.exec(TABLES);
    // Flows of an earlier version are in the list only.
    sql.exec("INSERT INTO owned_flows SELECT flow_id, created_at FROM recent_flows WHERE true ON CONFLICT DO NOTHING");
    sql.exec("DELETE FROM recent_flows");
    if (!this.#isErased()) kv.put(ERASED, Date.now());
    await this.ctx.storage.setAlarm(Date.now() + DAY_MS);
    return true;
  }

  /** Ids of flows that are not erased yet. */
  unerased(limit: number): string[] {
    const query = "SELECT flow_id AS flowId FROM owned_flows LIMIT ?";
    const rows = this.ctx.storage.sql.exec<{ flowId: string }>(query, limit);
    return rows.toArray().map(({ flowId }) => flowId);
  }

  /** Ids of the owner's flows after `after`, in the order of the ids. Creates no storage. */
  page(after: string, limit: number): string[] {
    const { sql } = this.ctx.storage;
    if (sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'owned_flows'").toArray().length === 0) return [];
    const rows = sql.exec<{ flowId: string }>(
      "SELECT flow_id AS flowId FROM (SELECT flow_id FROM owned_flows UNION SELECT flow_id FROM recent_flows) WHERE flow_id > ? ORDER BY flow_id LIMIT ?",
      ...[after, limit],
    );
    return rows.toArray().map(({ flowId }) => flowId);
  }

  /** Deletes the ids of flows that were erased. */
  deleteIds(flowIds: readonly string[]): void {
    for (const flowId of flowIds) this.ctx.storage.sql.exec("DELETE FROM owned_flows WHERE flow_id = ?", flowId);
  }

  /**
   * Adds a flow and deletes the oldest ones beyond the limit. A listed flow is left unchanged. The
   * alarm deletes the ones that have expired.
   */
  async add({ flowId, projectId, createdAt }: RecentFlow): Promise<void> {
    if (this.#isErased()) return;
    const { sql } = this.ctx.storage;
    sql.exec(TABLES);
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
    sql.exec(TABLES);
    if (this.#isErased()) {
      // Flows that could not be erased are kept for another try.
      if (this.unerased(1).length === 0) await this.ctx.storage.deleteAll();
      else await this.ctx.storage.setAlarm(Date.now() + DAY_MS);
      return;
    }
    sql.exec("DELETE FROM recent_flows WHERE created_at <= ?", this.#expiredAt());
    // A flow expires after its last run, which may begin later than the flow's age.
    sql.exec("DELETE FROM owned_flows WHERE created_at <= ?", this.#expiredAt() - DAY_MS / 1000);
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
    const { oldest } = sql
      .exec<{ oldest: number | null }>(
        "SELECT min(at) AS oldest FROM (SELECT min(created_at) AS at FROM recent_flows UNION ALL SELECT min(created_at) + ? FROM owned_flows)",
        DAY_MS / 1000,
      )
      .one();
    if (oldest === null) return this.ctx.storage.deleteAll();
    await this.ctx.storage.setAlarm(oldest * 1000 + retentionMs(this.env));
  }

  #isErased(): boolean {
    return this.ctx.storage.kv.get<number>(ERASED) !== undefined;
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
