// The steps of a rotation of the deployed system's root secret. Each is safe to repeat, and state
// is only in the operator's file and in the Workers, so a rotation continues after any stop.
import { setTimeout as sleep } from "node:timers/promises";
import { BACKENDS } from "../../../contracts/backends.ts";
import { identityKeysSetting, importRootKey } from "../../../src/crypto/keys.ts";
import { TASK_TTL_MS } from "../../../src/pipeline/task-handle.ts";
import { CliError } from "../cli-error.ts";
import { deployedNames, keysInUse, keysOfBackends, putSecrets, secretNames } from "../production/deployed-system.ts";
import { randomSecret, readSettings, writeSettings } from "../secret-file.ts";

/** The deployed system, and what its operator keeps. */
export interface Deployed {
  /** The operator's file with the root secret. */
  readonly file: string;
  readonly origin: string;
  readonly healthToken: string;
  /** Time until a new version of a Worker runs in every location. */
  readonly settleMs: number;
}

/** Time for which a new version is waited for. */
const DEPLOY_MS = 120_000;

/** Replaces the secret. At its end, the gateway uses the new one and accepts both. */
export async function beginRotation(system: Deployed): Promise<void> {
  const { file, origin, settleMs } = system;
  const old = readSettings(file);
  const isReplaced = Boolean(old.SERVICE_BINDING_SECRET_PREVIOUS);
  await checkSystem(system, isReplaced || Boolean(old.SERVICE_BINDING_SECRET_NEXT));
  const [{ kid }] = await keysInUse(origin);
  if (isReplaced && kid === (await keyIdOf(old.SERVICE_BINDING_SECRET))) throw new CliError(goingOn(old));
  const previous = (isReplaced ? old.SERVICE_BINDING_SECRET_PREVIOUS : old.SERVICE_BINDING_SECRET) ?? "";
  const next = (isReplaced ? old.SERVICE_BINDING_SECRET : old.SERVICE_BINDING_SECRET_NEXT) ?? randomSecret();
  const ids = { previous: await keyIdOf(previous), next: await keyIdOf(next) };
  console.log(`Replacing the root secret ${ids.previous} by ${ids.next}, at ${origin}.`);
  // The file has the new secret before any Worker does: a stop loses nothing.
  if (!isReplaced) writeSettings(file, { SERVICE_BINDING_SECRET_NEXT: next });
  if (!isReplaced) await giveKeys([next, previous]);
  const { gateway } = deployedNames();
  if (kid === ids.previous) {
    await putSecrets(gateway, { SERVICE_BINDING_SECRET: previous, SERVICE_BINDING_SECRET_PREVIOUS: next });
    await until(`${gateway} opens what the new secret seals`, async () =>
      (await keysInUse(origin)).some((key) => key.kid === ids.next),
    );
    console.log(`  Waiting ${settleMs / 1000} s, until these versions run everywhere.`);
    await sleep(settleMs);
  }
  await putSecrets(gateway, { SERVICE_BINDING_SECRET: next, SERVICE_BINDING_SECRET_PREVIOUS: previous });
  const since = new Date().toISOString();
  writeSettings(file, {
    SERVICE_BINDING_SECRET: next,
    SERVICE_BINDING_SECRET_PREVIOUS: previous,
    SERVICE_BINDING_SECRET_NEXT: null,
    SERVICE_BINDING_SECRET_SINCE: since,
  });
  await until(
    `${gateway} seals and signs with the new secret`,
    async () => (await keysInUse(origin))[0].kid === ids.next,
  );
  await checkBackends(system);
  console.log(
    `Done. From ${endOf(since)} on, when the last task of the old secret has ended, add --finish.
Until then keep the old value, SERVICE_BINDING_SECRET_PREVIOUS in ${file}:
an earlier version of the gateway, after a rollback, needs it.`,
  );
}

/** Removes the previous secret. */
export async function endRotation(
  system: Deployed,
  { previous, isRevoked }: { readonly previous: string; readonly isRevoked: boolean },
): Promise<void> {
  const { file, origin } = system;
  const current = readSettings(file).SERVICE_BINDING_SECRET ?? "";
  await checkSystem(system, true);
  const [inUse, ...others] = await keysInUse(origin);
  if (inUse.kid !== (await keyIdOf(current)))
    throw new CliError(`The gateway uses another secret, ${inUse.kid}: run the command without --finish first.`);
  const ended = await keyIdOf(previous);
  const retired = others.filter(({ kid }) => !(isRevoked && kid === ended)).map(({ kid, x }) => `${kid}:${x}`);
  const { gateway } = deployedNames();
  await putSecrets(gateway, {
    SERVICE_BINDING_SECRET_PREVIOUS: null,
    RETIRED_CHECKPOINT_KEYS: retired.length === 0 ? null : retired.join(","),
  });
  console.log(`  ${gateway} opens only what ${inUse.kid} seals`);
  await giveKeys([current]);
  await checkBackends(system);
  writeSettings(file, { SERVICE_BINDING_SECRET_PREVIOUS: null, SERVICE_BINDING_SECRET_SINCE: null });
  console.log(`Done. The old secret ${ended} is worth nothing any more.`);
}

/** Throws a `CliError` if file, gateway and backends do not have the same secret. */
async function checkSystem(system: Deployed, isGoingOn: boolean): Promise<void> {
  const { gateway } = deployedNames();
  const names = await secretNames(gateway);
  if (!isGoingOn && names.includes("SERVICE_BINDING_SECRET_PREVIOUS"))
    throw new CliError(`${gateway} has SERVICE_BINDING_SECRET_PREVIOUS: a rotation with another file is going on.`);
  const { SERVICE_BINDING_SECRET: current, ...others } = readSettings(system.file);
  const { SERVICE_BINDING_SECRET_PREVIOUS: previous, SERVICE_BINDING_SECRET_NEXT: next } = others;
  const known = await Promise.all([current, previous, next].filter(Boolean).map(keyIdOf));
  const [{ kid }] = await keysInUse(system.origin);
  if (!known.includes(kid))
    throw new CliError(`The gateway uses the secret ${kid}, and ${system.file} has ${known.join(", ")}.`);
  if (!(await areKeysEqual(system)))
    throw new CliError("A backend has another key than the gateway: see /health?deep=1, and repair that first.");
}

/** Stores the keys of the root secrets in every backend. */
async function giveKeys(secrets: readonly string[]): Promise<void> {
  for (const [binding, worker] of deployedNames().backends) {
    await putSecrets(worker, { IDENTITY_KEYS: await identityKeysSetting(secrets, BACKENDS[binding].audience) });
    console.log(`  ${worker} accepts ${secrets.length === 1 ? "only the new key" : "both keys"}`);
  }
}

/** False if a backend refuses the gateway's key. */
async function areKeysEqual({ origin, healthToken }: Deployed): Promise<boolean> {
  return ![...(await keysOfBackends(origin, healthToken)).values()].includes(false);
}

/** Waits until no backend refuses the key, and names those that do not say. */
async function checkBackends(system: Deployed): Promise<void> {
  await until("No backend refuses it", () => areKeysEqual(system));
  for (const [binding, areEqual] of await keysOfBackends(system.origin, system.healthToken))
    if (areEqual === null) console.log(`  ${binding} could not be asked: look at its calls in the log`);
}

/** Prints `sentence` once `isSo`. Throws a `CliError` if that takes longer than a deployment. */
async function until(sentence: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + DEPLOY_MS; !(await isSo()); await sleep(1000)) {
    if (Date.now() > end)
      throw new CliError(`Not so after ${DEPLOY_MS / 1000} s: ${sentence}. Run the same command again.`);
  }
  console.log(`  ${sentence}`);
}

function goingOn({ SERVICE_BINDING_SECRET_SINCE: since = "" }: NodeJS.Dict<string>): string {
  return `A rotation is going on, and everything is in place. End it with --finish, from ${endOf(since)} on.`;
}

/** Tasks live longest of what a root secret seals. */
function endOf(since: string): string {
  const end = Date.parse(since) + TASK_TTL_MS;
  return Number.isNaN(end) ? "a day after it began" : new Date(end).toISOString();
}

/** The id of a root secret, which logs and published keys show. */
async function keyIdOf(secret = ""): Promise<string> {
  return (await importRootKey(secret)).kid;
}
