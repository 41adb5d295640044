// The audit log of one tenant, which a changing call waits for: it numbers each record, chains it
// to the one before and stores it, in one transaction. The alarm signs checkpoints, and sends
// records to the platform's queue for as long as it takes.
import { DurableObject } from "cloudflare:workers";
import { chainIdOf, signCheckpoint } from "../../contracts/audit-record.ts";
import { describeCrash } from "../../contracts/rpc/crash.ts";
import { AuditChain, sha256 } from "../audit/chain.ts";
import type { AuditEvent, CallStartedEvent, ToolCallEvent } from "../audit/event.ts";
import { settleLate } from "../backends/settlement.ts";
import { configOf } from "../config.ts";
import { continueTrace } from "../context.ts";
import { checkpointKeysOf } from "../crypto/key-ring.ts";
import type { Env } from "../env.ts";
import { type BeginningCall, type CallEnd, type KnownCall, OpenCalls } from "./open-calls.ts";

/** A call that changes something, before its dispatch. */
export interface CallToBegin extends BeginningCall {
  readonly intent: CallStartedEvent;
}

/** One object for each tenant, named by `chainNameOf`. */
export class AuditLogObject extends DurableObject<Env> {
  readonly #chain: AuditChain;
  readonly #openCalls: OpenCalls;
  /** The alarm that this instance has set, in milliseconds since the Unix epoch. */
  #alarmAtMs: number | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    if (ctx.id.name === undefined) throw new Error("The object of an audit log has a name.");
    this.#chain = new AuditChain(ctx.storage.sql, chainIdOf(ctx.id.name, sha256));
    this.#openCalls = new OpenCalls(ctx.storage.sql);
  }

  /** Stores the record of an event. */
  async append(event: AuditEvent): Promise<void> {
    this.#store(() => this.#chain.append(event));
  }

  /**
   * Stores the intent of a call, under the id of the first one if it repeats one. It is dispatched
   * only after this, and not at all if its key belongs to a call with another input.
   */
  async begin({ intent, ...call }: CallToBegin): Promise<KnownCall> {
    return this.#store(() => {
      const begun = this.#openCalls.begin(call, Date.now());
      if (begun.state !== "conflict") this.#chain.append({ ...intent, callId: begun.callId });
      return begun;
    });
  }

  /** Stores the outcome of a call that has begun. A call that is not settled is settled here. */
  async finish(callId: string, outcome: ToolCallEvent, end: CallEnd): Promise<void> {
    this.#store(() => {
      this.#chain.append(outcome);
      this.#openCalls.finish(callId, end, Date.now());
    });
  }

  override async alarm(): Promise<void> {
    try {
      await this.#addCheckpoint();
      await this.#chain.deliver(this.env.PLATFORM_EVENTS_QUEUE);
      await this.#settleDueCalls();
    } finally {
      // The one that runs just now, or an older one; if it fails, the next write sets another.
      this.#alarmAtMs = null;
    }
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

  /** Asks what became of open calls, and settles those that are over. */
  async #settleDueCalls(): Promise<void> {
    const now = Date.now();
    this.#openCalls.deleteExpired(now);
    for (const call of this.#store(() => this.#openCalls.due(now))) {
      const { callId, traceId, tool, identity, credits } = call;
      const context = { env: this.env, config: configOf(this.env), trace: continueTrace(traceId) };
      const settled = await settleLate(context, call);
      if (!settled) continue;
      const { subject, tenantId, clientId } = identity;
      const at = new Date().toISOString();
      const record = { type: "call.settled", at, traceId, callId, tool, subject, tenantId, clientId, credits } as const;
      this.#store(() => {
        if (this.#openCalls.settled(call, !settled.isCommitted)) this.#chain.append({ ...record, ...settled });
      });
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
    const due = [this.#chain.dueAtMs(), this.#openCalls.nextAlarmMs()].filter((atMs) => atMs !== null);
    const dueAtMs = due.length > 0 ? Math.min(...due) : null;
    if (dueAtMs === null || (this.#alarmAtMs !== null && this.#alarmAtMs <= dueAtMs)) return;
    this.#alarmAtMs = dueAtMs;
    // Part of the same write as the records: the output gate holds the answer until both are kept.
    void this.ctx.storage.setAlarm(dueAtMs);
  }
}
