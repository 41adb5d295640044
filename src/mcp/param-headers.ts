// `Mcp-Param-*`: arguments that a request repeats in headers, so that a proxy can route by them. Which ones is written in the tool's
// own schema, as `x-mcp-header` (2026-07-28, basic/transports/streamable-http and server/tools). The body is the truth.
import { decoded } from "./headers.ts";
import { isObject, type Params } from "./json-rpc.ts";
import type { ServerFeatures, Tool } from "./port.ts";

/** An argument that is repeated. */
interface Repeated {
  readonly header: string;
  /** The names of the properties that lead to it. */
  readonly path: readonly string[];
}

const known = new WeakMap<Tool, readonly Repeated[]>();

/** The header that does not repeat its argument, or `null` where all do. */
export function unequalHeader(
  headers: Headers,
  { tools }: ServerFeatures,
  { name, arguments: args }: Params,
): string | null {
  const tool = tools.find((listed) => listed.name === name);
  if (!tool) return null;
  const repeated = known.get(tool) ?? repeatedIn(tool.inputSchema, []);
  known.set(tool, repeated);
  return (
    repeated.find(({ header, path }) => !repeats(decoded(headers, header), headers.has(header), valueAt(args, path)))
      ?.header ?? null
  );
}

/** Only what is reached through `properties` alone can be repeated. */
function repeatedIn(schema: object, path: readonly string[]): readonly Repeated[] {
  if (!("properties" in schema) || !isObject(schema.properties)) return [];
  return Object.entries(schema.properties).flatMap(([property, of]) => {
    if (!isObject(of)) return [];
    const here = [...path, property];
    const header = of["x-mcp-header"];
    return typeof header === "string" ? [{ header: `Mcp-Param-${header}`, path: here }] : repeatedIn(of, here);
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
  // No argument, no header: one that a proxy believes and the tool never sees would be smuggled past.
  if (value === null || value === undefined) return !isPresent;
  if (header === null) return false;
  if (typeof value === "number") return INTEGER.test(header) && Number(header) === value;
  // A value of another kind is refused by the tool's schema, in words.
  return typeof value === "string" || typeof value === "boolean" ? header === String(value) : true;
}
