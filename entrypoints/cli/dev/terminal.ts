// The output of `npm run dev`: the lines of the Workers, and each mistake once.
import { type LogChoice, type LogStyle, logLines } from "./log-lines.ts";
import { type DevWorker, describeMistakes, type Mistake } from "./mistakes.ts";
import type { SourceMaps } from "./source-maps.ts";

export interface TerminalOptions {
  readonly choice: LogChoice;
  readonly hasColours: boolean;
  readonly root: string;
  readonly maps: SourceMaps;
}

export class Terminal {
  readonly #options: TerminalOptions;
  readonly #shown = new Set<string>();
  readonly #warned = new Set<string>();
  #workers: readonly DevWorker[] = [];
  #note = "";

  constructor(options: TerminalOptions) {
    this.#options = options;
  }

  /** The Workers whose logs follow. */
  set workers(workers: readonly DevWorker[]) {
    this.#workers = workers;
  }

  /** Prints a sentence of `npm run dev` itself. */
  say(text: string): void {
    if (this.#options.choice === "json") console.error(text);
    else console.log(text);
  }

  /** Prints a line of a Worker's log. */
  log(level: "info" | "warn" | "error", name: string | undefined, text: string): void {
    const worker = name === undefined ? "local" : (this.#workers.find((one) => one.name === name)?.key ?? name);
    const style: LogStyle = { ...this.#options, workers: this.#workers.map(({ key }) => key) };
    for (const line of logLines({ worker, level, text }, new Date(), style)) console.log(line);
  }

  /** Prints the mistakes that were not shown since the last correction, and `note` after them. */
  showMistakes(mistakes: readonly Mistake[], note: string): void {
    const fresh = mistakes.filter((mistake) => {
      const key = JSON.stringify([mistake.sentence, mistake.places[0]]);
      return !this.#shown.has(key) && this.#shown.add(key);
    });
    if (fresh.length === 0 && (note === "" || note === this.#note)) return;
    this.#note = note;
    this.say(["", ...this.#coloured(fresh), ...(note === "" ? [] : [`  ${note}`]), ""].join("\n"));
  }

  /** Prints warnings that were not printed before. */
  showWarnings(warnings: readonly Mistake[]): void {
    const fresh = warnings.filter(({ sentence }) => !this.#warned.has(sentence) && this.#warned.add(sentence));
    for (const line of describeMistakes(fresh, this.#options.root)) this.say(line.replace(/^✘/, "▲"));
  }

  /** The text of `mistakes`. */
  plain(mistakes: readonly Mistake[]): string[] {
    return describeMistakes(mistakes, this.#options.root);
  }

  #coloured(mistakes: readonly Mistake[]): string[] {
    const lines = this.plain(mistakes);
    return this.#options.hasColours
      ? lines.map((line) => (line.startsWith("✘") ? `\u001b[31m${line}\u001b[0m` : line))
      : lines;
  }

  /** From now on, a mistake that was shown before is a new one. */
  forgetMistakes(): void {
    this.#shown.clear();
    this.#note = "";
  }
}
