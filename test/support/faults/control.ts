// The Node side of fault injection: sets the weather of every Worker of a system, and moves time.
import { chainNameOf } from "../../../contracts/audit-record.ts";
import { WORKERS, type WorkerKey } from "../../../entrypoints/cli/workers.ts";
import type { System } from "../system.ts";
import { CONTROL_PATH, type Fault, type Question, type Weather } from "./messages.ts";

const FAULTY = WORKERS.filter((worker) => worker !== "local");

/** Main modules with faults, for `SystemOptions.mains`. */
export const FAULTY_MAINS = Object.fromEntries(
  FAULTY.map((worker) => [worker, `test/support/faults/${worker}.ts`]),
) as Partial<Record<WorkerKey, string>>;

/** Deadlines while a call hangs: longer than a busy machine needs, shorter than a test waits. */
const SHORT_DEADLINE_MS = 1_000;
/** Steps in which time passes: shorter than a lease of 15 minutes. */
const STEP_MS = 600_000;
const MAX_STEPS = 12;

export class FaultControl {
  readonly #system: System;
  /** Set last, for Workers that are started again. */
  #weather: Weather = { faults: [], aheadMs: 0, deadlineMs: null };

  constructor(system: System) {
    this.#system = system;
  }

  /**
   * From now on, these faults happen to every call; none: fair weather. Returns the number of calls
   * that a fault has hit so far.
   */
  async inject(faults: readonly Fault[]): Promise<number> {
    const isHung = faults.some(({ kind }) => kind === "hung" || kind === "silent");
    return this.set({ faults, deadlineMs: isHung ? SHORT_DEADLINE_MS : null });
  }

  /** Sets the weather of every Worker. Returns what `inject` returns. */
  async set(weather: Weather): Promise<number> {
    this.#weather = { ...this.#weather, ...weather };
    const counts = await Promise.all(FAULTY.map((worker) => this.#post(worker, this.#weather)));
    return counts.reduce<number>((sum, count) => sum + Number(count), 0);
  }

  /** Moves the clock of every Worker, also back. No alarm rings. */
  async pass(ms: number): Promise<void> {
    await this.set({ aheadMs: (this.#weather.aheadMs ?? 0) + ms });
  }

  /** Calls a method on Durable Objects of a Worker, and returns their replies. */
  async ask<Reply>(worker: WorkerKey, question: Question): Promise<readonly Reply[]> {
    return (await this.#post(worker, question)) as Reply[];
  }

  /** The records of all image jobs. */
  async jobs<Job>(): Promise<readonly Job[]> {
    const ids = await this.#system.worker("img-forge").listDurableObjectIds("JOBS");
    const objects = ids.map((id) => ({ id }));
    const records = await this.ask<Job | null>("img-forge", { binding: "JOBS", method: "job", objects });
    return records.filter((job) => job !== null);
  }

  /**
   * Lets time pass, with the alarms that are due, until `isQuiet`: settlements, leases and the
   * sending of audit records are over.
   */
  async passTime(tenants: readonly string[], isQuiet: () => Promise<boolean>): Promise<void> {
    for (let step = 0; step < MAX_STEPS; step++) {
      await this.pass(STEP_MS);
      const logs = [...tenants, null].map((tenantId) => ({ name: chainNameOf(tenantId) }));
      await this.ask("gateway", { binding: "AUDIT_LOG", method: "ring", objects: logs });
      const ledgers = tenants.map((name) => ({ name }));
      await this.ask("auth", { binding: "LEDGERS", method: "ring", objects: ledgers });
      if (await isQuiet()) return;
    }
  }

  async #post(worker: WorkerKey, message: Weather | Question): Promise<unknown> {
    const init = { method: "POST", body: JSON.stringify(message) };
    const response = await this.#system.worker(worker).fetch(CONTROL_PATH, init);
    if (!response.ok) throw new Error(`${worker}: ${response.status} ${await response.text()}`);
    return response.json();
  }
}
