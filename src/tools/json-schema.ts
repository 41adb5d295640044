// JSON Schema 2020-12 from the contracts' valibot schemas, for exactly the kinds that contracts
// use. Any other kind throws, so that clients never see a schema that is weaker than the real one.
// A test proves that it equals valibot's own converter, which is four times this size.
import type { Schema } from "../../contracts/rpc/operation.ts";

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
};
const FORMATS: Readonly<Record<string, string>> = { uuid: "uuid", url: "uri" };

function withAction(schema: JsonSchema, { type, requirement, description }: Part): JsonSchema {
  const keyword = KEYWORDS[type];
  if (keyword)
    return { ...schema, [schema.type === "array" ? keyword.replace("Length", "Items") : keyword]: requirement };
  if (FORMATS[type]) return { ...schema, format: FORMATS[type] };
  if (type === "description") return { ...schema, description };
  if (type === "integer") return { ...schema, type };
  if (requirement instanceof RegExp && requirement.flags === "" && type === "regex")
    return { ...schema, pattern: requirement.source };
  throw new Error(`no JSON Schema for "${type}"`);
}

function required<T>(field: T | undefined): T {
  if (field === undefined) throw new Error("a schema lacks its own parts");
  return field;
}
