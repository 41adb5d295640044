// `npm run new -- backend NAME`: writes a backend that runs: contract, tools, Worker and test, and
// its entries in the lists that cannot be derived. docs/adding-a-backend.md explains the next
// steps.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { CliError } from "./cli-error.ts";
import { type BackendNames, namesOf } from "./new/names.ts";
import { type Plan, planBackend } from "./new/plan.ts";
import { readArguments } from "./options.ts";
import { ROOT } from "./workers.ts";

const USAGE = `Usage: npm run new -- backend NAME [options]

  NAME              the backend's name, for example ledger
  --prefix PREFIX   first word of its tools' names (default: NAME with _ instead of -)
  --binding BINDING the gateway's binding (default: NAME in capitals)
  --help            show this`;

/**
 * Writes the backend. Throws a `CliError` before it changes any file if the names cannot be used.
 */
export async function run(args: readonly string[]): Promise<void> {
  const names = readNames(args);
  if (names === "help") return console.log(USAGE);
  const plan = planBackend(names);
  apply(plan);
  format([...plan.keys()]);
  console.log(summary(names, plan));
}

const OPTIONS = { prefix: { type: "string" }, binding: { type: "string" } } as const;

function readNames(args: readonly string[]): BackendNames | "help" {
  return readArguments({ args, usage: USAGE, options: OPTIONS, takesWords: true }, (values, words) => {
    const [kind, name, ...rest] = words;
    if (kind !== "backend") throw new Error(kind === undefined ? "Say what to make" : `"${kind}" cannot be made`);
    if (name === undefined) throw new Error("Give the backend a name");
    if (rest.length > 0) throw new Error(`"${rest.join(" ")}" is one argument too many`);
    return namesOf(name, values);
  });
}

/** Writes every file. If one cannot be written, restores the files that were written before it. */
function apply(plan: Plan): void {
  const written: string[] = [];
  try {
    for (const [file, { after }] of plan) {
      mkdirSync(path.dirname(path.join(ROOT, file)), { recursive: true });
      written.push(file);
      writeFileSync(path.join(ROOT, file), after);
    }
  } catch (error) {
    for (const file of written) restore(file, plan.get(file)?.before ?? null);
    throw new CliError(`Nothing was changed: ${error instanceof Error ? error.message : error}.`);
  }
}

function restore(file: string, before: string | null): void {
  const target = path.join(ROOT, file);
  if (before !== null) {
    writeFileSync(target, before);
    return;
  }
  rmSync(target, { force: true });
  try {
    rmdirSync(path.dirname(target));
  } catch {
    // The folder has other files.
  }
}

/** Formats the files, because the width of a line depends on the names. */
function format(files: readonly string[]): void {
  const biome = path.join(ROOT, "node_modules/@biomejs/biome/bin/biome");
  const formatted = files.filter((file) => /\.(?:ts|json)$/.test(file));
  const { status } = spawnSync(process.execPath, [biome, "check", "--write", ...formatted], { cwd: ROOT });
  if (status !== 0) console.error("The files could not be formatted: run `npm run format`.");
}

function summary({ name, prefix }: BackendNames, plan: Plan): string {
  const entries = [...plan];
  const list = (isNew: boolean) =>
    entries.flatMap(([file, { before }]) => ((before === null) === isNew ? `    ${file}` : [])).join("\n");
  return `The backend ${name} is ready, with the tools ${prefix}_create and ${prefix}_show.

  New files

${list(true)}

  Files with a new entry

${list(false)}

  Next: npm run catalog -- --write, then npm run dev. docs/adding-a-backend.md has the steps after that.`;
}
