// The deployed system, as an operator's commands use it: secrets of its Workers through wrangler,
// and what the gateway says of itself over HTTPS.
import * as v from "valibot";
import type { CheckpointKey } from "../../../contracts/audit-record.ts";
import { BACKENDS, type BackendName } from "../../../contracts/backends.ts";
import { publishedKeys } from "../audit.ts";
import { CliError } from "../cli-error.ts";
import { wranglerError } from "../login.ts";
import { CONFIGS, readConfig, servicesOf, workerName } from "../workers.ts";
import { runWrangler } from "../wrangler.ts";
import { readProduction } from "./settings.ts";

/** Values of secrets by name; `null` removes one. */
export type Secrets = Readonly<Record<string, string | null>>;

/** The deployed names of the gateway, and of the Worker that it binds as each backend. */
export function deployedNames(): { readonly gateway: string; readonly backends: ReadonlyMap<BackendName, string> } {
  const bound = servicesOf(readConfig("gateway")).map(({ binding, service }) => [binding as BackendName, service]);
  return {
    gateway: workerName("gateway"),
    backends: new Map(bound.filter((entry): entry is [BackendName, string] => String(entry[0]) in BACKENDS)),
  };
}

/** The names of a Worker's secrets. Throws a `CliError` if there is no such Worker. */
export async function secretNames(worker: string): Promise<readonly string[]> {
  const { code, stdout, output } = await wrangler(["list", "--name", worker, "--format", "json"]);
  if (code !== 0) throw wranglerError(`The secrets of ${worker} cannot be listed`, output);
  const listed = v.parse(v.array(v.object({ name: v.string() })), JSON.parse(stdout.slice(stdout.indexOf("["))));
  return listed.map(({ name }) => name);
}

/**
 * Stores and removes secrets in one request, which deploys one new version of the Worker. Values go
 * through stdin: arguments are visible to other users of the machine.
 */
export async function putSecrets(worker: string, secrets: Secrets): Promise<void> {
  const { code, output } = await wrangler(["bulk", "--name", worker], JSON.stringify(secrets));
  if (code !== 0) throw wranglerError(`The secrets of ${worker} were not stored`, output);
}

function wrangler(args: readonly string[], input?: string) {
  const { accountId } = readProduction();
  if (accountId !== "") process.env.CLOUDFLARE_ACCOUNT_ID = accountId;
  return runWrangler(["secret", ...args, "-c", CONFIGS.gateway], undefined, input);
}

/** The gateway's public keys of checkpoints, that of the secret in use first. */
export async function keysInUse(origin: string): Promise<readonly [CheckpointKey, ...CheckpointKey[]]> {
  const [current, ...others] = (await publishedKeys(origin)) ?? [];
  if (current === undefined) throw new CliError(`The gateway at ${origin} does not respond. Name it with --origin.`);
  return [current, ...others];
}

/** For an operator whose HEALTH_TOKEN is refused. */
export const REMEDY_OF_HEALTH_TOKEN = `Store that of your file again: npx wrangler secret put HEALTH_TOKEN --name ${workerName("gateway")}.`;

const Health = v.object({
  backends: v.record(v.string(), v.object({ areKeysEqual: v.nullable(v.boolean()) })),
});

/** By binding: true if the backend has the gateway's key, null if it does not say. */
export async function keysOfBackends(origin: string, token: string): Promise<ReadonlyMap<string, boolean | null>> {
  const headers = { authorization: `Bearer ${token}` };
  const signal = AbortSignal.timeout(20_000);
  const response = await fetch(new URL("/health?deep=1", origin), { headers, signal }).catch(() => null);
  if (response?.status === 401)
    throw new CliError(`The gateway at ${origin} refuses the HEALTH_TOKEN. ${REMEDY_OF_HEALTH_TOKEN}`);
  const parsed = v.safeParse(Health, await response?.json().catch(() => null));
  if (!parsed.success) throw new CliError(`The deep health check at ${origin} does not respond.`);
  const { backends } = parsed.output;
  return new Map(Object.entries(backends).map(([name, { areKeysEqual }]) => [name, areKeysEqual]));
}
