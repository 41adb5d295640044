// JSON Schema 2020-12 from the contracts' valibot schemas, for exactly the kinds that contracts
// use. Any other kind throws, so that clients never see a schema that is weaker than the real one.
// A test proves that it equals valibot's own converter, which is four times this size.
import type { Schema } from "../../contracts/rpc/operation.ts";
import { countOf } from "./count.ts";

/** A JSON Schema document or subschema. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** A valibot schema or action, as valibot describes it at run time. */
interface Part {
  readonly kind: "schema" | "validation" | "metadata" | "transformation";
  readonly type: string;
  readonly pipe?: readonly [Part, ...Part[]];
  readonly entries?: Readonly<Record<string, Part>>;
  readonly item?: Part;
  readonly wrapped?: Part;
  readonly options?: readonly unknown[];
  readonly literal?: unknown;
  readonly default?: unknown;
  readonly requirement?: unknown;
  readonly description?: string;
}

/**
 * The schema as JSON Schema. Throws, with the kind, if it is not supported here or not by JSON
 * Schema.
 */
export function jsonSchemaOf(schema: Schema): JsonSchema {
  return ofPart(schema as unknown as Part); // valibot documents these fields, but its generic type hides them
}

/**
 * The schema of a tool's input, with the keywords that every model provider accepts. Bounds and
 * defaults become words of the description: the strict modes of OpenAI and Anthropic refuse a whole
 * list of tools for one such keyword. They are enforced all the same.
 */
export function inputSchemaOf(schema: Schema): JsonSchema {
  return inWords(jsonSchemaOf(schema));
}

/** The keywords of a schema that `inWords` reads. */
interface Keywords {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly description?: string;
  readonly default?: unknown;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
}

function inWords(schema: JsonSchema): JsonSchema {
  const { properties, items, description, default: fallback, ...rest }: Keywords = schema;
  const { minLength, maxLength, minimum, maximum, minItems, maxItems, ...kept } = rest;
  const sentences = [
    description,
    range(minLength, maxLength, "character"),
    range(minItems, maxItems, "item"),
    range(minimum, maximum),
    fallback === undefined ? undefined : `Default: ${fallback}.`,
  ].filter((sentence) => sentence !== undefined);
  return {
    ...kept,
    ...(properties && { properties: mapValues(properties, inWords) }),
    ...(items && { items: inWords(items) }),
    ...(sentences.length > 0 && { description: sentences.join(" ") }),
  };
}

function range(from: number | undefined, to: number | undefined, unit?: "character" | "item"): string | undefined {
  const count = (bound: number) => (unit ? countOf(bound, unit) : bound);
  if (from !== undefined && to !== undefined) return `From ${from} to ${count(to)}.`;
  if (from !== undefined) return `At least ${count(from)}.`;
  return to === undefined ? undefined : `At most ${count(to)}.`;
}

function mapValues<In, Out>(object: Readonly<Record<string, In>>, change: (value: In) => Out): Record<string, Out> {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));
}

function ofPart(part: Part): JsonSchema {
  if (!part.pipe) return ofSchema(part);
  const [base, ...actions] = part.pipe;
  return actions.reduce(withAction, ofPart(base));
}

function ofSchema({ type, entries, item, wrapped, options, literal, default: fallback }: Part): JsonSchema {
  switch (type) {
    case "string":
    case "number":
    case "boolean":
      return { type };
    case "literal":
      return { const: literal };
    case "picklist":
      return { type: "string", enum: options };
    case "array":
      return { type, items: ofPart(required(item)) };
    case "nullable":
      return { anyOf: [ofPart(required(wrapped)), { type: "null" }] };
    case "optional": {
      const inner = ofPart(required(wrapped));
      return fallback === undefined ? inner : { ...inner, default: fallback };
    }
    case "object":
    case "loose_object":
    case "strict_object": {
      const fields = Object.entries(required(entries));
      return {
        type: "object",
        properties: Object.fromEntries(fields.map(([name, field]) => [name, ofPart(field)])),
        required: fields.filter(([, field]) => field.type !== "optional").map(([name]) => name),
        ...(type === "strict_object" ? { additionalProperties: false } : {}),
      };
    }
    default:
      throw new Error(`no JSON Schema for "${type}"`);
  }
}

/**
 * The keyword for the requirement of a validation, by its kind. For lists, `Length` becomes
 * `Items`.
 */
const KEYWORDS: Readonly<Record<string, string>> = {
  min_value: "minimum",
  max_value: "maximum",
  min_length: "minLength",
  max_length: "maxLength",
  max_characters: "maxLength",
};

function withAction(schema: JsonSchema, { type, requirement, description }: Part): JsonSchema {
  const keyword = KEYWORDS[type];
  if (keyword)
    return { ...schema, [schema.type === "array" ? keyword.replace("Length", "Items") : keyword]: requirement };
  if (type === "description") return { ...schema, description };
  if (type === "metadata") return schema; // for audit records: not for clients
  if (type === "integer") return { ...schema, type };
  if (requirement instanceof RegExp && requirement.flags === "" && type === "regex")
    return { ...schema, pattern: requirement.source };
  throw new Error(`no JSON Schema for "${type}"`);
}

function required<T>(field: T | undefined): T {
  if (field === undefined) throw new Error("a schema lacks its own parts");
  return field;
}
