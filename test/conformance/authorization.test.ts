// The official conformance suite against the authorization server, as its own command line runs it: every scenario that it has for
// one, in every revision that it knows. What only a person can do, a person does, on the pages. The verdict is the suite's own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../entrypoints/cli/workers.ts";
import { newAccount, Person } from "../support/person.ts";
import { useSystem } from "../support/system.ts";
import { WireClient } from "../support/wire-client.ts";

// As deployed: metadata documents of clients are taken there, and only then is the suite content without a remark.
const system = useSystem({ vars: { gateway: { CIMD_ENABLED: "true" } } });

const REVISIONS = ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"] as const;
/** The suite's checks, by scenario. A check that came with a later revision is left out of the earlier ones. */
const CHECKS = {
  "authorization-server-metadata-endpoint": ["authorization-server-metadata", "authorization-server-metadata-cimd"],
  "authorization-code-grant": ["authorization-code-grant"],
} as const;
const SINCE: Readonly<Record<string, string>> = { "authorization-server-metadata-cimd": "2025-11-25" };

/** One check as the suite writes it down. */
interface Check {
  readonly id: string;
  readonly status: string;
  readonly errorMessage?: string;
}

interface Verdict {
  readonly exitCode: number;
  readonly output: string;
  /** By scenario, in the order in which the suite ran them. */
  readonly checks: Readonly<Record<string, readonly Check[]>>;
}

describe("the suite", () => {
  it("has these scenarios for an authorization server, in these revisions", async () => {
    const { output } = await run(["list", "--authorization"]);
    const found = Array.from(output.matchAll(/^ {2}- (\S+) \[(.*)\]$/gm), ([, scenario, revisions]) => [scenario, revisions]);
    expect(found).toEqual(Object.keys(CHECKS).map((scenario) => [scenario, REVISIONS.join(",")]));
  });

  it.each([...REVISIONS, "any"])("passes the server, revision %s", async (revision) => {
    const { exitCode, output, checks } = await judge(revision);
    const expected = Object.entries(CHECKS).map(([scenario, ids]) => [
      scenario,
      ids.filter((id) => revision === "any" || (SINCE[id] ?? "") <= revision).map((id) => [id, "SUCCESS", undefined]),
    ]);
    const found = Object.entries(checks).map(([scenario, list]) => [
      scenario,
      list.map(({ id, status, errorMessage }) => [id, status, errorMessage]),
    ]);
    expect(found, output).toEqual(expected);
    expect(exitCode, output).toBe(0);
  });

  it("finds fault where there is some: the same run for a resource that is not ours fails", async () => {
    const { exitCode, checks } = await judge("2026-07-28", "https://mcp.example.com/mcp");
    expect(checks["authorization-code-grant"]).toMatchObject([
      { status: "FAILURE", errorMessage: expect.stringContaining("invalid_target") },
    ]);
    expect(exitCode).toBe(1);
  });
});

/** Runs the suite for `revision`, or for any, with a new client, whose user allows what it asks for. */
async function judge(revision: string, resource = `${system.origin}/mcp`): Promise<Verdict> {
  const port = await freePort();
  const { registration } = await WireClient.register(system, {
    client_name: "Conformance suite",
    redirect_uris: [`http://127.0.0.1:${port}/callback`],
    token_endpoint_auth_method: "none",
  });
  const folder = newFolder();
  const options = [
    ...["--url", system.origin, "--client-id", registration.client_id, "--resource", resource],
    ...["--port", String(port), "--output-dir", folder, ...(revision === "any" ? [] : ["--spec-version", revision])],
  ];
  try {
    const { exitCode, output } = await run(["authorization", ...options], async (line) => {
      if (!line.startsWith(`${system.origin}/authorize?`)) return;
      const person = new Person();
      const first = await person.open(line);
      const callback = first.url.origin === system.origin ? await person.authorize(line, newAccount()) : first.url;
      const answer = await fetch(callback);
      await answer.body?.cancel();
    });
    return { exitCode, output, checks: resultsIn(folder) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs the suite's command line; `onLine` acts on what it prints while it waits. */
async function run(args: readonly string[], onLine: (line: string) => Promise<void> = async () => {}): Promise<Omit<Verdict, "checks">> {
  const command = path.join(ROOT, "node_modules/@modelcontextprotocol/conformance/dist/index.js");
  const suite = spawn(process.execPath, [command, ...args], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"], timeout: 50_000 });
  const ended = once(suite, "close");
  const lines: string[] = [];
  const acts: Promise<void>[] = [];
  for (const stream of [suite.stdout, suite.stderr]) {
    createInterface(stream).on("line", (line) => {
      lines.push(line);
      acts.push(
        onLine(line).catch((error: unknown) => {
          lines.push(`In the browser: ${String(error)}`);
          suite.kill();
        }),
      );
    });
  }
  const [code] = (await ended) as [number | null];
  await Promise.all(acts);
  return { exitCode: code ?? -1, output: lines.join("\n") };
}

/** What the suite wrote down: one folder a scenario, named after it and the time. */
function resultsIn(folder: string): Verdict["checks"] {
  const results = Object.keys(CHECKS).flatMap((scenario) => {
    const found = readdirSync(folder).filter((name) => name.startsWith(`authorization-server-${scenario}-2`));
    return found.map((name): [string, Check[]] => [scenario, JSON.parse(readFileSync(path.join(folder, name, "checks.json"), "utf8"))]);
  });
  return Object.fromEntries(results);
}

function newFolder(): string {
  mkdirSync(path.join(ROOT, ".test"), { recursive: true });
  return mkdtempSync(path.join(ROOT, ".test/conformance-"));
}

async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("No port to be had.");
  return address.port;
}
