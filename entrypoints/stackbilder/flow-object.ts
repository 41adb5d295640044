// The Durable Object of one architecture flow: a state machine with six modes. A running mode holds
// a lease, which it renews at every step. A dead run (its caller is gone, its object evicted) does
// not renew it, so the flow is not busy for longer than the lease.
import { DurableObject } from "cloudflare:workers";
import type { Progress, ProgressReply } from "../../contracts/rpc/call-context.ts";
import { claimToken } from "../../contracts/rpc/claim-once.ts";
import { canonicalJson } from "../../contracts/rpc/encoding.ts";
import type { OneTimeToken } from "../../contracts/rpc/identity.ts";
import type { ParsedInputOf } from "../../contracts/rpc/operation.ts";
import { fail, ok } from "../../contracts/rpc/result.ts";
import { type CreateFlow, MODES, type Mode } from "../../contracts/stackbilder.ts";
import { writeArtifact } from "./artifacts/write.ts";
import { readBrief } from "./brief.ts";
import type { Env } from "./env.ts";
import * as flow from "./flow.ts";
import type { Grant } from "./governance.ts";
import { countTokens, scoreArtifact } from "./quality.ts";
import { addRecentFlow } from "./recent-flows.ts";

/** A flow to create. */
interface NewFlow {
  readonly flowId: string;
  readonly owner: string;
  readonly input: ParsedInputOf<typeof CreateFlow>;
  readonly grant: Grant;
}

type Report = (update: Progress) => ProgressReply | Promise<ProgressReply>;

const STEPS = [
  "Reading the brief.",
  "Collecting the results of the earlier modes.",
  "Writing the artifact.",
  "Checking it against the brief.",
  "Scoring it.",
] as const;
/** Pause between steps, in which progress can be read and the run cancelled. */
const STEP_MS = 60;
/** Longer than a step, including a caller that is slow to receive a report. */
const LEASE_MS = 5_000;
/** The lease until the alarm starts; from then on the run renews it. */
const BACKGROUND_LEASE_MS = 60_000;

export class FlowObject extends DurableObject<Env> {
  /**
   * On the object of an idempotency key: stores `flowId`, and returns the flow id that was stored
   * first.
   */
  claim(flowId: string): string {
    const stored = this.ctx.storage.kv.get<string>("claimed");
    if (stored === undefined) this.ctx.storage.kv.put("claimed", flowId);
    return stored ?? flowId;
  }

  /** Creates the flow and lists it for its owner, or returns the existing one. */
  async create(wanted: NewFlow, token: OneTimeToken) {
    const { flowId, owner } = wanted;
    // Computed before the read: nothing may await between the read and the write.
    const created = await newRecord(wanted, failModeOf(this.env));
    if (!claimToken(this.ctx.storage, token)) return fail("unauthenticated");
    const existing = this.#read(owner);
    const record = existing ?? created;
    if (!existing) this.#write(record);
    // An existing flow is listed again, because the first try may have failed.
    if (record.createdAt !== undefined) {
      await addRecentFlow(this.env, owner, { flowId, projectId: record.brief.projectId, createdAt: record.createdAt });
    }
    return ok(flow.toFlow(flowId, record, this.#lease()?.mode ?? null));
  }

  status(owner: string) {
    return this.#view(owner, flow.toFlow);
  }

  summary(owner: string) {
    return this.#view(owner, flow.toSummary);
  }

  quality(owner: string) {
    return this.#view(owner, flow.toQuality);
  }

  governance(owner: string) {
    return this.#view(owner, flow.toGovernance);
  }

  /** Runs the next mode while the caller waits. */
  async advance(owner: string, token: OneTimeToken, report: Report) {
    const lease = this.#leaseNextMode(owner, token, false);
    return lease.ok ? this.#run(owner, lease.value, report) : lease;
  }

  /**
   * Starts the next mode. It runs in an alarm, which outlives the call, and which the runtime
   * repeats if the object is evicted meanwhile.
   */
  async start(owner: string, token: OneTimeToken) {
    const lease = this.#leaseNextMode(owner, token, true);
    return lease.ok ? this.#runInAlarm(owner, lease.value) : lease;
  }

  /** Runs the failed mode again while the caller waits. */
  async recover(owner: string, token: OneTimeToken, report: Report) {
    const lease = this.#leaseFailedMode(owner, token, false);
    return lease.ok ? this.#run(owner, lease.value, report) : lease;
  }

  /** Starts the failed mode again, as `start` does. */
  async restart(owner: string, token: OneTimeToken) {
    const lease = this.#leaseFailedMode(owner, token, true);
    return lease.ok ? this.#runInAlarm(owner, lease.value) : lease;
  }

  /** Stops the running mode: without its lease, the run ends at its next step. */
  async cancel(owner: string, token: OneTimeToken) {
    if (this.#read(owner) && !claimToken(this.ctx.storage, token)) return fail("unauthenticated");
    if (this.#read(owner) && this.#lease()) {
      this.ctx.storage.kv.delete("lease");
      await this.ctx.storage.deleteAlarm();
    }
    return this.#view(owner, flow.toFlow);
  }

  override async alarm() {
    const record = this.ctx.storage.kv.get<flow.FlowRecord>("flow");
    const lease = this.ctx.storage.kv.get<flow.Lease>("lease");
    if (record && lease?.isBackground) await this.#run(record.owner, lease, () => "continue");
  }

  /**
   * Takes the lease for the next mode. Nothing here awaits, so no other event runs between check
   * and write.
   */
  #leaseNextMode(owner: string, token: OneTimeToken, isBackground: boolean) {
    const record = this.#read(owner);
    if (!record) return fail("flow_not_found");
    if (!claimToken(this.ctx.storage, token)) return fail("unauthenticated");
    if (this.#lease()) return fail("flow_busy");
    if (record.failure) return fail("flow_failed");
    const mode = flow.nextMode(record);
    return mode ? ok(this.#takeLease(mode, isBackground)) : fail("flow_completed");
  }

  /** Takes the lease for the failed mode, as `#leaseNextMode` does. */
  #leaseFailedMode(owner: string, token: OneTimeToken, isBackground: boolean) {
    const record = this.#read(owner);
    if (!record) return fail("flow_not_found");
    if (!claimToken(this.ctx.storage, token)) return fail("unauthenticated");
    if (this.#lease()) return fail("flow_busy");
    return record.failure ? ok(this.#takeLease(record.failure.mode, isBackground)) : fail("flow_not_failed");
  }

  async #runInAlarm(owner: string, { mode }: flow.Lease) {
    await this.ctx.storage.setAlarm(Date.now());
    return this.#advanceView(owner, mode, null);
  }

  async #run(owner: string, lease: flow.Lease, report: Report) {
    const startedAtMs = Date.now();
    let completed: flow.CompletedMode | null = null;
    try {
      if (await this.#runSteps(lease, report)) completed = this.#completeMode(owner, lease.mode, startedAtMs);
    } finally {
      this.#releaseLease(lease);
    }
    if (completed) await send(report, { progress: 100, total: 100, message: `${lease.mode} is done.` });
    return this.#advanceView(owner, lease.mode, completed);
  }

  /** Returns `false` if the run was cancelled. */
  async #runSteps(lease: flow.Lease, report: Report): Promise<boolean> {
    for (const [index, message] of STEPS.entries()) {
      const reply = await send(report, { progress: (100 * index) / STEPS.length, total: 100, message });
      if (reply === "cancel") return false;
      await scheduler.wait(STEP_MS);
      if (!this.#renewLease(lease)) return false;
    }
    return true;
  }

  /** Writes and scores the mode's artifact. Returns `null` if the mode failed. */
  #completeMode(owner: string, mode: Mode, startedAtMs: number): flow.CompletedMode | null {
    const record = this.#read(owner);
    if (!record) throw new Error("The record of a flow is missing while one of its modes runs.");
    const failures = record.failure?.attempts ?? 0;
    const brief = readBrief(record.brief);
    const assignment = { brief, profile: record.grant.effective, earlier: record.finished, revision: failures };
    const draft = writeArtifact(mode, assignment);
    const scores = scoreArtifact(draft, brief, record.finished);
    if (scores.fused < record.minQuality || (record.failMode === mode && failures === 0)) {
      this.#write({ ...record, failure: { mode, attempts: failures + 1, score: scores.fused } });
      return null;
    }
    const tokens = countTokens(draft.markdown);
    const completed = { mode, ...draft, ...scores, tokens, durationMs: Date.now() - startedAtMs };
    this.#write({ ...record, finished: [...record.finished, completed], failure: null });
    return completed;
  }

  #advanceView(owner: string, mode: Mode, completed: flow.CompletedMode | null) {
    const view = this.#view(owner, flow.toFlow);
    return view.ok ? ok(flow.toAdvance(view.value, mode, completed)) : view;
  }

  #view<View>(owner: string, convert: (id: string, record: flow.FlowRecord, running: Mode | null) => View) {
    const record = this.#read(owner);
    if (!record) return fail("flow_not_found");
    return ok(convert(record.flowId ?? this.ctx.id.toString(), record, this.#lease()?.mode ?? null));
  }

  /** `null` for an unknown flow and for another owner's alike. Creates no storage. */
  #read(owner: string): flow.FlowRecord | null {
    const record = this.ctx.storage.kv.get<flow.FlowRecord>("flow");
    return record?.owner === owner ? record : null;
  }

  #write(record: flow.FlowRecord): void {
    this.ctx.storage.kv.put("flow", record);
  }

  /** The lease of the current run; `null` if no mode is running. */
  #lease(): flow.Lease | null {
    const lease = this.ctx.storage.kv.get<flow.Lease>("lease");
    return lease && lease.expiresAtMs > Date.now() ? lease : null;
  }

  #takeLease(mode: Mode, isBackground: boolean): flow.Lease {
    const expiresAtMs = Date.now() + (isBackground ? BACKGROUND_LEASE_MS : LEASE_MS);
    const lease = { runId: crypto.randomUUID(), mode, isBackground, expiresAtMs };
    this.ctx.storage.kv.put("lease", lease);
    return lease;
  }

  /** Returns `false` if the run has lost its lease and must end. */
  #renewLease(lease: flow.Lease): boolean {
    if (!this.#isHeld(lease)) return false;
    this.ctx.storage.kv.put("lease", { ...lease, expiresAtMs: Date.now() + LEASE_MS });
    return true;
  }

  #releaseLease(lease: flow.Lease): void {
    if (this.#isHeld(lease)) this.ctx.storage.kv.delete("lease");
  }

  #isHeld(lease: flow.Lease): boolean {
    return this.ctx.storage.kv.get<flow.Lease>("lease")?.runId === lease.runId;
  }
}

async function newRecord({ flowId, owner, input, grant }: NewFlow, failMode: Mode | null): Promise<flow.FlowRecord> {
  const { policy, projectId = null, projectDescription: description, taskKeywords: keywords = [] } = input;
  const minQuality = policy?.minQuality ?? 0;
  const brief = { projectId, description, keywords };
  const seed = await sha256Hex(canonicalJson({ brief, profile: grant.effective, minQuality, failMode }));
  const createdAt = Math.floor(Date.now() / 1000);
  return { flowId, owner, createdAt, brief, grant, minQuality, failMode, seed, finished: [], failure: null };
}

/** The mode of the test setting; `null` if it names none. */
function failModeOf({ FAIL_MODE }: Env): Mode | null {
  return MODES.find((mode) => mode === FAIL_MODE) ?? null;
}

/** Sends a report. An unreachable caller counts as one that cancels. */
async function send(report: Report, update: Progress): Promise<ProgressReply> {
  try {
    return await report(update);
  } catch {
    return "cancel";
  }
}

async function sha256Hex(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
