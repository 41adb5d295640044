// Stackbilder's tools: architecture flows, from a description to a sprint plan.
import type { Advance, Flow } from "../../contracts/stackbilder.ts";
import { type TextContent, text } from "./content.ts";
import { toolsOf } from "./tool.ts";

export const stackbilderTools = toolsOf("STACKBILDER", {
  flow_create: {
    title: "Start an architecture flow",
    description:
      "Start designing a system: creates a flow of six modes (PRODUCT, UX, RISK, ARCHITECT, TDD, SPRINT), each of which writes an artifact. " +
      "Use it once a project; put all that the user said about it into projectDescription, and technologies or features into taskKeywords. " +
      "Nothing runs yet: call flow_advance with the returned flowId, once for each mode.",
    risk: "LOCAL_MUTATION",
    render: (flow) => [
      text(`Created flow ${flow.flowId}.`, "Call flow_advance with this flowId to run the first mode.", ...standing(flow)),
    ],
  },
  flow_status: {
    title: "See where a flow stands",
    description:
      "Tell how far a flow is: status, mode, progress, remaining time. " +
      "Use it after flow_advance with wait: false, or to go on with an earlier flow. flowId comes from flow_create.",
    risk: "READ_ONLY",
    render: (flow) => [text(...standing(flow))],
  },
  flow_summary: {
    title: "Read what a flow produced",
    description:
      "Read all that a flow has produced: state, tokens and quality of each mode, and the artifacts as Markdown. " +
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
      "Give the scores, 0 to 100, of a flow's completed modes: local (the artifact alone) and fused (weighed with earlier modes). " +
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
      "Tell which profile a flow asked for, which it runs with, why it was capped, and how reproducible it is. " +
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
      "Run the next mode of a flow and return its artifact and scores. Call it once for each mode, until status is completed. " +
      "If status is failed, call flow_recover. flowId comes from flow_create.",
    risk: "LOCAL_MUTATION",
    render: advanced,
  },
  flow_recover: {
    title: "Resume a failed flow",
    description:
      "Run the mode that failed again, so that the flow can go on. Use it only when a flow's status is failed. flowId comes from flow_create.",
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
