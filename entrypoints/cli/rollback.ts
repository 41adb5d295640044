// `npm run rollback`: returns to the version before, after it has named it, and checks the gateway.
import { CliError } from "./cli-error.ts";
import { confirm } from "./confirm.ts";
import { wranglerError } from "./login.ts";
import { originIn, readArguments } from "./options.ts";
import { type Cloudflare, openAccount } from "./production/cloudflare.ts";
import { bindingDifferences, type DeployedVersion, deployedVersions, originOf } from "./production/deployed-worker.ts";
import { DEPLOYABLE, type Deployable, deployableNamed, productionOrigin } from "./production/settings.ts";
import { healthTokenFor, smoke } from "./smoke.ts";
import { workerName } from "./workers.ts";
import { runWrangler } from "./wrangler.ts";

const USAGE = `Usage: npm run rollback [-- options]

Returns to the version before: the newest one with other code or other settings.

  --worker NAME   ${DEPLOYABLE.join(", ")} (default gateway)
  --url URL       the gateway to check afterwards (default: the host in production.toml)
  --yes           do not ask; needed without a terminal
  --help          show this

Roll back the gateway before a backend: an older backend may lack what a newer gateway calls.`;

interface Options {
  readonly worker: Deployable;
  readonly isYes: boolean;
  readonly origin: string;
}

/** Rolls back and checks the gateway. Throws a `CliError` if either fails. */
export async function run(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options === "help") return console.log(USAGE);
  const { worker, isYes, origin } = options;
  const name = workerName(worker);
  const { current, target } = await versionsOf(await openAccount(), name);
  console.log(describeRollback(name, current, target));
  if (worker !== "gateway") console.log("  If the gateway is newer than that version, roll back the gateway first.");
  if (!isYes) await confirm("Roll back?");
  const message = "npm run rollback";
  const { code, output } = await runWrangler(["rollback", target.id, "--name", name, "--yes", "--message", message]);
  if (code !== 0) throw wranglerError(`${name} was not rolled back`, output);
  console.log(`${name} runs the version ${target.id.slice(0, 8)} again. Secrets are those of its time.\n`);
  if ((await smoke({ origin, healthToken: healthTokenFor(origin), key: undefined })).failures > 0)
    throw new CliError(
      `\n${name} was rolled back, and the gateway fails a check. Look at the log: \`npx wrangler tail ${name}\`.\n` +
        `To undo the rollback: \`npx wrangler rollback ${current.id} --name ${name}\`.`,
    );
}

interface Versions {
  readonly current: DeployedVersion;
  readonly target: DeployedVersion;
}

/** The version that runs, and the newest earlier one that differs in more than secrets. */
async function versionsOf(cloudflare: Cloudflare, name: string): Promise<Versions> {
  const [current, ...others] = await deployedVersions(cloudflare, name);
  if (!current) throw new CliError(`There is no Worker ${name} in the account.`);
  const earlier = others
    .filter(({ createdAt }) => createdAt < current.createdAt)
    .toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));
  const target = earlier.find(
    (one) => one.etag !== current.etag || bindingDifferences(current.bindings, one.bindings).length > 0,
  );
  if (!target) throw new CliError(`${name} has no earlier version with other code or other settings.`);
  return { current, target };
}

function describeRollback(name: string, current: DeployedVersion, target: DeployedVersion): string {
  const sentence = (version: DeployedVersion) =>
    `${version.id.slice(0, 8)} of ${version.createdAt}${originOf(version)}`;
  return [
    `Rolling back ${name}`,
    `  from ${sentence(current)}`,
    `  to   ${sentence(target)}`,
    ...bindingDifferences(current.bindings, target.bindings).map(({ kind, what }) => `  ${kind.padEnd(7)} ${what}`),
    ...current.secrets
      .filter((secret) => !target.secrets.includes(secret))
      .map((secret) => `  removes the secret ${secret}: \`npm run setup\` stores it again`),
  ].join("\n");
}

const OPTIONS = { worker: { type: "string" }, url: { type: "string" }, yes: { type: "boolean" } } as const;

function readOptions(args: readonly string[]): Options | "help" {
  return readArguments({ args, usage: USAGE, options: OPTIONS }, (values) => ({
    worker: deployableNamed(values.worker ?? "gateway"),
    isYes: values.yes ?? false,
    origin: originIn("--url", values.url ?? productionOrigin()),
  }));
}
