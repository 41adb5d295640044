// Redaction of tool input for audit records. The shape is kept and content is not: free text
// becomes its length. A value that looks like a secret, or has a name that suggests one, is hidden
// even if it is short.

/** Replaces a value that must not be recorded. */
export const HIDDEN = "[hidden]";

const SENSITIVE_NAME =
  /pass(word|wd|phrase)?|secret|token|api[-_]?key|authorization|bearer|jwt|cookie|credential|private|session|signature|e-?mail/i;

/**
 * One word without spaces, such as an id, mode, tier or model name: the only text that is recorded.
 */
const IDENTIFIER = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/**
 * Secrets that would match `IDENTIFIER`: API keys of this platform, JWTs, keys of GitHub, AWS,
 * Google, Stripe, OpenAI, Anthropic, Slack, GitLab, npm, Hugging Face, PyPI and DigitalOcean, and
 * any text with the length of a hash or token.
 */
const SECRET =
  /sb_(live|test)_|eyJ|gh[pousr]_|github_pat|A([KSB]I|CC)A[0-9A-Z]{12}|AIza|ya29|\b[spr]k[-_]|xox[a-z]-|glpat|npm_|hf_|pypi-|dop_v1|[\w-]{32}/;

const MAX_DEPTH = 4;
const MAX_ENTRIES = 20;

/** Values of one summary in all: a queue message has a maximum size. */
const MAX_VALUES = 200;

/**
 * A summary of `input` that is safe to keep: at most 20 fields a level, 4 levels deep, 200 values.
 */
export function summarize(input: unknown): unknown {
  return summarizeValue(input, 0, { left: MAX_VALUES });
}

function summarizeValue(input: unknown, depth: number, budget: { left: number }): unknown {
  budget.left -= 1;
  if (typeof input === "string") return summarizeText(input);
  if (typeof input === "number" || typeof input === "boolean" || input === null) return input;
  if (typeof input !== "object") return `<${typeof input}>`;
  if (depth >= MAX_DEPTH || budget.left <= 0) return "<nested>";
  if (Array.isArray(input)) {
    const shown = input.slice(0, MAX_ENTRIES).map((item) => summarizeValue(item, depth + 1, budget));
    return input.length > MAX_ENTRIES ? [...shown, `<${input.length - MAX_ENTRIES} more>`] : shown;
  }
  const fields = Object.entries(input);
  const shown = fields.slice(0, MAX_ENTRIES).map(([name, value]) => {
    const safeName = summarizeText(name);
    return [safeName, SENSITIVE_NAME.test(name) ? HIDDEN : summarizeValue(value, depth + 1, budget)];
  });
  if (fields.length > MAX_ENTRIES) shown.push(["<more>", fields.length - MAX_ENTRIES]);
  return Object.fromEntries(shown);
}

function summarizeText(text: string): string {
  if (UUID.test(text)) return text;
  if (!IDENTIFIER.test(text)) return `<${text.length} characters>`;
  return SECRET.test(text) ? HIDDEN : text;
}
