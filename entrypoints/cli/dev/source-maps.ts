// Places of the sources behind places of the bundles that `wrangler dev` runs.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { SourceMap } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** A place in a source file: its path relative to the repository, line and column from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** The place as an editor's terminal opens it on a click. */
export function placeText({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`;
}

const FRAME = /^\s*at (?:(?<name>.+?) \()?(?<file>[^\s()]+?):(?<line>\d+):(?<column>\d+)\)?$/;

/** One frame of a stack. */
interface Frame {
  /** The function; empty at the top level of a module. */
  readonly name: string;
  readonly place: Place;
}

export class SourceMaps {
  readonly #root: string;
  readonly #maps = new Map<string, { readonly modifiedMs: number; readonly map: SourceMap }>();

  /** @param root the repository's folder, absolute */
  constructor(root: string) {
    this.#root = root;
  }

  /** Reads the newest bundle of the Worker in `folder`, which wrangler deletes when it ends. */
  remember(folder: string): void {
    const file = newestMap(folder);
    if (file !== null) this.#read(file);
  }

  /** The place behind one in the newest bundle of `folder` whose file is called `bundle`. */
  placeIn(folder: string, bundle: string, line: number, column: number): Place | null {
    this.remember(folder);
    const known = [...this.#maps.keys()].filter(
      (file) => file.startsWith(`${folder}${path.sep}.wrangler`) && path.basename(file) === `${bundle}.map`,
    );
    const newest = known.toSorted((a, b) => this.#modified(a) - this.#modified(b)).at(-1);
    return newest === undefined ? null : this.#map(newest, line, column);
  }

  /** The frames of `stack` that are code of this repository, in its sources. */
  framesOf(stack: string): Frame[] {
    return stack.split("\n").flatMap((text) => {
      const { name = "", file = "", line, column } = FRAME.exec(text)?.groups ?? {};
      const place = file.startsWith("file://") && this.#placeOf(fileURLToPath(file), Number(line), Number(column));
      return place ? [{ name: name === "null.<anonymous>" ? "" : name, place }] : [];
    });
  }

  #placeOf(file: string, line: number, column: number): Place | null {
    return file.includes(`${path.sep}.wrangler${path.sep}tmp${path.sep}dev-`)
      ? this.#map(`${file}.map`, line, column)
      : this.#own({ file, line, column });
  }

  #map(mapFile: string, line: number, column: number): Place | null {
    const entry = this.#read(mapFile)?.findEntry(line - 1, column - 1);
    if (!entry || !("originalSource" in entry)) return null;
    const file = path.resolve(path.dirname(mapFile), entry.originalSource);
    return this.#own({ file, line: entry.originalLine + 1, column: entry.originalColumn + 1 });
  }

  /** `place` relative to the repository; `null` for code of a library or of wrangler. */
  #own({ file, line, column }: Place): Place | null {
    const relative = path.relative(this.#root, file);
    const isForeign = relative.startsWith("..") || /(?:^|[\\/])(?:node_modules|\.wrangler)[\\/]/.test(relative);
    return isForeign ? null : { file: relative, line, column };
  }

  #read(file: string): SourceMap | null {
    try {
      const modifiedMs = statSync(file).mtimeMs;
      const known = this.#maps.get(file);
      if (known?.modifiedMs === modifiedMs) return known.map;
      const map = new SourceMap(JSON.parse(readFileSync(file, "utf8")));
      this.#maps.set(file, { modifiedMs, map });
      return map;
    } catch {
      return this.#maps.get(file)?.map ?? null; // the bundle is gone, or is just being written
    }
  }

  #modified(file: string): number {
    return this.#maps.get(file)?.modifiedMs ?? 0;
  }
}

function newestMap(folder: string): string | null {
  const bundles = path.join(folder, ".wrangler/tmp");
  try {
    const maps = readdirSync(bundles)
      .filter((name) => name.startsWith("dev-"))
      .flatMap((name) => filesIn(path.join(bundles, name)))
      .filter((file) => file.endsWith(".js.map"));
    return maps.toSorted((a, b) => statSync(a).mtimeMs - statSync(b).mtimeMs).at(-1) ?? null;
  } catch {
    return null; // nothing was built yet, or wrangler deletes it just now
  }
}

function filesIn(folder: string): string[] {
  return readdirSync(folder).map((name) => path.join(folder, name));
}
