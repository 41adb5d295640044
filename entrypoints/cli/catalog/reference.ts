// Generated part of docs/tools.md: every tool and prompt, from the contracts and the catalogs.
import type { PromptDefinition } from "../../../src/prompts/prompt-definition.ts";
import { describePrice } from "../../../src/tools/price.ts";
import type { ToolDefinition } from "../../../src/tools/tool-definition.ts";
import { table } from "./generated-part.ts";
import { type Field, fieldsOf } from "./schema-fields.ts";
import { toolTable } from "./tables.ts";

/** A table of the tools, a section for each, and a section for each prompt. */
export function reference(tools: readonly ToolDefinition[], prompts: readonly PromptDefinition[]): string {
  return [
    toolTable(tools, ""),
    ...tools.map((tool) => section(tool, tools)),
    PROMPTS,
    ...prompts.map(promptSection),
  ].join("\n\n");
}

function section(tool: ToolDefinition, tools: readonly ToolDefinition[]): string {
  const { name, description, inputSchema, operation } = tool;
  return [
    `### ${name}`,
    wrapped(description),
    propertiesOf(tool),
    argumentsOf(fieldsOf(inputSchema)),
    resultOf(tool, tools),
    failuresOf(operation.errors),
  ].join("\n\n");
}

function propertiesOf(tool: ToolDefinition): string {
  const { risk, scope, price, backend, method, view, annotations, operation } = tool;
  const hints = Object.entries(annotations).flatMap(([hint, isSet]: [string, unknown]) =>
    isSet === true ? `\`${hint}\`` : [],
  );
  const properties = [
    `\`${risk}\``,
    `\`${scope}\``,
    describePrice(price),
    `\`${backend}.${method}\``,
    `${operation.timeoutMs / 1000} s`,
    hints.join(" ") || "none",
    view ? `\`${view.uri}\`` : "none",
  ];
  return table(["risk", "scope", "credits", "backend method", "deadline", "hints", "view"], [properties]);
}

const PROMPTS = `## Prompts

A prompt is a text that the user starts with. It calls no tool itself, and it is shown only to users
who may call its tools. No argument is required, and none is refused: the model asks for what is
missing.`;

function promptSection({ name, description, tools, arguments: args }: PromptDefinition): string {
  const links = tools.map((tool) => `[\`${tool}\`](#${tool})`);
  return [
    `### ${name}`,
    wrapped(`${description} It uses ${links.join(", ")}.`),
    table(
      ["argument", "meaning"],
      args.map((argument) => [`\`${argument.name}\``, argument.description]),
    ),
  ].join("\n\n");
}

function argumentsOf(fields: readonly Field[]): string {
  if (fields.length === 0) return "No arguments.";
  const rows = fields.map((field) => [
    `\`${field.path}\``,
    field.type,
    field.isRequired ? "required" : "",
    field.meaning,
  ]);
  return `Arguments:\n\n${table(["argument", "type", "", "meaning"], rows)}`;
}

/** The fields of the result, or a link to the first tool that has the same. */
function resultOf(tool: ToolDefinition, tools: readonly ToolDefinition[]): string {
  const fields = resultTable(tool);
  const first = tools.find((other) => resultTable(other) === fields) ?? tool;
  return first === tool ? `Result:\n\n${fields}` : `Result: that of [\`${first.name}\`](#${first.name}).`;
}

function resultTable({ outputSchema }: ToolDefinition): string {
  const rows = fieldsOf(outputSchema).map((field) => [`\`${field.path}\``, field.type, field.meaning]);
  return table(["field", "type", "meaning"], rows);
}

function failuresOf(errors: Readonly<Record<string, string>>): string {
  const rows = Object.entries(errors).map(([code, sentence]) => [`\`${code}\``, sentence]);
  return rows.length === 0 ? "No failures of its own." : `Failures:\n\n${table(["code", "message"], rows)}`;
}

/** The width of prose in documents. */
const WIDTH = 100;

function wrapped(prose: string): string {
  const lines: string[] = [];
  for (const word of prose.split(" ")) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines.join("\n");
}
