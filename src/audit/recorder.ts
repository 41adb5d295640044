// Assembles audit records: the only place that does.
import type { Identity } from "../../contracts/rpc/identity.ts";
import type { Schema } from "../../contracts/rpc/operation.ts";
import type { RequestContext } from "../context.ts";
import { catalog } from "../tools/catalog.ts";
import { digestOf, knownDigestOf } from "../tools/digest.ts";
import type { ToolDefinition } from "../tools/tool-definition.ts";
import type {
  AccessEvent,
  CallStartedEvent,
  Channel,
  PolicyDecision,
  ResourceReadEvent,
  TaskEvent,
  ToolCallEvent,
} from "./event.ts";
import { lengthOf, summarize } from "./redact.ts";
import { deliver, store } from "./sinks.ts";

/** A read of a resource. `schema`: that of the input; `null` for an unknown resource. */
export interface ReadRecord {
  readonly resource: string | null;
  readonly input: unknown;
  readonly schema: Schema | null;
}

/** A request about a task. `tool` is absent for an unknown task. */
export interface TaskRecord {
  readonly type: TaskEvent["type"];
  readonly tool: ToolDefinition | undefined;
  readonly input: unknown;
}

/** Numbers of a call that has an intent. */
export interface CallNumbers {
  readonly callId: string;
  /** That it costs. */
  readonly credits: number;
}

/** Records the result of one request. Its clock starts when it is made. */
export class Recorder {
  readonly #context: RequestContext;
  readonly #identity: Identity;
  readonly #channel: Channel;
  readonly #startedAtMs = Date.now();

  constructor(context: RequestContext, identity: Identity, channel: Channel) {
    this.#context = context;
    this.#identity = identity;
    this.#channel = channel;
  }

  /**
   * `tool` is absent if the caller's catalog has none named `name`. The name is shown only if it is
   * one of ours, as in a session without that tool. A digest that this isolate has not made yet is
   * made in the background.
   */
  toolCall(
    { tool, name, args }: { readonly tool: ToolDefinition | undefined; readonly name: string; readonly args: unknown },
    decision: PolicyDecision,
    outcome: string,
  ): void {
    const event = {
      type: "tool.called",
      ...this.#fields(outcome, args, tool?.operation.input ?? null),
      tool: tool?.name ?? (catalog.has(name) ? name : lengthOf(name)),
      risk: tool?.risk ?? null,
      decision,
    } as const;
    const toolDigest = tool ? knownDigestOf(tool) : null;
    if (toolDigest !== undefined) deliver(this.#context, { ...event, toolDigest });
    else this.#context.ctx.waitUntil(this.#deliverWithDigest(event, tool));
  }

  /** The intent of a call: for `AuditLogObject.begin`, then for `logRecord`. */
  async callStarted(
    { tool, args }: { readonly tool: ToolDefinition; readonly args: unknown },
    { callId, credits }: CallNumbers,
  ): Promise<CallStartedEvent> {
    const toolFields = { tool: tool.name, risk: tool.risk, toolDigest: await digestOf(tool) };
    return {
      type: "tool.started",
      ...this.#fields("started", args, tool.operation.input),
      ...toolFields,
      callId,
      credits,
    };
  }

  /** The outcome of a call that has begun: for `AuditLogObject.finish` and `logRecord`. */
  async callEnded(
    { tool, args }: { readonly tool: ToolDefinition; readonly args: unknown },
    { decision, outcome }: { readonly decision: PolicyDecision; readonly outcome: string },
    { callId, credits }: CallNumbers,
  ): Promise<ToolCallEvent> {
    const ended = this.#fields(outcome, args, tool.operation.input);
    const toolFields = { tool: tool.name, risk: tool.risk, toolDigest: await digestOf(tool) };
    return { type: "tool.called", ...ended, ...toolFields, decision, callId, credits };
  }

  resourceRead(
    { resource, input, schema }: ReadRecord,
    decision: ResourceReadEvent["decision"],
    outcome: string,
  ): void {
    deliver(this.#context, { type: "resource.read", ...this.#fields(outcome, input, schema), resource, decision });
  }

  /** `input`: the reference to the task's work, a part of what the tool returned. */
  task({ type, tool, input }: TaskRecord, decision: TaskEvent["decision"], outcome: string): void {
    const fields = this.#fields(outcome, input, tool?.operation.output ?? null);
    deliver(this.#context, { type, ...fields, tool: tool?.name ?? null, decision });
  }

  async #deliverWithDigest(event: Omit<ToolCallEvent, "toolDigest">, tool: ToolDefinition | undefined): Promise<void> {
    deliver(this.#context, { ...event, toolDigest: tool ? await digestOf(tool) : null });
  }

  #fields(outcome: string, input: unknown, schema: Schema | null) {
    const { subject, tenantId, clientId, tier, scopes } = this.#identity;
    const now = Date.now();
    return {
      at: new Date(now).toISOString(),
      traceId: this.#context.trace.traceId,
      channel: this.#channel,
      subject,
      tenantId,
      clientId,
      tier,
      scopes,
      outcome,
      durationMs: now - this.#startedAtMs,
      input: summarize(schema, input),
    };
  }
}

/**
 * Records a change of access. Wait for it before the answer: a change must not vanish between the
 * two. The change has happened, so trouble of the audit log does not fail the request.
 */
export function recordAccess(
  context: RequestContext,
  change: Pick<AccessEvent, "type" | "subject" | "tenantId" | "clientId" | "scopes">,
): Promise<void> {
  return store(context, { ...change, at: new Date().toISOString(), traceId: context.trace.traceId });
}
