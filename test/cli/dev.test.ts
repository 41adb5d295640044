// `npm run dev`: start, use, stop, start again.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, expect, it } from "vitest";
import { APPLIED } from "../../entrypoints/cli/migrations.ts";
import { ROOT } from "../../entrypoints/cli/workers.ts";

const state = mkdtempSync(path.join(tmpdir(), "dev-"));
const started: ChildProcess[] = [];

interface Dev {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** The exit code. */
  readonly ended: Promise<number | null>;
}

function dev(...args: string[]): Dev {
  const child = spawn(process.execPath, ["entrypoints/cli/launch.mjs", "dev", ...args], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.push(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
    });
  }
  return { child, output: () => output, ended: new Promise((resolve) => child.once("close", resolve)) };
}

/** Waits for the summary and returns its origin. */
async function originOf({ output }: Dev): Promise<string> {
  return expect
    .poll(output, { timeout: 50_000 })
    .toMatch(/is ready/)
    .then(() => /(http:\/\/localhost:\d+)\/mcp/.exec(output())?.[1] ?? "");
}

afterEach(() => {
  for (const child of started) child.kill("SIGTERM");
});
afterAll(() => rmSync(state, { recursive: true, force: true }));

it("starts on a free port, serves its own origin, keeps its state and stops on Ctrl-C", async () => {
  const first = dev("--port", "0", "--persist-to", state);
  const origin = await originOf(first);
  expect(first.output()).toContain("Preparing the database.");
  expect(first.output()).toContain(`claude mcp add --transport http stackbilt ${origin}/mcp`);
  const metadata = await fetch(`${origin}/.well-known/oauth-authorization-server`);
  expect(await metadata.json()).toMatchObject({ issuer: origin });

  first.child.kill("SIGINT");
  expect(await first.ended).toBe(0);
  await expect(fetch(`${origin}/health`)).rejects.toThrow();
  expect(existsSync(path.join(ROOT, `entrypoints/auth/local-${new URL(origin).port}.generated.toml`))).toBe(false);

  const second = dev("--port", "0", "--persist-to", state);
  await originOf(second);
  expect(second.output()).not.toContain("Preparing the database.");
  second.child.kill("SIGINT");
  expect(await second.ended).toBe(0);
});

it("deletes the state with --fresh, and nothing else in its folder", async () => {
  const fresh = dev("--port", "0", "--persist-to", state, "--fresh");
  await originOf(fresh);
  expect(fresh.output()).toContain("Deleting the local state.");
  expect(fresh.output()).toContain("Preparing the database.");
  fresh.child.kill("SIGINT");
  await fresh.ended;
  expect(existsSync(path.join(state, APPLIED))).toBe(true);
});

it("reports a port in use in one sentence, with the option that chooses another", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const refused = dev("--port", `${port}`);
  expect(await refused.ended).toBe(1);
  expect(refused.output().trim()).toBe(
    `Port ${port} is in use: stop the program that listens there, or choose another port with \`npm run dev -- --port ${port + 1}\`.`,
  );
  server.close();
});
