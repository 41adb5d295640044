// A valid input of an operation, derived from its schema.
import * as v from "valibot";
import type { Schema } from "../../contracts/rpc/operation.ts";

/** The parts of a valibot schema that a sample depends on. */
interface Node {
  readonly type: string;
  readonly entries?: Readonly<Record<string, Node>>;
  readonly item?: Node;
  readonly wrapped?: Node;
  readonly options?: readonly unknown[];
  readonly literal?: unknown;
  readonly requirement?: unknown;
  readonly pipe?: readonly Node[];
}

/**
 * A small input that `schema` accepts. Throws if the schema has rules that a sample does not cover.
 */
export function sampleInput(schema: Schema): object {
  const sample = sampleOf(schema as unknown as Node); // valibot's generic type hides these fields.
  if (!v.is(schema, sample) || typeof sample !== "object" || sample === null)
    throw new Error(`No sample fits this schema: ${JSON.stringify(sample)}`);
  return sample;
}

function sampleOf(node: Node): unknown {
  switch (node.type) {
    case "string":
      return sampleText(node);
    case "number":
      return minimumOf(node, "min_value") ?? 1;
    case "boolean":
      return true;
    case "picklist":
      return node.options?.[0];
    case "literal":
      return node.literal;
    case "array":
      return node.item ? [sampleOf(node.item)] : [];
    case "nullable":
      return null;
    default:
      return sampleOfEntries(node.entries ?? {});
  }
}

/** A text of the needed length, or an id of the needed form. */
function sampleText(node: Node): string {
  const text = "x".repeat(minimumOf(node, "min_length") ?? 1);
  return fits(node, text) ? text : "00000000-0000-4000-8000-000000000000";
}

/** True if the text has the form that the schema and the schemas inside it require. */
function fits({ pipe = [], requirement }: Node, text: string): boolean {
  return pipe.every((part) => fits(part, text)) && (!(requirement instanceof RegExp) || requirement.test(text));
}

function sampleOfEntries(entries: Readonly<Record<string, Node>>): object {
  const required = Object.entries(entries).filter(([, { type }]) => type !== "optional");
  return Object.fromEntries(required.map(([name, entry]) => [name, sampleOf(entry)]));
}

function minimumOf({ pipe = [] }: Node, action: string): number | undefined {
  const requirement = pipe.find(({ type }) => type === action)?.requirement;
  return typeof requirement === "number" ? requirement : undefined;
}
