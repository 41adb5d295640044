// The official conformance suite against the authorization server, by its own command line: all its
// scenarios for one, in each revision. The user's steps are made on the gateway's pages.
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { useSystem } from "../support/system.ts";
import { newAccount, User } from "../support/user.ts";
import { WireClient } from "../support/wire-client.ts";
import { type Checks, checksIn, newFolder, type Run, run } from "./suite.ts";

// As in production, where client metadata documents are enabled; without them the suite has a
// warning.
const system = useSystem({ vars: { gateway: { CIMD_ENABLED: "true" } } });

const REVISIONS = ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"] as const;
/**
 * The suite's checks, by scenario. `SINCE` has the first revision of a check that later ones added.
 */
const CHECKS = {
  "authorization-server-metadata-endpoint": ["authorization-server-metadata", "authorization-server-metadata-cimd"],
  "authorization-code-grant": ["authorization-code-grant"],
} as const;
const SINCE: Readonly<Record<string, string>> = { "authorization-server-metadata-cimd": "2025-11-25" };

type SuiteRun = Run & { readonly checks: Checks };

describe("the suite", () => {
  it("has two scenarios for an authorization server, in four revisions", async () => {
    const { output } = await run(["list", "--authorization"]);
    const found = Array.from(output.matchAll(/^ {2}- (\S+) \[(.*)\]$/gm), ([, scenario, revisions]) => [
      scenario,
      revisions,
    ]);
    expect(found).toEqual(Object.keys(CHECKS).map((scenario) => [scenario, REVISIONS.join(",")]));
  });

  it.each([...REVISIONS, "any"])("passes the server, revision %s", async (revision) => {
    const { exitCode, output, checks } = await runSuite(revision);
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

  it("fails for a resource that is not the gateway's", async () => {
    const { exitCode, checks } = await runSuite("2026-07-28", "https://mcp.example.com/mcp");
    expect(checks["authorization-code-grant"]).toMatchObject([
      { status: "FAILURE", errorMessage: expect.stringContaining("invalid_target") },
    ]);
    expect(exitCode).toBe(1);
  });
});

/** Runs the suite for `revision`, or for `any`, with a new client that its user allows. */
async function runSuite(revision: string, resource = `${system.origin}/mcp`): Promise<SuiteRun> {
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
      const user = new User();
      const first = await user.open(line);
      const callback = first.url.origin === system.origin ? await user.authorize(line, newAccount()) : first.url;
      const response = await fetch(callback);
      await response.body?.cancel();
    });
    return { exitCode, output, checks: checksIn(folder, "authorization-server") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("No port is available.");
  return address.port;
}
