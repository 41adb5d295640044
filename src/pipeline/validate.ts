// Validation of arguments against the contract's own schema. Each problem names the field and what
// it should be, so that a model can correct itself.
import * as v from "valibot";
import type { Operation } from "../../contracts/rpc/operation.ts";

const MAX_PROBLEMS = 8;

/** The parsed input, or a sentence with up to `MAX_PROBLEMS` problems. */
export function validate(
  { input }: Pick<Operation, "input">,
  args: unknown,
  what: "tool" | "prompt" = "tool",
): { ok: true; input: unknown } | { ok: false; problems: string } {
  const parsed = v.safeParse(input, args);
  if (parsed.success) return { ok: true, input: parsed.output };
  const lines = parsed.issues.slice(0, MAX_PROBLEMS).map((issue) => describe(issue, what));
  if (parsed.issues.length > MAX_PROBLEMS) lines.push(`and ${parsed.issues.length - MAX_PROBLEMS} more`);
  return { ok: false, problems: `The arguments do not fit. ${lines.join("; ")}.` };
}

function describe(issue: v.BaseIssue<unknown>, what: string): string {
  const path = clip(v.getDotPath(issue) ?? "", 80);
  const name = path === "" ? "the arguments" : `"${path}"`;
  if (issue.type === "strict_object" && issue.expected === "never") return `${name} is not an argument of this ${what}`;
  if (issue.received === "undefined") return `${name} is required`;
  const unit = issue.type.endsWith("_length") ? (Array.isArray(issue.input) ? " items" : " characters") : "";
  const expected = (issue.expected ?? `a valid ${issue.type}`).replace(/^<=/, "at most ").replace(/^>=/, "at least ");
  return `${name} must be ${clip(expected, 200)}${unit}, not ${clip(issue.received, 60)}`;
}

function clip(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}
