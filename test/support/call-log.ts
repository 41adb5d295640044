// Tool calls that a test makes through either entrance, and what came back for each: the material
// for the checks of consistency.ts.
import { randomUUID } from "node:crypto";
import { postRequest } from "./mcp-requests.ts";
import type { SiblingCall } from "./sibling-worker.ts";
import type { System } from "./system.ts";

/** A call that the client made. */
export interface CallToMake {
  readonly entrance: "mcp" | "rpc";
  readonly tenantId: string;
  /** An API key, or with `mcp` an access token. */
  readonly bearer: string;
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly idempotencyKey?: string;
  /** The client disconnects after this time. Milliseconds. */
  readonly disconnectAfterMs?: number;
  /** Says during which fault, for the message of a failed check. */
  readonly during?: string;
  /** The client of `mcp` asks for progress, so the answer comes on an event stream. */
  readonly isStreamed?: boolean;
}

interface TracedCall extends CallToMake {
  /** Names the call in the audit records. */
  readonly traceId: string;
}

/** A call, and its answers. */
export interface MadeCall extends TracedCall {
  /** Answers to exactly this call. */
  readonly answers: number;
  /** True if the connection ended before an answer. */
  readonly isBroken: boolean;
  /** `ok`, the code of a refusal, or the HTTP status. */
  readonly outcome: string;
  /** The result of the tool. */
  readonly value: Readonly<Record<string, unknown>> | null;
  /** The text of everything that is no success. */
  readonly refusal: string;
}

type Fields = Readonly<Record<string, unknown>>;
type CallEnding = Pick<MadeCall, "answers" | "isBroken" | "outcome" | "value" | "refusal">;

const BROKEN: CallEnding = { answers: 0, isBroken: true, outcome: "broken", value: null, refusal: "" };

export class CallLog {
  readonly calls: MadeCall[] = [];
  readonly #system: System;

  constructor(system: System) {
    this.#system = system;
  }

  /** Makes the call and waits for its answer, or for the end of the connection. Never throws. */
  async make(call: CallToMake): Promise<MadeCall> {
    const ask = call.entrance === "mcp" ? askOverMcp : askOverRpc;
    const traced = { ...call, traceId: randomUUID().replaceAll("-", "") };
    const made = { ...traced, ...(await ask(this.#system, traced).catch(() => BROKEN)) };
    this.calls.push(made);
    return made;
  }
}

const traceparentOf = ({ traceId }: TracedCall) => `00-${traceId}-${traceId.slice(16)}-01`;

async function askOverMcp(system: System, call: TracedCall): Promise<CallEnding> {
  const { bearer, tool, input, idempotencyKey, disconnectAfterMs, isStreamed } = call;
  const _meta = {
    traceparent: traceparentOf(call),
    ...(idempotencyKey !== undefined && { "com.stackbilt/idempotencyKey": idempotencyKey }),
    ...(isStreamed && { progressToken: 1 }),
  };
  const request = { method: "tools/call", params: { name: tool, arguments: input, _meta } };
  const response = await postRequest(system, bearer, request, {
    ...(isStreamed && { revision: "2026-07-28", headers: { accept: "application/json, text/event-stream" } }),
    ...(disconnectAfterMs !== undefined && { signal: AbortSignal.timeout(disconnectAfterMs) }),
  });
  const text = await response.text();
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
  const messages = isStream ? messagesIn(text) : [JSON.parse(text) as Fields];
  if (!response.ok)
    return { ...BROKEN, isBroken: false, answers: 1, outcome: `http_${response.status}`, refusal: text };
  const own = messages.filter((message) => message.id === 1 && ("result" in message || "error" in message));
  return own[0] ? { ...answerOf(own[0]), answers: own.length } : { ...BROKEN, isBroken: isStream ?? false };
}

/** The messages of an event stream. */
function messagesIn(text: string): Fields[] {
  return Array.from(text.matchAll(/^data: ?(\{.*)$/gm), ([, json = ""]) => JSON.parse(json) as Fields);
}

function answerOf(message: Fields): Omit<CallEnding, "answers"> {
  const { result, error } = message as { result?: Fields; error?: { code: number } };
  if (error) return { isBroken: false, outcome: `error_${error.code}`, value: null, refusal: JSON.stringify(error) };
  if (!result?.isError)
    return { isBroken: false, outcome: "ok", value: (result?.structuredContent ?? {}) as Fields, refusal: "" };
  const { code } = (result._meta as Record<string, Fields>)["com.stackbilt/error"] ?? {};
  return { isBroken: false, outcome: String(code), value: null, refusal: JSON.stringify(result) };
}

async function askOverRpc(system: System, call: TracedCall): Promise<CallEnding> {
  const { bearer, tool, input, idempotencyKey } = call;
  const options = {
    credential: { apiKey: bearer },
    traceparent: traceparentOf(call),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  };
  const request: SiblingCall = { through: "GATEWAY", tool, input, options };
  const response = await system.worker("sibling").fetch("/", { method: "POST", body: JSON.stringify(request) });
  const { ok, value, error } = (await response.json()) as { ok: boolean; value?: Fields; error?: { code: string } };
  if (ok) return { answers: 1, isBroken: false, outcome: "ok", value: value ?? {}, refusal: "" };
  return { answers: 1, isBroken: false, outcome: error?.code ?? "none", value: null, refusal: JSON.stringify(error) };
}
