// Readable output of wrangler: the Workers' logs, requests, reloads and errors, one plain line
// each. Tables of bindings, boxes and colour codes are removed. An unknown line stays, because a
// hidden error is worse than a superfluous line.

// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal colours begin with the escape character
const COLOUR = /\u001b\[[0-9;]*m/g;
const NOISE = [
  /^Service bindings, Durable Object bindings, and Tail consumers connect to other/,
  /^⎔ (Starting|Shutting down|Reloading)/,
  /^\[wrangler:info\] (Ready on|GET \/health 200)/,
  /^Using secrets defined in/,
  // A client that hung up during its upload.
  /^(✘ \[ERROR\]|\[wrangler:error\]) Error inside ProxyWorker .*: Network connection lost\.$/,
  /^(✘ \[ERROR\]|\[wrangler:error\]) Failed to drain the unused request body\. Error: Network connection lost\.$/,
  /^\s+at async drainBody |^\s+retryable: true$|^\s+\}$/,
  /^-+$/,
];

/**
 * A filter for one stream of wrangler's output. It takes lines in order and returns the line to
 * print, or `null`.
 */
export function readableLines(): (line: string) => string | null {
  let isInTable = false;
  return function readableLine(raw) {
    const line = raw.replace(COLOUR, "").trimEnd();
    if (line.endsWith("has access to the following bindings:")) isInTable = true;
    if (line === "") isInTable = false;
    if (line === "" || isInTable || NOISE.some((pattern) => pattern.test(line))) return null;
    if (line === "⎔ Local server updated and ready") return "Reloaded.";
    return line
      .replace(/^\[wrangler:info\] /, "")
      .replace(/^\[wrangler:error\] /, "error: ")
      .replace(/^✘ \[ERROR\] /, "error: ")
      .replace(/^▲ \[WARNING\] /, "warning: ");
  };
}
