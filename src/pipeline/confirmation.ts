// Confirmation: before a tool whose risk is listed in CONFIRM_RISKS runs, the user must accept
// exactly this call in a form (elicitation). The client then repeats the call with the response. An
// acceptance counts once.
import type { Identity } from "../../contracts/rpc/identity.ts";
import { shorten } from "../../contracts/rpc/well-formed.ts";
import { summarize } from "../audit/redact.ts";
import type { RequestContext } from "../context.ts";
import { confirmationForm, confirmationResponse, supportsConfirmation } from "../mcp/elicitation.ts";
import type { ClientInput, InputRequired } from "../mcp/port.ts";
import { digestOf } from "../tools/digest.ts";
import { effectOf } from "../tools/risk.ts";
import type { ToolDefinition } from "../tools/tool-definition.ts";
import { claimState, openState, type StateBinding, sealState } from "./request-state.ts";

/** A call to be confirmed. Its arguments are valid. */
export interface ConfirmableCall {
  readonly tool: ToolDefinition;
  readonly args: unknown;
  /** That it costs. */
  readonly credits: number;
  readonly identity: Identity;
  /** Absent if the channel has no way to ask the user. */
  readonly clientInput: ClientInput | undefined;
}

/**
 * `accepted` also if no confirmation is needed. `unsupported`: the client cannot show the form.
 * `state_refused`: the returned state belongs to another call, was changed, was used, or has
 * expired.
 */
export type Confirmation = "accepted" | "declined" | "unsupported" | "state_refused" | InputRequired;

/** `unsupported`: the user must confirm, and this connection cannot ask. */
export function confirmationNeed(
  { config }: RequestContext,
  { tool, clientInput }: { readonly tool: ToolDefinition; readonly clientInput?: ClientInput | undefined },
): "none" | "ask" | "unsupported" {
  if (!config.confirmRisks.has(tool.risk)) return "none";
  return clientInput && supportsConfirmation(clientInput) ? "ask" : "unsupported";
}

/** Checks the confirmation of one call. Throws if storage fails. */
export async function confirmCall(context: RequestContext, call: ConfirmableCall): Promise<Confirmation> {
  const { tool, args, credits, identity, clientInput } = call;
  const need = confirmationNeed(context, call);
  if (need === "unsupported") return need;
  const sealed = clientInput?.requestState;
  if (need === "none" && sealed === undefined) return "accepted";
  if (!clientInput || !supportsConfirmation(clientInput)) return "accepted";
  const target = [tool.name, await digestOf(tool)]; // the digest covers the price
  const binding: StateBinding = { identity, method: "tools/call", target, args };
  const state = sealed === undefined ? null : await openState(context, binding, sealed);
  if (state === null && sealed !== undefined) return "state_refused";
  const response = confirmationResponse(clientInput);
  // A response without a state belongs to no question of ours.
  if (state === null || response === null) {
    if (need === "none") return "accepted";
    const inputRequests = confirmationForm(questionFor(tool, args, credits));
    return { state: "input_required", inputRequests, requestState: await sealState(context, binding) };
  }
  if (!(await claimState(context, state))) return "state_refused";
  return response === "accept" ? "accepted" : "declined";
}

const MAX_ARGUMENTS_LENGTH = 1_000;

/**
 * The question. It contains no text of the model's: free text is shown by its length, so a model
 * cannot persuade the user.
 */
function questionFor(tool: ToolDefinition, args: unknown, credits: number): string {
  const shown = JSON.stringify(summarize(tool.operation.input, args));
  const clipped = shorten(shown, MAX_ARGUMENTS_LENGTH);
  return `Allow one call of "${tool.title}" (${tool.name})?\n\nArguments: ${clipped}\n\nEffect: ${effectOf(tool.risk, credits)}`;
}
