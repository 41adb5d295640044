// A deployment of one Worker: first what it replaces, in words, then the pending migrations of its
// database, and then the upload by wrangler.
import type { Unstable_RawConfig as WranglerConfig } from "wrangler";
import { CliError, Stopped } from "../cli-error.ts";
import { confirm, isInteractive } from "../confirm.ts";
import { workerName } from "../workers.ts";
import { runVisibly } from "../wrangler.ts";
import { bindingsOf } from "./bindings.ts";
import type { Cloudflare } from "./cloudflare.ts";
import { commitOf } from "./commit.ts";
import { requireProductionConfig, writeProductionConfig } from "./config.ts";
import { applyDeployedMigrations, isDatabaseOwner, pendingMigrations } from "./deployed-database.ts";
import {
  consumersOf,
  type DeployedWorker,
  type Difference,
  deployedWorker,
  differencesBetween,
  originOf,
  ownerOfDomain,
} from "./deployed-worker.ts";
import { type Deployable, readProduction, secretsFor } from "./settings.ts";

/** A deployment that has not begun. */
export interface Plan {
  readonly cloudflare: Cloudflare;
  readonly worker: Deployable;
  readonly config: WranglerConfig;
  /** The commit of the code; `null` without git. */
  readonly commit: string | null;
  /** `null`: the Worker is new. */
  readonly deployed: DeployedWorker | null;
  readonly differences: readonly Difference[];
  /** True if the deployed Worker has no binding of this one: another program has the name. */
  readonly isForeign: boolean;
  /** The binding to a gateway that is not deployed yet. Each binds the other, so one is first. */
  readonly leftOut: string | null;
  /** Migrations that the Worker's database lacks. Its code may need them. */
  readonly migrations: readonly string[];
}

/**
 * Compares the settings of production with what is deployed. Throws a `CliError` for settings that
 * may not be deployed, and for a binding to a Worker that does not exist.
 */
export async function planDeployment(
  cloudflare: Cloudflare,
  worker: Deployable,
  production = readProduction(),
): Promise<Plan> {
  const complete = requireProductionConfig(worker, production);
  const { leftOut, services } = await existingServices(cloudflare, complete);
  const config = complete.services === undefined ? complete : { ...complete, services };
  const deployed = await deployedWorker(cloudflare, workerName(worker));
  const changed = deployed === null ? [] : differencesBetween(config, deployed);
  const taken = await takenBy(cloudflare, workerName(worker), config);
  const [{ database_id: database = "" } = {}] = config.d1_databases ?? [];
  const migrations = isDatabaseOwner(worker) ? await pendingMigrations(cloudflare, worker, database) : [];
  // A host that another Worker has is a change, not an addition.
  const own = changed.filter(({ what }) => !taken.some((other) => other.what.startsWith(`${what} from `)));
  const differences = [...own, ...taken];
  const names = [...bindingsOf(config).keys()];
  const isForeign = deployed !== null && names.length > 0 && !names.some((name) => deployed.bindings.has(name));
  return {
    ...{ cloudflare, worker, config, commit: commitOf(), deployed, differences, isForeign },
    leftOut,
    migrations,
  };
}

type Services = NonNullable<WranglerConfig["services"]>;

async function existingServices(
  cloudflare: Cloudflare,
  { services = [] }: WranglerConfig,
): Promise<{ readonly services: Services; readonly leftOut: string | null }> {
  const found = await Promise.all(
    services.map(async (one) => ({ one, isThere: (await deployedWorker(cloudflare, one.service)) !== null })),
  );
  const missing = found.filter(({ isThere }) => !isThere).map(({ one }) => one);
  const gateway = missing.find(({ service }) => service === workerName("gateway"));
  const other = missing.find((one) => one !== gateway);
  if (other)
    throw new CliError(
      `${other.binding} binds the Worker ${other.service}, which is not deployed: deploy it first, or correct [[services]].`,
    );
  return { services: services.filter((one) => one !== gateway), leftOut: gateway?.binding ?? null };
}

/** Hosts that another Worker has, and queues that this one does not consume yet. */
async function takenBy(cloudflare: Cloudflare, name: string, config: WranglerConfig): Promise<Difference[]> {
  const hosts = (config.routes ?? []).map((route) => (typeof route === "string" ? route : route.pattern));
  const owned = await Promise.all(
    hosts.map(async (host): Promise<Difference[]> => {
      const owner = await ownerOfDomain(cloudflare, host);
      return owner === null || owner === name
        ? []
        : [{ kind: "changes", what: `domain ${host} from ${owner} to ${name}` }];
    }),
  );
  const consumed = await Promise.all(
    (config.queues?.consumers ?? []).map(async ({ queue }): Promise<Difference[]> => {
      const consumers = (await consumersOf(cloudflare, queue)) ?? [];
      const other = consumers.find((one) => one !== name);
      if (other !== undefined)
        throw new CliError(
          `The Worker ${other} consumes the queue ${queue}, which can have one consumer: \`npx wrangler queues consumer worker remove ${queue} ${other}\` ends that, or name another queue in wrangler.toml.`,
        );
      return consumers.includes(name) ? [] : [{ kind: "adds", what: `consumer of the queue ${queue}` }];
    }),
  );
  return [...owned, ...consumed].flat();
}

/** True if the deployment changes or removes something of what runs today. */
export function isReplacing({ differences, migrations, isForeign }: Plan): boolean {
  return isForeign || migrations.length > 0 || differences.some(({ kind }) => kind !== "adds");
}

/** The plan in sentences, one a line. */
export function describePlan(plan: Plan): string {
  const { worker, config, commit, deployed, differences, leftOut, migrations } = plan;
  const [route] = config.routes ?? [];
  const host = route === undefined || typeof route === "string" ? "" : ` to https://${route.pattern}`;
  return [
    `Deploying ${workerName(worker)}${host}.`,
    deployed === null
      ? "  It is a new Worker."
      : `  It replaces the version ${deployed.versionId.slice(0, 8)} of ${deployed.createdAt}${originOf(deployed)}.`,
    ...(plan.isForeign ? ["  That has none of the bindings of this Worker: another program has its name."] : []),
    ...(commit === null ? [] : [`  The code is ${commit}.`]),
    ...differences.map(({ kind, what }) => `  ${kind.padEnd(7)} ${what}`),
    ...migrations.map((name) => `  applies the migration ${name} to its database first`),
    ...secretsFor(worker)
      .filter((name) => deployed?.secrets.includes(name) === false)
      .map((name) => `  It has no secret ${name}: afterwards, \`npm run setup\` stores it.`),
    ...(deployed !== null && differences.length === 0 ? ["  Variables, bindings and domain stay as they are."] : []),
    ...(leftOut === null
      ? []
      : [`  Without ${leftOut}, until the gateway is deployed: then deploy this Worker again.`]),
  ].join("\n");
}

/** Bytes of a version's message. */
const MESSAGE_MAX = 100;

/**
 * Prints the plan, asks, applies pending migrations, and uploads. Without a terminal it asks only
 * for a plan that replaces something, and `isYes` is the answer. Throws a `CliError` if a migration
 * or the upload fails.
 */
export async function deployWorker(plan: Plan, { isYes }: { readonly isYes: boolean }): Promise<void> {
  console.log(describePlan(plan));
  if (!isYes && (isInteractive() || isReplacing(plan))) await confirm("Deploy?");
  if (plan.migrations.length > 0 && isDatabaseOwner(plan.worker)) await applyDeployedMigrations(plan.worker);
  const file = writeProductionConfig(plan.worker, plan.config);
  const message = plan.commit === null ? [] : ["--message", plan.commit.slice(0, MESSAGE_MAX)];
  try {
    const code = await runVisibly(["deploy", "--minify", "-c", file, ...message]);
    if (code === 0) return;
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    throw new CliError(`Stopped. ${await stateOf(plan)} Run the same command again.`);
  }
  throw new CliError(`${await stateOf(plan)} Wrangler says above why. Correct that, and run the same command again.`);
}

/** The state after a failure, in words: wrangler uploads first, then sets domains and the like. */
async function stateOf({ cloudflare, worker, deployed, migrations }: Plan): Promise<string> {
  const name = workerName(worker);
  const now = await deployedWorker(cloudflare, name).catch(() => undefined);
  if (now === undefined) return `${name} may be deployed or not: Cloudflare does not say.`;
  if (now !== null && now.versionId !== deployed?.versionId)
    return `${name} runs the new version ${now.versionId.slice(0, 8)}, but some of its domains, schedules and queues may not be set.`;
  const applied = migrations.length === 0 ? "" : ` Its database has the new migrations: ${migrations.join(", ")}.`;
  return `${name} was not deployed.${applied}`;
}
