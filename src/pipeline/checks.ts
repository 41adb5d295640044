// The checks of a tool call between authorization and dispatch. Each returns `null` to continue, or
// the outcome that ends the call; a refusal has its audit record by then.
import { type CredentialCode, GATEWAY_ERRORS, RETRY_AFTER_SECONDS, type ToolRefusal } from "../../contracts/gateway.ts";
import type { Refusal } from "../../contracts/rpc/call.ts";
import type { PolicyDecision } from "../audit/event.ts";
import { Recorder } from "../audit/recorder.ts";
import { breakerOf, PAUSED } from "../backends/breaker.ts";
import { orUnavailable, type RequestContext, type Trace } from "../context.ts";
import type { InputRequired, Invalid } from "../mcp/port.ts";
import { isInPlan } from "../tools/plans.ts";
import { isBarred } from "./authorize.ts";
import { confirmCall } from "./confirmation.ts";
import type { AuthorizedCall, Completed, ToolCallRequest } from "./tool-call.ts";
import { validate } from "./validate.ts";

/** A test key never pays. */
export function checkTestKey(call: AuthorizedCall): Completed | null {
  return isBarred(call.tool, call.identity) ? refuseByPolicy(call, "test_key_not_allowed") : null;
}

/** The arguments as the tool's schema parses them, or a refusal that names every problem. */
export function validateArguments(call: AuthorizedCall): { readonly value: object } | Completed {
  const valid = validate(call.tool.operation, call.args);
  if (valid.ok) return { value: valid.input as object }; // the schema of every input is an object
  call.recorder.toolCall(call, "invalid_arguments", "invalid_arguments");
  return refuse(call, { code: "invalid_arguments", message: valid.problems });
}

/** The plan includes the call, or a refusal with the contract's own code and sentence. */
export function checkPlan(call: AuthorizedCall, input: object): Completed | null {
  const { plans, operation } = call.tool;
  if (!plans || isInPlan(plans, input, call.identity.tier)) return null;
  const { code } = plans;
  call.recorder.toolCall(call, "not_in_plan", code);
  return refuse(call, { code, message: operation.errors[code] ?? code });
}

/** Ends a call whose backend is not called just now, before it reserves or asks anything. */
export function checkBackend(call: AuthorizedCall): Completed | null {
  const { context, tool, recorder } = call;
  if (!breakerOf(context.env[tool.backend]).isOpen) return null;
  recorder.toolCall(call, "allowed", PAUSED.code);
  return refuse(call, PAUSED);
}

/**
 * Checks the credential again at its source before a call that costs credits: reads from KV can be
 * a minute old, and the credential cache adds to that.
 */
export async function checkCredential(call: AuthorizedCall): Promise<Completed | null> {
  if (!call.tool.isPaid || !call.revalidate) return null;
  const verdict = await call.revalidate();
  if (verdict === "good") return null;
  call.recorder.toolCall(call, decisionFor(verdict), verdict);
  return refuse(call, refusal(verdict, call.context.trace));
}

/** Asks the user first if the tool's risk is one that must be confirmed. */
export async function checkConfirmation(
  call: AuthorizedCall,
  credits: number,
): Promise<Completed | InputRequired | Invalid | null> {
  const { context, tool, args, identity, clientInput, recorder } = call;
  const confirm = () => confirmCall(context, { tool, args, credits, identity, clientInput });
  const confirmation = await orUnavailable(context.trace, "confirmation.unchecked", { tool: tool.name }, confirm);
  switch (confirmation) {
    case "accepted":
      return null;
    case "declined":
      return refuseByPolicy(call, "declined");
    case "unsupported":
      return refuseByPolicy(call, "confirmation_required");
    case "unavailable":
      recorder.toolCall(call, "confirmation_required", "unavailable");
      return refuse(call, UNCHECKED);
    case "state_refused":
      recorder.toolCall(call, "state_refused", "state_refused");
      return STATE_REFUSED;
    default:
      recorder.toolCall(call, "confirmation_required", "asked");
      return confirmation;
  }
}

const UNCHECKED: Refusal = {
  code: "unavailable",
  message: "The confirmation could not be checked just now. Try again shortly.",
  retryAfterSeconds: 5,
};

export const STATE_REFUSED: Invalid = {
  state: "invalid",
  message:
    "params.requestState is not valid for this request: it belongs to another one, was changed, was used, or has " +
    "expired. Send the request without it.",
};

/** Ends a call with a refusal, under its trace id. */
export function refuse({ tool, context }: AuthorizedCall, error: Refusal): Completed {
  return { state: "completed", tool, result: { ok: false, error: { ...error, traceId: context.trace.traceId } } };
}

/** Ends a call with a refusal of the gateway's own, and records it. */
function refuseByPolicy(call: AuthorizedCall, code: PolicyDecision & keyof typeof GATEWAY_ERRORS): Completed {
  call.recorder.toolCall(call, code, code);
  return refuse(call, refusal(code, call.context.trace));
}

/** Records a call that its entrypoint refused before the pipeline. */
export function recordRefusedCall(
  context: RequestContext,
  request: ToolCallRequest,
  code: CredentialCode | "invalid_arguments",
): void {
  const { catalog, name, args, identity, channel } = request;
  const recorder = new Recorder(context, identity, channel);
  recorder.toolCall({ tool: catalog.get(name), name, args }, decisionFor(code), code);
}

/** A credential that could not be checked authenticates no caller. */
function decisionFor<Code extends PolicyDecision>(code: Code | "unavailable"): Code | "unauthenticated" {
  return code === "unavailable" ? "unauthenticated" : code;
}

/** A refusal of the gateway's own, with its sentence. */
export function refusal<Code extends keyof typeof GATEWAY_ERRORS>(code: Code, { traceId }: Trace): ToolRefusal<Code> {
  const retryAfterSeconds = RETRY_AFTER_SECONDS[code];
  return { code, message: GATEWAY_ERRORS[code], ...(retryAfterSeconds && { retryAfterSeconds }), traceId };
}
