// The stored record of a flow, and its conversion to the contract's outputs. Pure functions:
// storage and time are in `flow-object.ts`.
import type { OutputOf } from "../../contracts/rpc/operation.ts";
import {
  type Advance,
  type Artifact,
  type Flow,
  type FlowState,
  type GetFlowGovernance,
  type GetFlowQuality,
  type GetFlowSummary,
  MODES,
  type Mode,
  type ModeQuality,
} from "../../contracts/stackbilder.ts";
import type { Draft } from "./artifacts/draft.ts";
import type { BriefSource } from "./brief.ts";
import { DETERMINISM, type Grant } from "./governance.ts";
import type { Run } from "./runs.ts";

/** A completed mode: its artifact, scores and duration. */
export interface CompletedMode extends Draft {
  readonly mode: Mode;
  readonly local: number;
  readonly fused: number;
  readonly tokens: number;
  readonly durationMs: number;
}

/** The failed mode, its number of failures, and the fused score of the last one. */
interface ModeFailure {
  readonly mode: Mode;
  readonly attempts: number;
  readonly score?: number;
  /** True if its run did not end by itself. Such a failure is not counted. */
  readonly isInterrupted?: boolean;
}

export interface FlowRecord {
  /** Absent in a record that was stored under the id of its object. */
  readonly flowId?: string;
  readonly owner: string;
  /** Seconds since the Unix epoch; absent in a record that was stored without it. */
  readonly createdAt?: number;
  readonly brief: BriefSource;
  readonly grant: Grant;
  readonly minQuality: number;
  /** The mode that fails the first time it runs. */
  readonly failMode: Mode | null;
  /**
   * SHA-256, in hexadecimal digits, of all inputs of the artifacts. The flow's id is not one of
   * them.
   */
  readonly seed: string;
  /** Completed modes, in order from the first mode. */
  readonly finished: readonly CompletedMode[];
  readonly failure: ModeFailure | null;
}

/** The estimated duration of a mode before this flow has completed one. */
const USUAL_MODE_MS = 300;

/** The next mode to run: in a failed flow the failed one; `undefined` if all are completed. */
export function nextMode(record: FlowRecord): Mode | undefined {
  return MODES[record.finished.length];
}

export function toFlow(flowId: string, record: FlowRecord, running: Mode | null): Flow {
  const { finished } = record;
  return {
    flowId,
    status: stateOf(record, running),
    currentMode: nextMode(record) ?? null,
    progress: finished.length / MODES.length,
    estimatedRemainingSeconds: remainingSeconds(finished),
    failureReason: running ? null : failureReasonOf(record),
  };
}

/** The result of a run; of an active one, so far. */
export function toAdvance(flowId: string, record: FlowRecord, run: Run): Advance {
  const { mode, runId, state } = run;
  const completed = state === "completed" ? record.finished.find((one) => one.mode === mode) : undefined;
  return {
    ...(run.flow ?? toFlow(flowId, record, mode)),
    ...{ mode, runId },
    artifact: completed ? toArtifact(completed) : null,
    quality: completed ? toScores(completed) : null,
  };
}

export function toSummary(flowId: string, record: FlowRecord, running: Mode | null): OutputOf<typeof GetFlowSummary> {
  const artifacts = record.finished.map(toArtifact);
  const modes = MODES.map((mode, index) => {
    const completed = record.finished[index];
    if (completed) return { mode, status: "completed", tokens: completed.tokens, quality: completed.fused } as const;
    const status = running === mode ? "running" : record.failure?.mode === mode ? "failed" : "pending";
    return { mode, status, tokens: 0, quality: null } as const;
  });
  return {
    ...toFlow(flowId, record, running),
    projectId: record.brief.projectId,
    modes,
    totalTokens: artifacts.reduce((sum, { tokens }) => sum + tokens, 0),
    quality: record.finished.at(-1)?.fused ?? null,
    artifacts,
  };
}

export function toQuality(flowId: string, record: FlowRecord): OutputOf<typeof GetFlowQuality> {
  return { flowId, modes: record.finished.map(toScores), minQuality: record.minQuality };
}

export function toGovernance(flowId: string, { grant, seed }: FlowRecord): OutputOf<typeof GetFlowGovernance> {
  return {
    flowId,
    requestedProfile: grant.requested,
    effectiveMode: grant.effective,
    isCapped: grant.capReason !== null,
    capReason: grant.capReason,
    determinism: { profile: DETERMINISM[grant.effective], seed, isReproducible: true },
  };
}

/** The inputs, the state and the artifacts of a flow. */
export function toExport(flowId: string, record: FlowRecord, running: Mode | null) {
  const { createdAt = null, brief, grant, minQuality, finished } = record;
  const { status } = toFlow(flowId, record, running);
  const policy = { profile: grant.requested, minQuality };
  return { flowId, status, createdAt, ...brief, policy, artifacts: finished.map(toArtifact) };
}

function stateOf({ finished, failure }: FlowRecord, running: Mode | null): FlowState {
  if (finished.length === MODES.length) return "completed";
  if (running) return "running";
  if (failure) return "failed";
  return finished.length > 0 ? "waiting" : "draft";
}

/** The reason of a failed mode and the remedy, for the model; `null` unless one has failed. */
function failureReasonOf({ failure, minQuality }: FlowRecord): string | null {
  if (!failure) return null;
  const { mode, score, isInterrupted } = failure;
  if (isInterrupted) return `${mode} was interrupted and did not finish in time. flow_recover runs it again.`;
  if (score === undefined || score >= minQuality) return `${mode} failed. flow_recover runs it again.`;
  return (
    `${mode} has a fused score of ${score}, and policy.minQuality requires ${minQuality}. ` +
    "flow_recover runs it again, with more detail each time. If the score stays too low, create a flow with a " +
    "projectDescription that names users, features, figures and limits, or with a lower minQuality."
  );
}

/** The remaining modes at the average duration of the completed ones, in seconds to one decimal. */
function remainingSeconds(completed: readonly CompletedMode[]): number {
  const totalMs = completed.reduce((sum, { durationMs }) => sum + durationMs, 0);
  const averageMs = completed.length > 0 ? totalMs / completed.length : USUAL_MODE_MS;
  return Math.round(((MODES.length - completed.length) * averageMs) / 100) / 10;
}

function toArtifact({ mode, title, markdown, tokens }: CompletedMode): Artifact {
  return { mode, title, markdown, tokens };
}

function toScores({ mode, local, fused }: CompletedMode): ModeQuality {
  return { mode, local, fused };
}
