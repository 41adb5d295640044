// The outcome of one check, and its line in the terminal.

export type Outcome =
  | { readonly state: "passed"; readonly note: string }
  /** Not checked, with the reason. */
  | { readonly state: "skipped"; readonly note: string }
  /** `remedy` says what to do about it, and on which side. */
  | { readonly state: "failed"; readonly problem: string; readonly remedy: string; readonly isUnreachable: boolean };

/** A fault of the server, or of the way to it. Ends its check as failed. */
export class Problem extends Error {
  readonly remedy: string;

  constructor(problem: string, remedy: string) {
    super(problem);
    this.remedy = remedy;
  }
}

/** No connection, or no answer in time. */
export class Unreachable extends Problem {}

/** Ends a check that does not apply. */
export class Skip extends Error {}

/** The most characters of one text. */
const MAX_LENGTH = 400;

const MARKS = { passed: ["✓", 32], skipped: ["-", 33], failed: ["✗", 31] } as const;

/** The line of a check; a failed one has a second line with the remedy. */
export function describeOutcome(name: string, outcome: Outcome): string {
  const [mark, colour] = MARKS[outcome.state];
  const head = process.stdout.isTTY && !process.env.NO_COLOR ? `\u001b[${colour}m${mark}\u001b[0m` : mark;
  const indent = `\n    ${" ".repeat(name.length)}  `;
  const texts = outcome.state === "failed" ? [outcome.problem, outcome.remedy] : [outcome.note];
  return `  ${head} ${name}  ${texts.map(printable).join(indent)}`;
}

/** Text from a server on one line, without what a terminal would execute. */
function printable(text: string): string {
  const line = text.replace(/\s+/g, " ").replace(/\p{C}/gu, "�");
  return line.length > MAX_LENGTH ? `${line.slice(0, MAX_LENGTH)}…` : line;
}
