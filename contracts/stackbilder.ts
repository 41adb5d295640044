// What Stackbilder promises: architecture flows. A flow walks six modes in order; each leaves an artifact with quality scores.
// A flow belongs to a tenant; to any other tenant it does not exist.
import * as v from "valibot";
import { type ContractOf, contract } from "./rpc/contract.ts";
import { operation } from "./rpc/operation.ts";

/** The six modes, in the order in which a flow walks them. */
export const MODES = ["PRODUCT", "UX", "RISK", "ARCHITECT", "TDD", "SPRINT"] as const;
export const Mode = v.picklist(MODES);
export type Mode = v.InferOutput<typeof Mode>;

export const PROFILES = ["balanced", "strict", "exploratory"] as const;
export const Profile = v.picklist(PROFILES);
export type Profile = v.InferOutput<typeof Profile>;

export const FlowState = v.picklist(["draft", "running", "failed", "completed"]);
export type FlowState = v.InferOutput<typeof FlowState>;

const FlowId = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,64}$/), v.description("The flow's id, as returned by flow_create."));
const Score = v.pipe(v.number(), v.minValue(0), v.maxValue(100));

const flowFields = {
  flowId: FlowId,
  status: v.pipe(
    FlowState,
    v.description(
      "draft: nothing has run yet; running: work is under way or the next mode can run; failed: flow_recover resumes it; completed: all six modes are done.",
    ),
  ),
  currentMode: v.pipe(
    v.nullable(Mode),
    v.description("The mode that runs now or runs next; in a failed flow the mode that failed; null once completed."),
  ),
  progress: v.pipe(v.number(), v.minValue(0), v.maxValue(1), v.description("Share of the six modes that is done, 0 to 1.")),
  estimatedRemainingSeconds: v.pipe(
    v.nullable(v.pipe(v.number(), v.minValue(0))),
    v.description("Estimated working time of the remaining modes, in seconds; null where it cannot be told."),
  ),
};

/** Where a flow stands. */
export const Flow = v.object(flowFields);
export type Flow = v.InferOutput<typeof Flow>;

/** What one mode produced. */
export const Artifact = v.object({
  mode: Mode,
  title: v.string(),
  markdown: v.pipe(v.string(), v.description("The artifact itself, as Markdown.")),
  tokens: v.pipe(v.number(), v.integer(), v.minValue(0), v.description("Length of the artifact in tokens.")),
});
export type Artifact = v.InferOutput<typeof Artifact>;

/** Both scores of one mode. */
export const ModeQuality = v.object({
  mode: Mode,
  local: v.pipe(Score, v.description("Quality of this mode's artifact alone, 0 to 100.")),
  fused: v.pipe(Score, v.description("The same, weighed with the modes before it, 0 to 100.")),
});
export type ModeQuality = v.InferOutput<typeof ModeQuality>;

const FlowRef = v.strictObject({ flowId: FlowId });

const FLOW_NOT_FOUND = "No flow with this id belongs to you. Use the flowId that flow_create returned, exactly.";
const FLOW_BUSY = "A mode of this flow is running right now. Ask flow_status until it is done, then try again.";

/** How far a mode got, and what it left. `artifact` is `null` while nothing is finished. */
const Advance = v.object({
  ...flowFields,
  mode: v.pipe(v.nullable(Mode), v.description("The mode that this call ran or started.")),
  artifact: v.pipe(v.nullable(Artifact), v.description("What the mode produced; null if it failed or still runs.")),
  quality: v.pipe(v.nullable(ModeQuality), v.description("The mode's scores; null if it failed or still runs.")),
});
export type Advance = v.InferOutput<typeof Advance>;

export const CreateFlow = operation({
  input: v.strictObject({
    policy: v.pipe(
      v.looseObject({
        profile: v.optional(v.pipe(Profile, v.description("How freely modes may work. Default: balanced."))),
        minQuality: v.optional(v.pipe(Score, v.description("A mode whose fused score is below this fails. Default: 0, nothing fails."))),
        failMode: v.optional(v.pipe(Mode, v.description("This mode fails the first time it runs, so that recovery can be tried."))),
      }),
      v.description("How the flow is executed. {} takes every default."),
    ),
    projectId: v.optional(
      v.pipe(v.string(), v.minLength(1), v.maxLength(128), v.description("Your own id for the project, kept with the flow.")),
    ),
    projectDescription: v.optional(
      v.pipe(
        v.string(),
        v.maxLength(2000),
        v.description("What is to be built, for whom, and under which constraints. The more concrete, the better the artifacts."),
      ),
    ),
    taskKeywords: v.optional(
      v.pipe(
        v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(64))),
        v.maxLength(32),
        v.description("Words that every mode should take up, such as technologies or features."),
      ),
    ),
  }),
  output: Flow,
  errors: {},
  timeoutMs: 10_000,
});

export const GetFlowStatus = operation({ input: FlowRef, output: Flow, errors: { flow_not_found: FLOW_NOT_FOUND }, timeoutMs: 10_000 });

export const GetFlowSummary = operation({
  input: FlowRef,
  output: v.object({
    ...flowFields,
    projectId: v.nullable(v.string()),
    modes: v.pipe(
      v.array(
        v.object({
          mode: Mode,
          status: v.picklist(["pending", "running", "failed", "completed"]),
          tokens: v.pipe(v.number(), v.integer(), v.minValue(0)),
          quality: v.pipe(v.nullable(Score), v.description("Fused score; null until the mode is completed.")),
        }),
      ),
      v.description("All six modes, in order."),
    ),
    totalTokens: v.pipe(v.number(), v.integer(), v.minValue(0)),
    quality: v.pipe(v.nullable(Score), v.description("Fused score of the latest completed mode; null before the first.")),
    artifacts: v.pipe(v.array(Artifact), v.description("What the completed modes produced, in order.")),
  }),
  errors: { flow_not_found: FLOW_NOT_FOUND },
  timeoutMs: 10_000,
});

export const GetFlowQuality = operation({
  input: FlowRef,
  output: v.object({
    flowId: FlowId,
    modes: v.pipe(v.array(ModeQuality), v.description("Scores of the completed modes, in order.")),
    minQuality: v.pipe(Score, v.description("The fused score that the flow's policy asks of every mode.")),
  }),
  errors: { flow_not_found: FLOW_NOT_FOUND },
  timeoutMs: 10_000,
});

export const GetFlowGovernance = operation({
  input: FlowRef,
  output: v.object({
    flowId: FlowId,
    requestedProfile: v.pipe(Profile, v.description("What the policy asked for.")),
    effectiveMode: v.pipe(Profile, v.description("What the flow runs with.")),
    isCapped: v.pipe(v.boolean(), v.description("Whether the request was held to less than it asked for.")),
    capReason: v.pipe(v.nullable(v.string()), v.description("Why it was capped; null if it was not.")),
    determinism: v.pipe(
      v.object({
        profile: v.picklist(["fixed", "bounded", "open"]),
        seed: v.pipe(v.string(), v.description("What every artifact of this flow is derived from: same seed, same artifacts.")),
        isReproducible: v.boolean(),
      }),
      v.description("How repeatable the flow's artifacts are."),
    ),
  }),
  errors: { flow_not_found: FLOW_NOT_FOUND },
  timeoutMs: 10_000,
});

export const AdvanceFlow = operation({
  input: v.strictObject({
    flowId: FlowId,
    wait: v.optional(
      v.pipe(v.boolean(), v.description("false returns at once while the mode runs on; flow_status tells when it is done. Default: true.")),
      true,
    ),
  }),
  output: Advance,
  errors: {
    flow_not_found: FLOW_NOT_FOUND,
    flow_completed: "All six modes of this flow are done; there is nothing to advance. Read it with flow_summary.",
    flow_failed: "A mode of this flow failed. Resume it with flow_recover.",
    flow_busy: FLOW_BUSY,
  },
  timeoutMs: 60_000,
});

export const RecoverFlow = operation({
  input: FlowRef,
  output: Advance,
  errors: {
    flow_not_found: FLOW_NOT_FOUND,
    flow_not_failed: "This flow has not failed, so there is nothing to recover. flow_advance runs its next mode.",
    flow_busy: FLOW_BUSY,
  },
  timeoutMs: 60_000,
});

export const CancelFlow = operation({
  input: FlowRef,
  output: Flow,
  errors: { flow_not_found: FLOW_NOT_FOUND },
  timeoutMs: 10_000,
});

/** Stackbilder's contract. */
export const stackbilder = contract({
  audience: "stackbilder",
  prefix: "flow",
  methods: {
    /** Makes a new flow in `draft`; nothing runs yet. Asking twice with one idempotency key makes one flow. */
    createFlow: CreateFlow,
    /** Where the flow stands. */
    getFlowStatus: GetFlowStatus,
    /** Everything that the flow has produced so far. */
    getFlowSummary: GetFlowSummary,
    /** Scores of the completed modes. */
    getFlowQuality: GetFlowQuality,
    /** What the policy asked for and what was granted. */
    getFlowGovernance: GetFlowGovernance,
    /** Runs the next mode, reporting progress from 0 to 100. A mode that fails is a value with `status: "failed"`, not a refusal. */
    advanceFlow: AdvanceFlow,
    /** Runs the failed mode again, reporting progress from 0 to 100. */
    recoverFlow: RecoverFlow,
    /** Stops the mode that runs; the flow can be advanced again afterwards. Without one it changes nothing. */
    cancelFlow: CancelFlow,
  },
  tools: {
    flow_create: "createFlow",
    flow_status: "getFlowStatus",
    flow_summary: "getFlowSummary",
    flow_quality: "getFlowQuality",
    flow_governance: "getFlowGovernance",
    flow_advance: "advanceFlow",
    flow_recover: "recoverFlow",
  },
  internal: ["cancelFlow"],
});
export type StackbilderContract = ContractOf<typeof stackbilder>;
