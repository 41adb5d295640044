// The schemas of all tools, held against what the APIs of model providers take.
import { describe, expect, it } from "vitest";
import { validate } from "../../../src/pipeline/validate.ts";
import { catalog } from "../../../src/tools/catalog.ts";
import type { JsonSchema } from "../../../src/tools/json-schema.ts";
import {
  ARGUMENT_NAME,
  MAX_DESCRIPTION,
  PROVIDERS,
  type Provider,
  REGEX_LIMITS,
  strictSchemaOf,
  subschemasOf,
  TOOL_NAME,
} from "../../support/providers.ts";
import { sampleInput } from "../../support/sample-input.ts";

const TOOLS = Array.from(catalog.values());

/** Everything in a schema that the provider does not take, with its place. */
function problemsOf(schema: JsonSchema, { keywords, formats, isStrict }: Provider): string[] {
  return subschemasOf(schema).flatMap(({ at, schema: { format, pattern, type, properties, ...rest } }) => {
    const used = Object.keys({
      ...rest,
      ...(format !== undefined && { format }),
      ...(pattern !== undefined && { pattern }),
    });
    const isClosed = rest.additionalProperties === false;
    const isComplete = Object.keys(properties ?? {}).every((name) => (rest.required as string[]).includes(name));
    return [
      ...used.filter((keyword) => !keywords.has(keyword)).map((keyword) => `${at} has ${keyword}`),
      ...(format !== undefined && !formats.has(format as string) ? [`${at} has the format ${format}`] : []),
      ...(REGEX_LIMITS.test(String(pattern ?? "")) ? [`${at} has the pattern ${pattern}`] : []),
      ...(type === "object" && properties === undefined ? [`${at} has no properties`] : []),
      ...(isStrict && type === "object" && !(isClosed && isComplete) ? [`${at} is not strict`] : []),
    ];
  });
}

describe.each(PROVIDERS)("$name", (provider) => {
  it.each(TOOLS)("takes the input schema of $name, in strict modes as a bridge writes it", ({ inputSchema }) => {
    expect(problemsOf(provider.isStrict ? strictSchemaOf(inputSchema) : inputSchema, provider)).toEqual([]);
    expect(subschemasOf(inputSchema).some(({ schema }) => "default" in schema)).toBe(false);
  });

  it("is not taken by every schema: formats, defaults and lengths are found", () => {
    const field = { type: "string", format: "uuid-v7", $comment: "x" };
    const schema = { type: "object", properties: { field }, required: ["field"], additionalProperties: false };
    expect(problemsOf(schema, provider)).toEqual(["root.field has $comment", "root.field has the format uuid-v7"]);
  });
});

describe("a tool", () => {
  it.each(TOOLS)("$name has a name, argument names and a description that every provider takes", (tool) => {
    expect(tool.name).toMatch(TOOL_NAME);
    expect(tool.description.length).toBeLessThanOrEqual(MAX_DESCRIPTION);
    for (const { schema } of subschemasOf(tool.inputSchema))
      for (const name of Object.keys(schema.properties ?? {})) expect(name).toMatch(ARGUMENT_NAME);
  });

  it.each(TOOLS)("$name says of each argument what it is", ({ inputSchema }) => {
    const fields = Object.values(inputSchema.properties as Record<string, JsonSchema>);
    for (const { description } of fields) expect(description).toMatch(/\.$/);
  });

  it.each(TOOLS)(
    "$name is called by a strict mode, with null for all that is optional",
    ({ inputSchema, operation }) => {
      const { properties } = inputSchema as { properties: Record<string, unknown> };
      const args = {
        ...Object.fromEntries(Object.keys(properties).map((name) => [name, null])),
        ...sampleInput(operation.input),
      };
      expect(validate(operation, args)).toEqual(validate(operation, sampleInput(operation.input)));
    },
  );

  // Google's clients forward the output schema too.
  it.each(TOOLS)("$name has an output schema of common keywords, without formats", ({ outputSchema }) => {
    const gemini = PROVIDERS.find(({ name }) => name.startsWith("Gemini"));
    if (!gemini) throw new Error("Gemini is missing");
    expect(problemsOf(outputSchema, { ...gemini, formats: new Set() })).toEqual([]);
  });
});
