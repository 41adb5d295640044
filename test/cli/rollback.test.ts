// `npm run rollback`, by the real wrangler against a local server in place of Cloudflare's API.
// setup.test.ts has a rollback after which everything works.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import * as v from "valibot";
import { afterEach, expect, it, onTestFinished, vi } from "vitest";
import type { Cloudflare } from "../../entrypoints/cli/production/cloudflare.ts";
import { deployedVersions } from "../../entrypoints/cli/production/deployed-worker.ts";
import { run } from "../../entrypoints/cli/rollback.ts";
import { workerName } from "../../entrypoints/cli/workers.ts";
import { startCloudflareApi } from "../support/cloudflare-api.ts";

const GATEWAY = workerName("gateway");

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

/** The origin of a gateway that answers 500 to everything. */
async function brokenGateway(): Promise<string> {
  const server = createServer((_, response) => response.writeHead(500).end("{}"));
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void server.close().closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it("a rollback after which a check fails says how to undo it, and does not recommend itself", async () => {
  const api = await startCloudflareApi();
  onTestFinished(() => api.close());
  for (const [name, value] of Object.entries({ ...api.environment, HEALTH_TOKEN: "" })) vi.stubEnv(name, value);
  const old = api.account.upload(GATEWAY, { bindings: [], etag: "old" });
  await expect.poll(() => new Date().toISOString()).not.toBe(old.createdAt); // versions are ordered by it
  const { id } = api.account.upload(GATEWAY, { bindings: [], etag: "new" });
  const lines: string[] = [];
  vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(line));
  const error = await run(["--yes", "--url", await brokenGateway()]).catch((thrown: Error) => thrown);
  expect(api.account.script(GATEWAY)?.deployments[0]).toBe(old.id);
  const output = [...lines, error?.message].join("\n");
  expect(output).toContain(`${GATEWAY} runs the version ${old.id.slice(0, 8)} again.`);
  expect(output).toContain("checks failed.");
  expect(output).toContain(`Look at the log: \`npx wrangler tail ${GATEWAY}\`.`);
  expect(output).toContain(`To undo the rollback: \`npx wrangler rollback ${id} --name ${GATEWAY}\`.`);
  expect(output).not.toContain("npm run rollback");
}, 60_000);

it("a rollback refuses a Worker in a gradual deployment, which has no version before", async () => {
  const versions = ["one", "two"].map((id) => ({ version_id: id, percentage: 50 }));
  const answer = { deployments: [{ created_on: "2026-11-27", versions }] };
  const cloudflare: Cloudflare = { accountId: "x", ask: async (_path, schema) => v.parse(schema, answer) };
  await expect(deployedVersions(cloudflare, GATEWAY)).rejects.toThrow(
    `\`npx wrangler versions deploy --name ${GATEWAY}\` ends it.`,
  );
});
