// Secrets in a file of lines `KEY=VALUE`: a `.dev.vars`, or the file in which an operator keeps the
// root secret. Other lines and comments stay as they are.
import {
  accessSync,
  constants,
  existsSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { parseEnv } from "node:util";
import { toBase64url } from "../../contracts/rpc/encoding.ts";
import { CliError } from "./cli-error.ts";
import { isRunning } from "./running.ts";
import { ROOT } from "./workers.ts";

/** The file in which an operator keeps the root secret, unless an option names another one. */
export const DEFAULT_SECRETS_FILE = path.join(homedir(), "gateway.env");

/**
 * Throws a `CliError` if the operator's file cannot be written, if others can read it, if it is in
 * the repository, or while another process has claimed it. The claim ends with this process.
 */
export function claimSecretsFile(file: string): void {
  const isThere = existsSync(file);
  if (isThere && !statSync(file).isFile()) throw new CliError(`${file} is not a file: name one with --secrets.`);
  if (isThere && process.platform !== "win32" && (statSync(file).mode & 0o077) !== 0)
    throw new CliError(`Others can read ${file}: run \`chmod 600\` on it.`);
  if (!path.relative(ROOT, file).startsWith("..")) throw new CliError(`Keep ${file} outside of the repository.`);
  const claim = `${isThere ? realpathSync(file) : file}.lock`;
  try {
    accessSync(path.dirname(claim), constants.W_OK);
    const holder = existsSync(claim) ? Number(readFileSync(claim, "utf8")) : null;
    if (holder === process.pid) return;
    if (holder !== null && !isRunning(holder)) rmSync(claim); // 0: it is being written
    writeFileSync(claim, String(process.pid), { flag: "wx", mode: 0o600 });
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException; // of Node's file functions
    throw new CliError(
      code === "EEXIST"
        ? `Another command uses ${file}: wait for its end. If there is none, delete ${claim}.`
        : `${path.dirname(claim)} is no folder in which you can write (${code}): name another file with --secrets.`,
    );
  }
  if (claims.push(claim) === 1) process.once("exit", endClaims);
}

/** The files that this process has claimed. */
const claims: string[] = [];

function endClaims(): void {
  for (const claim of claims) rmSync(claim, { force: true });
}

/** 32 random bytes, base64url. */
export function randomSecret(): string {
  return toBase64url(crypto.getRandomValues(new Uint8Array(32)));
}

/** The settings in a file; none if it does not exist. Throws a `CliError` for a folder. */
export function readSettings(file: string): NodeJS.Dict<string> {
  if (existsSync(file) && !statSync(file).isFile()) throw new CliError(`${file} is not a file.`);
  return existsSync(file) ? parseEnv(readFileSync(file, "utf8")) : {};
}

/**
 * Sets each key on its own line, in place or at the end; `null` removes it. A new file begins with
 * `opening`, and only its owner can read it. The file is replaced in one step, so that a stop in
 * the middle loses no secret. Returns `true` if it changed.
 */
export function writeSettings(file: string, settings: Readonly<Record<string, string | null>>, opening = ""): boolean {
  const isNew = !existsSync(file);
  const before = isNew ? opening : readFileSync(file, "utf8");
  const text = Object.entries(settings).reduce((written, [key, value]) => withSetting(written, key, value), before);
  if (text === before) return false;
  const target = isNew ? file : realpathSync(file);
  writeFileSync(`${target}.new`, text, { mode: 0o600 });
  renameSync(`${target}.new`, target);
  return true;
}

function withSetting(text: string, key: string, value: string | null): string {
  const known = parseEnv(text)[key];
  if (known === (value ?? undefined)) return text;
  const line = new RegExp(`^[ \\t]*(?:export[ \\t]+)?${key}[ \\t]*=.*$`, "m");
  if (value === null) return text.replace(new RegExp(`${line.source}\\n?`, "m"), "");
  const setting = `${key}=${value}`;
  return line.test(text) ? text.replace(line, () => setting) : `${text.replace(/(?<=[^\n])$/, "\n")}${setting}\n`;
}
