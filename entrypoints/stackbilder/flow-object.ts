// One architecture flow: a state machine that walks six modes. A mode that runs holds a lease, which it renews at every step; a run
// that died (its caller gone, its object evicted) stops renewing, so the flow is never busy for longer than the lease.
import { DurableObject } from "cloudflare:workers";
import type { Progress, ProgressReply } from "../../contracts/rpc/call-context.ts";
import { canonicalJson } from "../../contracts/rpc/encoding.ts";
import type { ParsedInputOf } from "../../contracts/rpc/operation.ts";
import { fail, ok } from "../../contracts/rpc/result.ts";
import type { CreateFlow, Mode } from "../../contracts/stackbilder.ts";
import { writeArtifact } from "./artifacts/write.ts";
import { readBrief } from "./brief.ts";
import type { Env } from "./env.ts";
import * as flow from "./flow.ts";
import type { Grant } from "./governance.ts";
import { countTokens, scoreArtifact } from "./quality.ts";
import { noteFlow } from "./recent-flows.ts";

type Report = (update: Progress) => ProgressReply | Promise<ProgressReply>;

const STEPS = [
  "Reading the brief.",
  "Collecting what the modes before decided.",
  "Writing the artifact.",
  "Checking it against the brief.",
  "Scoring it.",
] as const;
/** Between steps, so that progress can be watched and a run can be stopped. */
const STEP_MS = 60;
/** A caller that is slow to take a report must fit in. */
const LEASE_MS = 5_000;
/** Until the alarm has come round; from then on the run renews it. */
const BACKGROUND_LEASE_MS = 60_000;

export class FlowObject extends DurableObject<Env> {
  /** Makes the flow and notes it for its owner, or answers with the one that is there. */
  async create(owner: string, order: ParsedInputOf<typeof CreateFlow>, grant: Grant) {
    const { policy, projectId = null, projectDescription: description = "", taskKeywords: keywords = [] } = order;
    const { minQuality = 0, failMode = null } = policy;
    const brief = { projectId, description, keywords };
    const seed = await sha256Hex(canonicalJson({ brief, profile: grant.effective, minQuality, failMode }));
    const known = this.#read(owner);
    const createdAt = Math.floor(Date.now() / 1000);
    const record: flow.FlowRecord = known ?? {
      owner,
      createdAt,
      brief,
      grant,
      minQuality,
      failMode,
      seed,
      finished: [],
      failure: null,
    };
    if (!known) this.#write(record);
    const flowId = this.ctx.id.toString();
    // Also a flow that is there: it may not have been noted the first time.
    if (record.createdAt !== undefined) {
      await noteFlow(this.env, owner, { flowId, projectId: record.brief.projectId, createdAt: record.createdAt });
    }
    return ok(flow.toFlow(flowId, record, this.#lease()?.mode ?? null));
  }

  status(owner: string) {
    return this.#answer(owner, flow.toFlow);
  }

  summary(owner: string) {
    return this.#answer(owner, flow.toSummary);
  }

  quality(owner: string) {
    return this.#answer(owner, flow.toQuality);
  }

  governance(owner: string) {
    return this.#answer(owner, flow.toGovernance);
  }

  /** Runs the next mode while the caller waits. */
  async advance(owner: string, report: Report) {
    const begun = this.#begin(owner, false);
    return begun.ok ? this.#run(owner, begun.value, report) : begun;
  }

  /** Starts the next mode; it runs in an alarm, which outlives the call and is repeated if the object is evicted meanwhile. */
  async start(owner: string) {
    const begun = this.#begin(owner, true);
    return begun.ok ? this.#leave(owner, begun.value) : begun;
  }

  /** Runs the failed mode again while the caller waits. */
  async recover(owner: string, report: Report) {
    const begun = this.#beginAgain(owner, false);
    return begun.ok ? this.#run(owner, begun.value, report) : begun;
  }

  /** Starts the failed mode again, as `start` does. */
  async restart(owner: string) {
    const begun = this.#beginAgain(owner, true);
    return begun.ok ? this.#leave(owner, begun.value) : begun;
  }

  /** Stops the mode that runs: without its lease it gives up at its next step. */
  async cancel(owner: string) {
    if (this.#read(owner) && this.#lease()) {
      this.ctx.storage.kv.delete("lease");
      await this.ctx.storage.deleteAlarm();
    }
    return this.#answer(owner, flow.toFlow);
  }

  override async alarm() {
    const record = this.ctx.storage.kv.get<flow.FlowRecord>("flow");
    const lease = this.ctx.storage.kv.get<flow.Lease>("lease");
    if (record && lease?.isBackground) await this.#run(record.owner, lease, () => "continue");
  }

  /** Takes the lease for the next mode. No other event can come between the look and the taking: nothing here awaits. */
  #begin(owner: string, isBackground: boolean) {
    const record = this.#read(owner);
    if (!record) return fail("flow_not_found");
    if (this.#lease()) return fail("flow_busy");
    if (record.failure) return fail("flow_failed");
    const mode = flow.nextMode(record);
    return mode ? ok(this.#take(mode, isBackground)) : fail("flow_completed");
  }

  /** Takes the lease for the failed mode, as `#begin` does. */
  #beginAgain(owner: string, isBackground: boolean) {
    const record = this.#read(owner);
    if (!record) return fail("flow_not_found");
    if (this.#lease()) return fail("flow_busy");
    return record.failure ? ok(this.#take(record.failure.mode, isBackground)) : fail("flow_not_failed");
  }

  /** Leaves the run to the alarm. */
  async #leave(owner: string, { mode }: flow.Lease) {
    await this.ctx.storage.setAlarm(Date.now());
    return this.#outcome(owner, mode, null);
  }

  async #run(owner: string, lease: flow.Lease, report: Report) {
    const startedAtMs = Date.now();
    let finished: flow.Finished | null = null;
    try {
      if (await this.#walk(lease, report)) finished = this.#finish(owner, lease.mode, startedAtMs);
    } finally {
      this.#release(lease);
    }
    if (finished) await tell(report, { progress: 100, total: 100, message: `${lease.mode} is done.` });
    return this.#outcome(owner, lease.mode, finished);
  }

  /** Goes through the steps. `false` if somebody stopped the run. */
  async #walk(lease: flow.Lease, report: Report): Promise<boolean> {
    for (const [index, message] of STEPS.entries()) {
      const verdict = await tell(report, { progress: (100 * index) / STEPS.length, total: 100, message });
      if (verdict === "cancel") return false;
      await scheduler.wait(STEP_MS);
      if (!this.#renew(lease)) return false;
    }
    return true;
  }

  /** Writes and judges the mode's artifact. `null` if the mode failed. */
  #finish(owner: string, mode: Mode, startedAtMs: number): flow.Finished | null {
    const record = this.#read(owner);
    if (!record) throw new Error("A flow vanished while one of its modes ran.");
    const attempt = record.failure?.attempts ?? 0;
    const brief = readBrief(record.brief);
    const draft = writeArtifact(mode, {
      brief,
      profile: record.grant.effective,
      earlier: record.finished,
      revision: attempt,
    });
    const scores = scoreArtifact(draft, brief, record.finished);
    const isFailure = scores.fused < record.minQuality || (record.failMode === mode && attempt === 0);
    if (isFailure) {
      this.#write({ ...record, failure: { mode, attempts: attempt + 1 } });
      return null;
    }
    const finished = {
      mode,
      ...draft,
      ...scores,
      tokens: countTokens(draft.markdown),
      durationMs: Date.now() - startedAtMs,
    };
    this.#write({ ...record, finished: [...record.finished, finished], failure: null });
    return finished;
  }

  #outcome(owner: string, mode: Mode, finished: flow.Finished | null) {
    const answer = this.#answer(owner, flow.toFlow);
    return answer.ok ? ok(flow.toAdvance(answer.value, mode, finished)) : answer;
  }

  #answer<View>(owner: string, view: (id: string, record: flow.FlowRecord, running: Mode | null) => View) {
    const record = this.#read(owner);
    return record ? ok(view(this.ctx.id.toString(), record, this.#lease()?.mode ?? null)) : fail("flow_not_found");
  }

  /** `null` for a flow that was never made and for another owner's alike. Reading makes no storage. */
  #read(owner: string): flow.FlowRecord | null {
    const record = this.ctx.storage.kv.get<flow.FlowRecord>("flow");
    return record?.owner === owner ? record : null;
  }

  #write(record: flow.FlowRecord): void {
    this.ctx.storage.kv.put("flow", record);
  }

  /** The lease of the run that is under way, if any. */
  #lease(): flow.Lease | null {
    const lease = this.ctx.storage.kv.get<flow.Lease>("lease");
    return lease && lease.expiresAtMs > Date.now() ? lease : null;
  }

  #take(mode: Mode, isBackground: boolean): flow.Lease {
    const expiresAtMs = Date.now() + (isBackground ? BACKGROUND_LEASE_MS : LEASE_MS);
    const lease = { runId: crypto.randomUUID(), mode, isBackground, expiresAtMs };
    this.ctx.storage.kv.put("lease", lease);
    return lease;
  }

  /** Whether the run is still the one that is wanted; if so, it may go on. */
  #renew(lease: flow.Lease): boolean {
    if (!this.#isHeld(lease)) return false;
    this.ctx.storage.kv.put("lease", { ...lease, expiresAtMs: Date.now() + LEASE_MS });
    return true;
  }

  #release(lease: flow.Lease): void {
    if (this.#isHeld(lease)) this.ctx.storage.kv.delete("lease");
  }

  #isHeld(lease: flow.Lease): boolean {
    return this.ctx.storage.kv.get<flow.Lease>("lease")?.runId === lease.runId;
  }
}

/** A caller that cannot be told any more does not want the work any more. */
async function tell(report: Report, update: Progress): Promise<ProgressReply> {
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
