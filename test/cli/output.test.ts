// The sorted output of wrangler.
import { expect, it } from "vitest";
import { OutputReader, type Printed } from "../../entrypoints/cli/dev/output.ts";

const sorted = (...lines: string[]) => {
  const printed: Printed[] = [];
  const reader = new OutputReader((one) => printed.push(one));
  for (const line of lines) reader.read(line);
  reader.flush();
  return printed;
};

it("tells the logs of Workers with their levels, warnings, errors, and lines that it does not know", () => {
  const lines = [
    "[stackbilt-mcp-gateway] hello",
    '{"event":"request","status":200}',
    '\u001b[31m✘ \u001b[41;31m[\u001b[41;97mERROR\u001b[41;31m]\u001b[0m \u001b[1m[stackbilt-reference-auth] {"event":"auth.crashed"}\u001b[0m',
    "\u001b[33m▲ \u001b[43;33m[\u001b[43;30mWARNING\u001b[43;33m]\u001b[0m \u001b[1mlook here\u001b[0m",
    "",
    "[wrangler:error] Error: boom",
    "    at fetch (index.ts:9:40)",
    "an unknown line",
  ];
  expect(sorted(...lines)).toEqual([
    { kind: "log", level: "info", name: "stackbilt-mcp-gateway", text: "hello" },
    { kind: "log", level: "info", text: '{"event":"request","status":200}' },
    { kind: "log", level: "error", name: "stackbilt-reference-auth", text: '{"event":"auth.crashed"}' },
    { kind: "error", level: "warn", lines: ["look here", ""] },
    { kind: "error", level: "error", lines: ["Error: boom", "    at fetch (index.ts:9:40)"] },
    { kind: "line", text: "an unknown line" },
  ]);
});

it("removes tables of bindings, also those of a reload, requests and messages", () => {
  const lines = [
    "[wrangler:info] QUEUE stackbilt-user-events 1/1 (15ms)",
    "⎔ Reloading local server...",
    "stackbilt-reference-auth has access to the following bindings:",
    "Binding            Resource      Mode",
    "env.DB (auth)      D1 Database   local",
    "",
    "⎔ Local server updated and ready",
    "[wrangler:info] POST /mcp 200 OK (12ms)",
    "[stackbilt-reference-auth] after",
  ];
  expect(sorted(...lines)).toEqual([
    { kind: "reloading" },
    { kind: "reloaded" },
    { kind: "log", level: "info", name: "stackbilt-reference-auth", text: "after" },
  ]);
});

it("removes the stacks of esbuild that follow wrangler's end, and wrangler's advice", () => {
  const lines = [
    "✘ [ERROR] The entry-point file was not found.",
    "",
    "If you think this is a bug then please create an issue at https://github.com/cloudflare",
    "Note that there is a newer version of Wrangler available (9.9.9).",
    "fatal error: all goroutines are asleep - deadlock!",
    "",
    "goroutine 1 [chan receive]:",
    "main.main()",
  ];
  expect(sorted(...lines)).toEqual([
    { kind: "error", level: "error", lines: ["The entry-point file was not found.", ""] },
  ]);
});

it("removes what wrangler says about a client that hung up, and no other failed request", () => {
  const failed = "✘ [ERROR] Error inside ProxyWorker (the affected request failed): POST http://localhost/token";
  const lines = [
    `${failed} (failed after 1 attempt): Network connection lost.`,
    "[wrangler:error] Failed to drain the unused request body. Error: Network connection lost.",
    "      at async drainBody (file:///middleware-ensure-req-body-drained.ts:10:14) {",
    "    retryable: true",
    "  }",
    `${failed}: boom`,
  ];
  expect(sorted(...lines)).toEqual([
    { kind: "error", level: "error", lines: [expect.stringMatching(/^Error inside ProxyWorker .*: boom$/)] },
  ]);
});
