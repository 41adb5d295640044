// The runs of a flow's modes, in the storage of its object. At most one is active; it holds a
// lease, which it renews. A run that has ended keeps its result for a day and never changes.
import type { Flow, Mode, RunState } from "../../contracts/stackbilder.ts";

/** Longer than a step. */
const LEASE_MS = 30_000;
/** As long as a task of the gateway refers to a run. */
const KEPT_MS = 86_400_000;
const MAX_KEPT = 100;

export interface Run {
  readonly runId: string;
  readonly mode: Mode;
  /** The idempotency key of the call that started it. */
  readonly key?: string;
  readonly state: RunState;
  /** Starts so far: more than one if the object was evicted. Names the start that has the lease. */
  readonly attempts: number;
  readonly startedAtMs: number;
  /** The time at which a run that was not renewed counts as dead. */
  readonly leaseExpiresAtMs: number;
  /** The state of the flow at the end of the run; absent while it is active. */
  readonly flow?: Flow;
}

/** Every method is synchronous: nothing else of the object runs between a check and a write. */
export class FlowRuns {
  readonly #kv: SyncKvStorage;

  constructor(kv: SyncKvStorage) {
    this.#kv = kv;
  }

  active(): Run | null {
    return this.#kv.get<Run>("run") ?? null;
  }

  get(runId: string): Run | null {
    const active = this.active();
    return active?.runId === runId ? active : (this.#kv.get<Run>(`run/${runId}`) ?? null);
  }

  /** The run, active or kept, that a call with this idempotency key started. */
  ofKey(key: string): Run | null {
    const active = this.active();
    return active?.key === key ? active : (this.#ended().find((run) => run.key === key) ?? null);
  }

  /** Makes a new run the active one, and deletes results that are too old or too many. */
  begin(mode: Mode, key?: string): Run {
    const nowMs = Date.now();
    const ended = this.#ended();
    for (const [index, { runId, startedAtMs }] of ended.entries())
      if (index >= MAX_KEPT || startedAtMs + KEPT_MS < nowMs) this.#kv.delete(`run/${runId}`);
    const named = { runId: crypto.randomUUID(), mode, ...(key !== undefined && { key }) };
    const run = { ...named, state: "running", attempts: 0, startedAtMs: nowMs } as const;
    return this.#put({ ...run, leaseExpiresAtMs: nowMs + LEASE_MS });
  }

  /** Counts a start of the active run. */
  attempt(run: Run): Run {
    return this.#put({ ...run, attempts: run.attempts + 1, leaseExpiresAtMs: Date.now() + LEASE_MS });
  }

  /** `false` if the run was ended, or another one or another start of it has the lease. */
  renew(run: Run): boolean {
    if (!this.isActive(run)) return false;
    this.#put({ ...run, leaseExpiresAtMs: Date.now() + LEASE_MS });
    return true;
  }

  isActive({ runId, attempts }: Run): boolean {
    const active = this.active();
    return active?.runId === runId && active.attempts === attempts;
  }

  /** Ends the active run. `flow` is the state of the flow from then on. */
  end(run: Run, state: Exclude<RunState, "running">, flow: Flow): void {
    this.#kv.delete("run");
    this.#kv.put(`run/${run.runId}`, { ...run, state, flow });
  }

  /** The runs that are kept, latest first. */
  #ended(): Run[] {
    const ended = Array.from(this.#kv.list<Run>({ prefix: "run/" }), ([, run]) => run);
    return ended.sort((a, b) => b.startedAtMs - a.startedAtMs);
  }

  #put(run: Run): Run {
    this.#kv.put("run", run);
    return run;
  }
}
