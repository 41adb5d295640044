// `npm run smoke`: the checks of a deployed gateway that need no person. They change nothing.
import { CliError } from "./cli-error.ts";
import { CONNECTION_CHECKS, runChecks } from "./connect/checks.ts";
import { checkChallenge } from "./connect/discovery.ts";
import { describeOutcome } from "./connect/outcome.ts";
import { credentialIn, originIn, readArguments } from "./options.ts";
import { productionOrigin } from "./production/settings.ts";
import { DEFAULT_SECRETS_FILE, readSettings } from "./secret-file.ts";
import { gatewayChecks } from "./smoke/checks.ts";

const USAGE = `Usage: npm run smoke [-- options]

Checks a deployed gateway, without a person, and names what is wrong.

  --url URL       the gateway (default: the host in production.toml)
  --key VAR       also list and call tools, with the API key in this environment variable
  --secrets FILE  the file with HEALTH_TOKEN, for the state of the backends (default ~/gateway.env);
                  the environment variable HEALTH_TOKEN takes precedence
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
  if ((await smoke(options)) > 0) throw new CliError("\n`npm run rollback` returns to the version before.");
}

/** Checks the gateway at `origin`, and prints the outcome. Returns the number of failed checks. */
export async function smoke({ origin, healthToken, key }: Options): Promise<number> {
  console.log(`Checking ${origin}\n`);
  const url = new URL("/mcp", origin);
  const common = { url, isPaid: false, clientId: undefined, say: console.log };
  const runs = [
    { checks: gatewayChecks(healthToken), token: undefined },
    { checks: key === undefined ? [] : [{ name: "key", run: checkChallenge }, ...CONNECTION_CHECKS], token: key },
  ];
  const width = Math.max(...runs.flatMap(({ checks }) => checks.map(({ name }) => name.length)));
  let failures = 0;
  for (const { checks, token } of runs)
    for await (const { name, outcome } of runChecks({ ...common, token }, checks)) {
      if (outcome.state === "failed") failures += 1;
      console.log(describeOutcome(name.padEnd(width), outcome));
    }
  const failed = `${failures} ${failures === 1 ? "check" : "checks"} failed.`;
  console.log(`\n${failures === 0 ? "Everything that was checked works." : failed}`);
  return failures;
}

/** The HEALTH_TOKEN in the environment, or in the operator's file. */
export function healthTokenIn(file = DEFAULT_SECRETS_FILE): string | undefined {
  return process.env.HEALTH_TOKEN || readSettings(file).HEALTH_TOKEN;
}

const OPTIONS = { url: { type: "string" }, key: { type: "string" }, secrets: { type: "string" } } as const;

function readOptions(args: readonly string[]): Options | "help" {
  return readArguments({ args, usage: USAGE, options: OPTIONS }, (values) => ({
    origin: originIn("--url", values.url ?? productionOrigin()),
    healthToken: healthTokenIn(values.secrets),
    key: values.key === undefined ? undefined : credentialIn("--key", values.key),
  }));
}
