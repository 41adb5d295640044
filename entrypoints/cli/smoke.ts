// `npm run smoke`: the checks of a deployed gateway that need no person. They change nothing.
import { parseArgs } from "node:util";
import { CliError } from "./cli-error.ts";
import { CONNECTION_CHECKS, runChecks } from "./connect/checks.ts";
import { describeOutcome } from "./connect/outcome.ts";
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
  await smoke(options);
}

/** Checks the gateway at `origin`. Throws a `CliError` if a check failed. */
export async function smoke({ origin, healthToken, key }: Options): Promise<void> {
  console.log(`Checking ${origin}\n`);
  const url = new URL("/mcp", origin);
  const common = { url, isPaid: false, clientId: undefined, say: console.log };
  const runs = [
    { checks: gatewayChecks(healthToken), token: undefined },
    { checks: key === undefined ? [] : CONNECTION_CHECKS, token: key },
  ];
  const width = Math.max(...runs.flatMap(({ checks }) => checks.map(({ name }) => name.length)));
  let failures = 0;
  for (const { checks, token } of runs)
    for await (const { name, outcome } of runChecks({ ...common, token }, checks)) {
      if (outcome.state === "failed") failures += 1;
      console.log(describeOutcome(name.padEnd(width), outcome));
    }
  if (failures > 0)
    throw new CliError(
      `\n${failures} ${failures === 1 ? "check" : "checks"} failed. \`npm run rollback\` returns to the version before.`,
    );
  console.log("\nEverything that was checked works.");
}

/** The HEALTH_TOKEN in the environment, or in the operator's file. */
export function healthTokenIn(file = DEFAULT_SECRETS_FILE): string | undefined {
  return process.env.HEALTH_TOKEN || readSettings(file).HEALTH_TOKEN;
}

function readOptions(args: readonly string[]): Options | "help" {
  const options = {
    url: { type: "string" },
    key: { type: "string" },
    secrets: { type: "string" },
    help: { type: "boolean", short: "h" },
  } as const;
  try {
    const { values } = parseArgs({ args: [...args], options });
    if (values.help) return "help";
    const url = URL.parse(values.url ?? productionOrigin());
    if (!url || !/^https?:$/.test(url.protocol)) throw new Error("--url takes an http or https address");
    if (values.key !== undefined && !/^[A-Z][A-Z0-9_]*$/.test(values.key))
      throw new Error("--key takes the name of an environment variable: other users of the machine see arguments");
    const key = values.key === undefined ? undefined : process.env[values.key];
    if (values.key !== undefined && !key) throw new Error(`The environment variable ${values.key} is empty`);
    return { origin: url.origin, healthToken: healthTokenIn(values.secrets), key };
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(`${error instanceof Error ? error.message : error}.\n\n${USAGE}`);
  }
}
