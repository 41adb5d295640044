// Changes of the repository's files, seen by comparing times. It works on every file system, also
// on those that report no events, and costs a few milliseconds.
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT } from "../root.ts";

const INTERVAL_MS = 250;
const FOLDERS = ["contracts", "src", "entrypoints"];
const SINGLE = ["wrangler.toml", ".dev.vars", "package.json", "tsconfig.json"];

/** Time of the last change of each file, by its path relative to the repository. */
export type Snapshot = ReadonlyMap<string, number>;

/** Every file that the Workers are made of. */
export function snapshot(): Snapshot {
  const files = FOLDERS.flatMap(filesIn);
  return new Map(
    [...SINGLE, ...files].flatMap((file) => {
      const stats = statSync(path.join(ROOT, file), { throwIfNoEntry: false });
      return stats?.isFile() ? [[file, stats.mtimeMs] as const] : [];
    }),
  );
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(path.join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => !/(?:^|[\\/])\.wrangler(?:[\\/]|$)|\.generated\.toml$/.test(file))
      .map((file) => path.join(folder, file));
  } catch {
    return []; // renamed, or a folder in it is deleted just now
  }
}

/** The files that were changed, added or deleted between two snapshots. */
export function changedFiles(before: Snapshot, after: Snapshot): string[] {
  const files = new Set([...before.keys(), ...after.keys()]);
  return [...files].filter((file) => before.get(file) !== after.get(file));
}

/** Waits until a file differs from `before` and no other follows. Returns what changed, in full. */
export async function nextChange(before: Snapshot, signal?: AbortSignal): Promise<string[]> {
  let last = snapshot();
  for (;;) {
    await sleep(INTERVAL_MS, undefined, signal && { signal });
    const now = snapshot();
    const changed = changedFiles(before, now);
    if (changed.length > 0 && changedFiles(last, now).length === 0) return changed;
    last = now;
  }
}
