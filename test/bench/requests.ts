// The requests of the benchmark, in the form of each era, with the checks of their responses.
import { isDeepStrictEqual } from "node:util";
import { DEFAULT_ORIGIN } from "../../entrypoints/cli/workers.ts";
import { flowOf, LARGE_BYTES, pictureOf } from "./flow.ts";
import type { BenchRequest } from "./load.ts";

/** The protocol revision; `none` for the baseline, which has no protocol. */
export type Era = "2026-07-28" | "2025-11-25" | "none";

/** The receiver and the credential of a request. */
export interface Target {
  readonly port: number;
  readonly era: Era;
  /** Default: `/mcp`. */
  readonly path?: string;
  readonly token?: string;
}

let lastId = 0;

/** A call of a tool that reads, with a small result. */
export function statusCall(target: Target, name = "flow_status"): BenchRequest {
  const flowId = `flow_${lastId + 1}`;
  return call(target, name, { flowId }, (result) => isDeepStrictEqual(result.structuredContent, flowOf(flowId)));
}

/** A call of the reference backend, which verifies the identity token. */
export function modelsCall(target: Target): BenchRequest {
  return call(
    target,
    "image_list_models",
    {},
    ({ structuredContent: { models } }) => Array.isArray(models) && models.length > 0,
  );
}

/** A call that changes something and costs nothing. */
export function createCall(target: Target): BenchRequest {
  const isExpected = ({ structuredContent }: Result) => isDeepStrictEqual(structuredContent, flowOf("notes_6"));
  return call(target, "flow_create", { projectDescription: "A shop" }, isExpected);
}

/** A call that costs credits, whose result links to the picture. */
export function imageCall(target: Target): BenchRequest {
  const prompt = `A picture ${lastId + 1}`;
  const isExpected = ({ structuredContent }: Result) => isDeepStrictEqual(structuredContent, pictureOf(prompt));
  return call(target, "image_generate", { prompt }, isExpected);
}

const NOTES = "n".repeat(LARGE_BYTES);

/** A call with 1 MB of arguments, which the gateway refuses and the baseline passes on. */
export function largeArguments(target: Target): BenchRequest {
  const params = { name: "flow_create", arguments: { projectDescription: NOTES } };
  return message(target, "tools/call", params, (body, start) => {
    const { result }: { result: Result } = JSON.parse(body);
    const isExpected =
      target.era === "none" ? result.structuredContent.flowId === `notes_${LARGE_BYTES}` : result.isError === true;
    return body.startsWith(start) && isExpected;
  });
}

/** A call with a result of 1 MB. */
export function largeResult(target: Target): BenchRequest {
  const isExpected = ({ structuredContent: { artifacts } }: Result) =>
    Array.isArray(artifacts) && (artifacts as { markdown: string }[])[0]?.markdown.length === LARGE_BYTES;
  return call(target, "flow_summary", { flowId: "large" }, isExpected);
}

/**
 * The part after the id of a checked list, by its number of tools. Responses differ by their ids
 * only.
 */
const lists = new Map<number, string>();

/** The list of all tools, which must be `count`. */
export function toolList(target: Target, count: number): BenchRequest {
  return message(target, "tools/list", {}, (body, start) => {
    const rest = body.slice(start.length);
    const known = lists.get(count);
    if (known !== undefined) return body.startsWith(start) && (rest === known || target.era !== "2026-07-28");
    const { result }: { result: { tools: readonly unknown[] } } = JSON.parse(body);
    if (result.tools.length === count) lists.set(count, rest);
    return result.tools.length === count;
  });
}

/** The same call of another server, which may order its fields or frame its answer otherwise. */
export function rivalCall(target: Target): BenchRequest {
  const expected = statusCall(target);
  const { id, params } = JSON.parse(expected.body) as { id: number; params: { arguments: { flowId: string } } };
  const flow = flowOf(params.arguments.flowId);
  const isExpected = (body: string) => {
    const answer = answerIn(body);
    return answer.id === id && isDeepStrictEqual(answer.result.structuredContent, flow);
  };
  return { ...expected, isExpected };
}

/** The same list of another server. */
export function rivalList(target: Target, count: number): BenchRequest {
  const expected = toolList(target, count);
  return { ...expected, isExpected: (body) => (answerIn(body).result.tools as unknown[]).length === count };
}

/** The answer in a body, which may be one event of a stream. */
function answerIn(body: string): { readonly id: number; readonly result: Readonly<Record<string, unknown>> } {
  return JSON.parse(/^data: (.*)$/m.exec(body)?.[1] ?? body);
}

/** A response of this size that the baseline does not compute. */
export function readyBytes(target: Target, bytes: number): BenchRequest {
  return message({ ...target, path: `/ready?bytes=${bytes}` }, "tools/list", {}, (body) => body.length >= bytes);
}

interface Result {
  readonly isError?: boolean;
  readonly structuredContent: Readonly<Record<string, unknown>>;
}

function call(target: Target, name: string, args: object, isExpected: (result: Result) => boolean): BenchRequest {
  return message(target, "tools/call", { name, arguments: args }, (body, start) => {
    const { result }: { result: Result } = JSON.parse(body);
    return body.startsWith(start) && result.isError !== true && isExpected(result);
  });
}

/** `isExpected` also gets the beginning of the right response to this message. */
function message(
  target: Target,
  method: string,
  params: { readonly name?: string; readonly arguments?: object },
  isExpected: (body: string, start: string) => boolean,
): BenchRequest {
  const { port, era, path = "/mcp", token } = target;
  const id = ++lastId;
  const isModern = era === "2026-07-28";
  const _meta = { "io.modelcontextprotocol/protocolVersion": era, "io.modelcontextprotocol/clientCapabilities": {} };
  const headers = {
    host: new URL(DEFAULT_ORIGIN).host,
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    ...(era !== "none" && { "mcp-protocol-version": era, authorization: `Bearer ${token}` }),
    ...(isModern && { "mcp-method": method, ...(params.name !== undefined && { "mcp-name": params.name }) }),
  };
  const body = JSON.stringify({ jsonrpc: "2.0", id, method, params: { ...params, ...(isModern && { _meta }) } });
  const start = `{"jsonrpc":"2.0","id":${id},"result":`;
  // White space comes before the answer of a change, so that the gateway sees a client leave.
  return { port, path, headers, body, isExpected: (body) => isExpected(body.trimStart(), start) };
}
