// A mistake that a check has found: one sentence with its place and the remedy.

export interface Problem {
  /** Path from the root of the repository. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** Continues the place: begins with a verb or a name, and says what to do instead. */
  readonly sentence: string;
}

/** The problem as one line; terminals and editors open the place. */
export function problemLine({ file, line, sentence }: Problem): string {
  return `${file}:${line} ${sentence}`;
}

/** The first line of `text` that matches, from 1; 1 if none does. */
export function lineOf(text: string, pattern: RegExp): number {
  return Math.max(text.split("\n").findIndex((line) => pattern.test(line)) + 1, 1);
}
