// The readable part of wrangler's output.
import { expect, it } from "vitest";
import { readableLines } from "../../entrypoints/cli/output.ts";

const printed = (...lines: string[]) => {
  const readable = readableLines();
  return lines.map(readable).filter((line) => line !== null);
};

it("keeps the logs, requests and crashes of Workers, and lines that it does not know", () => {
  const lines = [
    "[stackbilt-mcp-gateway] hello",
    "[wrangler:info] POST /mcp 200 OK (12ms)",
    "\u001b[33m▲ \u001b[43;33m[\u001b[43;30mWARNING\u001b[43;33m]\u001b[0m \u001b[1mlook here\u001b[0m",
    "",
    "[wrangler:error] Error: boom",
    "    at fetch (index.ts:9:40)",
    "an unknown line",
  ];
  expect(printed(...lines)).toEqual([
    "[stackbilt-mcp-gateway] hello",
    "POST /mcp 200 OK (12ms)",
    "warning: look here",
    "error: Error: boom",
    "    at fetch (index.ts:9:40)",
    "an unknown line",
  ]);
});

it("removes tables of bindings, also those of a reload", () => {
  const lines = [
    "⎔ Reloading local server...",
    "stackbilt-reference-auth has access to the following bindings:",
    "Binding            Resource      Mode",
    "env.DB (auth)      D1 Database   local",
    "",
    "⎔ Local server updated and ready",
    "[stackbilt-reference-auth] after",
  ];
  expect(printed(...lines)).toEqual(["Reloaded.", "[stackbilt-reference-auth] after"]);
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
  expect(printed(...lines)).toEqual([expect.stringMatching(/^error: Error inside ProxyWorker .*: boom$/)]);
});
