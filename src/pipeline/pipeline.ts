// One path for every tool call, whichever door it comes through: authorize, validate, dispatch, audit. A call is opened first, so
// that a door can still answer with a status of its own (unknown tool, missing scope) before any work begins.
import {
  type CredentialCode,
  GATEWAY_ERRORS,
  type GatewayCode,
  RETRY_AFTER_SECONDS,
  TOOL_BACKENDS,
  type ToolRefusal,
} from "../../contracts/gateway.ts";
import { type Refusal, TIMED_OUT, withDeadline } from "../../contracts/rpc/call.ts";
import type { ProgressCallback } from "../../contracts/rpc/call-context.ts";
import type { Contract } from "../../contracts/rpc/contract.ts";
import { describeCrash } from "../../contracts/rpc/crash.ts";
import type { Identity, Scope } from "../../contracts/rpc/identity.ts";
import type { Result } from "../../contracts/rpc/result.ts";
import type { Door, PolicyDecision } from "../audit/event.ts";
import { summarize } from "../audit/redact.ts";
import { type Background, record } from "../audit/sinks.ts";
import type { Env } from "../env.ts";
import { catalog } from "../tools/catalog.ts";
import { type Content, outline } from "../tools/content.ts";
import type { Reach, Tool } from "../tools/tool.ts";
import type { Trace } from "../trace.ts";
import { isBarred, missingScopes } from "./authorize.ts";
import { dispatch } from "./dispatch.ts";
import { validate } from "./validate.ts";

/** One wish to call a tool, and for whom. */
export interface ToolRequest {
  readonly name: string;
  readonly args: unknown;
  readonly caller: Identity;
  readonly trace: Trace;
  readonly door: Door;
  readonly idempotencyKey?: string | undefined;
  /** Asks at the source whether the caller's credential is still good. Absent where the caller shows none. Never throws. */
  readonly confirm?: (() => Promise<"good" | CredentialCode>) | undefined;
}

/** What a call ended with. */
export interface Finished {
  readonly result: Result<object, ToolRefusal<GatewayCode | string>>;
  /** The value in words and pictures. May call the backend once more; never throws. */
  show(): Promise<readonly Content[]>;
}

/** A call that may begin, or the reason why it may not. Every refusal here already has its audit record. */
export type OpenedCall =
  | { readonly state: "unknown_tool" }
  | { readonly state: "insufficient_scope"; readonly scopes: readonly Scope[] }
  | { readonly state: "ready"; readonly tool: Tool; run(progress?: ProgressCallback): Promise<Finished> };

/** Looks the tool up and asks whether the caller may use it. */
export function openCall(env: Env, background: Background, request: ToolRequest): OpenedCall {
  const { name, args, caller, trace, idempotencyKey, confirm } = request;
  const audit = auditor(env, background, request);
  const tool = catalog.get(name);
  if (!tool) {
    audit("unknown_tool", "unknown_tool");
    return { state: "unknown_tool" };
  }
  const scopes = missingScopes(tool, caller);
  if (scopes) {
    audit("insufficient_scope", "insufficient_scope");
    return { state: "insufficient_scope", scopes };
  }

  const failed = (error: Refusal): Finished => ({
    result: { ok: false, error: { ...error, traceId: trace.traceId } },
    show: async () => [],
  });

  return {
    state: "ready",
    tool,
    async run(progress) {
      if (isBarred(tool, caller)) {
        audit("test_key_not_allowed", "test_key_not_allowed");
        return failed(refusal("test_key_not_allowed", trace));
      }
      const valid = validate(tool.operation, args);
      if (!valid.ok) {
        audit("invalid_arguments", "invalid_arguments");
        return failed({ code: "invalid_arguments", message: valid.problems });
      }
      const standing = tool.isPaid && confirm ? await confirm() : "good";
      if (standing !== "good") {
        audit(decisionOn(standing), standing);
        return failed(refusal(standing, trace));
      }
      const answer = await dispatch(env, tool, tool.method, tool.operation, valid.input, { caller, trace, idempotencyKey, progress });
      audit("allowed", answer.ok ? "ok" : answer.error.code);
      if (!answer.ok) return failed(answer.error);
      const value = answer.value as object; // every output is an object: its schema was refused at load otherwise
      return { result: { ok: true, value }, show: () => show(env, tool, value, { caller, trace }) };
    },
  };
}

/** A picture whose bytes stop coming must not hold up the value that is already there. */
const SHOW_TIMEOUT_MS = 10_000;

async function show(env: Env, tool: Tool, value: object, errand: { caller: Identity; trace: Trace }): Promise<readonly Content[]> {
  const methods: Contract["methods"] = TOOL_BACKENDS[tool.backend].methods;
  const reach: Reach = async (method, input) => {
    const operation = methods[method];
    if (!operation) throw new Error(`${tool.backend} has no method ${method}.`);
    return dispatch(env, tool, method, operation, input, errand);
  };
  try {
    const shown = await withDeadline(() => tool.show(value, reach), SHOW_TIMEOUT_MS);
    if (shown === TIMED_OUT) throw new Error("a picture did not arrive in time");
    return shown as readonly Content[]; // `withDeadline` answers what `show` did, or `TIMED_OUT`
  } catch (error) {
    console.error(JSON.stringify({ event: "tool.unshown", tool: tool.name, traceId: errand.trace.traceId, ...describeCrash(error) }));
    return [outline(value)];
  }
}

/** Leaves the audit record of a call that its door refused before the pipeline: `code` is why. */
export function recordUncalled(env: Env, background: Background, request: ToolRequest, code: CredentialCode | "invalid_arguments"): void {
  auditor(env, background, request)(decisionOn(code), code);
}

/** A credential that could not be checked lets nobody in. */
function decisionOn<Code extends PolicyDecision>(code: Code | "unavailable"): Code | "unauthenticated" {
  return code === "unavailable" ? "unauthenticated" : code;
}

/** Makes the one record of a call. Its clock starts here. */
function auditor(env: Env, background: Background, { name, args, caller, trace, door }: ToolRequest) {
  const startedAt = Date.now();
  const tool = catalog.get(name);
  return (decision: PolicyDecision, outcome: string): void =>
    record(env.PLATFORM_EVENTS_QUEUE, background, {
      type: "tool.called",
      at: new Date().toISOString(),
      traceId: trace.traceId,
      door,
      subject: caller.subject,
      tenantId: caller.tenantId,
      clientId: caller.clientId,
      tier: caller.tier,
      scopes: caller.scopes,
      tool: tool?.name ?? String(summarize(name)),
      risk: tool?.risk ?? null,
      decision,
      outcome,
      durationMs: Date.now() - startedAt,
      input: summarize(args),
    });
}

/** A refusal of the gateway's own, in its own words. */
export function refusal<Code extends keyof typeof GATEWAY_ERRORS>(code: Code, trace: Trace): ToolRefusal<Code> {
  const retryAfterSeconds = RETRY_AFTER_SECONDS[code];
  return { code, message: GATEWAY_ERRORS[code], ...(retryAfterSeconds && { retryAfterSeconds }), traceId: trace.traceId };
}
