// The requests of the benchmark, as clients of each era send them, and how their answers are judged.
import { isDeepStrictEqual } from "node:util";
import { DEFAULT_ORIGIN } from "../../entrypoints/cli/workers.ts";
import { flowOf, LARGE_BYTES } from "./flow.ts";
import type { Shot } from "./load.ts";

/** How a client speaks: of the newest revision, of the last one before it, or, to the floor, without any protocol. */
export type Era = "2026-07-28" | "2025-11-25" | "none";

/** To whom, and as whom. */
export interface Way {
  readonly port: number;
  readonly era: Era;
  /** The floor has its own. */
  readonly path?: string;
  readonly token?: string;
}

let lastId = 0;

/** A call of a small tool that only reads. */
export function statusCall(way: Way, name = "flow_status"): Shot {
  const flowId = `flow_${lastId + 1}`;
  return call(way, name, { flowId }, (result) => isDeepStrictEqual(result.structuredContent, flowOf(flowId)));
}

/** The reference backend lists its models. */
export function modelsCall(way: Way): Shot {
  return call(
    way,
    "image_list_models",
    {},
    ({ structuredContent: { models } }) => Array.isArray(models) && models.length > 0,
  );
}

const NOTES = "n".repeat(LARGE_BYTES);

/** A call with 1 MB of arguments. */
export function largeArguments(way: Way): Shot {
  const isRight = ({ structuredContent: { flowId } }: Result) => flowId === `notes_${LARGE_BYTES}`;
  return call(way, "flow_create", { policy: { notes: NOTES } }, isRight);
}

/** A call whose value has 1 MB. */
export function largeResult(way: Way): Shot {
  const isRight = ({ structuredContent: { artifacts } }: Result) =>
    Array.isArray(artifacts) && (artifacts as { markdown: string }[])[0]?.markdown.length === LARGE_BYTES;
  return call(way, "flow_summary", { flowId: "large" }, isRight);
}

/** What follows the id in the answer to a list that was found to have so many tools. */
const lists = new Map<number, string>();

/** The list of all tools, which must be `count`. Answers differ by their ids only. */
export function toolList(way: Way, count: number): Shot {
  return message(way, "tools/list", {}, (answer, start) => {
    const rest = answer.slice(start.length);
    const known = lists.get(count);
    if (known !== undefined) return answer.startsWith(start) && (rest === known || way.era !== "2026-07-28");
    const { result }: { result: { tools: readonly unknown[] } } = JSON.parse(answer);
    if (result.tools.length === count) lists.set(count, rest);
    return result.tools.length === count;
  });
}

/** As many bytes as a list has, ready made. */
export function readyBytes(way: Way, bytes: number): Shot {
  return message({ ...way, path: `/ready?bytes=${bytes}` }, "tools/list", {}, (answer) => answer.length >= bytes);
}

interface Result {
  readonly isError?: boolean;
  readonly structuredContent: Readonly<Record<string, unknown>>;
}

function call(way: Way, name: string, args: object, isRight: (result: Result) => boolean): Shot {
  return message(way, "tools/call", { name, arguments: args }, (answer, start) => {
    const { result }: { result: Result } = JSON.parse(answer);
    return answer.startsWith(start) && result.isError !== true && isRight(result);
  });
}

/** `isRight` is also given what an answer to this message begins with. */
function message(
  way: Way,
  method: string,
  params: { readonly name?: string; readonly arguments?: object },
  isRight: (answer: string, start: string) => boolean,
): Shot {
  const { port, era, path = "/mcp", token } = way;
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
  return { port, path, headers, body, isRight: (answer) => isRight(answer, `{"jsonrpc":"2.0","id":${id},"result":`) };
}
