// The part of docs/api-reference.md about tools and prompts, written from the contracts and the catalogs. The rest of the page is
// written by hand; two marks say where this part begins and ends.
import type { Schema } from "../../contracts/rpc/operation.ts";
import type { PromptDefinition } from "../../src/prompts/prompt-definition.ts";
import { jsonSchemaOf } from "../../src/tools/json-schema.ts";
import type { ToolDefinition } from "../../src/tools/tool-definition.ts";
import { type Field, fieldsOf } from "./schema-fields.ts";

const BEGIN = "<!-- From here on written by `npm run catalog -- --write`, from the contracts and the catalogs. -->";
const END = "<!-- Until here. -->";

/** The page with that part made anew. Throws where the marks are missing. */
export function withReference(
  page: string,
  tools: readonly ToolDefinition[],
  prompts: readonly PromptDefinition[],
): string {
  const [before, rest] = split(page, BEGIN);
  const [, after] = split(rest, END);
  return [
    before,
    BEGIN,
    "\n\n",
    [overview(tools), ...tools.map(section), PROMPTS, ...prompts.map(promptSection)].join("\n\n"),
    "\n\n",
    END,
    after,
  ].join("");
}

function split(text: string, mark: string): [before: string, after: string] {
  const at = text.indexOf(mark);
  if (at < 0) throw new Error(`The page has no line ${mark}`);
  return [text.slice(0, at), text.slice(at + mark.length)];
}

function overview(tools: readonly ToolDefinition[]): string {
  const rows = tools.map(({ name, title, scope, isPaid }) => [
    `[\`${name}\`](#${name})`,
    title,
    `\`${scope}\``,
    isPaid ? "yes" : "",
  ]);
  return table(["tool", "", "scope", "costs credits"], rows);
}

function section(tool: ToolDefinition): string {
  const {
    name,
    description,
    risk,
    scope,
    isPaid,
    backend,
    method,
    view,
    annotations,
    inputSchema,
    outputSchema,
    operation,
  } = tool;
  const hints = Object.entries(annotations).flatMap(([hint, isSet]: [string, unknown]) =>
    isSet === true ? `\`${hint}\`` : [],
  );
  const facts = [
    `\`${risk}\``,
    `\`${scope}\``,
    isPaid ? "yes" : "no",
    `\`${backend}.${method}\``,
    `${operation.timeoutMs / 1000} s`,
    hints.join(" ") || "none",
    view ? `\`${view.uri}\`` : "none",
  ];
  return [
    `### ${name}`,
    description,
    table(["risk", "scope", "costs credits", "backend method", "deadline", "hints", "view"], [facts]),
    argumentsOf(fieldsOf(inputSchema)),
    `Answers:\n\n${table(
      ["field", "type", "meaning"],
      fieldsOf(outputSchema).map((field) => [`\`${field.path}\``, field.type, field.meaning]),
    )}`,
    refusalsOf(operation.errors),
  ].join("\n\n");
}

const PROMPTS = `## Prompts

Words that a person starts with. A prompt calls nothing itself; who may not call the tools that it is for is not shown it.`;

function promptSection({ name, description, tools, input }: PromptDefinition): string {
  const takes = argumentsOf(fieldsOf(jsonSchemaOf(input as Schema))); // made of the same schemas as the tools' arguments
  return [
    `### ${name}`,
    `${description} For ${tools.map((tool) => `[\`${tool}\`](#${tool})`).join(", ")}.`,
    takes,
  ].join("\n\n");
}

function argumentsOf(fields: readonly Field[]): string {
  if (fields.length === 0) return "Takes no arguments.";
  const fallback = (field: Field) => (field.default === null ? "" : `\`${field.default}\``);
  const rows = fields.map((field) => [
    `\`${field.path}\``,
    field.type,
    field.isRequired ? "required" : fallback(field),
    field.meaning,
  ]);
  return `Takes:\n\n${table(["argument", "type", "default", "meaning"], rows)}`;
}

function refusalsOf(errors: Readonly<Record<string, string>>): string {
  const rows = Object.entries(errors).map(([code, sentence]) => [`\`${code}\``, sentence]);
  return rows.length === 0 ? "Has no refusals of its own." : `Refuses with:\n\n${table(["code", "says"], rows)}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
