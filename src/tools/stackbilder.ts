// Stackbilder's tools: architecture flows, from a description to a sprint plan.
import type { Advance, Flow } from "../../contracts/stackbilder.ts";
import { type TextContent, text } from "./content.ts";
import { toolsOf } from "./tool.ts";

export const stackbilderTools = toolsOf("STACKBILDER", {
  flow_create: {
    title: "Start an architecture flow",
    description:
      "Start designing a system: creates a flow that walks six modes (PRODUCT, UX, RISK, ARCHITECT, TDD, SPRINT), each leaving a written artifact. " +
      "Use it once per project, with everything the user has told you about what is to be built in projectDescription and the main technologies or features in taskKeywords. " +
      "Nothing runs yet: call flow_advance with the returned flowId, once for each mode.",
    risk: "LOCAL_MUTATION",
    render: (flow) => [
      text(`Created flow ${flow.flowId}.`, "Call flow_advance with this flowId to run the first mode.", ...standing(flow)),
    ],
  },
  flow_status: {
    title: "See where a flow stands",
    description:
      "Tell how far a flow is: status, the mode that runs or comes next, progress and remaining time. " +
      "Use it after flow_advance with wait set to false, or when a flow was left earlier. flowId comes from flow_create.",
    risk: "READ_ONLY",
    render: (flow) => [text(...standing(flow))],
  },
  flow_summary: {
    title: "Read what a flow produced",
    description:
      "Read everything a flow has produced so far: each mode's state, tokens and quality, and the artifacts in full as Markdown. " +
      "Use it to answer questions about the design or to build from it. flowId comes from flow_create.",
    risk: "READ_ONLY",
    render: (summary) => [
      text(...standing(summary)),
      text(
        ...summary.modes.map(({ mode, status, tokens, quality }) =>
          quality === null ? `${mode}: ${status}` : `${mode}: ${status}, ${tokens} tokens, quality ${quality} of 100`,
        ),
        `In all: ${summary.totalTokens} tokens.`,
      ),
      ...summary.artifacts.map(({ markdown }) => text(markdown)),
    ],
  },
  flow_quality: {
    title: "See a flow's quality scores",
    description:
      "Give the quality scores of a flow's completed modes, 0 to 100: local (the artifact alone) and fused (weighed with the modes before it). " +
      "Use it to judge whether a design is good enough to go on. flowId comes from flow_create.",
    risk: "READ_ONLY",
    render: ({ flowId, modes, minQuality }) => [
      text(
        `Quality of flow ${flowId}; its policy asks for ${minQuality} of 100 or more:`,
        ...modes.map(({ mode, local, fused }) => `${mode}: local ${local}, fused ${fused}`),
        modes.length === 0 ? "No mode is completed yet." : null,
      ),
    ],
  },
  flow_governance: {
    title: "See the rules a flow runs under",
    description:
      "Tell which execution profile a flow asked for, which one it runs with, whether and why it was capped, and how reproducible its artifacts are. " +
      "Use it when results differ from what the policy asked for. flowId comes from flow_create.",
    risk: "READ_ONLY",
    render: ({ flowId, requestedProfile, effectiveMode, isCapped, capReason, determinism }) => [
      text(
        `Flow ${flowId} asked for the profile ${requestedProfile} and runs with ${effectiveMode}.`,
        isCapped ? `It was capped: ${capReason ?? "no reason was given"}` : "It was not capped.",
        `Determinism: ${determinism.profile}, seed ${determinism.seed}, ${determinism.isReproducible ? "reproducible" : "not reproducible"}.`,
      ),
    ],
  },
  flow_advance: {
    title: "Run a flow's next mode",
    description:
      "Run the next mode of a flow and return its artifact and scores. Call it once for each of the six modes until status is completed. " +
      "If status is failed, call flow_recover. With wait set to false it returns at once and flow_status tells when the mode is done. flowId comes from flow_create.",
    risk: "LOCAL_MUTATION",
    render: advanced,
  },
  flow_recover: {
    title: "Resume a failed flow",
    description:
      "Run the mode that failed again and, if it succeeds, let the flow go on from there. Use it only when a flow's status is failed. flowId comes from flow_create.",
    risk: "LOCAL_MUTATION",
    render: advanced,
  },
});

function standing({ flowId, status, currentMode, progress, estimatedRemainingSeconds }: Flow): (string | null)[] {
  return [
    `Flow ${flowId} is ${status}, ${Math.round(progress * 100)} % done.`,
    currentMode === null
      ? null
      : status === "failed"
        ? `The mode ${currentMode} failed: call flow_recover.`
        : `Mode at work or next: ${currentMode}.`,
    estimatedRemainingSeconds === null || status === "completed" ? null : `About ${Math.ceil(estimatedRemainingSeconds)} s of work remain.`,
  ];
}

function advanced(step: Advance): TextContent[] {
  const { artifact, quality, mode } = step;
  return [
    ...(artifact === null ? [] : [text(artifact.markdown)]),
    text(
      mode !== null && quality !== null ? `${mode} is done: local quality ${quality.local}, fused ${quality.fused} of 100.` : null,
      ...standing(step),
      step.status === "completed" ? "All modes are done: flow_summary has everything." : null,
    ),
  ];
}
