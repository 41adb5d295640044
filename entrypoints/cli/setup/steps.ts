// The steps of `npm run setup`, in their order: storage, secrets, backends, gateway, and the auth
// Worker again with its binding to the gateway. Each is safe to repeat.
import * as v from "valibot";
import { secretProblems } from "../../../src/config.ts";
import { identityKeysSetting } from "../../../src/crypto/keys.ts";
import { CliError } from "../cli-error.ts";
import { wranglerError } from "../login.ts";
import { DATABASE_OWNERS, type DatabaseOwner } from "../migrations.ts";
import type { Cloudflare } from "../production/cloudflare.ts";
import { storageId } from "../production/config.ts";
import { applyDeployedMigrations, migrationArguments, pendingMigrations } from "../production/deployed-database.ts";
import { putSecrets, type Secrets } from "../production/deployed-system.ts";
import { consumersOf } from "../production/deployed-worker.ts";
import { deployWorker, isReplacing, planDeployment } from "../production/deployment.ts";
import { type Deployable, PRODUCTION_FILE, secretsFor, writeProductionValue } from "../production/settings.ts";
import { randomSecret, readSettings, writeSettings } from "../secret-file.ts";
import { AUDIENCES, configured, readConfig, servicesOf, workerName } from "../workers.ts";
import { runWrangler } from "../wrangler.ts";

export interface Setup {
  /** `null`: the steps are printed only. */
  readonly cloudflare: Cloudflare | null;
  /** The operator's file with the root secret and HEALTH_TOKEN. */
  readonly file: string;
  readonly isYes: boolean;
}

export interface Step {
  readonly title: string;
  /** An operator could run it by hand instead. */
  readonly command: string;
  isDone(): Promise<boolean>;
  /** Throws a `CliError` if the step fails. */
  run(): Promise<void>;
}

/** The Workers of this repository that a deployment consists of, the gateway last. */
export function ownWorkers(): readonly Deployable[] {
  const bound = servicesOf(readConfig("gateway")).map(({ service }) => service);
  const backends = AUDIENCES.filter((audience) => bound.includes(workerName(audience)));
  // The auth Worker binds the gateway, so it is the last of the backends.
  return [...backends.filter((one) => one !== "auth"), ...backends.filter((one) => one === "auth"), "gateway"];
}

/** All steps. They ask nothing until they are taken. */
export function setupSteps(setup: Setup): readonly Step[] {
  const own = ownWorkers();
  const owners = DATABASE_OWNERS.filter((owner) => own.includes(owner));
  return [
    namespaceStep(setup),
    ...owners.map((owner) => databaseStep(setup, owner)),
    ...owners.map((owner) => tablesStep(setup, owner)),
    ...(own.includes("img-forge") ? [bucketStep(setup)] : []),
    queueStep(setup),
    secretFileStep(setup),
    ...own.flatMap((worker) => [workerStep(setup, worker), secretsStep(setup, worker)]),
    ...(own.includes("auth")
      ? [{ ...workerStep(setup, "auth"), title: "The auth Worker's binding to the gateway" }]
      : []),
  ];
}

function accountOf({ cloudflare }: Setup): Cloudflare {
  if (cloudflare === null) throw new Error("The steps are printed only.");
  return cloudflare;
}

/** Runs wrangler. Throws a `CliError` with its output if it fails. */
async function wrangler(args: readonly string[]): Promise<void> {
  const { code, output } = await runWrangler(args);
  if (code !== 0) throw wranglerError(`wrangler ${args.slice(0, 4).join(" ")} failed`, output);
}

const Namespaces = v.array(v.object({ id: v.string(), title: v.string() }));
const Databases = v.array(v.object({ uuid: v.string(), name: v.string() }));

interface Storage {
  readonly worker: Deployable;
  readonly binding: string;
  readonly title: string;
  readonly args: readonly string[];
  /** Id by name of what the account has. */
  list(): Promise<ReadonlyMap<string, string>>;
  readonly name: string;
}

/** Creates storage whose id is in production.toml; an id that is there has to exist. */
function storageStep({ worker, binding, title, args, list, name }: Storage): Step {
  const write = (id: string) => writeProductionValue(`${worker}.ids`, binding, id);
  return {
    title,
    command: `npx wrangler ${args.join(" ")}`,
    async isDone() {
      const existing = await list();
      const known = storageId(worker, binding);
      if (known && ![...existing.values()].includes(known))
        throw new CliError(
          `${PRODUCTION_FILE}: the account has no storage with the id [${worker}.ids] ${binding} = "${known}".`,
        );
      const found = existing.get(name);
      if (!known && found !== undefined) write(found);
      return Boolean(known) || found !== undefined;
    },
    async run() {
      await wrangler(args);
      const id = (await list()).get(name);
      if (id === undefined) throw new CliError(`Cloudflare does not list ${name}. Try again.`);
      write(id);
    },
  };
}

function namespaceStep(setup: Setup): Step {
  // Its own name: other programs of the account may have an OAUTH_KV.
  const name = `${workerName("gateway")}-OAUTH_KV`;
  return storageStep({
    ...{ worker: "gateway", binding: "OAUTH_KV", name, title: `KV namespace ${name}` },
    args: ["kv", "namespace", "create", name],
    async list() {
      const found = new Map<string, string>();
      for (let page = 1, isFull = true; isFull; page++) {
        const some = await accountOf(setup).ask(`/storage/kv/namespaces?per_page=100&page=${page}`, Namespaces);
        for (const { id, title } of some ?? []) found.set(title, id);
        isFull = some?.length === 100;
      }
      return found;
    },
  });
}

function databaseStep(setup: Setup, worker: DatabaseOwner): Step {
  const name = configured(worker, "database_name");
  return storageStep({
    ...{ worker, binding: "DB", name, title: `D1 database ${name}` },
    args: ["d1", "create", name],
    async list() {
      const found = await accountOf(setup).ask(`/d1/database?name=${name}&per_page=100`, Databases);
      return new Map((found ?? []).map((database) => [database.name, database.uuid]));
    },
  });
}

function tablesStep(setup: Setup, worker: DatabaseOwner): Step {
  return {
    title: `Tables of ${workerName(worker)}`,
    command: `npx wrangler ${migrationArguments(worker).join(" ")}`,
    async isDone() {
      const id = storageId(worker, "DB") ?? "";
      return (await pendingMigrations(accountOf(setup), worker, id)).length === 0;
    },
    run: () => applyDeployedMigrations(worker),
  };
}

function bucketStep(setup: Setup): Step {
  const name = configured("img-forge", "bucket_name");
  return {
    title: `R2 bucket ${name}`,
    command: `npx wrangler r2 bucket create ${name}`,
    isDone: async () => (await accountOf(setup).ask(`/r2/buckets/${name}`, v.unknown())) !== null,
    run: () => wrangler(["r2", "bucket", "create", name]),
  };
}

function queueStep(setup: Setup): Step {
  const name = configured("gateway", "queue");
  return {
    title: `Queue ${name}`,
    command: `npx wrangler queues create ${name}`,
    isDone: async () => (await consumersOf(accountOf(setup), name)) !== null,
    run: () => wrangler(["queues", "create", name]),
  };
}

/** The gateway's are those that the operator keeps: Cloudflare does not give them back. */
const KEPT = secretsFor("gateway");

/** Throws a `CliError` for a secret in the file that the gateway would refuse. */
export function refuseWeakSecrets(file: string): void {
  const kept = readSettings(file);
  const problems = KEPT.flatMap((name) => (kept[name] ? secretProblems(name, kept[name]) : []));
  if (problems.length > 0) throw new CliError(`${file}: ${problems.join("; ")}.`);
}

/** Secrets of Workers that are in the operator's file, or derive from it. */
const OF_FILE: readonly string[] = [...KEPT, "IDENTITY_KEYS"];

function secretFileStep(setup: Setup): Step {
  return {
    title: `Root secret and HEALTH_TOKEN in ${setup.file}`,
    command: "(new random values, in a file that only you can read)",
    isDone: async () => KEPT.every((name) => readSettings(setup.file)[name]),
    async run() {
      const kept = readSettings(setup.file);
      if (!kept.SERVICE_BINDING_SECRET) await refuseSecondRoot(setup);
      const missing = KEPT.filter((name) => !kept[name]).map((name) => [name, randomSecret()]);
      writeSettings(setup.file, Object.fromEntries(missing), "# Secrets of the deployed gateway. Keep this file.\n");
    },
  };
}

/** Throws a `CliError` if a new root secret would end all sessions, or not fit a backend's keys. */
async function refuseSecondRoot(setup: Setup): Promise<void> {
  const stored = await Promise.all(
    ownWorkers().map(async (worker) => {
      const name = workerName(worker);
      const secrets = ((await secretsOf(setup, name)) ?? []).filter((secret) => OF_FILE.includes(secret));
      return secrets.map((secret) => ({ name, secret }));
    }),
  );
  const deletions = stored.flat().map(({ name, secret }) => `  npx wrangler secret delete ${secret} --name ${name}`);
  if (deletions.length === 0) return;
  throw new CliError(
    `Workers have secrets of a root secret, and ${setup.file} has none: restore the file, or name it with --secrets.\n` +
      "If it is lost, delete what was made with it, and run `npm run setup` again. Browsers then sign in again, tasks\n" +
      `end, and old audit checkpoints do not verify any more:\n${deletions.join("\n")}`,
  );
}

function workerStep(setup: Setup, worker: Deployable): Step {
  return {
    title: `Worker ${workerName(worker)}`,
    command: `npm run deploy -- --worker ${worker}`,
    async isDone() {
      const { deployed, differences } = await planDeployment(accountOf(setup), worker);
      return deployed !== null && differences.length === 0;
    },
    async run() {
      const plan = await planDeployment(accountOf(setup), worker);
      await deployWorker(plan, { isYes: setup.isYes || !isReplacing(plan) });
    },
  };
}

const SecretNames = v.array(v.object({ name: v.string() }));

/** The names of a Worker's secrets; `null` if it is not deployed. */
async function secretsOf(setup: Setup, name: string): Promise<readonly string[] | null> {
  const found = await accountOf(setup).ask(`/workers/scripts/${name}/secrets`, SecretNames);
  return found?.map((secret) => secret.name) ?? null;
}

function secretsStep(setup: Setup, worker: Deployable): Step {
  const name = workerName(worker);
  const missing = async () => {
    const stored = (await secretsOf(setup, name)) ?? [];
    return secretsFor(worker).filter((secret) => !stored.includes(secret));
  };
  return {
    title: `Secrets of ${name}: ${secretsFor(worker).join(", ")}`,
    command: `npx wrangler secret bulk --name ${name}`,
    isDone: async () => (await missing()).length === 0,
    async run() {
      const entries = (await missing()).map(async (secret) => [secret, await secretFor(setup, worker, secret)]);
      await putSecrets(name, Object.fromEntries(await Promise.all(entries)) as Secrets); // texts by name
    },
  };
}

async function secretFor(setup: Setup, worker: Deployable, name: string): Promise<string> {
  const kept = readSettings(setup.file);
  if (worker === "gateway") return kept[name] ?? "";
  if (name === "BETTER_AUTH_SECRET") return randomSecret();
  const { SERVICE_BINDING_SECRET: current, SERVICE_BINDING_SECRET_PREVIOUS: previous } = kept;
  return identityKeysSetting(
    [current, previous].filter((one) => one !== undefined),
    worker,
  );
}
