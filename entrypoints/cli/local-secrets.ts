// The secrets of a local system, in a git-ignored `.dev.vars` beside each wrangler.toml, where wrangler reads them. One random
// root secret; the backends' keys follow from it. A person's own lines stay, and so do secrets that are there already: users and
// grants that were stored under them survive a restart.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseEnv } from "node:util";
import { toBase64url } from "../../contracts/rpc/encoding.ts";
import type { Audience } from "../../contracts/rpc/identity.ts";
import { identityKeysSetting } from "../../src/crypto/keys.ts";
import { CONFIGS, ROOT, type WorkerKey } from "./workers.ts";

/** The backends that verify identity tokens; a backend's audience is its Worker's key. */
export const AUDIENCES = ["auth", "stackbilder", "img-forge"] as const satisfies readonly Audience[];

const OPENING = "# Local secrets, made by `npm run dev` and ignored by git. You may add lines of your own.\n";

/** Makes what is missing and brings derived keys up to date. Returns whether anything had to be written. */
export async function ensureLocalSecrets(root = ROOT): Promise<boolean> {
  const file = (worker: WorkerKey) => path.join(root, path.dirname(CONFIGS[worker]), ".dev.vars");
  const gateway = readSettings(file("gateway"));
  const secret = gateway.SERVICE_BINDING_SECRET || randomSecret();
  const previous = gateway.SERVICE_BINDING_SECRET_PREVIOUS;
  const secrets = previous ? [secret, previous] : [secret];
  const written = [writeSettings(file("gateway"), { SERVICE_BINDING_SECRET: secret })];
  for (const audience of AUDIENCES) {
    const settings: Record<string, string> = { IDENTITY_KEYS: await identityKeysSetting(secrets, audience) };
    if (audience === "auth")
      settings.BETTER_AUTH_SECRET = readSettings(file("auth")).BETTER_AUTH_SECRET || randomSecret();
    written.push(writeSettings(file(audience), settings));
  }
  return written.includes(true);
}

/** 32 random bytes, base64url. */
export function randomSecret(): string {
  return toBase64url(crypto.getRandomValues(new Uint8Array(32)));
}

function readSettings(file: string): NodeJS.Dict<string> {
  return existsSync(file) ? parseEnv(readFileSync(file, "utf8")) : {};
}

/** Sets these keys, each on its own line, where it stood or at the end. Returns whether the file changed. */
function writeSettings(file: string, settings: Record<string, string>): boolean {
  const before = existsSync(file) ? readFileSync(file, "utf8") : OPENING;
  const known = parseEnv(before);
  let text = before;
  for (const [key, value] of Object.entries(settings)) {
    if (known[key] === value) continue;
    const line = new RegExp(`^[ \\t]*(?:export[ \\t]+)?${key}[ \\t]*=.*$`, "m");
    text = line.test(text)
      ? text.replace(line, `${key}=${value}`)
      : `${text.replace(/(?<=[^\n])$/, "\n")}${key}=${value}\n`;
  }
  if (text === before) return false;
  writeFileSync(file, text, { mode: 0o600 });
  return true;
}
