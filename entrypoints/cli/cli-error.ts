// What a command says instead of doing its work: one sentence for the person at the terminal, with what to do. The launcher
// prints it without a stack and exits with 1; every other error is a bug and keeps its stack.

export class CliError extends Error {
  override readonly name = "Refusal"; // the launcher knows it by name: it is plain JavaScript and loads no TypeScript early
}
