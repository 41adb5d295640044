// `npm run smoke`: the checks of a deployed gateway that need no person. They change nothing.
import { CliError } from "./cli-error.ts";
import { CONNECTION_CHECKS, runChecks } from "./connect/checks.ts";
import { checkChallenge } from "./connect/discovery.ts";
import { describeOutcome } from "./connect/outcome.ts";
import { credentialIn, originIn, readArguments } from "./options.ts";
import { productionOrigin, readProduction } from "./production/settings.ts";
import { DEFAULT_SECRETS_FILE, readSettings } from "./secret-file.ts";
import { gatewayChecks } from "./smoke/checks.ts";

const USAGE = `Usage: npm run smoke [-- options]

Checks a deployed gateway, without a person, and names what is wrong.

  --url URL       the gateway (default: the host in production.toml)
  --key VAR       also list and call tools, with the API key in this environment variable
  --secrets FILE  the file with HEALTH_TOKEN, for the state of the backends (default ~/gateway.env, for
                  the host in production.toml); the environment variable HEALTH_TOKEN takes precedence
  --help          show this`;

interface Options {
  readonly origin: string;
  readonly healthToken: string | undefined;
  readonly key: string | undefined;
}

/** Prints a line for each check. Throws a `CliError` if one failed. */
export async function run(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options === "help") return console.log(USAGE);
  const { failures, isReached, isKeyAlone } = await smoke(options);
  if (!isReached) throw new CliError("\nNothing was checked. A new host needs some minutes until it answers.");
  if (isKeyAlone) throw new CliError("\nThe gateway works: use another key.");
  if (failures > 0) throw new CliError("\n`npm run rollback` returns to the version before.");
}

interface Result {
  readonly failures: number;
  /** False if nothing answers at the origin: no other check was tried. */
  readonly isReached: boolean;
  /** True if the gateway passed, and refuses the key. */
  readonly isKeyAlone: boolean;
}

/** Checks the gateway at `origin`, and prints the outcome. */
export async function smoke({ origin, healthToken, key }: Options): Promise<Result> {
  console.log(`Checking ${origin}\n`);
  const url = new URL("/mcp", origin);
  const common = { url, isPaid: false, clientId: undefined, say: console.log };
  const runs = [
    { checks: gatewayChecks(healthToken), token: undefined },
    { checks: key === undefined ? [] : [{ name: "key", run: checkChallenge }, ...CONNECTION_CHECKS], token: key },
  ];
  const width = Math.max(...runs.flatMap(({ checks }) => checks.map(({ name }) => name.length)));
  const failed: string[] = [];
  for (const { checks, token } of runs)
    for await (const { name, outcome } of runChecks({ ...common, token }, checks)) {
      console.log(describeOutcome(name.padEnd(width), outcome));
      if (outcome.state !== "failed") continue;
      failed.push(name);
      if (name === "health" && outcome.isUnreachable) return { failures: 1, isReached: false, isKeyAlone: false };
    }
  const failures = failed.length;
  const sum = `${failures} ${failures === 1 ? "check" : "checks"} failed.`;
  console.log(`\n${failures === 0 ? "Everything that was checked works." : sum}`);
  return { failures, isReached: true, isKeyAlone: failed.join() === "key" };
}

/**
 * The HEALTH_TOKEN in the environment, or in the operator's file. That of `DEFAULT_SECRETS_FILE`
 * is for the gateway of production.toml only. Throws an error if `file` is given without one.
 */
export function healthTokenFor(origin: string, file?: string): string | undefined {
  if (process.env.HEALTH_TOKEN) return process.env.HEALTH_TOKEN;
  const isDefault = origin === `https://${readProduction().workers.gateway.domain}`;
  const { HEALTH_TOKEN: token } = readSettings(file ?? (isDefault ? DEFAULT_SECRETS_FILE : ""));
  if (file !== undefined && !token) throw new Error(`${file} has no line HEALTH_TOKEN=…`);
  return token;
}

const OPTIONS = { url: { type: "string" }, key: { type: "string" }, secrets: { type: "string" } } as const;

function readOptions(args: readonly string[]): Options | "help" {
  return readArguments({ args, usage: USAGE, options: OPTIONS }, (values) => {
    const origin = originIn("--url", values.url ?? productionOrigin());
    const key = values.key === undefined ? undefined : credentialIn("--key", values.key);
    return { origin, key, healthToken: healthTokenFor(origin, values.secrets) };
  });
}
