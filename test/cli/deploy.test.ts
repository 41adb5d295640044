// Deployment: the settings that it refuses, and what it says before an upload.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { openAccount } from "../../entrypoints/cli/production/cloudflare.ts";
import { secretNames } from "../../entrypoints/cli/production/deployed-system.ts";
import { differencesBetween } from "../../entrypoints/cli/production/deployed-worker.ts";
import { deployWorker, describePlan, planDeployment } from "../../entrypoints/cli/production/deployment.ts";
import { type Deployable, type Production, parseProduction } from "../../entrypoints/cli/production/settings.ts";
import {
  ROOT,
  readConfig,
  servicesOf,
  variablesOf,
  workerName,
  writeAdaptedConfig,
} from "../../entrypoints/cli/workers.ts";
import { runWrangler } from "../../entrypoints/cli/wrangler.ts";
import { type CloudflareApi, startCloudflareApi } from "../support/cloudflare-api.ts";
import { productionWith } from "../support/production-settings.ts";

it("shows an error of wrangler without colours", async () => {
  const { code, output } = await runWrangler(["deploy", "--dry-run", "-c", "no-such.toml"]);
  expect([code, output]).toEqual([1, expect.stringContaining("✘ [ERROR] ")]);
});

it("copies a config with every variable and the new origin", () => {
  const target = path.join(ROOT, ".test/bundle/gateway.toml");
  writeAdaptedConfig("gateway", target, { origin: "http://localhost:9000" });
  const copy = readFileSync(target, "utf8");
  expect(variablesOf(copy)).toMatchObject({
    API_BASE_URL: "http://localhost:9000",
    AUTH_BASE_URL: "http://localhost:9000",
  });
  expect(variablesOf(copy).ALLOWED_ORIGINS).toBe("http://localhost:6274,http://127.0.0.1:6274");
});

describe("before an upload", () => {
  const GATEWAY = workerName("gateway");
  let api: CloudflareApi;

  beforeEach(async () => {
    const bound = servicesOf(readConfig("gateway")).map(({ service }) => [service, new Map()] as const);
    api = await startCloudflareApi(new Map(bound));
    for (const [name, value] of Object.entries(api.environment)) vi.stubEnv(name, value);
    api.account.createDatabase("stackbilt-reference-auth", productionWith().workers.auth.ids.DB);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    api.close();
  });

  const planOf = async (production: Production, worker: Deployable = "gateway") =>
    planDeployment(await openAccount(), worker, production);

  /** Has the account run what `production` describes. */
  async function run(production: Production): Promise<void> {
    const { config } = await planOf(production);
    const typeOf = { plain_text: Object.entries(config.vars ?? {}).map(([name, text]) => ({ name, text })) };
    const stores = (config.kv_namespaces ?? []).map(({ binding, id }) => ({ name: binding, namespace_id: id }));
    const objects = (config.durable_objects?.bindings ?? []).map((one) => ({
      ...one,
      type: "durable_object_namespace",
    }));
    const services = (config.services ?? []).map(({ binding: name, ...one }) => ({ ...one, name, type: "service" }));
    api.account.upload(GATEWAY, {
      bindings: [
        ...typeOf.plain_text.map((one) => ({ ...one, type: "plain_text" })),
        ...stores.map((one) => ({ ...one, type: "kv_namespace" })),
        ...[...objects, ...services],
        ...(config.queues?.producers ?? []).map(({ binding: name, queue }) => ({
          name,
          type: "queue",
          queue_name: queue,
        })),
        ...(config.ratelimits ?? []).map((one) => ({ ...one, type: "ratelimit" })),
        ...["SERVICE_BINDING_SECRET", "HEALTH_TOKEN"].map((name) => ({ name, type: "secret_text" })),
      ],
      compatibilityDate: config.compatibility_date,
      compatibilityFlags: config.compatibility_flags,
      migrationTag: config.migrations?.at(-1)?.tag,
    });
    api.account.domains.set("mcp.stackbilt.dev", GATEWAY);
  }

  it("says before an upload which version it replaces", async () => {
    expect(describePlan(await planOf(productionWith()))).toContain("  It is a new Worker.");
    await run(productionWith());
    expect(describePlan(await planOf(productionWith()))).toMatch(
      /^Deploying stackbilt-mcp-gateway to https:\/\/mcp\.stackbilt\.dev\.\n {2}It replaces the version \w{8} of \S+ by ada@example\.com\.\n(?: {2}The code is commit .*\n)? {2}Variables, bindings and domain stay as they are\.$/,
    );
  });

  it("says what it adds, changes and removes, and uploads nothing without --yes", async () => {
    await run(
      productionWith('ALLOWED_ORIGINS = ""', 'ALLOWED_ORIGINS = ""\nMCP_REGISTRY_AUTH = "v=MCPv1; k=ed25519; p=x"'),
    );
    const [deployed] = api.account.script(GATEWAY)?.versions ?? [];
    api.account.upload(GATEWAY, {
      compatibilityDate: "2026-01-01",
      bindings: [
        ...(deployed?.bindings ?? []).filter(({ name }) => name !== "AUDIT"),
        { name: "OLD_BUCKET", type: "r2_bucket", bucket_name: "pictures" },
      ],
    });
    api.account.domains.set("old.stackbilt.dev", GATEWAY);
    const plan = await planOf(productionWith('CIMD_ENABLED = "true"', 'CIMD_ENABLED = "false"'));
    expect(plan.differences.map(({ kind, what }) => `${kind} ${what}`)).toEqual([
      "adds AUDIT, Worker stackbilt-reference-audit, AuditEntrypoint",
      'changes CIMD_ENABLED from "true" to "false"',
      'changes MCP_REGISTRY_AUTH from "v=MCPv1; k=ed25519; p=x" to ""',
      "removes OLD_BUCKET, which is R2 bucket pictures",
      "changes compatibility date from 2026-01-01 to 2026-08-04",
      "adds compatibility flag nodejs_compat",
      "adds compatibility flag global_fetch_strictly_public",
      "removes domain old.stackbilt.dev",
    ]);
    await expect(deployWorker(plan, { isYes: false })).rejects.toThrow("Nothing was changed. Add --yes");
    expect(api.writes).toEqual([]);
  });

  it("says which secret the Worker has not", async () => {
    await run(productionWith());
    expect(describePlan(await planOf(productionWith()))).not.toContain("no secret");
    api.account.upload(GATEWAY, { bindings: [{ name: "HEALTH_TOKEN", type: "secret_text" }] });
    expect(describePlan(await planOf(productionWith())).match(/.* no secret .*/g)).toEqual([
      "  It has no secret SERVICE_BINDING_SECRET: afterwards, `npm run setup` stores it.",
    ]);
  });

  it("says what migrations do to Durable Objects, and which flags change", async () => {
    await run(productionWith());
    const [deployed] = api.account.script(GATEWAY)?.versions ?? [];
    const flags = ["nodejs_compat", "old_flag"];
    api.account.upload(GATEWAY, { ...deployed, bindings: deployed?.bindings ?? [], compatibilityFlags: flags });
    const { config, deployed: now } = await planOf(productionWith());
    const migrations = [
      ...(config.migrations ?? []),
      { tag: "v8", renamed_classes: [{ from: "UserObject", to: "Users" }], deleted_classes: ["OneTimeMark"] },
    ];
    expect(now && differencesBetween({ ...config, migrations }, now)).toEqual([
      { kind: "adds", what: "compatibility flag global_fetch_strictly_public" },
      { kind: "removes", what: "compatibility flag old_flag" },
      { kind: "changes", what: "Durable Object class UserObject to Users, by its migration v8" },
      { kind: "removes", what: "Durable Object class OneTimeMark and all its data, by its migration v8" },
    ]);
    const newer = now && { ...now, compatibilityFlags: undefined, migrationTag: "v9" };
    expect(newer && differencesBetween(config, newer)).toEqual([
      { kind: "changes", what: "Durable Objects of the migration v9, which this code does not have" },
    ]);
  });

  it("asks before it replaces another program of the same name", async () => {
    api.account.upload(GATEWAY, { bindings: [{ name: "SHOP", type: "kv_namespace", namespace_id: "x" }] });
    expect(describePlan(await planOf(productionWith()))).toContain("another program has its name");
    api.account.upload("stackbilt-reference-stackbilder", { bindings: [] });
    const plan = await planOf(productionWith(), "stackbilder");
    expect(plan.differences.filter(({ kind }) => kind !== "adds")).toEqual([]);
    await expect(deployWorker(plan, { isYes: false })).rejects.toThrow("Nothing was changed.");
    await run(productionWith());
    expect(await planOf(productionWith())).toMatchObject({ isForeign: false });
  });

  it("refuses a queue that another Worker consumes", async () => {
    api.account.createDatabase("stackbilt-reference-audit", productionWith().workers.audit.ids.DB);
    api.account.queues.set("stackbilt-user-events", { id: "c".repeat(32), consumers: ["product-events"] });
    await expect(planOf(productionWith(), "audit")).rejects.toThrow(
      "`npx wrangler queues consumer worker remove stackbilt-user-events product-events` ends that",
    );
  });

  it("names a domain of another Worker once", async () => {
    await run(productionWith());
    api.account.domains.set("mcp.stackbilt.dev", "stackbilt-website");
    expect((await planOf(productionWith())).differences).toEqual([
      { kind: "changes", what: "domain mcp.stackbilt.dev from stackbilt-website to stackbilt-mcp-gateway" },
    ]);
  });

  it("asks before it takes a domain from another Worker", async () => {
    api.account.domains.set("mcp.stackbilt.dev", "stackbilt-website");
    const plan = await planOf(productionWith());
    expect(describePlan(plan)).toContain(
      "changes domain mcp.stackbilt.dev from stackbilt-website to stackbilt-mcp-gateway",
    );
    await expect(deployWorker(plan, { isYes: false })).rejects.toThrow("Nothing was changed.");
  });

  it("refuses settings that may not be deployed, and lists all of them", async () => {
    const error = await planOf(parseProduction("")).catch((thrown: Error) => thrown);
    expect(String(error)).toMatch(
      /gateway cannot be deployed. Correct entrypoints\/production.toml:\n {2}\[gateway\] domain is empty/,
    );
    expect(String(error)).toContain("[gateway.vars] CIMD_ENABLED is missing");
  });

  it("refuses to bind a Worker that does not exist", async () => {
    api.workers.delete("stackbilt-reference-img-forge");
    await expect(planOf(productionWith())).rejects.toThrow(
      "IMG_FORGE binds the Worker stackbilt-reference-img-forge, which is not deployed",
    );
  });

  it.each([
    ["a malformed token", { status: 400, code: 6003, message: "Invalid request headers" }, "in CLOUDFLARE_API_TOKEN"],
    ["a missing permission", { status: 403, code: 10000, message: "Authentication error" }, "give it this permission"],
    [
      "a service that is not for the account",
      { status: 403, code: 7403, message: "not authorized" },
      "this permission",
    ],
    [
      "an account that it does not know",
      { status: 404, code: 7003, message: "Could not route to /accounts/x" },
      "Correct account_id in entrypoints/production.toml",
    ],
    [
      "a product that is not enabled",
      { status: 403, code: 10042, message: "Please enable R2 through the Cloudflare Dashboard" },
      "Dashboard. Then run the same command again.",
    ],
    ["a limit", { status: 429, code: 10429, message: "Too many requests" }, "Wait five minutes"],
    ["trouble of its own", { status: 500, code: 10001, message: "internal" }, "Try again."],
  ])("says what to do when Cloudflare answers with %s", async (_, refusal, remedy) => {
    api.refusal = refusal;
    const error = await planOf(productionWith()).catch((thrown: Error) => thrown);
    expect(String(error)).toContain(`: ${refusal.message}. `);
    expect(String(error)).toContain(remedy);
  });

  it("says which login to renew when Cloudflare does not know it: a token, or that of wrangler", async () => {
    vi.stubEnv("CLOUDFLARE_API_TOKEN", "an old token");
    const problem = async () => String(await planOf(productionWith()).catch((thrown: Error) => thrown));
    expect(await problem()).toMatch(/answers 403 to \/accounts\/\S+: Invalid access token\. Correct the token in /);
    expect(await problem()).not.toContain("wrangler login");
    const home = mkdtempSync(path.join(tmpdir(), "login-"));
    onTestFinished(() => rmSync(home, { recursive: true }));
    mkdirSync(path.join(home, ".wrangler/config"), { recursive: true });
    const login = 'oauth_token = "an old login"\nexpiration_time = "2099-01-01T00:00:00.000Z"\n';
    writeFileSync(path.join(home, ".wrangler/config/default.toml"), login);
    vi.stubEnv("XDG_CONFIG_HOME", home);
    vi.stubEnv("HOME", home);
    vi.stubEnv("CLOUDFLARE_API_TOKEN", "");
    expect(await problem()).toContain(": Invalid access token. Log in again with `npx wrangler login`");
  });

  it("says what to do when wrangler is refused, and nothing of a login for another error of wrangler", async () => {
    const other = await secretNames("no-such-worker").catch((thrown: Error) => thrown);
    expect(String(other)).toContain("The secrets of no-such-worker cannot be listed.");
    expect(String(other)).not.toContain("CLOUDFLARE_API_TOKEN");
    vi.stubEnv("CLOUDFLARE_API_TOKEN", "an old token");
    await expect(secretNames(GATEWAY)).rejects.toThrow(/Invalid access token.*\n\nCorrect the token in CLOUDFLARE_/s);
  });

  it("says what to do when Cloudflare cannot be reached, or shows the login no account", async () => {
    vi.stubEnv("CLOUDFLARE_ACCOUNT_ID", "");
    api.accounts = [];
    await expect(planOf(productionWith())).rejects.toThrow("The login sees no account.");
    api.close();
    await expect(planOf(productionWith())).rejects.toThrow("does not respond: ECONNREFUSED. Try again.");
  });

  it("refuses a token and an account id that are none, without showing the token", async () => {
    vi.stubEnv("CLOUDFLARE_API_TOKEN", "a token\nof two lines");
    const problem = String(await openAccount().catch((thrown: Error) => thrown));
    expect(problem).toContain("CLOUDFLARE_API_TOKEN has a line break");
    expect(problem).not.toContain("two lines");
    vi.stubEnv("CLOUDFLARE_API_TOKEN", api.environment.CLOUDFLARE_API_TOKEN);
    vi.stubEnv("CLOUDFLARE_ACCOUNT_ID", "my company");
    await expect(openAccount()).rejects.toThrow("CLOUDFLARE_ACCOUNT_ID is not the id of an account");
  });

  it("names the migrations that the Worker's database lacks, and uploads nothing without --yes", async () => {
    const folder = path.join(ROOT, "entrypoints/auth/migrations");
    const [newest, ...applied] = readdirSync(folder).sort().reverse();
    const database = api.account.databases.get("stackbilt-reference-auth")?.database;
    expect((await planOf(productionWith(), "auth")).migrations).toEqual([...applied.toReversed(), newest]);
    database?.exec("CREATE TABLE d1_migrations (name TEXT)");
    for (const name of applied) database?.prepare("INSERT INTO d1_migrations VALUES (?)").run(name);
    const plan = await planOf(productionWith(), "auth");
    expect(describePlan(plan)).toContain(`  applies the migration ${newest} to its database first`);
    await expect(deployWorker(plan, { isYes: false })).rejects.toThrow("Nothing was changed. Add --yes");
    expect(api.writes).toEqual([]);
    database?.prepare("INSERT INTO d1_migrations VALUES (?)").run(newest ?? "");
    expect(await planOf(productionWith(), "auth")).toMatchObject({ migrations: [] });
  });

  it("refuses a database that the account does not have", async () => {
    api.account.databases.clear();
    await expect(planOf(productionWith(), "auth")).rejects.toThrow(
      "entrypoints/production.toml: the account has no database with the id [auth.ids] DB",
    );
  });

  it("leaves out the auth Worker's binding to a gateway that is not deployed yet", async () => {
    const plan = await planOf(productionWith(), "auth");
    expect(plan).toMatchObject({ leftOut: "GATEWAY_ADMIN", config: { services: [] } });
    expect(describePlan(plan)).toContain("Without GATEWAY_ADMIN, until the gateway is deployed");
    await run(productionWith());
    expect(await planOf(productionWith(), "auth")).toMatchObject({ leftOut: null, config: { services: [{}] } });
  });
});
