// The img-forge reference Worker in states that take long or are rare: records that a test changes,
// alarms that it starts, a model that never responds, and a job that is cancelled while its picture
// is stored.
import {
  ImgForgeEntrypoint as CurrentEntrypoint,
  JobObject as CurrentJob,
} from "../../../entrypoints/img-forge/worker.ts";

export { default, RecentImages } from "../../../entrypoints/img-forge/worker.ts";

/** A prompt with this word is cancelled after its picture was stored, before it is completed. */
const STOPPED_WORD = "stopped";

// The model's limit passes in a second.
const after = globalThis.setTimeout;
globalThis.setTimeout = ((work: () => void, ms = 0) => after(work, ms > 10_000 ? 1_000 : ms)) as typeof setTimeout;

const AI = { run: () => new Promise(() => undefined) } as unknown as Ai; // nothing else of it is used

type Env = ConstructorParameters<typeof CurrentJob>[1];

export class JobObject extends CurrentJob {
  constructor(ctx: DurableObjectState, env: Env) {
    const { IMAGES } = env;
    const images = {
      get: (key: string) => IMAGES.get(key),
      delete: (key: string) => IMAGES.delete(key),
      put: async (key: string, file: Uint8Array) => {
        await IMAGES.put(key, file);
        const { owner, prompt } = this.record().commission;
        const token = { id: crypto.randomUUID(), expiresAt: Math.ceil(Date.now() / 1000) + 60 };
        if (prompt.includes(STOPPED_WORD)) await this.cancel(owner, token);
      },
    };
    super(ctx, { ...env, AI, IMAGES: images as unknown as R2Bucket }); // a job calls no other method
  }

  record() {
    return this.ctx.storage.kv.get("job") as { commission: { owner: string; prompt: string } };
  }

  change(changes: object): void {
    this.ctx.storage.kv.put("job", { ...this.record(), ...changes });
  }

  /** Runs the alarm; the runtime lets no other object call `alarm`. */
  ring(): Promise<void> {
    return this.alarm();
  }

  alarmAt(): Promise<number | null> {
    return this.ctx.storage.getAlarm();
  }
}

export class ImgForgeEntrypoint extends CurrentEntrypoint {
  constructor(ctx: ExecutionContext, env: Env) {
    super(ctx, { ...env, AI });
  }

  change(name: string, changes: object) {
    return this.#object(name).change(changes);
  }

  ring(name: string) {
    return this.#object(name).ring();
  }

  alarmAt(name: string) {
    return this.#object(name).alarmAt();
  }

  #object(name: string): DurableObjectStub<JobObject> {
    return this.env.JOBS.get(this.env.JOBS.idFromName(name)) as unknown as DurableObjectStub<JobObject>;
  }
}
