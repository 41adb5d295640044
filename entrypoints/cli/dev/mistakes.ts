// A developer's mistakes in what wrangler prints: what is wrong and where, without wrangler's own
// stacks and advice. Paths are those of the sources, never of a bundle or a generated config.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { declarationOf } from "../check/declarations.ts";
import { type Place, placeText, type SourceMaps } from "./source-maps.ts";

/** One mistake. Two with the same sentence and place are one. */
export interface Mistake {
  readonly sentence: string;
  /** Its place, and then those that led there. Empty if that is not known. */
  readonly places: readonly Place[];
}

/** A Worker that `npm run dev` runs. */
export interface DevWorker {
  /** The folder's name in `entrypoints/`. */
  readonly key: string;
  /** Its name in wrangler.toml. */
  readonly name: string;
  /** Its wrangler.toml, relative to the repository. */
  readonly source: string;
  /** The adapted copy that wrangler reads, relative to the repository. */
  readonly config: string;
}

/** The files that can have the place of a mistake. */
export interface Surroundings {
  /** The repository's folder, absolute. */
  readonly root: string;
  readonly workers: readonly DevWorker[];
  readonly maps: SourceMaps;
  /** Time of the last change of each file, by its path relative to the repository. */
  readonly files: ReadonlyMap<string, number>;
}

/** Lines that say nothing about the mistake. */
const NOISE =
  /^(?:The Workers runtime failed to start\.|Note that there is a newer version|If you think this is a bug|Scheduled Workers are not automatically triggered|.*"MINIFLARE_PROXY:)/;

/**
 * The mistakes in one message of wrangler: its lines, without colours and the mark of an error.
 * Empty if the message only accompanies others.
 */
export function mistakesIn(lines: readonly string[], surroundings: Surroundings): Mistake[] {
  const [first = "", ...rest] = lines;
  if (NOISE.test(first)) return [];
  if (/^Build failed with \d+ error/.test(first)) return buildMistakes(rest, surroundings);
  return [
    stateMistake(lines) ??
      uncaughtMistake(first, rest, surroundings) ??
      entrypointMistake(first, surroundings) ??
      configMistake(first, rest, surroundings) ??
      placedMistake(first, rest, surroundings),
  ];
}

/** A broken rule of the contracts and tools, alike from every program that loads them. */
export function declarationMistake(rule: string, places: readonly Place[]): Mistake {
  const stack = places.map(({ file, line }) => `${file}:${line}`).join("\n");
  const { sentence, file, line } = declarationOf(rule, stack);
  return { sentence, places: [{ file, line, column: 1 }] };
}

/** Stored state that SQLite refuses, in the output of the runtime; `null` without such a line. */
export function stateMistake(lines: readonly string[]): Mistake | null {
  const [, problem, code] = /dbErrorMessage\([^)]*\) = (.*): (SQLITE_\w+)/.exec(lines.join("\n")) ?? [];
  if (problem === undefined) return null;
  const remedy = code === "SQLITE_FULL" ? "Make space on the disk" : "Start empty: npm run dev -- --fresh";
  return { sentence: `The state cannot be used: ${problem} (${code}). ${remedy}.`, places: [] };
}

/** Code that does not come to its end while a Worker loads, which no program reports. */
export function stuckMistake(saved: Pick<Surroundings, "root" | "files">): Mistake {
  const sentence = "The Workers do not load: code at the top level does not end, such as a loop.";
  return { sentence: `${sentence} ${LAST_SAVED}`, places: [lastSaved(saved, /^(?:for|while|do)\b/)] };
}

const LAST_SAVED = "Saved last:";

/** The first line that matches in the file that was saved last, where no program names a place. */
function lastSaved({ root, files }: Pick<Surroundings, "root" | "files">, pattern: RegExp): Place {
  const [file = ""] = [...files].reduce((last, one) => (one[1] > last[1] ? one : last), ["", 0]);
  const line = linesOf(path.join(root, file)).findIndex((text) => pattern.test(text));
  return { file, line: Math.max(line, 0) + 1, column: 1 };
}

/** More mistakes than these follow from a few, such as a folder that was moved. */
const SHOWN = 8;

/** The text of mistakes for a terminal: each with its place and the line of the file. */
export function describeMistakes(mistakes: readonly Mistake[], root: string): string[] {
  const lines = mistakes
    .slice(0, SHOWN)
    .flatMap(({ sentence, places: [place, ...others] }) => [
      ...sentence.split("\n").map((line, index) => `${index === 0 ? "✘ " : "  "}${line}`),
      ...(place ? [`    ${placeText(place)}`, ...excerpt(place, root)] : []),
      ...others.slice(0, 4).map((other) => `    from ${placeText(other)}`),
    ]);
  return mistakes.length > SHOWN ? [...lines, `  … and ${mistakes.length - SHOWN} more.`] : lines;
}

function excerpt({ file, line }: Place, root: string): string[] {
  const text = linesOf(path.join(root, file))[line - 1]?.trimEnd() ?? "";
  return text === "" ? [] : [`      ${line} │ ${text.slice(0, 120)}`];
}

/** The mistakes of esbuild: each a sentence, then `file:line:column:` and the text of the line. */
function buildMistakes(lines: readonly string[], surroundings: Surroundings): Mistake[] {
  const starts = lines.flatMap((line, index) => (/^\s*✘ \[ERROR\] /.test(line) ? [index] : []));
  return starts.map((start, index) => {
    const sentence = (lines[start] ?? "").replace(/^\s*✘ \[ERROR\] /, "");
    return placedMistake(sentence, lines.slice(start + 1, starts[index + 1]), surroundings);
  });
}

const LOCATION = /^\s+(?<file>\S+?):(?<line>\d+):(?<column>\d+):$/;

function placedMistake(sentence: string, rest: readonly string[], surroundings: Surroundings): Mistake {
  const index = rest.findIndex((line) => LOCATION.test(line));
  const details = index < 0 ? rest.map((one) => one.trim()).filter((one) => one !== "") : [];
  const place =
    index < 0
      ? quotedPlace(sentence, surroundings)
      : sourcePlace(rest[index] ?? "", rest[index + 1] ?? "", surroundings);
  return { sentence: [sentence, ...details.slice(0, 6)].join("\n"), places: place ? [place] : [] };
}

/**
 * The place of a location and the excerpt that follows it. esbuild names files relative to the
 * folder of a Worker, which it does not name: the text of the line tells which one it is.
 */
function sourcePlace(location: string, excerptLine: string, { root, workers }: Surroundings): Place | null {
  const { file = "", line, column } = LOCATION.exec(location)?.groups ?? {};
  const text = (/│ (.*)$/.exec(excerptLine)?.[1] ?? "").replace(/^\.\.\.|\.\.\.$/g, "");
  const folders = new Set(["", ...workers.map(({ config }) => path.dirname(config))]);
  const candidates = [...folders]
    .map((folder) => path.normalize(path.join(folder, file)))
    .filter((one) => !one.startsWith(".."));
  const existing = candidates.filter((one) => existsSync(path.resolve(root, one)));
  const exact = existing.find((one) => linesOf(path.resolve(root, one))[Number(line) - 1]?.includes(text));
  const found = exact ?? existing[0];
  if (found === undefined || /(?:^|[\\/])\.wrangler[\\/]/.test(found)) return null;
  return { file: sourceOf(found, workers), line: Number(line), column: Number(column) + 1 };
}

/** The line of a wrangler.toml with a value or a class that `sentence` names. */
function quotedPlace(sentence: string, { root, workers }: Surroundings): Place | null {
  const values = sentence.match(/(?<=")[^"]+(?=")|\b[A-Z][A-Za-z_]{4,}\b/g) ?? [];
  const places = workers.flatMap(({ source: file }) =>
    values.map((value) => ({ file, line: lineWith(path.join(root, file), `"${value}"`), column: 1 })),
  );
  return places.find(({ line }) => line > 0) ?? null;
}

/** The wrangler.toml that a generated config was made of; any other file unchanged. */
function sourceOf(file: string, workers: readonly DevWorker[]): string {
  return workers.find(({ config }) => config === path.normalize(file))?.source ?? file;
}

/** Something thrown while a Worker's modules load. */
function uncaughtMistake(first: string, rest: readonly string[], surroundings: Surroundings): Mistake | null {
  const { name, thrown = "" } = /^service core:user:(?<name>\S+): (?<thrown>.*)$/.exec(first)?.groups ?? {};
  const worker = surroundings.workers.find((one) => one.name === name);
  if (!worker) return null;
  const folder = path.join(surroundings.root, path.dirname(worker.config));
  const frames = rest.flatMap((line) => {
    const [, bundle = "", row, column] = /\(?([\w.-]+\.js):(\d+):(\d+)\)?$/.exec(line.trimEnd()) ?? [];
    return bundle === "" ? [] : [surroundings.maps.placeIn(folder, bundle, Number(row), Number(column))];
  });
  const message = rest.filter((line) => line.trim() !== "" && !/^\s*at /.test(line)).map((line) => line.trim());
  const places = frames.filter((place) => place !== null);
  const [, rule] = /^Uncaught (?:Error: )?DeclarationError: (.*)$/.exec(thrown) ?? [];
  if (rule !== undefined) return declarationMistake(rule, places);
  const sentence = [`${thrown.replace(/^Uncaught /, "")} (when ${worker.key} loads)`, ...message].join("\n");
  const known = places.length > 0 ? places : flagPlaces(thrown, worker.source, surroundings.root);
  if (known.length > 0) return { sentence, places: known };
  const cause = thrown.includes("Top-level await") ? /^(?!\/[/*]| \*).*\bawait\b/ : /^\s*throw\b/;
  return { sentence: `${sentence}. ${LAST_SAVED}`, places: [lastSaved(surroundings, cause)] };
}

/** The line of a wrangler.toml with the compatibility flag that the runtime does not know. */
function flagPlaces(thrown: string, file: string, root: string): Place[] {
  const [, flag] = /^No such compatibility flag: (\S+)$/.exec(thrown) ?? [];
  const line = flag === undefined ? 0 : lineWith(path.join(root, file), `"${flag}"`);
  return line > 0 ? [{ file, line, column: 1 }] : [];
}

const NO_ENTRYPOINT =
  /^Worker "core:user:(?<caller>[^"]+)"'s binding "(?<binding>[^"]+)" refers to service "core:user:(?<service>[^"]+)" with a named entrypoint "(?<entrypoint>[^"]+)"/;

/** A binding to a class that a Worker does not export. */
function entrypointMistake(first: string, { root, workers }: Surroundings): Mistake | null {
  const { caller, binding, service, entrypoint } = NO_ENTRYPOINT.exec(first)?.groups ?? {};
  if (entrypoint === undefined) return null;
  const keyOf = (name: string | undefined) => workers.find((worker) => worker.name === name)?.key ?? name;
  const source = workers.find(({ name }) => name === caller)?.source;
  const line = source === undefined ? 0 : lineWith(path.join(root, source), `entrypoint = "${entrypoint}"`);
  const sentence = `The binding ${binding} of ${keyOf(caller)} names the entrypoint ${entrypoint}, which ${keyOf(service)} does not export.`;
  return { sentence, places: source !== undefined && line > 0 ? [{ file: source, line, column: 1 }] : [] };
}

/** A wrangler.toml whose values wrangler refuses. */
function configMistake(first: string, rest: readonly string[], { root, workers }: Surroundings): Mistake | null {
  const [, config] = /^Processing (\S+) configuration:$/.exec(first) ?? [];
  if (config === undefined) return null;
  const file = sourceOf(config, workers);
  const points = rest.map((line) => line.trim().replace(/^- /, "")).filter((line) => line !== "");
  const named = points.flatMap((point) => point.match(/\w+/g) ?? []);
  const lines = linesOf(path.join(root, file));
  const has = (word: string) => (line: string) =>
    [`"${word}"`, `[${word}]`].some((one) => line.includes(one)) || line.startsWith(`${word} =`);
  const line = named.map((word) => lines.findIndex(has(word)) + 1).find((one) => one > 0) ?? 1;
  return { sentence: points.slice(0, 4).join("\n"), places: [{ file, line, column: 1 }] };
}

/** The number of the first line of `file` that contains `text`; 0 if there is none. */
function lineWith(file: string, text: string): number {
  return linesOf(file).findIndex((line) => line.includes(text)) + 1;
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, "utf8").split("\n");
  } catch {
    return [];
  }
}
