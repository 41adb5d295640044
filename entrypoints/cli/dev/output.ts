// Sorts what wrangler prints: a Worker's log, an error, a reload, or another line. Tables of
// bindings, boxes, colour codes and stacks of wrangler itself are removed. An unknown line stays,
// because a hidden error is worse than a superfluous line.

/** One thing that wrangler printed. */
export type Printed =
  /** `name` is a Worker's, or absent if wrangler does not say which it was. */
  | { readonly kind: "log"; readonly level: "info" | "warn" | "error"; readonly name?: string; readonly text: string }
  /** An error of wrangler, of a build or of the start of a Worker: its lines, without the mark. */
  | { readonly kind: "error"; readonly level: "warn" | "error"; readonly lines: readonly string[] }
  /** The Workers are about to be started with new code, or have been. */
  | { readonly kind: "reloading" }
  | { readonly kind: "reloaded" }
  | { readonly kind: "line"; readonly text: string };

// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal colours begin with the escape character
const COLOUR = /\u001b\[[0-9;]*m/g;
const NOISE = [
  /^Service bindings, Durable Object bindings, and Tail consumers connect to other/,
  /^⎔ Shutting down/,
  // The router logs requests, and the gateway the records that it sends to the queue.
  /^\[wrangler:info\] (?:Ready on|[A-Z]+ \S+ \d{3} |QUEUE \S+ \d+\/\d+ \()/,
  /^Using secrets defined in/,
  /^Note that there is a newer version of Wrangler|^There is a newer version of Wrangler|^If you think this is a bug/,
  // Follows from another mistake: a build reports a class that is not exported.
  /^▲ \[WARNING\] A DurableObjectNamespace in the config referenced the class /,
  // A client that hung up during its upload.
  /^(✘ \[ERROR\]|\[wrangler:error\]) Error inside ProxyWorker .*: Network connection lost\.$/,
  /^(✘ \[ERROR\]|\[wrangler:error\]) Failed to drain the unused request body\. Error: Network connection lost\.$/,
  /^\s+at async drainBody |^\s+retryable: true$|^\s+\}$/,
  /^-+$/,
];

/** esbuild's own end, when wrangler leaves it behind. Nothing that follows is of interest. */
const ABANDONED = /^fatal error: all goroutines are asleep/;

const MARKED = /^(?<mark>✘ \[ERROR\]|▲ \[WARNING\]|\[wrangler:error\]) (?<rest>.*)$/;
const NAMED = /^\[(?<name>[a-z][\w-]*)\] (?<text>.*)$/;

/** Sorts one stream of wrangler's output, which comes in lines. */
export class OutputReader {
  readonly #print: (printed: Printed) => void;
  #isInTable = false;
  #isAbandoned = false;
  #error: { readonly level: "warn" | "error"; readonly lines: string[] } | null = null;

  /** @param print receives each thing once it is complete */
  constructor(print: (printed: Printed) => void) {
    this.#print = print;
  }

  read(raw: string): void {
    const line = raw.replace(COLOUR, "").trimEnd();
    if (this.#isAbandoned || ABANDONED.test(line)) {
      this.#isAbandoned = true;
      this.flush();
      return;
    }
    if (this.#error && (line === "" || /^\s/.test(line))) {
      this.#error.lines.push(line);
      return;
    }
    this.flush();
    if (line.endsWith("has access to the following bindings:")) this.#isInTable = true;
    if (line === "") this.#isInTable = false;
    if (line === "" || this.#isInTable || NOISE.some((pattern) => pattern.test(line))) return;
    this.#sort(line);
  }

  /** Ends an error whose last line may not have come yet: call it after a pause. */
  flush(): void {
    const error = this.#error;
    this.#error = null;
    if (error) this.#print({ kind: "error", ...error });
  }

  #sort(line: string): void {
    const { mark, rest = line } = MARKED.exec(line)?.groups ?? {};
    const { name, text = rest } = NAMED.exec(rest)?.groups ?? {};
    const isLog = name !== undefined || text.startsWith('{"event":');
    if (/^⎔ (?:Starting|Reloading)/.test(line)) this.#print({ kind: "reloading" });
    else if (line === "⎔ Local server updated and ready") this.#print({ kind: "reloaded" });
    else if (isLog) {
      const level = mark === undefined ? "info" : mark.startsWith("▲") ? "warn" : "error";
      this.#print({ kind: "log", level, ...(name !== undefined && { name }), text });
    } else if (mark === undefined) this.#print({ kind: "line", text: line.replace(/^\[wrangler:info\] /, "") });
    else this.#error = { level: mark.startsWith("▲") ? "warn" : "error", lines: [rest] };
  }
}
