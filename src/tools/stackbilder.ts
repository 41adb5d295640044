// Stackbilder's tools: architecture flows, from a description to a sprint plan.
import type { ParsedInputOf } from "../../contracts/rpc/operation.ts";
import { ok } from "../../contracts/rpc/result.ts";
import type { Advance, AdvanceFlow, stackbilder } from "../../contracts/stackbilder.ts";
import { flowView } from "../resources/flow-view.ts";
import { type TaskSupport, toolsOf } from "./tool-definition.ts";

/** One mode that runs. A later mode of the flow is other work. */
const modeRun: TaskSupport<typeof stackbilder, ParsedInputOf<typeof AdvanceFlow>, Advance> = {
  start: (input) => (input.wait ? { ...input, wait: false } : null),
  refOf: ({ flowId, mode }) => ({ flowId, mode: mode ?? "" }),
  async poll({ flowId = "", mode = "" }, backend) {
    const summary = await backend("getFlowSummary", { flowId });
    if (!summary.ok) return summary;
    const { status, currentMode, progress, estimatedRemainingSeconds, modes, artifacts } = summary.value;
    const flow = { flowId, status, currentMode, progress, estimatedRemainingSeconds };
    const ran = modes.find((one) => one.mode === mode);
    if (ran?.status === "running") return ok({ state: "working", message: `${mode} is running.` });
    if (ran?.status === "failed")
      return ok({ state: "done", value: { ...flow, mode: ran.mode, artifact: null, quality: null } });
    if (ran?.status !== "completed")
      return ok({ state: "cancelled", message: `${mode} was stopped. flow_advance runs it again.` });
    const scores = await backend("getFlowQuality", { flowId });
    if (!scores.ok) return scores;
    const artifact = artifacts.find((one) => one.mode === mode) ?? null;
    const quality = scores.value.modes.find((one) => one.mode === mode) ?? null;
    return ok({ state: "done", value: { ...flow, mode: ran.mode, artifact, quality } });
  },
  async cancel({ flowId = "", mode = "" }, backend) {
    const flow = await backend("getFlowStatus", { flowId });
    // A mode that somebody started later is no part of this work.
    return flow.ok && flow.value.currentMode === mode ? backend("cancelFlow", { flowId }) : flow;
  },
  notFound: "flow_not_found",
};

export const stackbilderTools = toolsOf("STACKBILDER", {
  flow_create: {
    title: "Start an architecture flow",
    description:
      "Start designing a system: creates a flow of six modes (PRODUCT, UX, RISK, ARCHITECT, TDD, SPRINT), each of which writes an artifact. " +
      "Use it once a project; put all that the user said about it into projectDescription, and technologies or features into taskKeywords. " +
      "Nothing runs yet: call flow_advance with the returned flowId, once for each mode.",
    risk: "LOCAL_MUTATION",
  },
  flow_status: {
    title: "See where a flow stands",
    description:
      "Tell how far a flow is: status, mode, progress, remaining time. " +
      "Use it after flow_advance with wait: false, or to go on with an earlier flow. flowId comes from flow_create.",
    risk: "READ_ONLY",
  },
  flow_summary: {
    title: "Read what a flow produced",
    description:
      "Read all that a flow has produced: state, tokens and quality of each mode, and the artifacts as Markdown. " +
      "Use it to answer questions about the design or to build from it. flowId comes from flow_create.",
    risk: "READ_ONLY",
    view: flowView,
  },
  flow_quality: {
    title: "See a flow's quality scores",
    description:
      "Give the scores, 0 to 100, of a flow's completed modes: local (the artifact alone) and fused (weighed with earlier modes). " +
      "Use it to judge whether a design is good enough to go on. flowId comes from flow_create.",
    risk: "READ_ONLY",
    view: flowView,
  },
  flow_governance: {
    title: "See the rules a flow runs under",
    description:
      "Tell which profile a flow asked for, which it runs with, why it was capped, and how reproducible it is. " +
      "Use it when results differ from what the policy asked for. flowId comes from flow_create.",
    risk: "READ_ONLY",
  },
  flow_advance: {
    title: "Run a flow's next mode",
    description:
      "Run the next mode of a flow and return its artifact and scores. Call it once for each mode, until status is completed. " +
      "If status is failed, call flow_recover. flowId comes from flow_create.",
    risk: "LOCAL_MUTATION",
    view: flowView,
    task: modeRun,
  },
  flow_recover: {
    title: "Resume a failed flow",
    description:
      "Run the mode that failed again, so that the flow can go on. Use it only when a flow's status is failed. flowId comes from flow_create.",
    risk: "LOCAL_MUTATION",
    view: flowView,
    task: modeRun,
  },
});
