// The subsets of JSON Schema that the APIs of model providers take in the declaration of a tool.
// Each is what the provider's own documents list; a keyword that they do not mention is not in it.

export interface Provider {
  readonly name: string;
  /** The document that lists the subset. */
  readonly document: string;
  readonly keywords: ReadonlySet<string>;
  /** Values of `format`. */
  readonly formats: ReadonlySet<string>;
  /** True if each property must be required, and each object closed. */
  readonly isStrict: boolean;
}

const words = (text: string) => new Set(text.split(" "));
const BASE = "type description properties required items enum";

export const PROVIDERS: readonly Provider[] = [
  {
    name: "OpenAI, strict function calling",
    document: "OpenAI API, Structured model outputs, Supported schemas (February 2026)",
    // minLength and maxLength are not among the properties of strings.
    keywords: words(
      `${BASE} additionalProperties const anyOf $ref $defs pattern format multipleOf minimum maximum exclusiveMinimum exclusiveMaximum minItems maxItems`,
    ),
    formats: words("date-time time date duration email hostname ipv4 ipv6 uuid"),
    isStrict: true,
  },
  {
    name: "OpenAI, function calling without strict",
    document: "OpenAI API, Function calling, Defining functions",
    keywords: words(
      `${BASE} additionalProperties title const anyOf oneOf allOf $ref $defs default pattern format minLength maxLength multipleOf minimum maximum exclusiveMinimum exclusiveMaximum minItems maxItems`,
    ),
    formats: words("date-time time date duration email hostname ipv4 ipv6 uuid"),
    isStrict: false,
  },
  {
    name: "Anthropic, strict tool use",
    document: "Claude API, Structured outputs, JSON Schema limitations",
    // Numerical, string-length and array bounds are "not supported", beyond minItems of 0 or 1.
    keywords: words(`${BASE} additionalProperties const anyOf allOf $ref $defs default pattern format`),
    formats: words("date-time time date duration email hostname uri ipv4 ipv6 uuid"),
    isStrict: true,
  },
  {
    name: "Gemini, function declarations",
    document: "Gemini API, FunctionDeclaration and Schema; Structured outputs, JSON Schema support",
    keywords: words(
      `${BASE} additionalProperties title nullable anyOf propertyOrdering pattern format minLength maxLength minimum maximum minItems maxItems minProperties maxProperties prefixItems`,
    ),
    // "enum" and "date-time" are the formats of strings; others are refused by older models.
    formats: words("enum date-time float double int32 int64"),
    isStrict: false,
  },
];

/** Parts that a pattern must not have in Anthropic's strict mode: look-around, \b, \1. */
export const REGEX_LIMITS = /\(\?[=!<]|\\b|\\B|\\\d/;

/** Limits that hold for every provider: names, and OpenAI's length of a function's description. */
export const TOOL_NAME = /^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$/;
export const ARGUMENT_NAME = /^[a-zA-Z_][a-zA-Z0-9_]{0,63}$/;
export const MAX_DESCRIPTION = 1024;

/** A subschema with its place: `policy.profile`. */
export interface Subschema {
  readonly at: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

/** A schema and all schemas inside it. */
export function subschemasOf(schema: Subschema["schema"], at = "root"): Subschema[] {
  const {
    properties = {},
    items,
    anyOf = [],
  } = schema as {
    properties?: Record<string, Subschema["schema"]>;
    items?: Subschema["schema"];
    anyOf?: Subschema["schema"][];
  };
  return [
    { at, schema },
    ...Object.entries(properties).flatMap(([name, field]) => subschemasOf(field, `${at}.${name}`)),
    ...(items ? subschemasOf(items, `${at}[]`) : []),
    ...anyOf.flatMap((option, index) => subschemasOf(option, `${at}|${index}`)),
  ];
}

/**
 * The schema as a bridge to a strict mode writes it: every property required, an optional one also
 * null, every object closed.
 */
export function strictSchemaOf(schema: Subschema["schema"]): Subschema["schema"] {
  const {
    properties,
    items,
    required = [],
  } = schema as {
    properties?: Record<string, Subschema["schema"]>;
    items?: Subschema["schema"];
    required?: string[];
  };
  if (items) return { ...schema, items: strictSchemaOf(items) };
  if (!properties) return schema;
  const fields = Object.entries(properties).map(([name, field]) => {
    const strict = strictSchemaOf(field);
    return [name, required.includes(name) ? strict : { anyOf: [strict, { type: "null" }] }];
  });
  return {
    ...schema,
    properties: Object.fromEntries(fields),
    required: Object.keys(properties),
    additionalProperties: false,
  };
}
