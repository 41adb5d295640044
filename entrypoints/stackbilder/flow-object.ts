// The Durable Object of one architecture flow, a state machine with six modes, and of one
// idempotency key, which stores the id of its flow. A mode always runs in an alarm, which outlives
// the call; a caller that waits watches the run. A run whose lease has ended, or that was started
// too often because its object was evicted, is failed.
import { DurableObject } from "cloudflare:workers";
import { logCrash } from "../../contracts/log.ts";
import type { Progress, ProgressReply } from "../../contracts/rpc/call-context.ts";
import { claimToken } from "../../contracts/rpc/claim-once.ts";
import { canonicalJson } from "../../contracts/rpc/encoding.ts";
import type { OneTimeToken } from "../../contracts/rpc/identity.ts";
import type { ParsedInputOf } from "../../contracts/rpc/operation.ts";
import { fail, ok, type Result } from "../../contracts/rpc/result.ts";
import { type CreateFlow, MODES, type Mode } from "../../contracts/stackbilder.ts";
import { writeArtifact } from "./artifacts/write.ts";
import { readBrief } from "./brief.ts";
import { type Env, retentionMs } from "./env.ts";
import * as flow from "./flow.ts";
import type { Grant } from "./governance.ts";
import { countTokens, scoreArtifact } from "./quality.ts";
import { addRecentFlow } from "./recent-flows.ts";
import { FlowRuns, type Run } from "./runs.ts";

/** A flow to create. */
interface NewFlow {
  readonly flowId: string;
  readonly owner: string;
  readonly input: ParsedInputOf<typeof CreateFlow>;
  readonly grant: Grant;
}

/** A call that runs a mode. */
interface RunCall {
  readonly owner: string;
  readonly token: OneTimeToken;
  /** Names the call: a repeated one is about the same run. */
  readonly idempotencyKey: string | undefined;
  readonly deadlineMs: number;
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
const POLL_MS = 20;
/** The longest that a step waits for a caller that may answer its report with "cancel". */
const ANSWER_MS = 2_000;
/** Time before the deadline of a caller that waits. */
const MARGIN_MS = 500;
const MAX_ATTEMPTS = 3;
/** Pause until a run whose object was evicted starts again. */
const NEXT_ATTEMPT_MS = 2_000;
const KEY_LIFETIME_MS = 86_400_000;
/** Key of the mark of an erased flow. */
const ERASED = "erased";

type Failed = ReturnType<typeof fail<"flow_not_found" | "unauthenticated" | "flow_busy">>;

export class FlowObject extends DurableObject<Env> {
  readonly #runs = new FlowRuns(this.ctx.storage.kv);
  /** The reports of the latest run, for callers that wait. */
  #reports: Progress[] = [];
  /** Reports that a caller has not answered yet. */
  #unanswered = 0;

  /**
   * On the object of an idempotency key: stores `flowId` for a day, and returns the flow id that
   * was stored first.
   */
  async claim(flowId: string): Promise<string> {
    const stored = this.ctx.storage.kv.get<string>("claimed");
    if (stored !== undefined) return stored;
    this.ctx.storage.kv.put("claimed", flowId);
    await this.ctx.storage.setAlarm(Date.now() + KEY_LIFETIME_MS);
    return flowId;
  }

  /** Creates the flow and lists it for its owner, or returns the existing one. */
  async create(wanted: NewFlow, token: OneTimeToken) {
    const { flowId, owner } = wanted;
    // Computed before the read: nothing may await between the read and the write.
    const created = await newRecord(wanted, failModeOf(this.env));
    if (!claimToken(this.ctx.storage, token) || this.#isErased()) return fail("unauthenticated");
    const existing = this.#read(owner);
    const record = existing ?? created;
    if (!existing) {
      this.#write(record);
      await this.#scheduleExpiry(record);
    }
    // An existing flow is listed again, because the first try may have failed.
    if (record.createdAt !== undefined) {
      await addRecentFlow(this.env, owner, { flowId, projectId: record.brief.projectId, createdAt: record.createdAt });
    }
    return ok(flow.toFlow(flowId, record, this.#active()?.mode ?? null));
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

  /** The flow for its owner's copy of it; `null` if it does not exist. */
  exported(owner: string) {
    const view = this.#view(owner, flow.toExport);
    return view.ok ? view.value : null;
  }

  governance(owner: string) {
    return this.#view(owner, flow.toGovernance);
  }

  /** Starts the next mode. */
  async start(call: RunCall) {
    const run = await this.#begin(call, modeToAdvance);
    return run.ok ? this.#result(call.owner, run.value.runId) : run;
  }

  /** Starts the next mode, and waits for it until shortly before the deadline. */
  async advance(call: RunCall, report: Report) {
    const run = await this.#begin(call, modeToAdvance);
    return run.ok ? this.#watch(call, run.value, report) : run;
  }

  /** Starts the failed mode again. */
  async restart(call: RunCall) {
    const run = await this.#begin(call, modeToRecover);
    return run.ok ? this.#result(call.owner, run.value.runId) : run;
  }

  /** Starts the failed mode again, and waits for it as `advance` does. */
  async recover(call: RunCall, report: Report) {
    const run = await this.#begin(call, modeToRecover);
    return run.ok ? this.#watch(call, run.value, report) : run;
  }

  /** State and result of one run. */
  run(owner: string, runId: string) {
    this.#active();
    const run = this.#runs.get(runId);
    const result = this.#result(owner, runId);
    return run && result.ok ? ok({ state: run.state, result: result.value }) : fail("flow_not_found");
  }

  /** Stops the active run; with a `runId`, only that one. */
  async cancel(owner: string, token: OneTimeToken, runId: string | undefined) {
    const record = this.#read(owner);
    if (!record) return fail("flow_not_found");
    if (!claimToken(this.ctx.storage, token)) return fail("unauthenticated");
    const run = this.#active();
    if (run && (runId === undefined || run.runId === runId)) await this.#stop(run);
    return this.#view(owner, flow.toFlow);
  }

  /**
   * Deletes the owner's flow with its runs; a run that is under way ends without a trace. For a day
   * the flow cannot be created, by a call that was on its way.
   */
  async erase(owner: string): Promise<void> {
    const record = this.#record();
    if (record && record.owner !== owner) return;
    const { kv } = this.ctx.storage;
    for (const [key] of Array.from(kv.list())) kv.delete(key);
    kv.put(ERASED, true);
    this.#reports = [];
    await this.ctx.storage.setAlarm(Date.now() + KEY_LIFETIME_MS);
  }

  /** Runs the active run, or deletes a flow at its age, an idempotency key, or an erasure. */
  override async alarm() {
    const record = this.#record();
    if (!record) return this.ctx.storage.deleteAll();
    const run = this.#active();
    if (run) await this.#attempt(run);
    // A run that was started meanwhile, or an erasure, has set its own alarm.
    if (this.#runs.active() || this.#isErased()) return;
    if (this.#isExpired(record)) await this.ctx.storage.deleteAll();
    else await this.#scheduleExpiry(record);
  }

  /**
   * Makes the mode that `choose` names the active run, and starts it. A call whose key has started
   * a run already gets that run.
   */
  async #begin<Code extends string>(
    { owner, token, idempotencyKey }: RunCall,
    choose: (record: flow.FlowRecord) => Result<Mode, { code: Code }>,
  ): Promise<{ ok: true; value: Run } | { ok: false; error: { code: Code } } | Failed> {
    if (!this.#read(owner)) return fail("flow_not_found");
    if (!claimToken(this.ctx.storage, token)) return fail("unauthenticated");
    const active = this.#active();
    const repeated = idempotencyKey === undefined ? null : this.#runs.ofKey(idempotencyKey);
    if (repeated) return ok(repeated);
    if (active) return fail("flow_busy");
    const record = this.#read(owner);
    if (!record) return fail("flow_not_found");
    const mode = choose(record);
    if (!mode.ok) return mode;
    const run = this.#runs.begin(mode.value, idempotencyKey);
    this.#reports = [];
    await this.ctx.storage.setAlarm(Date.now());
    return ok(run);
  }

  /** Passes on the reports of a run until it ends. An answer of "cancel" stops it. */
  async #watch({ owner, deadlineMs }: RunCall, { runId }: Run, report: Report) {
    let sent = 0;
    for (;;) {
      this.#active();
      const run = this.#runs.get(runId);
      const next = run?.state === "running" ? this.#reports[sent] : undefined;
      if (run && next) {
        sent += 1;
        this.#unanswered += 1;
        const reply = await send(report, next);
        this.#unanswered -= 1;
        if (reply === "cancel") await this.#stop(run);
      } else if (run?.state !== "running" || Date.now() > deadlineMs - MARGIN_MS) {
        if (run?.state === "completed") await this.#sendRest(report, run, sent);
        return this.#result(owner, runId);
      } else await scheduler.wait(POLL_MS);
    }
  }

  /** The reports of a completed run that were not sent yet, and the last one. */
  async #sendRest(report: Report, { mode }: Run, sent: number): Promise<void> {
    for (const update of this.#reports.slice(sent)) await send(report, update);
    await send(report, { progress: 100, total: 100, message: `${mode} is done.` });
  }

  async #attempt(run: Run): Promise<void> {
    if (run.attempts >= MAX_ATTEMPTS) return this.#interrupt(run);
    const started = this.#runs.attempt(run);
    // For the case that this run dies with its object.
    await this.ctx.storage.setAlarm(Date.now() + NEXT_ATTEMPT_MS);
    try {
      if (await this.#runSteps(started)) this.#completeMode(started);
    } catch (error) {
      if (this.#isErased()) return;
      logCrash("flow.crashed", { mode: run.mode }, error);
      if (this.#runs.isActive(started)) this.#interrupt(started);
    }
  }

  /** Returns `false` if the run was stopped. */
  async #runSteps(run: Run): Promise<boolean> {
    this.#reports = [];
    for (const [index, message] of STEPS.entries()) {
      this.#reports.push({ progress: (100 * index) / STEPS.length, total: 100, message });
      await scheduler.wait(STEP_MS);
      for (let waited = 0; this.#unanswered > 0 && waited < ANSWER_MS; waited += POLL_MS) await scheduler.wait(POLL_MS);
      if (!this.#runs.renew(run)) return false;
    }
    return true;
  }

  /** Writes and scores the mode's artifact, and ends the run, in one step. */
  #completeMode(run: Run): void {
    const { mode, startedAtMs } = run;
    const record = this.#record();
    if (!record) throw new Error("The record of a flow is missing while one of its modes runs.");
    const failures = record.failure?.attempts ?? 0;
    const brief = readBrief(record.brief);
    const assignment = { brief, profile: record.grant.effective, earlier: record.finished, revision: failures };
    const draft = writeArtifact(mode, assignment);
    const scores = scoreArtifact(draft, brief, record.finished);
    if (scores.fused < record.minQuality || (record.failMode === mode && failures === 0)) {
      const failure = { mode, attempts: failures + 1, score: scores.fused };
      this.#end(run, "failed", { ...record, failure });
      return;
    }
    const tokens = countTokens(draft.markdown);
    const completed = { mode, ...draft, ...scores, tokens, durationMs: Date.now() - startedAtMs };
    this.#end(run, "completed", { ...record, finished: [...record.finished, completed], failure: null });
  }

  /** Fails a run that did not end by itself. */
  #interrupt(run: Run): void {
    const record = this.#record();
    if (!record) return;
    const attempts = record.failure?.attempts ?? 0;
    this.#end(run, "failed", { ...record, failure: { mode: run.mode, attempts, isInterrupted: true } });
  }

  /** Stops a run unless it has ended. */
  async #stop(run: Run): Promise<void> {
    const record = this.#record();
    if (!record || this.#runs.active()?.runId !== run.runId) return;
    this.#end(run, "cancelled", record);
    await this.#scheduleExpiry(record);
  }

  /** The one transition out of the active run. It awaits nothing. */
  #end(run: Run, state: "completed" | "failed" | "cancelled", record: flow.FlowRecord): void {
    this.#write(record);
    this.#runs.end(run, state, flow.toFlow(this.#idOf(record), record, null));
  }

  /** The active run; `null` also for one whose lease has ended, which it fails. */
  #active(): Run | null {
    const run = this.#runs.active();
    if (!run || run.leaseExpiresAtMs > Date.now()) return run;
    this.#interrupt(run);
    return null;
  }

  #result(owner: string, runId: string) {
    const record = this.#read(owner);
    const run = this.#runs.get(runId);
    return record && run ? ok(flow.toAdvance(this.#idOf(record), record, run)) : fail("flow_not_found");
  }

  #view<View>(owner: string, convert: (id: string, record: flow.FlowRecord, running: Mode | null) => View) {
    const running = this.#active()?.mode ?? null;
    const record = this.#read(owner);
    return record ? ok(convert(this.#idOf(record), record, running)) : fail("flow_not_found");
  }

  /**
   * `null` for an unknown flow, for another owner's and for an expired one alike. Creates no
   * storage.
   */
  #read(owner: string): flow.FlowRecord | null {
    const record = this.#record();
    if (record?.owner !== owner) return null;
    if (!this.#isExpired(record)) return record;
    this.ctx.waitUntil(this.ctx.storage.setAlarm(Date.now()));
    return null;
  }

  #record(): flow.FlowRecord | undefined {
    return this.ctx.storage.kv.get<flow.FlowRecord>("flow");
  }

  #isErased(): boolean {
    return this.ctx.storage.kv.get<true>(ERASED) ?? false;
  }

  #idOf({ flowId }: flow.FlowRecord): string {
    return flowId ?? this.ctx.id.toString();
  }

  /** The time at which the flow is deleted: never for a record without its creation. */
  #expiryMs({ createdAt = Infinity }: flow.FlowRecord): number {
    return createdAt * 1000 + retentionMs(this.env);
  }

  #isExpired(record: flow.FlowRecord): boolean {
    return this.#expiryMs(record) <= Date.now() && this.#runs.active() === null;
  }

  async #scheduleExpiry(record: flow.FlowRecord): Promise<void> {
    const expiryMs = this.#expiryMs(record);
    if (Number.isFinite(expiryMs)) await this.ctx.storage.setAlarm(expiryMs);
  }

  #write(record: flow.FlowRecord): void {
    this.ctx.storage.kv.put("flow", record);
  }
}

/** The next mode of a flow that has not failed. */
function modeToAdvance(record: flow.FlowRecord) {
  if (record.failure) return fail("flow_failed");
  const mode = flow.nextMode(record);
  return mode ? ok(mode) : fail("flow_completed");
}

/** The failed mode. */
function modeToRecover({ failure }: flow.FlowRecord) {
  return failure ? ok(failure.mode) : fail("flow_not_failed");
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
