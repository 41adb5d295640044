// A tool's JSON Schema as a list of readable, comparable fields: `policy.profile`,
// `modes[].tokens`.
import type { JsonSchema } from "../../../src/tools/json-schema.ts";

export interface Field {
  /** From the root. `[]` is an item of a list. */
  readonly path: string;
  /** As Markdown. */
  readonly type: string;
  readonly isRequired: boolean;
  /** As JSON; `null` if there is none. */
  readonly default: string | null;
  readonly meaning: string;
}

/** The keywords that src/tools/json-schema.ts writes. */
interface Node {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Node[];
  readonly items?: Node;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
}

/** Every field of an object schema, each followed by its own fields. */
export function fieldsOf(schema: JsonSchema): Field[] {
  return fieldsIn(schema as Node, "");
}

function fieldsIn(node: Node, prefix: string): Field[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, field]) => {
    const path = prefix + name;
    const own: Field = {
      path,
      type: typeOf(field),
      isRequired: node.required?.includes(name) ?? false,
      default: field.default === undefined ? null : JSON.stringify(field.default),
      meaning: field.description ?? "",
    };
    const { inner, suffix } = contentOf(field);
    return [own, ...fieldsIn(inner, `${path}${suffix}.`)];
  });
}

/** The schema of the items of a list, or of a nullable value. */
function contentOf(node: Node): { inner: Node; suffix: string } {
  const [only] = node.anyOf?.filter(({ type }) => type !== "null") ?? [];
  if (only) return contentOf(only);
  if (!node.items) return { inner: node, suffix: "" };
  const { inner, suffix } = contentOf(node.items);
  return { inner, suffix: `[]${suffix}` };
}

function typeOf(node: Node): string {
  if (node.anyOf) return node.anyOf.map(typeOf).join(" or ");
  if (node.const !== undefined) return code(node.const);
  if (node.enum) return node.enum.map(code).join(" ");
  if (node.properties) return `{${Object.keys(node.properties).join(", ")}}`;
  if (node.items)
    return `list of ${[range(node.minItems, node.maxItems), typeOf(node.items)].filter(Boolean).join(": ")}`;
  const length = range(node.minLength, node.maxLength);
  const limits = [
    patternOf(node),
    node.format ?? "",
    length === "" ? "" : `${length} characters`,
    range(node.minimum, node.maximum),
  ];
  return [node.type ?? "anything", ...limits].filter(Boolean).join(", ");
}

function patternOf({ pattern }: Node): string {
  if (pattern === undefined) return "";
  return pattern === String.raw`\S` ? "not blank" : code(pattern);
}

function range(from: number | undefined, to: number | undefined): string {
  if (from !== undefined && to !== undefined) return `${from} to ${to}`;
  if (from !== undefined) return `at least ${from}`;
  return to === undefined ? "" : `at most ${to}`;
}

function code(value: unknown): string {
  return `\`${String(value)}\``;
}
