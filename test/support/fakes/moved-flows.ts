// The Stackbilder reference Worker with records and runs that a test changes, and alarms that it
// starts.
import {
  StackbilderEntrypoint as CurrentEntrypoint,
  FlowObject as CurrentFlow,
} from "../../../entrypoints/stackbilder/worker.ts";

export { default, RecentFlows } from "../../../entrypoints/stackbilder/worker.ts";

export class FlowObject extends CurrentFlow {
  /** Changes the value under a key: `flow`, or `run` for the active run. */
  change(key: string, changes: object): void {
    this.ctx.storage.kv.put(key, { ...this.ctx.storage.kv.get<object>(key), ...changes });
  }

  /** Runs the alarm; the runtime lets no other object call `alarm`. */
  ring(): Promise<void> {
    return this.alarm();
  }

  alarmAt(): Promise<number | null> {
    return this.ctx.storage.getAlarm();
  }
}

export class StackbilderEntrypoint extends CurrentEntrypoint {
  change(name: string, key: string, changes: object) {
    return this.#object(name).change(key, changes);
  }

  ring(name: string) {
    return this.#object(name).ring();
  }

  alarmAt(name: string) {
    return this.#object(name).alarmAt();
  }

  #object(name: string): DurableObjectStub<FlowObject> {
    return this.env.FLOWS.get(this.env.FLOWS.idFromName(name)) as unknown as DurableObjectStub<FlowObject>;
  }
}
