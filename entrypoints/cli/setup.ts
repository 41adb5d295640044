// `npm run setup`: from an empty account to a running system, one step after the other. It keeps no
// state: each step asks Cloudflare if it is done, so that a second run continues after a stop.
import path from "node:path";
import { CliError, Stopped } from "./cli-error.ts";
import { confirm, isInteractive } from "./confirm.ts";
import { readArguments } from "./options.ts";
import { openAccount } from "./production/cloudflare.ts";
import { causesIn, productionConfig } from "./production/config.ts";
import { PRODUCTION_FILE, readProduction, writeProductionValue } from "./production/settings.ts";
import { claimSecretsFile, DEFAULT_SECRETS_FILE } from "./secret-file.ts";
import { ownWorkers, refuseWeakSecrets, type Step, setupSteps } from "./setup/steps.ts";
import { readConfig, servicesOf, workerName } from "./workers.ts";

const USAGE = `Usage: npm run setup [-- options]

Creates what ${PRODUCTION_FILE} describes in a Cloudflare account: storage, tables,
secrets and Workers, in order. What exists is kept. After a stop, run the same command again.

  --secrets FILE  the file for the root secret and HEALTH_TOKEN, outside of the repository
                  (default ~/gateway.env)
  --yes           do not ask
  --dry-run       print every step with its command; do nothing, and ask Cloudflare nothing
  --help          show this`;

interface Options {
  readonly file: string;
  readonly isYes: boolean;
  readonly isDryRun: boolean;
}

/** Takes every step that is not done. Throws a `CliError` that names the step that failed. */
export async function run(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options === "help") return console.log(USAGE);
  const problems = settingsProblems();
  if (options.isDryRun) return printSteps(options, problems);
  if (problems.length > 0)
    throw new CliError([`Nothing was changed. First correct ${PRODUCTION_FILE}:`, ...problems].join("\n  "));
  claimSecretsFile(options.file);
  refuseWeakSecrets(options.file);
  const cloudflare = await openAccount();
  console.log(`Account ${cloudflare.accountId}`);
  if (isInteractive() && !options.isYes) await confirm("Set up the gateway in this account?");
  if (readProduction().accountId === "") writeProductionValue("", "account_id", cloudflare.accountId);
  await takeSteps(setupSteps({ ...options, cloudflare }));
  console.log(
    `\nThe system runs. Commit ${PRODUCTION_FILE}, and check it: npm run smoke${fileOption(options)}${foreignNote()}`,
  );
}

/** The option with which other commands find the file. */
function fileOption({ file }: Options): string {
  return file === DEFAULT_SECRETS_FILE ? "" : ` -- --secrets ${JSON.stringify(file)}`;
}

async function takeSteps(steps: readonly Step[]): Promise<void> {
  for (const [at, step] of steps.entries()) {
    const number = `${String(at + 1).padStart(2)}/${steps.length}`;
    try {
      if (await step.isDone()) {
        console.log(`${number} ${step.title}: is there`);
        continue;
      }
      console.log(`${number} ${step.title}\n      ${step.command}`);
      await step.run();
    } catch (error) {
      if (error instanceof Stopped)
        throw new CliError(`Stopped in step ${at + 1}: ${step.title}. To continue, run \`npm run setup\` again.`);
      if (!(error instanceof CliError)) throw error;
      throw new CliError(
        `${error.message}\n\nStep ${at + 1} failed: ${step.title}. Correct that, and run \`npm run setup\` again.`,
      );
    }
  }
}

function printSteps(options: Options, problems: readonly string[]): void {
  const steps = setupSteps({ ...options, cloudflare: null });
  for (const [at, { title, command }] of steps.entries())
    console.log(`${String(at + 1).padStart(2)}/${steps.length} ${title}\n      ${command}`);
  if (problems.length > 0) console.log([`\nFirst, correct ${PRODUCTION_FILE}:`, ...problems].join("\n  "));
}

/**
 * Everything that an operator has to decide before the first step, each once, in the order of the
 * file. Steps write the ids.
 */
function settingsProblems(): readonly string[] {
  const production = readProduction();
  const all = ownWorkers()
    .toReversed()
    .flatMap((worker) => {
      const { problems, storageProblems } = productionConfig(worker, production);
      return problems.filter((problem) => !storageProblems.includes(problem) || !problem.includes("no id of"));
    });
  return causesIn(all);
}

/** Workers of others that the gateway binds need their keys from the operator. */
function foreignNote(): string {
  const own = ownWorkers().map(workerName);
  const foreign = servicesOf(readConfig("gateway")).filter(({ service }) => !own.includes(service));
  return foreign
    .map(
      ({ service }) =>
        `\n${service} is not of this repository. Set its IDENTITY_KEYS: docs/operations.md, Existing Workers.`,
    )
    .join("");
}

const OPTIONS = { secrets: { type: "string" }, yes: { type: "boolean" }, "dry-run": { type: "boolean" } } as const;

function readOptions(args: readonly string[]): Options | "help" {
  return readArguments({ args, usage: USAGE, options: OPTIONS }, (values) => ({
    file: path.resolve(values.secrets ?? DEFAULT_SECRETS_FILE),
    isYes: values.yes ?? false,
    isDryRun: values["dry-run"] ?? false,
  }));
}
