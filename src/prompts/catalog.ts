// The prompts that make the products easy to start. Each tells the model which tools to call, in which order, and when to stop.
import * as v from "valibot";
import { QualityTier } from "../../contracts/img-forge.ts";
import { GetFlowStatus, MODES, Profile } from "../../contracts/stackbilder.ts";
import { type PromptDefinition, prompt } from "./prompt-definition.ts";

/** As much as a tool takes of somebody's own words. */
const MAX_LENGTH = 2_000;

const words = (about: string) => v.pipe(v.string(), v.maxLength(MAX_LENGTH), v.description(about));

const designSystem = prompt({
  name: "design_system",
  title: "Design a system",
  description: "From a description to product, UX, risks, architecture, tests and a sprint plan.",
  tools: ["flow_create", "flow_advance", "flow_recover", "flow_summary"],
  fields: {
    description: words("What is to be built, for whom, under which constraints."),
    profile: v.optional(v.pipe(Profile, v.description("How freely the modes work. Default: balanced."))),
  },
  write: ({ description, profile }) => `Design this system with me:

${description}

1. Call flow_create once. Put my words into projectDescription as they stand, the technologies and features they name into taskKeywords, and ${profile ? `{"profile": "${profile}"}` : "{}"} into policy.
2. Call flow_advance with the flowId again and again, until status is completed: one call for each of ${MODES.join(", ")}. After each, tell me in one sentence what it decided.
3. If status is failed, call flow_recover once and go on. If it fails again, stop and tell me which mode it was.
4. Call flow_summary. Then give me the decisions that matter, the biggest risks, the weakest score, and the tasks of the first sprint. Say only what the artifacts say; put what they leave open to me as questions.`,
});

const illustrateIdea = prompt({
  name: "illustrate_idea",
  title: "Illustrate an idea",
  description: "From an idea to a picture.",
  tools: ["image_generate", "image_list_models"],
  fields: {
    idea: words("What the picture is about."),
    style: v.optional(words("How it looks: for example watercolour, flat icon, photo at dusk.")),
    quality_tier: v.optional(
      v.pipe(QualityTier, v.description("From fast and cheap to slow and rich. Default: standard.")),
    ),
    model: v.optional(
      v.pipe(v.string(), v.maxLength(64), v.description("A model by its name. Default: the tier's own.")),
    ),
  },
  ask: {
    async model({ models }, { quality_tier: tier }) {
      const usable = (await models()).filter((model) => model.is_available && (!tier || model.quality_tier === tier));
      return [...new Set(usable.map(({ name }) => name))];
    },
  },
  write: ({ idea, style, quality_tier, model }) => `Illustrate this idea:

${idea}
${style ? `\nStyle: ${style}\n` : ""}
1. Turn it into one full visual description: subject, setting, style, light, colours, composition. Keep what I said; add only what a picture needs.
2. Call image_generate once, with that as prompt${quality_tier ? `, quality_tier "${quality_tier}"` : ""}${model ? `, model "${model}"` : ""}.
3. If it answers model_unavailable, call image_list_models and tell me what I can choose; do not choose for me. If it answers content_rejected, tell me what has to change.
4. Show me the picture with its URL, and offer me two ways in which it could be different.`,
});

const reviewFlow = prompt({
  name: "review_flow",
  title: "Review a design",
  description: "A second look at a flow: what holds, what is weak, what is missing.",
  tools: ["flow_summary", "flow_quality", "flow_governance"],
  fields: { flowId: GetFlowStatus.input.entries.flowId },
  ask: { flowId: async ({ flows }) => (await flows()).map(({ flowId }) => flowId) },
  write: ({ flowId }) => `Review the design of flow "${flowId}" as an engineer who did not make it:

1. Call flow_summary for the artifacts, flow_quality for the scores and flow_governance for the rules it ran under.
2. Tell me what holds, what contradicts itself between artifacts, and what is missing. Quote the artifact for each point.
3. Take the modes with the lowest scores first. If the flow is not completed, say which modes are still to run; do not run them.
4. End with the three changes that would help most.`,
});

/** Prompts by name. A `Map`, so that no name can reach a property of an object's prototype. */
export const prompts: ReadonlyMap<string, PromptDefinition> = new Map(
  [designSystem, illustrateIdea, reviewFlow].map((one) => [one.name, one]),
);
