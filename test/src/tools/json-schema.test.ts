// JSON Schema of contracts, compared with valibot's own converter.
import { toJsonSchema } from "@valibot/to-json-schema";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { imgForge } from "../../../contracts/img-forge.ts";
import type { Schema } from "../../../contracts/rpc/operation.ts";
import { stackbilder } from "../../../contracts/stackbilder.ts";
import { words } from "../../../contracts/text.ts";
import { catalog } from "../../../src/tools/catalog.ts";
import { inputSchemaOf, jsonSchemaOf } from "../../../src/tools/json-schema.ts";

function official(schema: Schema, typeMode: "input" | "output" = "input") {
  const { $schema: _, ...json } = toJsonSchema(schema, {
    target: "draft-2020-12",
    typeMode,
    // Marks for audit records, which are not for clients.
    ignoreActions: ["metadata"],
    // The one check that is not valibot's own.
    overrideAction: ({ valibotAction, jsonSchema }) =>
      valibotAction.type === "max_characters" && "requirement" in valibotAction
        ? { ...jsonSchema, maxLength: valibotAction.requirement as number }
        : undefined,
  });
  return json;
}

describe("the JSON Schema of a tool", () => {
  it.each(Array.from(catalog.values(), (tool) => [tool.name, tool] as const))(
    "%s equals the result of valibot's own converter",
    (_, tool) => {
      expect(jsonSchemaOf(tool.operation.input)).toEqual(official(tool.operation.input));
      expect(tool.outputSchema).toEqual(official(tool.operation.output, "output"));
    },
  );

  it.each<[string, Schema]>([
    [
      "every kind of value",
      v.object({ s: v.string(), n: v.number(), b: v.boolean(), l: v.literal("x"), p: v.picklist(["a", "b"]) }),
    ],
    [
      "every bound",
      v.object({
        s: v.pipe(v.string(), v.minLength(1), v.maxLength(2)),
        w: words(3),
        a: v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(2)),
      }),
    ],
    [
      "every number",
      v.object({ n: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(9), v.description("d")) }),
    ],
    ["a regular expression", v.object({ r: v.pipe(v.string(), v.regex(/^a+$/)) })],
    [
      "every kind of object",
      v.strictObject({
        l: v.looseObject({ a: v.optional(v.string()) }),
        o: v.optional(v.number(), 3),
        n: v.nullable(v.string()),
      }),
    ],
  ])("covers %s", (_, schema) => {
    expect(jsonSchemaOf(schema)).toEqual(official(schema));
  });

  it.each<[string, Schema]>([
    ["a transformation", v.pipe(v.string(), v.transform(Number)) as Schema],
    [
      "a custom check",
      v.pipe(
        v.string(),
        v.check((text) => text !== ""),
      ) as Schema,
    ],
    ["a format, which providers refuse", v.pipe(v.string(), v.uuid()) as Schema],
    ["a regular expression with flags", v.pipe(v.string(), v.regex(/a/i)) as Schema],
    ["a date", v.object({ at: v.date() }) as Schema],
    [
      "a class",
      v.object({ body: stackbilder.methods.createFlow.input, stream: imgForge.methods.readImage.output }) as Schema,
    ],
    ["an unknown value", v.unknown() as Schema],
  ])("throws for %s instead of returning a weaker schema", (_, schema) => {
    expect(() => jsonSchemaOf(schema)).toThrow(/no JSON Schema for/);
  });

  it("says bounds and defaults of an input in words", () => {
    const schema = v.strictObject({
      text: v.pipe(words(9), v.description("A text.")),
      list: v.pipe(v.array(words(1)), v.minLength(1), v.maxLength(2)),
      few: v.pipe(v.array(v.boolean()), v.maxLength(1)),
      score: v.pipe(v.number(), v.minValue(0), v.maxValue(100), v.description("A score.")),
      count: v.pipe(v.number(), v.minValue(1)),
      wait: v.optional(v.pipe(v.boolean(), v.description("Wait.")), true),
    });
    expect(inputSchemaOf(schema)).toEqual({
      type: "object",
      properties: {
        text: { type: "string", pattern: "\\S", description: "A text. At most 9 characters." },
        list: {
          type: "array",
          items: { type: "string", pattern: "\\S", description: "At most 1 character." },
          description: "From 1 to 2 items.",
        },
        few: { type: "array", items: { type: "boolean" }, description: "At most 1 item." },
        score: { type: "number", description: "A score. From 0 to 100." },
        count: { type: "number", description: "At least 1." },
        wait: { type: "boolean", description: "Wait. Default: true." },
      },
      required: ["text", "list", "few", "score", "count"],
      additionalProperties: false,
    });
  });
});
