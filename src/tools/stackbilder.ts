// Stackbilder: architecture flows, from a description to a sprint plan.
import type { ParsedInputOf } from "../../contracts/rpc/operation.ts";
import { ok } from "../../contracts/rpc/result.ts";
import type { Advance, AdvanceFlow, stackbilder as stackbilderContract } from "../../contracts/stackbilder.ts";
import { flowView } from "../resources/flow-view.ts";
import { product } from "./product.ts";
import { type TaskSupport, toolsOf } from "./tool-definition.ts";

/** One run of one mode. Another run of the same flow, also of the same mode, is another task. */
const modeRun: TaskSupport<typeof stackbilderContract, ParsedInputOf<typeof AdvanceFlow>, Advance> = {
  start: (input) => (input.wait ? { ...input, wait: false } : null),
  refOf: ({ flowId, runId = "" }) => ({ flowId, runId }),
  async poll({ flowId = "", runId = "none" }, backend) {
    const run = await backend("getFlowRun", { flowId, runId });
    if (!run.ok) return run;
    const { state, result } = run.value;
    if (state === "running") return ok({ state: "working", message: `${result.mode} is running.` });
    if (state === "cancelled")
      return ok({ state: "cancelled", message: `${result.mode} was cancelled. flow_advance runs it again.` });
    return ok({ state: "done", value: result });
  },
  cancel: ({ flowId = "", runId = "none" }, backend) => backend("cancelFlow", { flowId, runId }),
  notFound: "flow_not_found",
};

export const stackbilder = product("STACKBILDER", {
  summary: "architecture flows",
  instructions:
    "flow_* tools design a system: call flow_create with the user's description, " +
    "then flow_advance once for each mode, then flow_summary for all artifacts.",
  allows: {
    read: "see your architecture flows",
    generate: "create and run architecture flows",
  },
  tools: toolsOf("STACKBILDER", {
    flow_create: {
      title: "Create an architecture flow",
      description:
        "Create an architecture flow for a system that the user wants to design. " +
        "A flow has six modes (PRODUCT, UX, RISK, ARCHITECT, TDD, SPRINT); each mode writes one artifact. " +
        "Call this once per project. Put everything that the user said about the system into projectDescription, " +
        "and its technologies and features into taskKeywords. " +
        "No mode runs yet: next, call flow_advance with the returned flowId, once for each mode.",
      risk: "LOCAL_MUTATION",
      price: 0,
    },
    flow_advance: {
      title: "Run a flow's next mode",
      description:
        "Run the next mode of a flow and return its artifact and quality scores. " +
        "Call it once for each mode, until status is completed. " +
        "If status is failed, call flow_recover. flowId comes from flow_create.",
      risk: "LOCAL_MUTATION",
      price: 0,
      view: flowView,
      task: modeRun,
    },
    flow_recover: {
      title: "Resume a failed flow",
      description:
        "Run the failed mode of a flow again, so that the flow can continue. " +
        "Use it only if the flow's status is failed. flowId comes from flow_create.",
      risk: "LOCAL_MUTATION",
      price: 0,
      view: flowView,
      task: modeRun,
    },
    flow_status: {
      title: "Check a flow's status",
      description:
        "Get the status of a flow: its current mode, progress and remaining time. " +
        "running: a mode runs now. waiting: the flow waits for the next flow_advance. " +
        "Use it after flow_advance with wait: false, or before you continue an earlier flow. " +
        "flowId comes from flow_create.",
      risk: "READ_ONLY",
      price: 0,
    },
    flow_summary: {
      title: "Read a flow's artifacts",
      description:
        "Get everything that a flow has produced: its status, the tokens and score of each mode, " +
        "and the artifacts as Markdown. " +
        "Use it to answer questions about the design or to implement it. flowId comes from flow_create.",
      risk: "READ_ONLY",
      price: 0,
      view: flowView,
    },
    flow_quality: {
      title: "See a flow's quality scores",
      description:
        "Get the quality scores, 0 to 100, of a flow's completed modes. " +
        "local rates the artifact alone; fused also weighs the modes before it. " +
        "Use it to decide whether a design is good enough to continue. flowId comes from flow_create.",
      risk: "READ_ONLY",
      price: 0,
      view: flowView,
    },
    flow_governance: {
      title: "See a flow's governance",
      description:
        "Get the rules under which a flow runs: the profile that was requested, the profile in effect, " +
        "the reason if it was capped, and how reproducible the results are. " +
        "Use it when results differ from what the policy asked for. flowId comes from flow_create.",
      risk: "READ_ONLY",
      price: 0,
    },
  }),
});
