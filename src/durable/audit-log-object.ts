// The audit log of one tenant, which a changing call waits for: it numbers each record, chains it
// to the one before and stores it, in one transaction. The alarm signs checkpoints, and sends
// records to the platform's queue for as long as it takes.
import { DurableObject } from "cloudflare:workers";
import { chainIdOf, signCheckpoint } from "../../contracts/audit-record.ts";
import { describeCrash } from "../../contracts/rpc/crash.ts";
import { AuditChain, sha256 } from "../audit/chain.ts";
import type { AuditEvent, CallStartedEvent, ToolCallEvent } from "../audit/event.ts";
import { configOf } from "../config.ts";
import { checkpointKeysOf } from "../crypto/key-ring.ts";
import type { Env } from "../env.ts";

/** A call that changes something, before its dispatch. */
export interface CallToBegin {
  /** A fresh UUID. */
  readonly callId: string;
  readonly intent: CallStartedEvent;
}

/** One object for each tenant, named by `chainNameOf`. */
export class AuditLogObject extends DurableObject<Env> {
  readonly #chain: AuditChain;
  /** The alarm that this instance has set, in milliseconds since the Unix epoch. */
  #alarmAtMs: number | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    if (ctx.id.name === undefined) throw new Error("The object of an audit log has a name.");
    this.#chain = new AuditChain(ctx.storage.sql, chainIdOf(ctx.id.name, sha256));
  }

  /** Stores the record of an event. */
  async append(event: AuditEvent): Promise<void> {
    this.#store(() => this.#chain.append(event));
  }

  /** Stores the intent of a call. It is dispatched only after this. */
  async begin({ callId, intent }: CallToBegin): Promise<{ readonly state: "new"; readonly callId: string }> {
    this.#store(() => this.#chain.append(intent));
    return { state: "new", callId };
  }

  /** Stores the outcome of a call that has begun. */
  async finish(outcome: ToolCallEvent): Promise<void> {
    this.#store(() => this.#chain.append(outcome));
  }

  override async alarm(): Promise<void> {
    await this.#addCheckpoint();
    await this.#chain.deliver(this.env.PLATFORM_EVENTS_QUEUE);
    this.#alarmAtMs = null; // the one that runs just now, or an older one
    this.#schedule();
  }

  /** Signs the checkpoint that is due. Without a key, records are sent all the same. */
  async #addCheckpoint(): Promise<void> {
    const statement = this.#chain.dueCheckpoint();
    if (statement === null) return;
    try {
      const [current] = await checkpointKeysOf(configOf(this.env));
      const checkpoint = await signCheckpoint(statement, current);
      this.#store(() => this.#chain.addCheckpoint(checkpoint));
    } catch (error) {
      const { chainId } = statement;
      console.error(JSON.stringify({ event: "audit.checkpoint_unsigned", chainId, ...describeCrash(error) }));
      this.#store(() => this.#chain.postponeCheckpoint());
    }
  }

  /** Stores all that `write` does, or nothing if it throws. Synchronous: no request interferes. */
  #store<T>(write: () => T): T {
    const written = this.ctx.storage.transactionSync(write);
    this.#schedule();
    return written;
  }

  /** Sets the alarm for the work that is due first, unless an earlier one is set. */
  #schedule(): void {
    const dueAtMs = this.#chain.dueAtMs();
    if (dueAtMs === null || (this.#alarmAtMs !== null && this.#alarmAtMs <= dueAtMs)) return;
    this.#alarmAtMs = dueAtMs;
    // Part of the same write as the records: the output gate holds the answer until both are kept.
    void this.ctx.storage.setAlarm(dueAtMs);
  }
}
