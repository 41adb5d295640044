// The tools of the gateway, as literals: tests compare them with what clients see.
import type { Scope } from "../../contracts/rpc/identity.ts";

interface ToolRow {
  readonly risk: string;
  readonly scope: Scope;
  /** Binding and method. */
  readonly calls: string;
  /** Names of arguments. An optional one ends in `?`. */
  readonly takes: readonly string[];
}

/** Every tool. A new tool needs a row. */
export const TOOL_ROWS: Readonly<Record<string, ToolRow>> = {
  flow_advance: {
    risk: "LOCAL_MUTATION",
    scope: "generate",
    calls: "STACKBILDER.advanceFlow",
    takes: ["flowId", "wait?"],
  },
  flow_create: {
    risk: "LOCAL_MUTATION",
    scope: "generate",
    calls: "STACKBILDER.createFlow",
    takes: ["projectDescription", "taskKeywords?", "projectId?", "policy?"],
  },
  flow_governance: { risk: "READ_ONLY", scope: "read", calls: "STACKBILDER.getFlowGovernance", takes: ["flowId"] },
  flow_quality: { risk: "READ_ONLY", scope: "read", calls: "STACKBILDER.getFlowQuality", takes: ["flowId"] },
  flow_recover: {
    risk: "LOCAL_MUTATION",
    scope: "generate",
    calls: "STACKBILDER.recoverFlow",
    takes: ["flowId", "wait?"],
  },
  flow_status: { risk: "READ_ONLY", scope: "read", calls: "STACKBILDER.getFlowStatus", takes: ["flowId"] },
  flow_summary: { risk: "READ_ONLY", scope: "read", calls: "STACKBILDER.getFlowSummary", takes: ["flowId"] },
  image_check_job: { risk: "READ_ONLY", scope: "read", calls: "IMG_FORGE.checkJob", takes: ["job_id"] },
  image_generate: {
    risk: "EXTERNAL_MUTATION",
    scope: "generate",
    calls: "IMG_FORGE.generateImage",
    takes: ["prompt", "quality_tier?", "negative_prompt?", "model?", "wait?"],
  },
  image_list_models: { risk: "READ_ONLY", scope: "read", calls: "IMG_FORGE.listModels", takes: [] },
};

/** Every tool, in the order of tools/list. */
export const TOOLS: readonly string[] = Object.keys(TOOL_ROWS).toSorted();

/** The tools that need the scope `read` only. */
export const READ_TOOLS: readonly string[] = TOOLS.filter((name) => TOOL_ROWS[name]?.scope === "read");
