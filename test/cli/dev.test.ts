// `npm run dev` as a person uses it: start, look, stop, start again.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { APPLIED } from "../../entrypoints/cli/migrations.ts";
import { ROOT } from "../../entrypoints/cli/workers.ts";

const state = mkdtempSync(path.join(tmpdir(), "dev-"));
const started: ChildProcess[] = [];

interface Dev {
  readonly child: ChildProcess;
  readonly said: () => string;
  /** The exit code. */
  readonly ended: Promise<number | null>;
}

function dev(...args: string[]): Dev {
  const child = spawn(process.execPath, ["entrypoints/cli/launch.mjs", "dev", ...args], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.push(child);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      said += chunk;
    });
  }
  return { child, said: () => said, ended: new Promise((resolve) => child.once("close", resolve)) };
}

/** Waits for the summary; answers the origin that it names. */
async function origin({ said }: Dev): Promise<string> {
  return expect
    .poll(said, { timeout: 50_000 })
    .toMatch(/is ready/)
    .then(() => /(http:\/\/localhost:\d+)\/mcp/.exec(said())?.[1] ?? "");
}

afterEach(() => {
  for (const child of started) child.kill("SIGTERM");
});
afterAll(() => rmSync(state, { recursive: true, force: true }));

test("starts on a free port, serves its own origin, keeps its state and stops on Ctrl-C", async () => {
  const first = dev("--port", "0", "--persist-to", state);
  const at = await origin(first);
  expect(first.said()).toContain("Preparing the database.");
  expect(first.said()).toContain(`claude mcp add --transport http stackbilt ${at}/mcp`);
  const metadata = await fetch(`${at}/.well-known/oauth-authorization-server`);
  expect(await metadata.json()).toMatchObject({ issuer: at });

  first.child.kill("SIGINT");
  expect(await first.ended).toBe(0);
  await expect(fetch(`${at}/health`)).rejects.toThrow();
  expect(existsSync(path.join(ROOT, `entrypoints/auth/local-${new URL(at).port}.generated.toml`))).toBe(false);

  const second = dev("--port", "0", "--persist-to", state);
  await origin(second);
  expect(second.said()).not.toContain("Preparing the database.");
  second.child.kill("SIGINT");
  expect(await second.ended).toBe(0);
});

test("--fresh forgets the state, nothing else in its folder", async () => {
  const fresh = dev("--port", "0", "--persist-to", state, "--fresh");
  await origin(fresh);
  expect(fresh.said()).toContain("Forgetting the local state.");
  expect(fresh.said()).toContain("Preparing the database.");
  fresh.child.kill("SIGINT");
  await fresh.ended;
  expect(existsSync(path.join(state, APPLIED))).toBe(true);
});

test("a port in use is said in one sentence, with the switch to choose another", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const refused = dev("--port", `${port}`);
  expect(await refused.ended).toBe(1);
  expect(refused.said().trim()).toBe(
    `Port ${port} is in use: stop what listens there, or choose another with \`npm run dev -- --port ${port + 1}\`.`,
  );
  server.close();
});
