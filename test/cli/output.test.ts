// What is left of wrangler's output when a person reads along.
import { expect, test } from "vitest";
import { readableLines } from "../../entrypoints/cli/output.ts";

const shown = (...lines: string[]) => {
  const readable = readableLines();
  return lines.map(readable).filter((line) => line !== null);
};

test("a Worker's logs, requests and crashes stay", () => {
  const lines = [
    "[stackbilt-mcp-gateway] hello",
    "[wrangler:info] POST /mcp 200 OK (12ms)",
    "\u001b[33m▲ \u001b[43;33m[\u001b[43;30mWARNING\u001b[43;33m]\u001b[0m \u001b[1mlook here\u001b[0m",
    "",
    "[wrangler:error] Error: boom",
    "    at fetch (index.ts:9:40)",
    "something that nobody has seen before",
  ];
  expect(shown(...lines)).toEqual([
    "[stackbilt-mcp-gateway] hello",
    "POST /mcp 200 OK (12ms)",
    "warning: look here",
    "error: Error: boom",
    "    at fetch (index.ts:9:40)",
    "something that nobody has seen before",
  ]);
});

test("tables of bindings go, also when a reload prints them again", () => {
  const lines = [
    "⎔ Reloading local server...",
    "stackbilt-auth has access to the following bindings:",
    "Binding            Resource      Mode",
    "env.DB (auth)      D1 Database   local",
    "",
    "⎔ Local server updated and ready",
    "[stackbilt-auth] after",
  ];
  expect(shown(...lines)).toEqual(["Reloaded.", "[stackbilt-auth] after"]);
});
