// The gateway's own word about its settings, which it validates with the first request.
import { readFileSync } from "node:fs";
import path from "node:path";
import { ROOT } from "../root.ts";
import type { Mistake } from "./mistakes.ts";

/** The settings because of which the gateway on `port` responds to nothing; `null` if it does. */
export async function configMistakeOf(port: number): Promise<Mistake | null> {
  try {
    const response = await fetch(`http://localhost:${port}/health`, { signal: AbortSignal.timeout(5000) });
    const body: unknown = await response.json();
    const text = typeof body === "object" && body && "error_description" in body ? `${body.error_description}` : "";
    const [, problem] = /^(The gateway is not configured: .*?) Trace id: /.exec(text) ?? [];
    return problem === undefined ? null : { sentence: problem, places: placesOf(problem) };
  } catch {
    return null;
  }
}

/** The first setting that is named in `problem`: .dev.vars takes precedence over wrangler.toml. */
function placesOf(problem: string): Mistake["places"] {
  const names = problem.match(/\b[A-Z][A-Z0-9_]{3,}\b/g) ?? [];
  for (const file of [".dev.vars", "wrangler.toml"]) {
    const line = linesOf(file).findIndex((text) =>
      names.some((name) => new RegExp(`^${name}\\s*=|"${name}"`).test(text)),
    );
    if (line >= 0) return [{ file, line: line + 1, column: 1 }];
  }
  const table = linesOf("wrangler.toml").indexOf("[vars]");
  return [{ file: "wrangler.toml", line: table + 1 || 1, column: 1 }];
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(path.join(ROOT, file), "utf8").split("\n");
  } catch {
    return [];
  }
}
