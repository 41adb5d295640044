// `npm run catalog`: checks that the catalog is as it was last accepted, and that the files written
// from it are up to date. `--write` accepts the current catalog and writes the files.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DESCRIPTION_LIMIT, descriptionOf, registryEntry, SERVER } from "../../src/discovery/server-card.ts";
import { prompts } from "../../src/prompts/catalog.ts";
import { catalog, products } from "../../src/tools/catalog.ts";
import { productTexts } from "../../src/tools/product-texts.ts";
import type { ToolDefinition } from "../../src/tools/tool-definition.ts";
import { withGeneratedPart } from "./catalog/generated-part.ts";
import { asJson } from "./catalog/json-text.ts";
import { changesOf, type Lock, lockOf } from "./catalog/lock.ts";
import { reference } from "./catalog/reference.ts";
import { logTable, scopeTable, toolTable } from "./catalog/tables.ts";
import { CliError } from "./cli-error.ts";
import { readArguments } from "./options.ts";
import { ROOT } from "./workers.ts";

const LOCK = "src/tools/catalog.lock.json";
const TOOLS = "docs/tools.md";
const README = "README.md";
const GUIDE = "docs/user-guide.md";
const EVENTS = "docs/log-events.md";
const ENTRY = "docs/server.json";
/** The product's gateway, in the entry of the MCP registry. */
const PRODUCT_ORIGIN = "https://mcp.stackbilt.dev";
const WRITE = "npm run catalog -- --write";

const USAGE = `Usage: npm run catalog [-- --write]

Compares the catalog with ${LOCK}, and checks that the generated
parts of ${TOOLS}, ${README}, ${GUIDE} and
${EVENTS}, and ${ENTRY}, are up to date. --write writes all of them.`;

/** Compares, or writes. Throws a `CliError` that lists every difference. */
export async function run(args: readonly string[]): Promise<void> {
  const command = { args, usage: USAGE, options: { write: { type: "boolean" } } } as const;
  const isWrite = readArguments(command, ({ write = false }) => write);
  if (isWrite === "help") return console.log(USAGE);
  const tools = [...catalog.values()];
  const { changes, stale, digest } = await examine(tools, readIfExists);
  if (!isWrite) {
    refuseDrift(changes, Object.keys(stale));
    return console.log(`The catalog is as accepted: ${tools.length} tools, digest ${digest}.`);
  }
  for (const change of changes) console.log(`- ${changeLine(change)}`);
  for (const [file, text] of Object.entries(stale)) {
    writeFileSync(path.join(ROOT, file), text);
    console.log(`Wrote ${file}.`);
  }
  console.log(`${tools.length} tools, digest ${digest}.`);
}

type Changes = ReturnType<typeof changesOf>;

function changeLine({ sentence, isBreaking }: Changes[number]): string {
  return isBreaking ? `${sentence} This breaks clients.` : sentence;
}

/** The changes since the lock, as sentences, and the outdated files with their new text. */
export async function examine(
  tools: readonly ToolDefinition[],
  read: (file: string) => string | null,
): Promise<{ changes: Changes; stale: Record<string, string>; digest: string }> {
  const lock = await lockOf(tools);
  const listed = inProductOrder(tools);
  const withPart = (file: string, part: string) => withGeneratedPart(read(file) ?? "", part);
  const files = {
    [LOCK]: asJson(lock),
    [TOOLS]: withPart(TOOLS, reference(tools, [...prompts.values()])),
    [README]: withPart(README, toolTable(listed, TOOLS)),
    [GUIDE]: withPart(GUIDE, scopeTable(listed, productTexts)),
    [EVENTS]: withPart(EVENTS, logTable()),
    [ENTRY]: asJson(entry(read)),
  };
  const stale = Object.fromEntries(Object.entries(files).filter(([file, text]) => read(file) !== text));
  return { changes: changesOf(parseLock(read(LOCK)), lock), stale, digest: lock.digest };
}

/** Throws a `CliError` if the catalog has changed or a file is outdated. */
export function refuseDrift(changes: Changes, stale: readonly string[]): void {
  if (changes.length > 0) {
    const list = changes.map((change) => `  - ${changeLine(change)}`).join("\n");
    const harmless = changes.some(({ isBreaking }) => isBreaking) ? "" : "\n\nNone of them breaks a client.";
    throw new CliError(
      `The catalog differs from ${LOCK}, the most dangerous change first:\n\n${list}${harmless}\n\nIf every change is intended: ${WRITE}, and commit the files.`,
    );
  }
  if (stale.length > 0) throw new CliError(`Not up to date: ${stale.join(", ")}. Run ${WRITE}, and commit the files.`);
}

/** The tools in the order of their products' files, which is the order of use. */
function inProductOrder(tools: readonly ToolDefinition[]): ToolDefinition[] {
  const order = products.flatMap((product) => product.tools.map(({ name }) => name));
  return tools.toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
}

/** The gateway as deployed: the registry accepts no address of a developer's machine. */
function entry(read: (file: string) => string | null): object {
  const { version } = JSON.parse(read("package.json") ?? "{}") as { version: string };
  const description = descriptionOf(productTexts.summary);
  if (description.length > DESCRIPTION_LIMIT)
    throw new CliError(
      `The description "${description}" is longer than ${DESCRIPTION_LIMIT} characters: shorten a \`summary\` in src/tools.`,
    );
  return registryEntry({ ...SERVER, description, version, origin: PRODUCT_ORIGIN });
}

/** An empty lock if there is none, so that every tool is new. */
function parseLock(text: string | null): Lock {
  if (text === null) return { digest: "", tools: {} };
  try {
    return JSON.parse(text) as Lock; // written by this command; a manual change shows as a difference
  } catch {
    throw new CliError(`${LOCK} is not JSON: restore it from git, or delete it and run ${WRITE}.`);
  }
}

function readIfExists(file: string): string | null {
  try {
    return readFileSync(path.join(ROOT, file), "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
