// `npm run rotate`: replaces the root secret, SERVICE_BINDING_SECRET, without a gap. Every Worker
// accepts the new one before the gateway uses it, and the old one until nothing depends on it.
import path from "node:path";
import { checkpointKeyOf } from "../../src/crypto/key-ring.ts";
import { TASK_TTL_MS } from "../../src/pipeline/task-handle.ts";
import { CliError } from "./cli-error.ts";
import { ensureLocalSecrets, localSecretsFile } from "./local-secrets.ts";
import { readArguments } from "./options.ts";
import { productionOrigin } from "./production/settings.ts";
import { beginRotation, type Deployed, endRotation } from "./rotate/rotation.ts";
import { claimSecretsFile, randomSecret, readSettings, writeSettings } from "./secret-file.ts";

const USAGE = `Usage: npm run rotate [-- options]

  (no option)      replace the root secret of \`npm run dev\`
  --remote         replace that of the deployed system
  --secrets FILE   with --remote: the file in which you keep SERVICE_BINDING_SECRET and HEALTH_TOKEN,
                   one line KEY=VALUE each, readable by you only; the new secret is written there
  --origin URL     with --remote: the gateway (default: that of production.toml)
  --settle N       with --remote: seconds until a new version runs everywhere (default 60)
  --finish         remove the old secret, a day after it was replaced
  --leaked         with --finish: at once, and audit checkpoints that it signed do not verify any more
  --help           show this

After a stop in the middle, run the same command again: it continues.`;

interface Options {
  readonly isFinish: boolean;
  readonly isLeaked: boolean;
  readonly remote: Deployed | null;
}

/** Prints each step. Throws a `CliError` for any mistake, and where continuing would end access. */
export async function run(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options === "help") return console.log(USAGE);
  if (options.remote && options.isFinish) return endRotation(options.remote, endOf(options.remote.file, options));
  if (options.remote) return beginRotation(options.remote);
  return options.isFinish ? finishLocally(options) : rotateLocally();
}

async function rotateLocally(): Promise<void> {
  await ensureLocalSecrets();
  const file = localSecretsFile("gateway");
  const { SERVICE_BINDING_SECRET: old = "", SERVICE_BINDING_SECRET_PREVIOUS: previous } = readSettings(file);
  if (previous) throw new CliError("A rotation is going on: end it with --finish first.");
  writeSettings(file, {
    SERVICE_BINDING_SECRET: randomSecret(),
    SERVICE_BINDING_SECRET_PREVIOUS: old,
    SERVICE_BINDING_SECRET_SINCE: new Date().toISOString(),
  });
  await ensureLocalSecrets();
  console.log("The local system has a new root secret, and still accepts the old one. Restart `npm run dev`.");
}

async function finishLocally(options: Options): Promise<void> {
  const file = localSecretsFile("gateway");
  const { previous, isRevoked } = endOf(file, options);
  const { RETIRED_CHECKPOINT_KEYS: retired } = readSettings(file);
  const { kid, x } = await checkpointKeyOf(previous);
  const keys = [...(isRevoked ? [] : [`${kid}:${x}`]), ...(retired ? [retired] : [])].join(",");
  writeSettings(file, {
    SERVICE_BINDING_SECRET_PREVIOUS: null,
    SERVICE_BINDING_SECRET_SINCE: null,
    RETIRED_CHECKPOINT_KEYS: keys === "" ? null : keys,
  });
  await ensureLocalSecrets();
  console.log("The local system accepts only the new root secret. Restart `npm run dev`.");
}

/** The secret to remove. Throws a `CliError` if there is none, or if something still needs it. */
function endOf(file: string, { isLeaked }: Options): { readonly previous: string; readonly isRevoked: boolean } {
  const settings = readSettings(file);
  const { SERVICE_BINDING_SECRET_PREVIOUS: previous, SERVICE_BINDING_SECRET_SINCE: since = "" } = settings;
  if (settings.SERVICE_BINDING_SECRET_NEXT)
    throw new CliError("The rotation has stopped before its end: run the command without --finish first.");
  if (!previous) throw new CliError("No rotation is going on: there is no old secret to remove.");
  const end = Date.parse(since) + TASK_TTL_MS;
  if (isLeaked || end < Date.now()) return { previous, isRevoked: isLeaked };
  if (Number.isNaN(end)) throw new CliError(`${file} does not say since when: SERVICE_BINDING_SECRET_SINCE.`);
  throw new CliError(
    `Too early: tasks of the old secret run until ${new Date(end).toISOString()}. After a leak, add --leaked.`,
  );
}

const OPTIONS = {
  remote: { type: "boolean" },
  secrets: { type: "string" },
  origin: { type: "string" },
  settle: { type: "string" },
  finish: { type: "boolean" },
  leaked: { type: "boolean" },
} as const;

function readOptions(args: readonly string[]): Options | "help" {
  return readArguments({ args, usage: USAGE, options: OPTIONS }, (values) => {
    const { remote = false, finish = false, leaked = false } = values;
    if (leaked && !finish) throw new Error("--leaked goes with --finish");
    if (!remote && (values.secrets ?? values.origin ?? values.settle) !== undefined)
      throw new Error("--secrets, --origin and --settle go with --remote");
    return { isFinish: finish, isLeaked: leaked, remote: remote ? deployedOf(values) : null };
  });
}

function deployedOf(values: {
  readonly secrets?: string;
  readonly origin?: string;
  readonly settle?: string;
}): Deployed {
  if (values.secrets === undefined) throw new Error("Name the file in which you keep the root secret, with --secrets");
  const file = path.resolve(values.secrets);
  checkFile(file);
  const url = URL.parse(values.origin ?? productionOrigin());
  const isSafe = url?.protocol === "https:" || ["localhost", "127.0.0.1"].includes(url?.hostname ?? "");
  if (!url || !isSafe) throw new Error("--origin is not an https URL");
  const { settle = "60" } = values;
  if (!/^\d{1,4}$/.test(settle)) throw new Error(`"${settle}" is not a number of seconds`);
  const { HEALTH_TOKEN: healthToken = process.env.HEALTH_TOKEN } = readSettings(file);
  if (!healthToken) throw new CliError(`Add the gateway's HEALTH_TOKEN to ${file}: each step is checked with it.`);
  return { file, origin: url.origin, healthToken, settleMs: Number(settle) * 1000 };
}

/** Throws a `CliError` unless the file has a root secret, and is its owner's alone. */
function checkFile(file: string): void {
  claimSecretsFile(file);
  if (!readSettings(file).SERVICE_BINDING_SECRET)
    throw new CliError(`${file} has no line SERVICE_BINDING_SECRET=…, the root secret in use.`);
}
