// Redaction of input for audit records and confirmations. A contract marks the fields whose value
// may be shown (`recorded`); choices and switches are the contract's own words. Of all else only
// the length is kept, also of a value that does not fit its field, and of a field that no contract
// knows. A value that looks like a secret is hidden even in a marked field.
import * as v from "valibot";
import type { Schema } from "../../contracts/rpc/operation.ts";

/** Replaces a value that must not be recorded. */
export const HIDDEN = "[hidden]";
/** In place of the fields that the schema does not have: their number. */
export const UNKNOWN_FIELDS = "<unknown fields>";

const SENSITIVE_NAME =
  /pass(word|wd|phrase)?|secret|token|api[-_]?key|authorization|bearer|jwt|cookie|credential|private|session|signature|e-?mail/i;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/**
 * API keys of this platform, JWTs, keys of GitHub, AWS, Google, Stripe, OpenAI, Anthropic, Slack,
 * GitLab, npm, Hugging Face, PyPI and DigitalOcean, and any text with the length of a hash or
 * token.
 */
const SECRET =
  /sb_(live|test)_|eyJ|gh[pousr]_|github_pat|A([KSB]I|CC)A[0-9A-Z]{12}|AIza|ya29|\b[spr]k[-_]|xox[a-z]-|glpat|npm_|hf_|pypi-|dop_v1|[\w-]{32}/;

/** Items of a list that are shown. */
const MAX_ITEMS = 20;
/** Values of one summary in all: a queue message has a maximum size. */
const MAX_VALUES = 200;
/** Types whose values the contract itself lists. */
const LISTED: readonly string[] = ["picklist", "literal", "boolean"];

/** A valibot schema, as valibot describes it at run time. */
interface Part {
  readonly type: string;
  readonly entries?: Readonly<Record<string, Part>>;
  readonly item?: Part;
  readonly wrapped?: Part;
}

/** A summary of `input` that is safe to keep. `schema`: that of the input; `null` if unknown. */
export function summarize(schema: Schema | null, input: unknown): unknown {
  return summarizeValue(schema as Part | null, input, { left: MAX_VALUES }); // valibot's generic type hides the fields
}

/** The length of a text, in place of the text. */
export function lengthOf(text: string): string {
  return `<${text.length} characters>`;
}

function summarizeValue(part: Part | null, value: unknown, budget: { left: number }): unknown {
  budget.left -= 1;
  if (value === null) return null;
  if (budget.left < 0) return "<more>";
  if (part?.wrapped) return summarizeValue(part.wrapped, value, budget);
  if (Array.isArray(value)) return summarizeList(part?.item, value, budget);
  if (typeof value === "object") return summarizeFields(part?.entries ?? {}, value, budget);
  if (part && isShown(part, value)) return typeof value === "string" ? withoutSecret(value) : value;
  return typeof value === "string" ? lengthOf(value) : `<${typeof value}>`;
}

function summarizeList(item: Part | undefined, list: readonly unknown[], budget: { left: number }): unknown {
  if (!item) return `<${list.length} items>`;
  const shown = list.slice(0, MAX_ITEMS).map((value) => summarizeValue(item, value, budget));
  return list.length > MAX_ITEMS ? [...shown, `<${list.length - MAX_ITEMS} more>`] : shown;
}

function summarizeFields(entries: Readonly<Record<string, Part>>, value: object, budget: { left: number }): object {
  const known = Object.entries(value).filter(([name]) => Object.hasOwn(entries, name));
  const unknown = Object.keys(value).length - known.length;
  const shown = known.map(([name, member]: [string, unknown]) => {
    const part = entries[name] ?? null;
    return [name, SENSITIVE_NAME.test(name) ? HIDDEN : summarizeValue(part, member, budget)];
  });
  return { ...Object.fromEntries(shown), ...(unknown > 0 && { [UNKNOWN_FIELDS]: unknown }) };
}

/** True for a value that fits a field whose values may be shown. */
function isShown(part: Part, value: unknown): boolean {
  const schema = part as unknown as Schema;
  if (!v.is(schema, value)) return false;
  if (LISTED.includes(part.type)) return true;
  const { recorded }: { readonly recorded?: unknown } = v.getMetadata(schema);
  return recorded instanceof RegExp ? recorded.test(String(value)) : recorded === true;
}

function withoutSecret(text: string): string {
  return SECRET.test(text) && !UUID.test(text) ? HIDDEN : text;
}
