// One path for every tool call, whichever door it comes through: authorize, validate, revalidate, dispatch, audit. A call is opened first, so
// that a door can still answer with a status of its own (unknown tool, missing scope) before any work begins.
import {
  type CredentialCode,
  GATEWAY_ERRORS,
  type GatewayCode,
  RETRY_AFTER_SECONDS,
  type ToolRefusal,
} from "../../contracts/gateway.ts";
import { type Refusal, TIMED_OUT, withDeadline } from "../../contracts/rpc/call.ts";
import type { Progress, ProgressCallback } from "../../contracts/rpc/call-context.ts";
import { describeCrash } from "../../contracts/rpc/crash.ts";
import type { Identity, Scope } from "../../contracts/rpc/identity.ts";
import type { Result } from "../../contracts/rpc/result.ts";
import type { AuditEvent, Channel, PolicyDecision } from "../audit/event.ts";
import { summarize } from "../audit/redact.ts";
import { type Background, record } from "../audit/sinks.ts";
import { type BackendCall, dispatch } from "../backends/dispatch.ts";
import type { Trace } from "../context.ts";
import type { Env } from "../env.ts";
import type { Catalog } from "../tools/catalog.ts";
import { type Content, describeValue } from "../tools/content.ts";
import { digestOf } from "../tools/digest.ts";
import type { BackendClient, TaskRef, ToolDefinition } from "../tools/tool-definition.ts";
import { isBarred, missingScopes } from "./authorize.ts";
import { type Asked, type Confirmation, confirmCall, type Person } from "./confirmation.ts";
import { validate } from "./validate.ts";

/** One wish to call a tool, and for whom. */
export interface ToolRequest {
  /** The tools that there are. */
  readonly catalog: Catalog;
  readonly name: string;
  readonly args: unknown;
  readonly caller: Identity;
  readonly trace: Trace;
  readonly channel: Channel;
  readonly idempotencyKey?: string | undefined;
  /** Asks at the source whether the caller's credential is still good. Absent where the caller shows none. Never throws. */
  readonly revalidate?: (() => Promise<"good" | CredentialCode>) | undefined;
}

/** A wish that comes through a door where the person behind it may be asked. `null`: not this one. */
export interface AskableRequest extends ToolRequest {
  readonly person: Person | null;
  /** Whether the call may be answered before its work is done. */
  readonly allowTask?: boolean;
}

/** A call that has not begun: it must come again, with a person's answer or from the start. */
export type InputRequired = Asked | { readonly state: "state_refused" };

/** A call whose work goes on. */
export interface TaskStarted {
  readonly state: "started";
  readonly tool: ToolDefinition;
  /** Names the work. */
  readonly ref: TaskRef;
}

/** What a call ended with. */
export interface Completed {
  readonly result: Result<object, ToolRefusal<GatewayCode | string>>;
  /** The value in words and pictures. May call the backend once more; never throws. */
  render(): Promise<readonly Content[]>;
}

/** A call that may begin, or the reason why it may not. Every refusal here already has its audit record. */
export type OpenedCall<Ended = Completed> =
  | { readonly state: "unknown_tool" }
  | { readonly state: "insufficient_scope"; readonly scopes: readonly Scope[] }
  | { readonly state: "ready"; readonly tool: ToolDefinition; run(progress?: ProgressCallback): Promise<Ended> };

/** Looks the tool up and asks whether the caller may use it. */
export function openCall(
  env: Env,
  background: Background,
  request: AskableRequest,
): OpenedCall<Completed | InputRequired | TaskStarted>;
export function openCall(env: Env, background: Background, request: ToolRequest): OpenedCall;
export function openCall(
  env: Env,
  background: Background,
  request: ToolRequest & Partial<AskableRequest>,
): OpenedCall<Completed | InputRequired | TaskStarted> {
  const { catalog, name, args, caller, trace, idempotencyKey, revalidate, person = null, allowTask = false } = request;
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

  const failed = (error: Refusal): Completed => ({
    result: { ok: false, error: { ...error, traceId: trace.traceId } },
    render: async () => [],
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
      const standing = tool.isPaid && revalidate ? await revalidate() : "good";
      if (standing !== "good") {
        audit(decisionOn(standing), standing);
        return failed(refusal(standing, trace));
      }
      const confirmation = await orUnavailable(() => confirmCall(env, tool, args, caller, person), tool, trace);
      if (confirmation === "unavailable") {
        audit("confirmation_required", confirmation);
        return failed(UNCONFIRMED);
      }
      if (confirmation === "declined" || confirmation === "confirmation_required") {
        audit(confirmation, confirmation);
        return failed(refusal(confirmation, trace));
      }
      if (confirmation === "state_refused") {
        audit(confirmation, confirmation);
        return { state: confirmation };
      }
      if (confirmation !== "good") {
        audit("confirmation_required", confirmation.state);
        return confirmation;
      }
      const long = allowTask ? tool.task : null;
      const begun = long?.start(valid.input as object) ?? null; // every input is an object, as every output is
      let isStopped = false;
      const watched = async (update: Progress) => {
        const verdict = (await progress?.(update)) ?? "continue";
        // Who is told at the very end has nothing left to stop.
        if (verdict === "cancel" && update.progress !== update.total) isStopped = true;
        return verdict;
      };
      const errand = { caller, trace, idempotencyKey, progress: progress && watched };
      const answer = await dispatch(env, tool, tool.method, tool.operation, begun ?? valid.input, errand);
      const ending = isStopped ? "cancelled" : "ok";
      audit("allowed", answer.ok ? ending : answer.error.code);
      if (!answer.ok) return failed(answer.error);
      const value = answer.value as object; // every output is an object: its schema was refused at load otherwise
      if (long && begun) return { state: "started", tool, ref: long.refOf(value) };
      return completedWith(env, tool, value, { caller, trace });
    },
  };
}

const UNCONFIRMED: Refusal = {
  code: "unavailable",
  message: "The person's answer could not be checked just now. Try again shortly.",
  retryAfterSeconds: 5,
};

/** What `ask` answers; storage that fails lets nothing through. */
async function orUnavailable(
  ask: () => Promise<Confirmation>,
  tool: ToolDefinition,
  { traceId }: Trace,
): Promise<Confirmation | "unavailable"> {
  try {
    return await ask();
  } catch (error) {
    console.error(
      JSON.stringify({ event: "confirmation.unchecked", tool: tool.name, traceId, ...describeCrash(error) }),
    );
    return "unavailable";
  }
}

/** A picture whose bytes stop coming must not hold up the value that is already there. */
const SHOW_TIMEOUT_MS = 10_000;

/** A call that ended well, with what its tool answers. */
export function completedWith(
  env: Env,
  tool: ToolDefinition,
  value: object,
  errand: Pick<BackendCall, "caller" | "trace">,
): Completed {
  return { result: { ok: true, value }, render: () => renderResult(env, tool, value, errand) };
}

/** What a tool's own code reaches its backend with. */
export function backendClientFor(
  env: Env,
  tool: ToolDefinition,
  errand: Pick<BackendCall, "caller" | "trace">,
): BackendClient {
  return async (method, input) => {
    const operation = tool.methods[method];
    if (!operation) throw new Error(`${tool.backend} has no method ${method}.`);
    return dispatch(env, tool, method, operation, input, errand);
  };
}

async function renderResult(
  env: Env,
  tool: ToolDefinition,
  value: object,
  errand: Pick<BackendCall, "caller" | "trace">,
): Promise<readonly Content[]> {
  try {
    const shown = await withDeadline(() => tool.render(value, backendClientFor(env, tool, errand)), SHOW_TIMEOUT_MS);
    if (shown === TIMED_OUT) throw new Error("a picture did not arrive in time");
    return shown as readonly Content[]; // `withDeadline` answers what `show` did, or `TIMED_OUT`
  } catch (error) {
    console.error(
      JSON.stringify({
        event: "tool.unshown",
        tool: tool.name,
        traceId: errand.trace.traceId,
        ...describeCrash(error),
      }),
    );
    return [describeValue(value)];
  }
}

/** Leaves the audit record of a call that its door refused before the pipeline: `code` is why. */
export function recordRefusedCall(
  env: Env,
  background: Background,
  request: ToolRequest,
  code: CredentialCode | "invalid_arguments",
): void {
  auditor(env, background, request)(decisionOn(code), code);
}

/** A credential that could not be checked lets nobody in. */
function decisionOn<Code extends PolicyDecision>(code: Code | "unavailable"): Code | "unauthenticated" {
  return code === "unavailable" ? "unauthenticated" : code;
}

/** Makes the one record of a call. Its clock starts here. */
function auditor(env: Env, background: Background, { catalog, name, args, caller, trace, channel }: ToolRequest) {
  const startedAt = Date.now();
  const tool = catalog.get(name);
  const leave = async (event: Omit<AuditEvent, "toolDigest">) =>
    record(env.PLATFORM_EVENTS_QUEUE, background, { ...event, toolDigest: tool ? await digestOf(tool) : null });
  return (decision: PolicyDecision, outcome: string): void =>
    background.waitUntil(
      leave({
        type: "tool.called",
        at: new Date().toISOString(),
        traceId: trace.traceId,
        channel,
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
      }),
    );
}

/** A refusal of the gateway's own, in its own words. */
export function refusal<Code extends keyof typeof GATEWAY_ERRORS>(code: Code, trace: Trace): ToolRefusal<Code> {
  const retryAfterSeconds = RETRY_AFTER_SECONDS[code];
  return {
    code,
    message: GATEWAY_ERRORS[code],
    ...(retryAfterSeconds && { retryAfterSeconds }),
    traceId: trace.traceId,
  };
}
