// The checks of a tool call between authorization and dispatch. Those of `checkCall` have no
// effect: an explanation runs them too. The confirmation ends the call itself, with its audit
// record.
import { type CredentialCode, GATEWAY_ERRORS, RETRY_AFTER_SECONDS, type ToolRefusal } from "../../contracts/gateway.ts";
import type { Refusal } from "../../contracts/rpc/call.ts";
import type { PolicyDecision } from "../audit/event.ts";
import { Recorder } from "../audit/recorder.ts";
import { breakerOf, PAUSED } from "../backends/breaker.ts";
import { orUnavailable, type RequestContext, type Trace } from "../context.ts";
import type { InputRequired, Invalid } from "../mcp/port.ts";
import { isInPlan } from "../tools/plans.ts";
import { creditsOf } from "../tools/price.ts";
import { isBarred } from "./authorize.ts";
import { confirmCall } from "./confirmation.ts";
import type { AuthorizedCall, Completed, ToolCallRequest } from "./tool-call.ts";
import { validate } from "./validate.ts";

/** A refusal before the dispatch, and the decision for its record. */
export interface Refused {
  readonly decision: PolicyDecision;
  readonly error: Refusal;
}

/** The input as the tool's schema parses it, and its price; `null` if that was not reached. */
export type CheckedCall =
  | { readonly refused: null; readonly input: object; readonly credits: number }
  | { readonly refused: Refused; readonly credits: number | null };

/** Checks everything that has no effect, in the order of a call: see each check. */
export async function checkCall(call: AuthorizedCall): Promise<CheckedCall> {
  const barred = checkTestKey(call);
  if (barred) return { refused: barred, credits: null };
  const parsed = validateArguments(call);
  if ("error" in parsed) return { refused: parsed, credits: null };
  const input = parsed.value;
  const credits = creditsOf(call.tool.price, input);
  const refused = checkPlan(call, input) ?? checkBackend(call) ?? (await checkCredential(call));
  return refused ? { refused, credits } : { refused, input, credits };
}

/** A test key never pays. */
function checkTestKey({ tool, identity, context }: AuthorizedCall): Refused | null {
  return isBarred(tool, identity) ? refusedByPolicy("test_key_not_allowed", context) : null;
}

/** The arguments as the tool's schema parses them, or a refusal that names every problem. */
function validateArguments({ tool, args }: AuthorizedCall): { readonly value: object } | Refused {
  const valid = validate(tool.operation, args);
  if (valid.ok) return { value: valid.input as object }; // the schema of every input is an object
  return { decision: "invalid_arguments", error: { code: "invalid_arguments", message: valid.problems } };
}

/** The plan includes the call, or a refusal with the contract's own code and sentence. */
function checkPlan({ tool: { plans, operation }, identity }: AuthorizedCall, input: object): Refused | null {
  if (!plans || isInPlan(plans, input, identity.tier)) return null;
  const { code } = plans;
  return { decision: "not_in_plan", error: { code, message: operation.errors[code] ?? code } };
}

/** Ends a call whose backend is not called just now, before it reserves or asks anything. */
function checkBackend({ context, tool }: AuthorizedCall): Refused | null {
  return breakerOf(context.env[tool.backend]).isOpen ? { decision: "allowed", error: PAUSED } : null;
}

/**
 * Checks the credential again at its source before a call that costs credits: reads from KV can be
 * a minute old, and the credential cache adds to that.
 */
async function checkCredential({ tool, revalidate, context }: AuthorizedCall): Promise<Refused | null> {
  if (!tool.isPaid || !revalidate) return null;
  const verdict = await revalidate();
  return verdict === "good" ? null : { decision: decisionFor(verdict), error: refusal(verdict, context.trace) };
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
      return endRefused(call, refusedByPolicy("declined", context));
    case "unsupported":
      return endRefused(call, refusedByPolicy("confirmation_required", context));
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

/** Ends a call that was refused before its dispatch, and records it. */
export function endRefused(call: AuthorizedCall, { decision, error }: Refused): Completed {
  call.recorder.toolCall(call, decision, error.code);
  return refuse(call, error);
}

/** A refusal by a rule of the gateway's own. */
export function refusedByPolicy(
  code: PolicyDecision & keyof typeof GATEWAY_ERRORS,
  { trace }: Pick<RequestContext, "trace">,
): Refused {
  return { decision: code, error: refusal(code, trace) };
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
