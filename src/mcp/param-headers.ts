// `Mcp-Param-*`: arguments that a request repeats in headers, so that proxies can route by them.
// The tool's schema marks them with `x-mcp-header` (2026-07-28, basic/transports/streamable-http
// and server/tools). The body is authoritative.
import { decodedHeader } from "./headers.ts";
import { isObject, type Params } from "./json-rpc.ts";
import type { ServerFeatures } from "./port.ts";
import type { Tool } from "./schema.ts";

/** An argument that a header must repeat. */
interface RepeatedArgument {
  readonly header: string;
  /** Property names from the arguments down to the value. */
  readonly path: readonly string[];
}

const repeatedArguments = new WeakMap<Tool, readonly RepeatedArgument[]>();

/** The first header that does not equal its argument, or `null` if all do. */
export function unequalHeader(
  headers: Headers,
  { tools }: ServerFeatures,
  { name, arguments: args }: Params,
): string | null {
  const tool = tools.find((listed) => listed.name === name);
  if (!tool) return null;
  const repeated = repeatedArguments.get(tool) ?? repeatedIn(tool.inputSchema, []);
  repeatedArguments.set(tool, repeated);
  return (
    repeated.find(
      ({ header, path }) => !repeats(decodedHeader(headers, header), headers.has(header), valueAt(args, path)),
    )?.header ?? null
  );
}

/** The marked properties of a schema. Only `properties` count: array items have no single value. */
function repeatedIn(schema: object, path: readonly string[]): readonly RepeatedArgument[] {
  if (!("properties" in schema) || !isObject(schema.properties)) return [];
  return Object.entries(schema.properties).flatMap(([property, subschema]) => {
    if (!isObject(subschema)) return [];
    const here = [...path, property];
    const header = subschema["x-mcp-header"];
    return typeof header === "string" ? [{ header: `Mcp-Param-${header}`, path: here }] : repeatedIn(subschema, here);
  });
}

function valueAt(args: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, property) => (isObject(value) && Object.hasOwn(value, property) ? value[property] : null),
    args,
  );
}

const INTEGER = /^-?\d{1,16}$/;

function repeats(header: string | null, isPresent: boolean, value: unknown): boolean {
  // A header without an argument is refused: a proxy would trust a value that the tool never gets.
  if (value === null || value === undefined) return !isPresent;
  if (header === null) return false;
  if (typeof value === "number") return INTEGER.test(header) && Number(header) === value;
  // The tool's schema refuses values of other types, with a sentence.
  return typeof value === "string" || typeof value === "boolean" ? header === String(value) : true;
}
