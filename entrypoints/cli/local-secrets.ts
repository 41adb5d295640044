// Secrets of the local system, in a git-ignored `.dev.vars` beside each wrangler.toml, where
// wrangler reads them. There is one random root secret; the backends' keys derive from it. Existing
// secrets and a developer's own lines stay, so that stored users and grants remain readable.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseEnv } from "node:util";
import { toBase64url } from "../../contracts/rpc/encoding.ts";
import { identityKeysSetting } from "../../src/crypto/keys.ts";
import { AUDIENCES, CONFIGS, ROOT, type WorkerKey } from "./workers.ts";

const OPENING = "# Local secrets, made by `npm run dev` and ignored by git. You may add lines of your own.\n";

/** Makes missing secrets and updates derived keys. Returns `true` if a file changed. */
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

/**
 * Sets these keys, each on its own line: in place, or at the end. Returns `true` if the file
 * changed.
 */
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
