// Explanation of a call: everything up to the record of its intent, by the same code, without an
// effect.
import type { Balance } from "../../contracts/auth.ts";
import type { Explanation } from "../../contracts/gateway.ts";
import type { Refusal } from "../../contracts/rpc/call.ts";
import { Recorder } from "../audit/recorder.ts";
import type { RequestContext } from "../context.ts";
import { findCall } from "./call-tool.ts";
import { checkCall, refusal, refusedByPolicy } from "./checks.ts";
import { confirmationNeed } from "./confirmation.ts";
import { checkCredits } from "./credits.ts";
import type { AuthorizedCall, ToolCallRequest, UnknownTool } from "./tool-call.ts";

/** The findings about one call, as far as it gets. */
interface Findings {
  readonly error: Refusal | null;
  readonly credits: number | null;
  readonly balance: Balance | null;
}

/** Says what would become of a call. Counts and records nothing. */
export async function explainCall(
  context: RequestContext,
  request: ToolCallRequest,
): Promise<UnknownTool | { readonly state: "explained"; readonly explanation: Explanation }> {
  const call = findCall(context, request, new Recorder(context, request.identity, request.channel));
  if (call.state === "unknown_tool") return call;
  const { risk, scope, operation } = call.tool;
  const { error, credits, balance } =
    call.state === "authorized"
      ? await examine(call)
      : { error: refusal(call.state, context.trace), credits: null, balance: null };
  const { clientInput } = request;
  const wouldAsk = confirmationNeed(context, { tool: call.tool, clientInput }) === "ask";
  const { traceId } = context.trace;
  const facts = { risk, scope, credits, balance, wouldAsk, deadlineMs: operation.timeoutMs };
  const verdict = error ? { isAllowed: false, refusal: { ...error, traceId } } : { isAllowed: true };
  return { state: "explained", explanation: { ...verdict, ...facts } };
}

/** The checks of a call in its order: those without effect, confirmation, credits. */
async function examine(call: AuthorizedCall): Promise<Findings> {
  const { context, identity } = call;
  const { refused, credits } = await checkCall(call);
  if (refused) return { error: refused.error, credits, balance: null };
  if (confirmationNeed(context, call) === "unsupported")
    return { error: refusedByPolicy("confirmation_required", context).error, credits, balance: null };
  return { credits, ...(await checkCredits(context, identity, credits)) };
}
