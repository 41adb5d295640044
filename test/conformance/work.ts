// One piece of work that goes on after the call that began it: nothing runs, for where it stands follows from the clock and from what
// it was told.
import { DurableObject } from "cloudflare:workers";
import type { Ask, Work, WorkKind } from "./contract.ts";

interface Begun {
  readonly kind: WorkKind;
  readonly endsAtMs: number;
  readonly words: string;
  readonly isStopped: boolean;
  /** By name, what was answered. */
  readonly answered: readonly string[];
}

const form = (key: string): Ask => ({
  key,
  method: "elicitation/create",
  params_json: JSON.stringify({
    message: `Yes or no: ${key}?`,
    requestedSchema: { type: "object", properties: { confirm: { type: "boolean" } }, required: ["confirm"] },
  }),
});

const ASKS: Readonly<Partial<Record<WorkKind, readonly Ask[]>>> = {
  ask: [form("first")],
  ask_twice: [form("first"), form("second")],
};

export class WorkObject extends DurableObject {
  begin(kind: WorkKind, seconds: number, words: string): Work {
    this.#write({ kind, endsAtMs: Date.now() + seconds * 1000, words, isStopped: false, answered: [] });
    return this.look();
  }

  look(): Work {
    const { kind, endsAtMs, words, isStopped, answered } = this.#read();
    const work = {
      work_id: this.ctx.id.toString(),
      words,
      asks: (ASKS[kind] ?? []).filter(({ key }) => !answered.includes(key)),
    };
    if (isStopped) return { ...work, status: "cancelled" };
    if (work.asks.length > 0) return { ...work, status: "input_required" };
    if (Date.now() < endsAtMs) return { ...work, status: "working" };
    return { ...work, status: kind === "fail" || kind === "crash" ? kind : "done" };
  }

  answer(names: readonly string[]): Work {
    const begun = this.#read();
    this.#write({ ...begun, answered: [...begun.answered, ...names] });
    return this.look();
  }

  stop(): Work {
    const { status } = this.look();
    if (status === "working" || status === "input_required") this.#write({ ...this.#read(), isStopped: true });
    return this.look();
  }

  #read(): Begun {
    const begun = this.ctx.storage.kv.get<Begun>("work");
    if (!begun) throw new Error("This work was never begun.");
    return begun;
  }

  #write(begun: Begun): void {
    this.ctx.storage.kv.put("work", begun);
  }
}
