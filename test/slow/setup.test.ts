// The operator's path, rehearsed with the real wrangler against a local server in place of
// Cloudflare's API: from nothing to a checked system, with a stop in the middle, a second set-up, a
// deployment that changes settings, a refusal and a rollback.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseEnv } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commitOf } from "../../entrypoints/cli/production/commit.ts";
import { parseProduction } from "../../entrypoints/cli/production/settings.ts";
import { AUDIENCES, workerName } from "../../entrypoints/cli/workers.ts";
import { identityKeysSetting } from "../../src/crypto/keys.ts";
import { type CloudflareApi, startCloudflareApi } from "../support/cloudflare-api.ts";
import { copyRepository, removeCopy } from "../support/repository-copy.ts";
import { useSystem } from "../support/system.ts";

/** Variables that an operator may have for other projects. They have no effect here. */
const SHELL = { CLOUDFLARE_ENV: "staging", WRANGLER_CI_OVERRIDE_NAME: "shop", WRANGLER_LOG: "none" };
const HEALTH_TOKEN = "a token of the tests for the health of backends";
const GATEWAY = workerName("gateway");
const AUDIT = workerName("audit");

const system = useSystem({ secrets: { gateway: { HEALTH_TOKEN } } });
const home = mkdtempSync(path.join(tmpdir(), "setup-"));
const file = path.join(home, "gateway.env");
/** The output of all commands so far. */
let printed = "";
/** The command that runs. */
let running: ChildProcess;
let copy: string;
let api: CloudflareApi;

beforeAll(async () => {
  copy = copyRepository();
  // A Worker of the product, which has to stay as it is.
  api = await startCloudflareApi(new Map([["stackbilt-auth", new Map()]]));
});
afterAll(() => {
  api.close();
  removeCopy(copy);
  rmSync(home, { recursive: true, force: true });
});

const settings = () => path.join(copy, "entrypoints/production.toml");
const edit = (part: string | RegExp, replacement: string) =>
  writeFileSync(settings(), readFileSync(settings(), "utf8").replace(part, replacement));
const secretsOf = (worker: string) => Object.fromEntries(api.workers.get(worker) ?? []);

/** Runs a command of the copy, without a terminal. `writes` is what it changed in the account. */
async function run(...args: readonly string[]) {
  const before = api.writes.length;
  const { CLOUDFLARE_ACCOUNT_ID: _, ...environment } = api.environment;
  const child = spawn(process.execPath, ["entrypoints/cli/launch.mjs", ...args], {
    cwd: copy,
    env: { ...process.env, ...environment, ...SHELL, HOME: home, HEALTH_TOKEN },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running = child;
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  printed += output;
  return { code, output, writes: api.writes.slice(before) };
}

describe("the path of an operator", () => {
  it("begins with a list of what to decide, and changes nothing", async () => {
    const planned = await run("setup", "--dry-run");
    expect(planned).toMatchObject({ code: 0, writes: [] });
    expect(planned.output).toMatch(/^ 1\/\d+ KV namespace .*\n {6}npx wrangler kv namespace create /);
    expect(planned.output).toContain("npm run deploy -- --worker auth");
    const refused = await run("setup");
    expect(refused).toMatchObject({ code: 1, writes: [] });
    expect(refused.output).toContain("[gateway] domain is empty");
    expect(refused.output).toContain("[gateway.vars] PUBLIC_SIGNUPS_ENABLED");
    expect(refused.output).not.toContain("OAUTH_KV");
    expect(refused.output, "a domain that is missing, for each Worker that knows it").not.toContain("follows from");
  }, 120_000);

  it("continues after a stop in the middle, and ends with every Worker", async () => {
    edit(/(?<=\[gateway\][^[]*domain = )""/, '"mcp.stackbilt.dev"');
    edit(/(?<=\[auth\][^[]*domain = )""/, '"auth.stackbilt.dev"');
    edit(/(?<=\[img-forge\][^[]*domain = )""/, '"images.stackbilt.dev"');
    edit('PUBLIC_SIGNUPS_ENABLED = ""', "PUBLIC_SIGNUPS_ENABLED = false");
    api.onWrite = () => void running.kill("SIGINT");
    const interrupted = await run("setup");
    expect(interrupted, interrupted.output).toMatchObject({ code: 1, writes: ["POST /storage/kv/namespaces"] });
    expect(interrupted.output).toContain("Stopped in step 1");
    api.onWrite = (write) => {
      if (write === `PUT /workers/scripts/${AUDIT}/schedules`) throw new Error("the network is gone");
    };
    const stopped = await run("setup");
    expect(stopped.code, stopped.output).toBe(1);
    expect(stopped.output).toMatch(new RegExp(`Step \\d+ failed: Worker ${AUDIT}. Correct that, and run`));
    expect(stopped.output).toMatch(new RegExp(`${AUDIT} runs the new version \\w{8}, but some of its domains`));
    api.onWrite = () => {};
    const lost = await run("setup", "--secrets", path.join(home, "other.env"));
    expect(lost, "a new root secret, which the backends' keys would not fit").toMatchObject({ code: 1, writes: [] });
    expect(lost.output).toContain("Workers have secrets of a root secret, and ");

    const done = await run("setup");
    expect(done.code, done.output).toBe(0);
    expect(done.output).toContain("The system runs.");
    expect(done.writes).not.toContain("POST /storage/kv/namespaces");
    const { kv, databases, buckets, queues, domains } = api.account;
    expect([[...kv.keys()], [...databases.keys()], [...buckets], [...queues.keys()]]).toEqual([
      [`${GATEWAY}-OAUTH_KV`],
      ["stackbilt-reference-auth", "stackbilt-reference-audit"],
      ["stackbilt-reference-images"],
      ["stackbilt-user-events"],
    ]);
    expect(Object.fromEntries(domains)).toEqual({
      "auth.stackbilt.dev": "stackbilt-reference-auth",
      "images.stackbilt.dev": "stackbilt-reference-img-forge",
      "mcp.stackbilt.dev": GATEWAY,
    });
    expect(queues.get("stackbilt-user-events")?.consumers).toEqual([AUDIT]);
    const production = parseProduction(readFileSync(settings(), "utf8"));
    expect(production.workers.gateway.ids.OAUTH_KV).toBe(kv.get(`${GATEWAY}-OAUTH_KV`));
  }, 900_000);

  it("gives every Worker its secrets, and the operator a file of their own", async () => {
    const kept = parseEnv(readFileSync(file, "utf8"));
    expect(statSync(file).mode & 0o077).toBe(0);
    expect(secretsOf(GATEWAY)).toEqual(kept);
    for (const audience of AUDIENCES)
      expect(secretsOf(workerName(audience))).toMatchObject({
        IDENTITY_KEYS: await identityKeysSetting([kept.SERVICE_BINDING_SECRET ?? ""], audience),
      });
    expect(secretsOf("stackbilt-reference-auth").BETTER_AUTH_SECRET).toHaveLength(43);
    const [auth] = api.account.script("stackbilt-reference-auth")?.versions ?? [];
    expect(auth?.bindings).toContainEqual(expect.objectContaining({ name: "GATEWAY_ADMIN", service: GATEWAY }));
    const [gateway] = api.account.script(GATEWAY)?.versions ?? [];
    expect(gateway?.message).toBe(commitOf(copy) ?? undefined);
    expect(gateway?.files.filter((name) => name.endsWith(".map"))).toHaveLength(1);
    expect(secretsOf("stackbilt-auth")).toEqual({});
    expect(api.account.script("stackbilt-auth")?.versions).toHaveLength(1);
  });

  it("changes nothing the second time, and never makes a second root secret", async () => {
    const again = await run("setup");
    expect(again).toMatchObject({ code: 0, writes: [] });
    expect(again.output).toContain(`Worker ${GATEWAY}: is there`);
    const other = path.join(home, "other.env");
    const refused = await run("setup", "--secrets", other);
    expect(refused).toMatchObject({ code: 1, writes: [] });
    expect(refused.output).toContain(`${other} has none: restore the file`);
    expect(existsSync(other)).toBe(false);
    expect(existsSync(`${file}.lock`), "a claim that outlives its command").toBe(false);
  }, 300_000);

  it("begins with a new root secret after the deletions that it names for a lost file", async () => {
    const root = secretsOf(GATEWAY).SERVICE_BINDING_SECRET;
    rmSync(file);
    const refused = await run("setup");
    const deletions = [...refused.output.matchAll(/npx wrangler secret delete (\w+) --name (\S+)/g)];
    for (const [, secret = "", worker = ""] of deletions) expect(api.workers.get(worker)?.delete(secret)).toBe(true);
    const done = await run("setup");
    expect(done.code, done.output).toBe(0);
    const { SERVICE_BINDING_SECRET = "", HEALTH_TOKEN } = parseEnv(readFileSync(file, "utf8"));
    expect(SERVICE_BINDING_SECRET).not.toBe(root);
    expect(secretsOf(GATEWAY)).toMatchObject({ SERVICE_BINDING_SECRET, HEALTH_TOKEN });
    for (const backend of AUDIENCES)
      expect(secretsOf(workerName(backend)).IDENTITY_KEYS, backend).toBe(
        await identityKeysSetting([SERVICE_BINDING_SECRET], backend),
      );
  }, 300_000);

  it("reads the users and the audit records of the deployed databases", async () => {
    const users = await run("users", "list", "--remote", "--json");
    expect(users, users.output).toMatchObject({ code: 0, writes: [] });
    const unknown = await run("users", "show", "u_none", "--remote");
    expect(unknown.output).toContain("`npm run users -- list --remote` shows the newest");
    const record = JSON.stringify({ type: "tool.called", tenantId: "t_ada" });
    const { database } = api.account.databases.get("stackbilt-reference-audit") ?? {};
    database?.prepare("INSERT INTO records VALUES ('c', 1, '2026-11-27', 'm', ?, 'altered')").run(record);
    const origin = ["--origin", system.origin];
    const verified = await run("audit", "verify", "--remote", ...origin);
    expect(verified, verified.output).toMatchObject({ code: 1, writes: [] });
    expect(verified.output).toContain("t_ada");
    database?.exec("DELETE FROM records");
    expect(await run("audit", "verify", "--remote", ...origin)).toMatchObject({ code: 0, writes: [] });
  }, 120_000);

  it("applies a pending migration before it uploads the Worker that needs it", async () => {
    const { database } = api.account.databases.get("stackbilt-reference-auth") ?? {};
    database?.exec("ALTER TABLE api_keys DROP COLUMN prefix; ALTER TABLE api_keys DROP COLUMN last_used_at");
    database?.exec("DELETE FROM d1_migrations WHERE name = '0007_key_use.sql'");
    const refused = await run("deploy", "--worker", "auth");
    expect(refused).toMatchObject({ code: 1, writes: [] });
    expect(refused.output).toContain("applies the migration 0007_key_use.sql to its database first");
    const done = await run("deploy", "--worker", "auth", "--yes");
    expect(done.code, done.output).toBe(0);
    const at = (part: string) => done.writes.findIndex((write) => write.includes(part));
    expect(at("/query")).not.toBe(-1);
    expect(at("/query")).toBeLessThan(at("/workers/scripts/"));
    expect(database?.prepare("SELECT count(*) AS n FROM api_keys WHERE prefix IS NULL").get()).toEqual({ n: 0 });
  }, 300_000);

  it("deploys a changed setting when that is confirmed, and no setting for development", async () => {
    edit('CIMD_ENABLED = "true"', 'CIMD_ENABLED = "false"');
    const asked = await run("deploy");
    expect(asked).toMatchObject({ code: 1, writes: [] });
    expect(asked.output).toContain('changes CIMD_ENABLED from "true" to "false"');
    const done = await run("deploy", "--yes");
    expect(done.code, done.output).toBe(0);
    const [gateway] = api.account.script(GATEWAY)?.versions ?? [];
    expect(gateway?.bindings).toContainEqual({ name: "CIMD_ENABLED", type: "plain_text", text: "false" });
    edit('ALLOWED_ORIGINS = ""', 'ALLOWED_ORIGINS = "http://localhost:6274"');
    const refused = await run("deploy", "--yes");
    expect(refused).toMatchObject({ code: 1, writes: [] });
    expect(refused.output).toContain("ALLOWED_ORIGINS has an address of a developer's machine");
  }, 300_000);

  it("returns to the version before, and checks the gateway", async () => {
    const asked = await run("rollback", "--url", system.origin);
    expect(asked).toMatchObject({ code: 1, writes: [] });
    expect(asked.output).toContain('changes CIMD_ENABLED from "false" to "true"');
    const done = await run("rollback", "--yes", "--url", system.origin);
    expect(done.code, done.output).toBe(0);
    const script = api.account.script(GATEWAY);
    const runs = script?.versions.find(({ id }) => id === script.deployments[0]);
    expect(runs?.bindings).toContainEqual({ name: "CIMD_ENABLED", type: "plain_text", text: "true" });
    expect(done.output).toContain("Everything that was checked works.");
    const secrets = [...api.workers.values()].flatMap((stored) => [...stored.values()]);
    expect(secrets.filter((secret) => printed.includes(secret))).toEqual([]);
  }, 300_000);
});
