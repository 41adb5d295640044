// Secrets in a file of lines `KEY=VALUE`: a `.dev.vars`, or the file in which an operator keeps the
// root secret. Other lines and comments stay as they are.
import { existsSync, readFileSync, realpathSync, renameSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { parseEnv } from "node:util";
import { toBase64url } from "../../contracts/rpc/encoding.ts";
import { CliError } from "./cli-error.ts";
import { ROOT } from "./workers.ts";

/** The file in which an operator keeps the root secret, unless an option names another one. */
export const DEFAULT_SECRETS_FILE = path.join(homedir(), "gateway.env");

/** Throws a `CliError` if others can read the file, or if it is in the repository. */
export function refuseSharedFile(file: string): void {
  if (existsSync(file) && process.platform !== "win32" && (statSync(file).mode & 0o077) !== 0)
    throw new CliError(`Others can read ${file}: run \`chmod 600\` on it.`);
  if (!path.relative(ROOT, file).startsWith("..")) throw new CliError(`Keep ${file} outside of the repository.`);
}

/** 32 random bytes, base64url. */
export function randomSecret(): string {
  return toBase64url(crypto.getRandomValues(new Uint8Array(32)));
}

/** The settings in a file; none if it does not exist. */
export function readSettings(file: string): NodeJS.Dict<string> {
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
