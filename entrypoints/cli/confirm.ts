// The question before a step that replaces something.
import { createInterface, type Interface } from "node:readline/promises";
import { CliError } from "./cli-error.ts";

/** True if an operator sees what is printed, and can answer. */
export function isInteractive(): boolean {
  return Boolean(process.stdin.isTTY && process.stdout.isTTY);
}

/**
 * Asks on a terminal. Throws a `CliError` unless the answer is yes, or without a terminal: there,
 * --yes is the answer.
 */
export async function confirm(question: string): Promise<void> {
  if (!isInteractive()) throw new CliError("Nothing was changed. Add --yes if that is what you want.");
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await answerTo(question, terminal);
    if (!/^y(?:es)?$/i.test(answer.trim())) throw new CliError("Nothing was changed.");
  } finally {
    terminal.close();
  }
}

/** The answer; empty after Ctrl-C and Ctrl-D. */
async function answerTo(question: string, terminal: Interface): Promise<string> {
  const closed = new Promise<string>((resolve) => void terminal.once("close", () => resolve("\n")));
  const answer = await Promise.race([terminal.question(`${question} [y/N] `).catch(() => closed), closed]);
  if (answer === "\n") console.log();
  return answer;
}
