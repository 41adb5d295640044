// Arguments of a command, read alike by all: a mistake is one sentence with the usage behind it.
import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { CliError } from "./cli-error.ts";

const HELP = { help: { type: "boolean", short: "h" } } as const;

/** The values of options, by name. */
type Values<T extends ParseArgsOptionsConfig> = ReturnType<typeof parseArgs<{ options: T }>>["values"];

interface Command<T extends ParseArgsOptionsConfig> {
  readonly args: readonly string[];
  /** The text of --help. */
  readonly usage: string;
  /** All but --help, which every command has. */
  readonly options: T;
  /** True if the command takes words that belong to no option. */
  readonly takesWords?: boolean;
}

/**
 * The options as `read` understands them; "help" if they ask for it. Throws a `CliError` with the
 * usage for an unknown option and for what `read` refuses, except for a `CliError` of its own.
 */
export function readArguments<T extends ParseArgsOptionsConfig, R>(
  { args, usage, options, takesWords = false }: Command<T>,
  read: (values: Values<T>, words: readonly string[]) => R,
): R | "help" {
  try {
    const taken = Object.keys(options).find(isTakenByNpm);
    const script = `npm run ${process.env.npm_lifecycle_event}`;
    if (taken !== undefined) throw new Error(`npm has taken --${taken} for itself: write \`${script} -- --${taken}\``);
    const all = { ...options, ...HELP };
    const { values, positionals } = parseArgs({ args: [...args], options: all, allowPositionals: takesWords });
    // The type of a value follows from its option, which is known to the caller only.
    return (values as { readonly help?: boolean }).help ? "help" : read(values as Values<T>, positionals);
  } catch (error) {
    if (error instanceof CliError) throw error;
    const { message } = error as Error; // Node and `read` throw errors only
    throw new CliError(`${message.replace(/\.$/, "")}.\n\n${usage}`);
  }
}

/** Names of options that npm has too, and that its own settings may have. */
const OF_NPM = ["json", "key", "prefix", "yes"];

/** True for an option that is missing here because of `npm run connect --check`, without `--`. */
function isTakenByNpm(option: string): boolean {
  return !OF_NPM.includes(option) && Boolean(process.env[`npm_config_${option.replaceAll("-", "_")}`]);
}

/**
 * The key or token in the environment variable that the option names; arguments are seen by other
 * users of the machine. Throws an error that shows neither.
 */
export function credentialIn(option: string, variable: string): string {
  if (!/^[A-Z][A-Z0-9_]*$/.test(variable))
    throw new Error(`${option} takes the name of an environment variable, in capitals, that has the key`);
  const credential = process.env[variable]?.trim();
  if (!credential) throw new Error(`The environment variable ${variable} is empty`);
  if (!/^[!-~]+$/.test(credential))
    throw new Error(`${variable} has to be a key or token alone: it has a space, a line break or an accent in it`);
  return credential;
}

/** The origin of an http or https address. Throws an error that names the option. */
export function originIn(option: string, address: string): string {
  const url = URL.parse(address);
  if (!url || !/^https?:$/.test(url.protocol)) throw new Error(`${option} takes an http or https address`);
  return url.origin;
}
