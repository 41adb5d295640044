// The audit log of one tenant, which a changing call waits for: it numbers each record, chains it
// to the one before and stores it, in one transaction. The alarm signs checkpoints, and sends
// records to the platform's queue for as long as it takes.
import { DurableObject } from "cloudflare:workers";
import { chainIdOf, signCheckpoint } from "../../contracts/audit-record.ts";
import { logCrash } from "../../contracts/log.ts";
import { withDeadline } from "../../contracts/rpc/deadlines.ts";
import { AuditChain, sha256 } from "../audit/chain.ts";
import type { AuditEvent, CallStartedEvent, ToolCallEvent } from "../audit/event.ts";
import { type LateSettlement, settleLate } from "../backends/settlement.ts";
import { configOf } from "../config.ts";
import { continueTrace } from "../context.ts";
import { checkpointKeysOf } from "../crypto/key-ring.ts";
import type { Env } from "../env.ts";
import { type BeginningCall, type CallEnd, type DueCall, type KnownCall, OpenCalls } from "./open-calls.ts";

/** Open calls that are asked about at once. */
const SETTLED_AT_ONCE = 6;
/** Time for which an alarm, and so the next records, wait for settlements. Longer ones continue. */
const SETTLING_WAIT_MS = 1_000;
/** Longer than one settlement: its questions to the backend and the ledger have deadlines. */
const LONGEST_SETTLEMENT_MS = 20_000;

/** A call that changes something, before its dispatch. */
export interface CallToBegin extends BeginningCall {
  readonly intent: CallStartedEvent;
}

/** One object for each tenant, named by `chainNameOf`. */
export class AuditLogObject extends DurableObject<Env> {
  readonly #chain: AuditChain;
  readonly #openCalls: OpenCalls;
  /** Ids of the calls that are being settled. */
  readonly #settling = new Set<string>();
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
      if (this.#chain.isErased()) throw new Error("The account of this audit log was deleted.");
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

  /** Notes that the client of an attempt of a call does not get its answer. */
  async undelivered(callId: string, beganAtMs: number): Promise<void> {
    this.#store(() => this.#openCalls.undelivered(callId, beganAtMs, Date.now()));
  }

  /** True if an attempt of a call may cancel the work: no other one waits for it. */
  async beginCancel(callId: string, beganAtMs: number): Promise<boolean> {
    return this.#store(() => this.#openCalls.beginCancel(callId, beganAtMs));
  }

  /** Asks what became of each open call, without waiting until it is due. */
  async settleNow(): Promise<void> {
    await Promise.all(this.#openCalls.open().map((call) => this.#settle(call)));
  }

  /**
   * Removes the fields about a person from what is stored and from what comes later, and ends every
   * open call: its work was erased, and the ledger returns its credits. No call begins any more.
   */
  async erase(): Promise<void> {
    for (const call of this.#openCalls.open())
      this.#close(call, { outcome: "erased", isCommitted: false, isKeyFreed: true });
    this.#store(() => {
      this.#openCalls.clear();
      this.#chain.erase();
    });
  }

  /** Removes the fields about a person from the records of this subject that are stored. */
  async eraseSubject(subject: string): Promise<void> {
    this.#store(() => this.#chain.eraseSubject(subject));
  }

  override async alarm(): Promise<void> {
    try {
      await this.#addCheckpoint();
      await this.#chain.deliver(this.env.PLATFORM_EVENTS_QUEUE);
      // A backend or ledger that hangs must not delay the next records.
      await withDeadline(() => this.#settleDueCalls(), SETTLING_WAIT_MS);
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
      logCrash("audit.checkpoint_unsigned", { chainId }, error);
      this.#store(() => this.#chain.postponeCheckpoint());
    }
  }

  /** Asks what became of open calls, all at once, and settles those that are over. */
  async #settleDueCalls(): Promise<void> {
    const now = Date.now();
    this.#openCalls.deleteExpired(now);
    const due = this.#store(() => this.#openCalls.due(now, SETTLED_AT_ONCE - this.#settling.size));
    await Promise.all(due.filter(({ callId }) => !this.#settling.has(callId)).map((call) => this.#settle(call)));
  }

  /** Settles one call if it is over. Never throws: the call is asked about again. */
  async #settle(call: DueCall): Promise<void> {
    const { callId, traceId, tool } = call;
    this.#settling.add(callId);
    try {
      const context = { env: this.env, config: configOf(this.env), trace: continueTrace(traceId) };
      const settled = await settleLate(context, call);
      if (settled) this.#close(call, settled);
    } catch (error) {
      logCrash("call.unsettled", { callId, tool, traceId }, error);
    } finally {
      this.#settling.delete(callId);
      this.#schedule();
    }
  }

  #close(call: DueCall, { isKeyFreed, ...settled }: LateSettlement): void {
    const { callId, traceId, tool, credits } = call;
    const { subject, tenantId, clientId } = call.identity;
    const at = new Date().toISOString();
    const record = { type: "call.settled", at, traceId, callId, tool, subject, tenantId, clientId, credits } as const;
    this.#store(() => {
      if (this.#openCalls.settled(call, isKeyFreed)) this.#chain.append({ ...record, ...settled });
    });
  }

  /** Stores all that `write` does, or nothing if it throws. Synchronous: no request interferes. */
  #store<T>(write: () => T): T {
    const written = this.ctx.storage.transactionSync(write);
    this.#schedule();
    return written;
  }

  /** Sets the alarm for the work that is due first, unless an earlier one is set. */
  #schedule(): void {
    const due = [this.#chain.dueAtMs(), this.#callsDueAtMs()].filter((atMs) => atMs !== null);
    const dueAtMs = due.length > 0 ? Math.min(...due) : null;
    if (dueAtMs === null || (this.#alarmAtMs !== null && this.#alarmAtMs <= dueAtMs)) return;
    this.#alarmAtMs = dueAtMs;
    // Part of the same write as the records: the output gate holds the answer until both are kept.
    void this.ctx.storage.setAlarm(dueAtMs);
  }

  /** As `nextAlarmMs`; later while as many calls as may are being settled. */
  #callsDueAtMs(): number | null {
    const nextMs = this.#openCalls.nextAlarmMs();
    if (nextMs === null || this.#settling.size < SETTLED_AT_ONCE) return nextMs;
    return Math.max(nextMs, Date.now() + LONGEST_SETTLEMENT_MS);
  }
}
