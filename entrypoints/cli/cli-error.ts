// Error of a command: one sentence for the terminal, with the remedy. The launcher prints it
// without a stack and exits with 1. Any other error is a defect and keeps its stack.

export class CliError extends Error {
  override readonly name = "CliError"; // read by launch.mjs, which loads no TypeScript before it starts
}

/** A command that Ctrl-C, or another signal, stopped. */
export class Stopped extends CliError {
  constructor() {
    super("Stopped.");
  }
}
