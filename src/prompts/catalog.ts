// The prompts. Each tells the model the tools to call, their order and the end.
import * as v from "valibot";
import { QualityTier } from "../../contracts/img-forge.ts";
import { GetFlowStatus, MODES, Profile } from "../../contracts/stackbilder.ts";
import { type PromptDefinition, prompt } from "./prompt-definition.ts";

const words = (about: string) => v.pipe(v.string(), v.description(about));

/** Some clients pass on a line's first words only. */
const CUT_OFF = "If that is only the beginning of a sentence, or unclear, ask me for the rest before you call a tool.";

const designSystem = prompt({
  name: "design_system",
  title: "Design a system",
  description: "From a description to product, UX, risks, architecture, tests and a sprint plan.",
  tools: ["flow_create", "flow_advance", "flow_recover", "flow_summary"],
  fields: {
    description: words("The system to build, its users and its constraints."),
    profile: v.pipe(Profile, v.description("How freely the modes work. Default: balanced.")),
  },
  render: ({ description, profile }) => `Design a system with me. ${
    description
      ? `This is my description:\n\n${description}\n\n${CUT_OFF}`
      : "Ask me first what the system does, who uses it and which constraints it has."
  }

1. Call flow_create once. Put my words into projectDescription unchanged, the technologies and features that they name into taskKeywords${profile ? `, and {"profile": "${profile}"} into policy` : ""}.
2. Call flow_advance with the flowId until status is completed: one call for each of ${MODES.join(", ")}. After each, tell me in one sentence what it decided.
3. If status is failed, call flow_recover once and continue. If it fails again, stop and tell me failureReason.
4. Call flow_summary. Then give me the most important decisions, the biggest risks, the lowest score, and the tasks of the first sprint. Use only what the artifacts say; ask me about what they leave open.`,
});

const illustrateIdea = prompt({
  name: "illustrate_idea",
  title: "Illustrate an idea",
  description: "From an idea to an image.",
  tools: ["image_generate", "image_list_models"],
  fields: {
    idea: words("The subject of the image."),
    style: words("The style of the image: for example watercolour, flat icon, photo at dusk."),
    quality_tier: v.pipe(QualityTier, v.description("From fast and cheap to slow and detailed. Default: standard.")),
    model: words("The name of a model. Default: the tier's default model."),
  },
  suggest: {
    async model({ models }, { quality_tier: tier }) {
      const usable = (await models()).filter((model) => model.is_available && (!tier || model.quality_tier === tier));
      return [...new Set(usable.map(({ name }) => name))];
    },
  },
  render: ({ idea, style, quality_tier, model }) => `Illustrate an idea. ${
    idea ? `This is my idea:\n\n${idea}\n\n${CUT_OFF}` : "Ask me first what the image shows."
  }
${style ? `\nStyle: ${style}\n` : ""}
1. Turn it into one complete visual description: subject, setting, style, light, colours, composition. Keep what I said; add only what an image needs.
2. Call image_generate once, with that as prompt${quality_tier ? ` and quality_tier "${quality_tier}"` : ""}.${
    model
      ? ` If image_list_models has a usable model ${JSON.stringify(model)}, set model to it; otherwise leave model out.`
      : ""
  }
3. If the model or the tier is refused, call image_list_models and tell me what I can choose; do not choose for me. If it fails with content_rejected, tell me what to change.
4. Show me the image with its URL, and suggest two variations.`,
});

const reviewFlow = prompt({
  name: "review_flow",
  title: "Review a design",
  description: "A second opinion on a flow: its strengths, weaknesses and gaps.",
  tools: ["flow_summary", "flow_quality", "flow_governance"],
  fields: { flowId: GetFlowStatus.input.entries.flowId },
  suggest: { flowId: async ({ flows }) => (await flows()).map(({ flowId }) => flowId) },
  render: ({ flowId }) => `Review the design of ${
    flowId ? `flow "${flowId}"` : "a flow"
  } as an engineer who did not create it. ${flowId ? "" : "Ask me first for the flowId, unless this conversation has one."}

1. Call flow_summary for the artifacts, flow_quality for the scores and flow_governance for the rules under which it ran.
2. Tell me what is sound, where artifacts contradict each other, and what is missing. Quote the artifact for each point.
3. Start with the modes that have the lowest scores. If the flow is not completed, name the modes that have not run; do not run them.
4. End with the three changes that would improve the design most.`,
});

/** Prompts by name. A `Map`, so that no name can reach a property of an object's prototype. */
export const prompts: ReadonlyMap<string, PromptDefinition> = new Map(
  [designSystem, illustrateIdea, reviewFlow].map((one) => [one.name, one]),
);
