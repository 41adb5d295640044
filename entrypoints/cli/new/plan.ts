// The files of a new backend, computed before any is written: new files from templates/backend, and
// existing files with one more entry.
import { readFileSync } from "node:fs";
import path from "node:path";
import { CliError } from "../cli-error.ts";
import { configured, ROOT } from "../workers.ts";
import type { BackendNames } from "./names.ts";

/** File to its text before and after; `before` is `null` for a new file. */
export type Plan = ReadonlyMap<string, Change>;

interface Change {
  readonly before: string | null;
  readonly after: string;
}

const TEMPLATES = path.join(ROOT, "entrypoints/cli/new/templates/backend");

/** The plan for a backend. Throws a `CliError` if a file has no place for the new entry. */
export function planBackend(names: BackendNames): Plan {
  const values = { ...names, service: `stackbilt-${names.name}`, date: compatibilityDate() };
  const created = Object.entries(filesOf(names)).map(([file, template]): [string, Change] => {
    const text = readFileSync(path.join(TEMPLATES, `${template}.template`), "utf8");
    return [file, { before: null, after: filled(text, values) }];
  });
  const edited = Object.entries(entriesOf(names, values.service)).map(([file, entries]): [string, Change] => {
    const before = readFileSync(path.join(ROOT, file), "utf8");
    return [file, { before, after: entries.reduce((text, entry) => withEntry(file, text, entry), before) }];
  });
  return new Map([...created, ...edited]);
}

function compatibilityDate(): string {
  return configured("gateway", "compatibility_date");
}

/** New file to its template. */
function filesOf({ name }: BackendNames): Record<string, string> {
  const folder = `entrypoints/${name}`;
  return {
    [`contracts/${name}.ts`]: "contract.ts",
    [`src/tools/${name}.ts`]: "tools.ts",
    [`${folder}/worker.ts`]: "worker.ts",
    [`${folder}/items-object.ts`]: "items-object.ts",
    [`${folder}/env.ts`]: "env.ts",
    [`${folder}/wrangler.toml`]: "wrangler.toml",
    [`${folder}/tsconfig.json`]: "tsconfig.json",
    [`${folder}/.dev.vars.example`]: ".dev.vars.example",
    [`test/backends/${name}.test.ts`]: "backend.test.ts",
  };
}

/**
 * Text that is inserted before the first match of `before` at or after the first match of `after`.
 */
interface Entry {
  readonly text: string;
  readonly after?: RegExp;
  readonly before: RegExp;
}

/** Existing file to its new entries. */
function entriesOf(names: BackendNames, service: string): Record<string, readonly Entry[]> {
  const { name, camel, Pascal, Words, prefix, binding } = names;
  const importLine = { text: `import { ${camel} } from "./${name}.ts";\n`, before: /^$/m };
  const entry = `${binding}: ${camel},\n`;
  const block = `# ${Words}.\n[[services]]\nbinding = "${binding}"\nservice = "${service}"\nentrypoint = "${Pascal}Entrypoint"\n\n`;
  const rows =
    `${prefix}_create: { risk: "LOCAL_MUTATION", scope: "generate", calls: "${binding}.createItem", takes: ["text"] },\n` +
    `${prefix}_show: { risk: "READ_ONLY", scope: "read", calls: "${binding}.getItem", takes: ["itemId"] },\n`;
  return {
    "contracts/backends.ts": [importLine, { text: entry, after: /^export const BACKENDS = \{$/m, before: /^\}/m }],
    "src/tools/catalog.ts": [importLine, { text: entry, after: /^const PRODUCTS\b.*\{$/m, before: /^\};/m }],
    "wrangler.toml": [{ text: block, after: LAST_SERVICE, before: /^(?:#|\[)/m }],
    "entrypoints/tsconfig.json": [{ text: `{ "path": "${name}" },\n`, after: /"references": \[$/m, before: /^ *\{/m }],
    "test/pins/deployment.test.ts": [
      { text: `"${name}": "${service}#${Pascal}Entrypoint",\n`, after: /^const DEPLOYED\b.*\{$/m, before: /^\};/m },
    ],
    "test/support/tool-names.ts": [{ text: rows, after: /^export const TOOL_ROWS\b.*\{$/m, before: /^\};/m }],
  };
}

/** The lines of the last `[[services]]` block. */
const LAST_SERVICE = /^\[\[services\]\]\n(?:\w.*\n)+(?![\s\S]*^\[\[services\]\])/m;

function withEntry(file: string, text: string, { text: entry, after, before }: Entry): string {
  const start = after?.exec(text);
  const from = after === undefined ? 0 : start ? start.index + start[0].length : -1;
  const at = from < 0 ? -1 : text.slice(from).search(before);
  if (at < 0) throw new CliError(`${file} has no place for the new entry (${after ?? before}): nothing was changed.`);
  return `${text.slice(0, from + at)}${entry}${text.slice(from + at)}`;
}

/** The template with `{{name}}` replaced. */
function filled(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{\{(\w+)\}\}/g, (placeholder, name: string) => values[name] ?? placeholder);
}
