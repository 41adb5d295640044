// `npm run catalog`: whether the catalog is still what was agreed on, and whether what is written from it is up to date: the lock
// file, the API reference and the registry's entry. `--write` agrees to the catalog as it is.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { registryEntry, SERVER } from "../../src/discovery/server-card.ts";
import { prompts } from "../../src/prompts/catalog.ts";
import { catalog } from "../../src/tools/catalog.ts";
import type { ToolDefinition } from "../../src/tools/tool-definition.ts";
import { changesOf, type Lock, lockOf } from "./catalog-lock.ts";
import { CliError } from "./cli-error.ts";
import { DEFAULT_DOMAIN } from "./deploy.ts";
import { withReference } from "./reference.ts";
import { ROOT } from "./workers.ts";

const LOCK = "src/tools/catalog.lock.json";
const REFERENCE = "docs/api-reference.md";
const ENTRY = "docs/server.json";
const WRITE = "npm run catalog -- --write";

const USAGE = `Usage: npm run catalog [-- --write]

Compares the catalog with ${LOCK}, and checks that ${REFERENCE}
and ${ENTRY} are up to date. --write writes all three.`;

/** Compares, or writes. Throws a `Refusal` that tells every difference. */
export async function run(args: readonly string[]): Promise<void> {
  const { isHelp, isWrite } = readOptions(args);
  if (isHelp) return console.log(USAGE);
  const tools = [...catalog.values()];
  const { changes, stale, digest } = await examine(tools, readIfAny);
  if (!isWrite) {
    refuseDrift(changes, Object.keys(stale));
    return console.log(`The catalog is as agreed: ${tools.length} tools, digest ${digest}.`);
  }
  for (const change of changes) console.log(`- ${change}`);
  for (const [file, text] of Object.entries(stale)) {
    writeFileSync(path.join(ROOT, file), text);
    console.log(`Wrote ${file}.`);
  }
  console.log(`${tools.length} tools, digest ${digest}.`);
}

/** What has changed since the lock, in words, and the files that are not up to date, as they should be. */
export async function examine(
  tools: readonly ToolDefinition[],
  read: (file: string) => string | null,
): Promise<{ changes: string[]; stale: Record<string, string>; digest: string }> {
  const lock = await lockOf(tools);
  const files = {
    [LOCK]: asJson(lock),
    [REFERENCE]: withReference(read(REFERENCE) ?? "", tools, [...prompts.values()]),
    [ENTRY]: asJson(entry(read)),
  };
  const stale = Object.fromEntries(Object.entries(files).filter(([file, text]) => read(file) !== text));
  return { changes: changesOf(parseLock(read(LOCK)), lock), stale, digest: lock.digest };
}

/** Throws a `Refusal` where anything is otherwise than it should be. */
export function refuseDrift(changes: readonly string[], stale: readonly string[]): void {
  if (changes.length > 0) {
    const list = changes.map((change) => `  - ${change}`).join("\n");
    throw new CliError(
      `The catalog is not what ${LOCK} says, worst first:\n\n${list}\n\nIf all of it is meant: ${WRITE}, and commit the files.`,
    );
  }
  if (stale.length > 0) throw new CliError(`Not up to date: ${stale.join(", ")}. Run ${WRITE}, and commit the files.`);
}

function readOptions(args: readonly string[]): { isHelp: boolean; isWrite: boolean } {
  try {
    const options = { write: { type: "boolean" }, help: { type: "boolean", short: "h" } } as const;
    const { values } = parseArgs({ args: [...args], options });
    return { isHelp: values.help ?? false, isWrite: values.write ?? false };
  } catch (error) {
    throw new CliError(`${error instanceof Error ? error.message : error}.\n\n${USAGE}`);
  }
}

/** The gateway as the platform deploys it: the registry takes no address of a developer's machine. */
function entry(read: (file: string) => string | null): object {
  const { version } = JSON.parse(read("package.json") ?? "{}") as { version: string };
  return registryEntry({ ...SERVER, version, origin: `https://${DEFAULT_DOMAIN}` });
}

/** An empty lock where there is none, so that every tool is new. */
function parseLock(text: string | null): Lock {
  if (text === null) return { digest: "", tools: {} };
  try {
    return JSON.parse(text) as Lock; // written by this command; what was changed by hand shows as a difference
  } catch {
    throw new CliError(`${LOCK} is not JSON: take it from git again, or remove it and run ${WRITE}.`);
  }
}

function readIfAny(file: string): string | null {
  try {
    return readFileSync(path.join(ROOT, file), "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

/** As the formatter has it: a field a line, and a list of plain values on one line where it fits. */
function asJson(value: unknown): string {
  return `${print(value, "", 0)}\n`;
}

/** `before`: how many characters stand before the value on its line. */
function print(value: unknown, indent: string, before: number): string {
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const oneLine = `[${value.map((item) => JSON.stringify(item)).join(", ")}]`;
    const isPlain = value.every((item) => typeof item !== "object" || item === null);
    if (isPlain && before + oneLine.length < LINE_WIDTH) return oneLine;
    return `[\n${value.map((item) => inner + print(item, inner, inner.length)).join(",\n")}\n${indent}]`;
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(([key, field]) => {
    const name = `${inner}${JSON.stringify(key)}: `;
    return name + print(field, inner, name.length);
  });
  return fields.length === 0 ? "{}" : `{\n${fields.join(",\n")}\n${indent}}`;
}

const LINE_WIDTH = 120;
