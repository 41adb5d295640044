// Contract of Stackbilder: architecture flows. A flow runs six modes in order; each writes an
// artifact with quality scores. A flow belongs to a tenant, and no other tenant can see it.
import * as v from "valibot";
import { type ContractOf, contract } from "./rpc/contract.ts";
import { operation } from "./rpc/operation.ts";
import { id, maxCharacters, recorded, words } from "./text.ts";

/** The six modes, in the order in which a flow runs them. */
export const MODES = ["PRODUCT", "UX", "RISK", "ARCHITECT", "TDD", "SPRINT"] as const;
export const Mode = v.picklist(MODES);
export type Mode = v.InferOutput<typeof Mode>;

export const PROFILES = ["balanced", "strict", "exploratory"] as const;
export const Profile = v.picklist(PROFILES);
export type Profile = v.InferOutput<typeof Profile>;

export const FlowState = v.picklist(["draft", "running", "waiting", "failed", "completed"]);
export type FlowState = v.InferOutput<typeof FlowState>;

const PROJECT_ID_MAX_CHARACTERS = 128;

/** New flows have ids of at most 26 characters, older ones of 64. */
const FlowId = v.pipe(
  id(/^[A-Za-z0-9_-]{1,64}$/, "an id as flow_create returned it"),
  recorded(/^[0-9a-hjkmnp-tv-z]{26}$/),
  v.description("The flow's id, as returned by flow_create."),
);
const Score = v.pipe(v.number(), v.minValue(0), v.maxValue(100), recorded());

const flowFields = {
  flowId: FlowId,
  /**
   * `draft`: no mode has run; `running`: a mode runs now; `waiting`: none runs, and `advanceFlow`
   * runs the next one; `failed`: `recoverFlow` resumes the flow.
   */
  status: v.pipe(
    FlowState,
    v.description("draft or waiting: flow_advance runs the next mode. running: a mode runs now. failed: flow_recover."),
  ),
  currentMode: v.pipe(
    v.nullable(Mode),
    v.description("The mode that runs now or next; for a failed flow, the mode that failed; null once completed."),
  ),
  /** Completed share of the six modes. */
  progress: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
  /** Run time of the remaining modes; `null` if unknown. */
  estimatedRemainingSeconds: v.nullable(v.pipe(v.number(), v.minValue(0))),
  failureReason: v.optional(
    v.pipe(
      v.nullable(v.string()),
      v.description("Why the mode failed and what to change; null unless status is failed."),
    ),
  ),
};

/** State of a flow. */
export const Flow = v.object(flowFields);
export type Flow = v.InferOutput<typeof Flow>;

/** Result of one mode. */
export const Artifact = v.object({
  mode: Mode,
  title: v.string(),
  markdown: v.string(),
  /** Length of the artifact. */
  tokens: v.pipe(v.number(), v.integer(), v.minValue(0)),
});
export type Artifact = v.InferOutput<typeof Artifact>;

/** Both scores of one mode. */
export const ModeQuality = v.object({
  mode: Mode,
  local: v.pipe(Score, v.description("Score of this artifact alone.")),
  fused: v.pipe(Score, v.description("Score that also weighs the modes before it.")),
});
export type ModeQuality = v.InferOutput<typeof ModeQuality>;

const RunId = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9_-]{1,64}$/),
  recorded(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
);

const FlowRef = v.strictObject({ flowId: FlowId });

const FLOW_NOT_FOUND =
  "No flow with this id belongs to you, or it has expired. Use the flowId that flow_create returned, exactly.";
const FLOW_BUSY = "A mode of this flow is already running. Call flow_status until it is done, then try again.";

/** State and result of one mode. `artifact` and `quality` are `null` if it failed or still runs. */
const Advance = v.object({
  ...flowFields,
  mode: v.pipe(v.nullable(Mode), v.description("The mode that this call ran or started.")),
  /** The run of that mode, for `getFlowRun`. */
  runId: v.optional(RunId),
  artifact: v.nullable(Artifact),
  quality: v.nullable(ModeQuality),
});
export type Advance = v.InferOutput<typeof Advance>;

/** Rules for the run of a flow. */
const Policy = v.strictObject({
  profile: v.optional(
    v.pipe(
      Profile,
      v.description(
        "strict keeps to the description, balanced adds its usual consequences, exploratory also alternatives. Default: balanced.",
      ),
    ),
  ),
  minQuality: v.optional(v.pipe(Score, v.description("A mode fails if its fused score is lower. Default: 0."))),
});

export const CreateFlow = operation({
  input: v.strictObject({
    projectDescription: v.pipe(
      words(2000),
      v.description("The system to build, its users and its constraints. Concrete words make better artifacts."),
    ),
    taskKeywords: v.optional(
      v.pipe(
        v.array(words(64)),
        v.maxLength(32),
        v.description("Words that every mode uses, such as technologies or features."),
      ),
    ),
    projectId: v.optional(
      v.pipe(words(PROJECT_ID_MAX_CHARACTERS), v.description("Your own id for the project, stored with the flow.")),
    ),
    policy: v.optional(v.pipe(Policy, v.description("How the flow runs. Leave it out for the defaults."))),
  }),
  output: Flow,
  errors: {},
  timeoutMs: 10_000,
  changes: true,
});

export const GetFlowStatus = operation({
  input: FlowRef,
  output: Flow,
  errors: { flow_not_found: FLOW_NOT_FOUND },
  timeoutMs: 10_000,
});

export const GetFlowSummary = operation({
  input: FlowRef,
  output: v.object({
    ...flowFields,
    projectId: v.nullable(v.string()),
    /** All six, in order. */
    modes: v.array(
      v.object({
        mode: Mode,
        status: v.picklist(["pending", "running", "failed", "completed"]),
        tokens: v.pipe(v.number(), v.integer(), v.minValue(0)),
        /** Fused score; `null` until the mode is completed. */
        quality: v.nullable(Score),
      }),
    ),
    totalTokens: v.pipe(v.number(), v.integer(), v.minValue(0)),
    quality: v.pipe(v.nullable(Score), v.description("Fused score of the latest completed mode.")),
    /** Of the completed modes, in order. */
    artifacts: v.array(Artifact),
  }),
  errors: { flow_not_found: FLOW_NOT_FOUND },
  timeoutMs: 10_000,
});

export const GetFlowQuality = operation({
  input: FlowRef,
  output: v.object({
    flowId: FlowId,
    /** Of the completed modes, in order. */
    modes: v.array(ModeQuality),
    minQuality: v.pipe(Score, v.description("The fused score that the policy requires of each mode.")),
  }),
  errors: { flow_not_found: FLOW_NOT_FOUND },
  timeoutMs: 10_000,
});

export const GetFlowGovernance = operation({
  input: FlowRef,
  output: v.object({
    flowId: FlowId,
    /** The profile that the policy requested. */
    requestedProfile: Profile,
    /** The profile in effect. */
    effectiveMode: Profile,
    /** True if the effective profile is lower than the requested one; `capReason` says why. */
    isCapped: v.boolean(),
    capReason: v.nullable(v.string()),
    determinism: v.object({
      profile: v.picklist(["fixed", "bounded", "open"]),
      seed: v.pipe(v.string(), v.description("The same seed gives the same artifacts.")),
      isReproducible: v.boolean(),
    }),
  }),
  errors: { flow_not_found: FLOW_NOT_FOUND },
  timeoutMs: 10_000,
});

/** Input of the methods that run a mode. */
const ModeRun = v.strictObject({
  flowId: FlowId,
  wait: v.optional(
    v.pipe(v.boolean(), v.description("false: return at once, then call flow_status until the mode is done.")),
    true,
  ),
});

export const AdvanceFlow = operation({
  input: ModeRun,
  output: Advance,
  errors: {
    flow_not_found: FLOW_NOT_FOUND,
    flow_completed: "All six modes are complete. Read the results with flow_summary.",
    flow_failed: "A mode of this flow failed. Resume it with flow_recover.",
    flow_busy: FLOW_BUSY,
  },
  timeoutMs: 60_000,
  changes: true,
});

export const RecoverFlow = operation({
  input: ModeRun,
  output: Advance,
  errors: {
    flow_not_found: FLOW_NOT_FOUND,
    flow_not_failed: "This flow has not failed, so there is nothing to recover. Call flow_status to see its status.",
    flow_busy: FLOW_BUSY,
  },
  timeoutMs: 60_000,
  changes: true,
});

/** State of one run of a mode. Only `running` changes. */
export const RunState = v.picklist(["running", "completed", "failed", "cancelled"]);
export type RunState = v.InferOutput<typeof RunState>;

export const GetFlowRun = operation({
  input: v.strictObject({ flowId: FlowId, runId: RunId }),
  /** `result` is what the call that started the run returns if it waits for it. */
  output: v.object({ state: RunState, result: Advance }),
  errors: { flow_not_found: FLOW_NOT_FOUND },
  timeoutMs: 10_000,
});

export const CancelFlow = operation({
  /** With a `runId`, only that run is stopped. */
  input: v.strictObject({ flowId: FlowId, runId: v.optional(RunId) }),
  output: Flow,
  errors: { flow_not_found: FLOW_NOT_FOUND },
  timeoutMs: 10_000,
  changes: true,
});

/** An entry in the list of flows. */
export const RecentFlow = v.object({
  flowId: FlowId,
  projectId: v.nullable(v.pipe(v.string(), maxCharacters(PROJECT_ID_MAX_CHARACTERS))),
  /** Seconds since the Unix epoch, before the year 10000. */
  createdAt: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(253_402_300_799)),
});
export type RecentFlow = v.InferOutput<typeof RecentFlow>;

export const ListFlows = operation({
  input: v.strictObject({}),
  output: v.object({ flows: v.pipe(v.array(RecentFlow), v.maxLength(50)) }),
  errors: {},
  timeoutMs: 10_000,
});

/** Stackbilder's contract. */
export const stackbilder = contract({
  audience: "stackbilder",
  prefix: "flow",
  methods: {
    /**
     * Creates a flow in `draft`; no mode runs yet. Calls with the same idempotency key create one
     * flow for a day.
     */
    createFlow: CreateFlow,
    /** State of the flow. */
    getFlowStatus: GetFlowStatus,
    /** State, modes and artifacts of the flow. */
    getFlowSummary: GetFlowSummary,
    /** Quality scores of the completed modes. */
    getFlowQuality: GetFlowQuality,
    /** The requested and the effective profile. */
    getFlowGovernance: GetFlowGovernance,
    /**
     * Runs the next mode and reports progress from 0 to 100. A mode that fails is a value with
     * `status: "failed"`, not a refusal. Calls with the same idempotency key run one mode, for a
     * day.
     */
    advanceFlow: AdvanceFlow,
    /**
     * Runs the failed mode again and reports progress from 0 to 100. Calls with the same
     * idempotency key are one.
     */
    recoverFlow: RecoverFlow,
    /** State and result of one run, for a day after it ended. */
    getFlowRun: GetFlowRun,
    /** Stops the running mode, if any; the flow can be advanced again afterwards. */
    cancelFlow: CancelFlow,
    /** The latest flows, newest first. The list may lack an existing flow. */
    listFlows: ListFlows,
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
  internal: ["getFlowRun", "cancelFlow", "listFlows"],
});
export type StackbilderContract = ContractOf<typeof stackbilder>;
