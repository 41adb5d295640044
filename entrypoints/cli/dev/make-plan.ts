// Runs plan.ts, and reads the mistake that ended it.
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { ROOT } from "../root.ts";
import { declarationMistake, type Mistake, stateMistake } from "./mistakes.ts";
import type { DevPlan, PlanOptions } from "./plan.ts";
import type { Place } from "./source-maps.ts";

const PROGRAM = fileURLToPath(new URL("plan.ts", import.meta.url));

/** The Workers to run; or the mistake because of which they cannot be named. */
export async function makePlan(options: PlanOptions): Promise<DevPlan | Mistake> {
  const child = spawn(process.execPath, [...process.execArgv, PROGRAM, JSON.stringify(options)], {
    cwd: ROOT,
    env: { ...process.env, FORCE_COLOR: "0" },
    stdio: ["ignore", "inherit", "pipe", "ipc"],
  });
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    errors += chunk;
  });
  let plan: DevPlan | null = null;
  child.on("message", (sent) => {
    plan = sent as DevPlan; // plan.ts sends nothing else
  });
  await new Promise((resolve) => child.once("close", resolve));
  return plan ?? planMistake(errors, ROOT);
}

/**
 * The mistake in what Node printed when it ended: an uncaught error with its stack, or the sentence
 * of a command.
 */
export function planMistake(errors: string, root: string): Mistake {
  const known = stateMistake(errors.split("\n")) ?? migrationMistake(errors, root);
  if (known) return known;
  const lines = errors.split("\n").filter((line) => !/^Node\.js v|ExperimentalWarning|--trace-warnings/.test(line));
  const frames = placesIn(lines, /(file:\/\/\/[^\s()]+?):(\d+):(\d+)\)?$/, root);
  // A syntax error has no frame, but the file and the line above the code.
  const places = frames.length > 0 ? frames : placesIn(lines, /^(file:\/\/\/\S+?):(\d+)$/, root);
  const thrown = lines.findIndex((line) => /^(?:\w*Error|Defect)\b.*: /.test(line.trim()));
  const end = lines.findIndex((line, index) => index > thrown && /^\s+at /.test(line));
  const [, rule] = /^DeclarationError: (.*)$/.exec(lines[thrown]?.trim() ?? "") ?? [];
  if (rule !== undefined) return declarationMistake(rule, places);
  const message = thrown < 0 ? lines : lines.slice(thrown, end < 0 ? thrown + 1 : end);
  const sentence = message.map((line) => line.trim()).filter((line) => line !== "");
  return {
    sentence: sentence.slice(0, 12).join("\n") || "The Workers could not be prepared.",
    places,
  };
}

/**
 * The mistake in the output of a migration that failed: the first pending one of the last table,
 * and the line with the word that SQLite names.
 */
function migrationMistake(errors: string, root: string): Mistake | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal colours begin with the escape character
  const text = errors.replace(/\u001b\[[0-9;]*m/g, "");
  const [, problem] = /✘ \[ERROR\] (.*?)(?:: SQLITE_ERROR)?$/m.exec(text) ?? [];
  const table = text.slice(text.lastIndexOf("│ name"));
  const [, name] = /│ (\S+\.sql)\s+│(?! ✅)/.exec(table) ?? [];
  if (problem === undefined || name === undefined) return null;
  const files = readdirSync(path.join(root, "entrypoints"), { recursive: true, encoding: "utf8" });
  const found = files.find((one) => one.endsWith(`${path.sep}migrations${path.sep}${name}`));
  const sentence = `The migration ${name} fails: ${problem}`;
  if (found === undefined) return { sentence, places: [] };
  const file = path.join("entrypoints", found);
  const [, word = ""] = /near "([^"]+)"/.exec(problem) ?? [];
  const line = readFileSync(path.join(root, file), "utf8")
    .split("\n")
    .findIndex((one) => one.includes(word));
  return { sentence, places: [{ file, line: Math.max(line, 0) + 1, column: 1 }] };
}

/** The places in files of the repository that `pattern` finds, one a line. */
function placesIn(lines: readonly string[], pattern: RegExp, root: string): Place[] {
  return lines.flatMap((line) => {
    const [, url = "", row, column = "1"] = pattern.exec(line.trim()) ?? [];
    const file = url === "" ? ".." : path.relative(root, fileURLToPath(url));
    const isOwn = !file.startsWith("..") && !file.includes("node_modules");
    return isOwn ? [{ file, line: Number(row), column: Number(column) }] : [];
  });
}
