// `npm run check`: the rules of the repository, then format and lint, types, and the catalog. A
// broken rule is one sentence, in a second; the other steps run only when all rules hold, because
// most of their errors would follow from it.
import { spawn } from "node:child_process";
import { totalmem } from "node:os";
import path from "node:path";
import { changedFiles } from "./check/changed-files.ts";
import { readableErrors } from "./check/compiler.ts";
import { importCycle } from "./check/cycles.ts";
import { declarationProblem } from "./check/declarations.ts";
import { sourcesOf } from "./check/imports.ts";
import { refusedImports } from "./check/layers.ts";
import { type Problem, problemLine } from "./check/problem.ts";
import { CliError } from "./cli-error.ts";
import { ROOT } from "./root.ts";

const USAGE = `Usage: npm run check [-- rules|format|lint|types|catalog ...]

Checks all, or the named steps. The rules of imports, tools and wrangler.toml
are always checked, and first. \`lint\` checks the files that changed since it
last passed; npm run lint checks all.`;

/** A step prints nothing if it passes, and returns what to print if it fails. */
type Step = () => Promise<string | null>;

const STEPS: Readonly<Record<string, Step>> = {
  format,
  lint: lintChanged,
  types: compile,
  catalog: () => output(process.execPath, [path.join(ROOT, "entrypoints/cli/launch.mjs"), "catalog"]),
};

/** Runs the steps. Throws a `CliError` with all that failed. */
export async function run(args: readonly string[]): Promise<void> {
  if (args.includes("--help") || args.includes("-h")) return console.log(USAGE);
  const unknown = args.find((name) => name !== "rules" && !Object.hasOwn(STEPS, name));
  if (unknown !== undefined) throw new CliError(`There is no step "${unknown}".\n\n${USAGE}`);
  const broken = await brokenRules();
  if (broken.length > 0) throw new CliError(`${broken.map(problemLine).join("\n")}\n\nNothing else was checked.`);
  const steps = Object.entries(STEPS).filter(([name]) => args.length === 0 || args.includes(name));
  const failures = await Promise.all(steps.map(([name, step]) => timed(name, step)));
  const texts = failures.filter((text) => text !== null);
  if (texts.length > 0) throw new CliError(texts.join("\n\n"));
}

/**
 * Every broken rule of the repository. Nothing is loaded before its imports are as they must be.
 */
async function brokenRules(): Promise<Problem[]> {
  const sources = sourcesOf(ROOT);
  const imports = refusedImports(sources);
  if (imports.length > 0) return imports;
  const cycle = importCycle(sources);
  if (cycle !== null) return [cycle];
  const declaration = await declarationProblem(loadDeclarations);
  if (declaration !== null) return [declaration];
  try {
    const { settingsProblems } = await import("./check/settings.ts");
    return settingsProblems(ROOT, sources);
  } catch {
    return []; // what does not load is an error of the types
  }
}

async function loadDeclarations() {
  const { BACKENDS } = await import("../../contracts/backends.ts");
  const { products } = await import("../../src/tools/catalog.ts");
  return { BACKENDS, products };
}

/** Runs one step, and says that it passed and how long it took. */
async function timed(name: string, step: Step): Promise<string | null> {
  const start = performance.now();
  const failure = await step();
  if (failure === null) console.log(`${name.padEnd(8)} ok ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return failure === null ? null : `${name}:\n${failure.trim()}`;
}

async function format(): Promise<string | null> {
  const failure = await output(process.execPath, [binary("@biomejs/biome/bin/biome"), "check", "."]);
  return failure === null ? null : `${failure.split("\ncheck ━")[0]?.trim()}\n(npm run format repairs what it can.)`;
}

async function lintChanged(): Promise<string | null> {
  const changed = changedFiles(ROOT);
  if (changed.files.length === 0) return null;
  const failure = await output(process.execPath, [binary("oxlint/bin/oxlint"), "--type-aware", ...changed.files]);
  if (failure === null) changed.pass();
  return failure;
}

async function compile(): Promise<string | null> {
  const failure = await output(process.execPath, [binary("typescript/bin/tsc"), "-b", "--pretty", "false"]);
  return failure === null ? null : `${readableErrors(failure).join("\n")}\n(npx tsc -b prints the types in full.)`;
}

function binary(file: string): string {
  return path.join(ROOT, "node_modules", file);
}

/**
 * Settings of the compiler and the linter, which are Go programs: without garbage collection below
 * 2 GiB, a first check takes a fifth less time. Both together need half of 8 GiB at most.
 */
function lateCollection(): NodeJS.ProcessEnv {
  return totalmem() < 8 * 2 ** 30 ? {} : { GOGC: "off", GOMEMLIMIT: "2GiB" };
}

/** Runs a program. Resolves to its output if it fails, to `null` if it succeeds. */
function output(program: string, args: readonly string[]): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const color = process.stdout.isTTY ? { FORCE_COLOR: "1" } : {};
    const env = { ...lateCollection(), ...process.env, ...color };
    const child = spawn(program, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"], env });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => resolve(code === 0 ? null : Buffer.concat(chunks).toString("utf8")));
  });
}
