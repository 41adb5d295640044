// Validation of arguments against the contract's own schema. Each problem names the field and what
// it should be, in the words of JSON, so that a model can correct itself.
import * as v from "valibot";
import type { Operation, Schema } from "../../contracts/rpc/operation.ts";
import { shorten } from "../../contracts/rpc/well-formed.ts";
import { charactersIn } from "../../contracts/text.ts";
import { countOf } from "../tools/count.ts";
import { type Part, partOf, readArguments } from "./arguments.ts";

const MAX_PROBLEMS = 8;

/** The parsed input, or a sentence with up to `MAX_PROBLEMS` problems. */
export function validate(
  { input }: Pick<Operation, "input">,
  args: unknown,
): { ok: true; input: unknown } | { ok: false; problems: string } {
  const strict = v.safeParse(input, args);
  const parsed = strict.success ? strict : v.safeParse(input, readArguments(input, args));
  if (parsed.success) return { ok: true, input: parsed.output };
  const lines = parsed.issues.slice(0, MAX_PROBLEMS).map((issue) => describe(issue, input));
  if (parsed.issues.length > MAX_PROBLEMS) lines.push(`and ${parsed.issues.length - MAX_PROBLEMS} more`);
  return { ok: false, problems: `The arguments do not fit. ${lines.join("; ")}.` };
}

function describe(issue: v.BaseIssue<unknown>, schema: Schema): string {
  const path = shorten(v.getDotPath(issue) ?? "", 80);
  const name = path === "" ? "the arguments" : `"${path}"`;
  if (issue.type === "strict_object" && issue.expected === "never") return unknownField(name, issue, schema);
  const isMember = issue.path?.at(-1)?.type === "object";
  if (issue.input === undefined || (issue.input === null && isMember)) return `${name} is required`;
  return `${name} must be ${expectedBy(issue)}, not ${receivedBy(issue)}`;
}

/** Names the fields that there are, since the model probably misspelt one. */
function unknownField(name: string, { path }: v.BaseIssue<unknown>, schema: Schema): string {
  const keys = path ?? [];
  const parent = keys.slice(0, -1).reduce<Part | undefined>((part, { key }) => memberOf(part, key), partOf(schema));
  const fields = Object.keys(parent?.entries ?? {});
  const known = fields.length > 0 ? `: use ${fields.join(", ")}` : ", and none is needed";
  return keys.length > 1 ? `${name} does not exist${known}` : `${name} is not an argument of this tool${known}`;
}

function memberOf(part: Part | undefined, key: unknown): Part | undefined {
  const member = part?.item ?? part?.entries?.[String(key)];
  return member?.wrapped ?? member;
}

/** The kinds of value, as JSON names them. */
const KINDS: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  integer: "a whole number",
  boolean: "true or false",
  array: "an array",
  object: "an object",
  strict_object: "an object",
};

function expectedBy({ type, expected, requirement, input, message }: v.BaseIssue<unknown>): string {
  const kind = KINDS[type];
  if (kind) return kind;
  if (type === "picklist")
    return `one of ${shorten(expected?.replace(/^\(|\)$/g, "").replaceAll(" | ", ", ") ?? "", 200)}`;
  if (type === "regex") return message;
  const bound = /^(?:min|max)_(value|length|characters)$/.exec(type)?.[1];
  if (bound === undefined) return shorten(expected ?? `a valid ${type}`, 200);
  const limit = Number(requirement);
  const unit = Array.isArray(input) ? "item" : "character";
  return `${type.startsWith("min") ? "at least" : "at most"} ${bound === "value" ? limit : countOf(limit, unit)}`;
}

function receivedBy({ type, input }: v.BaseIssue<unknown>): string {
  const isLength = type.endsWith("_length") || type === "max_characters";
  if (Array.isArray(input)) return isLength ? String(input.length) : "an array";
  if (typeof input === "string") return isLength ? String(charactersIn(input)) : shorten(JSON.stringify(input), 60);
  return typeof input === "object" && input !== null ? "an object" : String(input);
}
