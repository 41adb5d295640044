// `npm run place`: a trace of minified code, such as `at` of a log line, with files and lines of
// this repository. Cloudflare maps uncaught exceptions itself, but no text that a Worker logs.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { SourceMap } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { CliError } from "./cli-error.ts";
import { build } from "./deploy.ts";
import { readArguments } from "./options.ts";
import { DEPLOYABLE, type Deployable, deployableNamed } from "./production/settings.ts";
import { ROOT } from "./workers.ts";

const USAGE = `Usage: npm run place -- [options] TRACE

Prints TRACE, such as "at x (index.js:12:3456)" of a log line, with files and lines of this
repository. Check out the commit that is deployed first.

  --worker NAME   ${DEPLOYABLE.join(", ")} (default gateway)
  --help          show this`;

/** A file, line and column of a bundle. */
const PLACE = /[\w./:-]*\.js:(\d+):(\d+)/;

/** Builds the Worker as for production, and prints the trace. */
export async function run(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options === "help") return console.log(USAGE);
  const folder = mkdtempSync(path.join(tmpdir(), "place-"));
  try {
    await build(options.worker, folder);
    const placed = withPlaces(options.trace, sourceMapIn(folder));
    if (placed === options.trace)
      throw new CliError(
        `${options.worker} of this commit has no such place: check out the commit that is deployed, or name another Worker with --worker.`,
      );
    console.log(placed);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The source map in a folder that `build` wrote, with paths from the repository's root. */
export function sourceMapIn(folder: string): SourceMap {
  const file = readdirSync(folder).find((name) => name.endsWith(".js.map"));
  if (file === undefined) throw new CliError("The build has no source map.");
  const map = JSON.parse(readFileSync(path.join(folder, file), "utf8")) as { sources: string[]; sourceRoot?: string };
  const sources = map.sources.map((source) => path.relative(ROOT, path.resolve(folder, map.sourceRoot ?? "", source)));
  return new SourceMap({ ...(map as ConstructorParameters<typeof SourceMap>[0]), sources, sourceRoot: "" });
}

/**
 * `trace` with each `file.js:line:column`, both from 1, at its place in the source. Names of
 * functions stay minified: the place says which function it is.
 */
export function withPlaces(trace: string, map: SourceMap): string {
  return trace.replaceAll(new RegExp(PLACE, "g"), (text, line: string, column: string) => {
    const entry = map.findEntry(Number(line) - 1, Number(column) - 1);
    const isInBundle = "originalSource" in entry && entry.generatedLine === Number(line) - 1;
    return isInBundle ? `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}` : text;
  });
}

function readOptions(args: readonly string[]): { readonly worker: Deployable; readonly trace: string } | "help" {
  const options = { worker: { type: "string" } } as const;
  return readArguments({ args, usage: USAGE, options, takesWords: true }, ({ worker = "gateway" }, words) => {
    const trace = words.join(" ");
    if (!PLACE.test(trace)) throw new Error("Name the trace, between quotes; it has a place such as index.js:12:3456");
    return { worker: deployableNamed(worker), trace };
  });
}
