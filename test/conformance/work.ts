// Work that continues after the call that started it. Nothing runs: its status follows from the
// clock and from the calls that it received.
import { DurableObject } from "cloudflare:workers";
import type { InputRequest, Work, WorkKind } from "./contract.ts";

interface StoredWork {
  readonly kind: WorkKind;
  readonly endsAtMs: number;
  readonly words: string;
  readonly isStopped: boolean;
  /** The names of the input requests that have a response. */
  readonly answered: readonly string[];
}

const form = (key: string): InputRequest => ({
  key,
  method: "elicitation/create",
  params_json: JSON.stringify({
    message: `Yes or no: ${key}?`,
    requestedSchema: { type: "object", properties: { confirm: { type: "boolean" } }, required: ["confirm"] },
  }),
});

const REQUESTS: Readonly<Partial<Record<WorkKind, readonly InputRequest[]>>> = {
  input: [form("first")],
  input_twice: [form("first"), form("second")],
};

export class WorkObject extends DurableObject {
  start(kind: WorkKind, seconds: number, words: string): Work {
    this.#write({ kind, endsAtMs: Date.now() + seconds * 1000, words, isStopped: false, answered: [] });
    return this.poll();
  }

  poll(): Work {
    const { kind, endsAtMs, words, isStopped, answered } = this.#read();
    const work = {
      work_id: this.ctx.id.toString(),
      words,
      requests: (REQUESTS[kind] ?? []).filter(({ key }) => !answered.includes(key)),
    };
    if (isStopped) return { ...work, status: "cancelled" };
    if (work.requests.length > 0) return { ...work, status: "input_required" };
    if (Date.now() < endsAtMs) return { ...work, status: "working" };
    return { ...work, status: kind === "fail" || kind === "crash" ? kind : "done" };
  }

  update(names: readonly string[]): Work {
    const stored = this.#read();
    this.#write({ ...stored, answered: [...stored.answered, ...names] });
    return this.poll();
  }

  cancel(): Work {
    const { status } = this.poll();
    if (status === "working" || status === "input_required") this.#write({ ...this.#read(), isStopped: true });
    return this.poll();
  }

  #read(): StoredWork {
    const stored = this.ctx.storage.kv.get<StoredWork>("work");
    if (!stored) throw new Error("This work was never started.");
    return stored;
  }

  #write(work: StoredWork): void {
    this.ctx.storage.kv.put("work", work);
  }
}
