// What is kept of a flow, and how the contract's answers are read off it. Pure: storage and time are `flow-object.ts`'s.
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

/** A completed mode: its artifact, scores and working time. */
export interface Finished extends Draft {
  readonly mode: Mode;
  readonly local: number;
  readonly fused: number;
  readonly tokens: number;
  readonly durationMs: number;
}

export interface FlowRecord {
  readonly owner: string;
  /** Seconds since the Unix epoch; absent where it was not written down. */
  readonly createdAt?: number;
  readonly brief: BriefSource;
  readonly grant: Grant;
  readonly minQuality: number;
  /** The mode that fails the first time it runs. */
  readonly failMode: Mode | null;
  /** SHA-256, in hexadecimal digits, of everything that the artifacts are derived from. The flow's id is not part of it. */
  readonly seed: string;
  /** In order, from the first mode on. */
  readonly finished: readonly Finished[];
  /** The mode that failed, and how often. */
  readonly failure: { readonly mode: Mode; readonly attempts: number } | null;
}

/** The right to run a mode. Whoever finds it gone or taken over by another run stops. */
export interface Lease {
  readonly runId: string;
  readonly mode: Mode;
  /** Run by the alarm; nobody waits. */
  readonly isBackground: boolean;
  readonly expiresAtMs: number;
}

/** What a mode takes before this flow has shown how long its modes take. */
const USUAL_MODE_MS = 300;

/** The mode to run next, which in a failed flow is the failed one; `undefined` when all are done. */
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
  };
}

export function toAdvance(flow: Flow, mode: Mode, finished: Finished | null): Advance {
  return { ...flow, mode, artifact: finished && toArtifact(finished), quality: finished && toScores(finished) };
}

export function toSummary(flowId: string, record: FlowRecord, running: Mode | null): OutputOf<typeof GetFlowSummary> {
  const artifacts = record.finished.map(toArtifact);
  const modes = MODES.map((mode, index) => {
    const finished = record.finished[index];
    if (finished) return { mode, status: "completed", tokens: finished.tokens, quality: finished.fused } as const;
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

function stateOf({ finished, failure }: FlowRecord, running: Mode | null): FlowState {
  if (finished.length === MODES.length) return "completed";
  if (running) return "running";
  if (failure) return "failed";
  return finished.length > 0 ? "running" : "draft";
}

/** The remaining modes at the average pace of the completed ones, in seconds to one decimal. */
function remainingSeconds(finished: readonly Finished[]): number {
  const spentMs = finished.reduce((sum, { durationMs }) => sum + durationMs, 0);
  const paceMs = finished.length > 0 ? spentMs / finished.length : USUAL_MODE_MS;
  return Math.round(((MODES.length - finished.length) * paceMs) / 100) / 10;
}

function toArtifact({ mode, title, markdown, tokens }: Finished): Artifact {
  return { mode, title, markdown, tokens };
}

function toScores({ mode, local, fused }: Finished): ModeQuality {
  return { mode, local, fused };
}
