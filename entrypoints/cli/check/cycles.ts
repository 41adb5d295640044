// Cycles of imports: a module of a cycle can run before another one of it has its values. In
// src/mcp, also those of types: each of its files can be read without the others.
import { type Import, importsOf } from "./imports.ts";
import type { Problem } from "./problem.ts";

/** The first cycle of imports in `sources`; `null` if there is none. */
export function importCycle(sources: ReadonlyMap<string, string>): Problem | null {
  const graph = new Map(
    Array.from(sources, ([file, text]) => {
      const withTypes = file.startsWith("src/mcp/");
      return [file, importsOf(file, text).filter(({ isType }) => withTypes || !isType)] as const;
    }),
  );
  const [file = "", next = "", ...rest] = cycleIn(graph) ?? [];
  const line = graph.get(file)?.find(({ target }) => target === next)?.line;
  if (line === undefined) return null;
  const way = rest.map((target) => `, which imports ${target}`).join("");
  return { file, line, sentence: `imports ${next}${way}: a cycle; move what both need to a file of its own.` };
}

/** A cycle as a list of files that ends with its first. */
function cycleIn(graph: ReadonlyMap<string, readonly Import[]>): readonly string[] | null {
  const done = new Set<string>();
  const path: string[] = [];
  const search = (file: string): readonly string[] | null => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return null;
    path.push(file);
    for (const { target } of graph.get(file) ?? []) {
      const cycle = search(target);
      if (cycle) return cycle;
    }
    path.pop();
    done.add(file);
    return null;
  };
  for (const file of graph.keys()) {
    const cycle = search(file);
    if (cycle) return cycle;
  }
  return null;
}
