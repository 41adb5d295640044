// Secrets of the local system, in a git-ignored `.dev.vars` beside each wrangler.toml, where
// wrangler reads them. There is one random root secret; the backends' keys derive from it. Existing
// secrets and a developer's own lines stay, so that stored users and grants remain readable.
import path from "node:path";
import { identityKeysSetting } from "../../src/crypto/keys.ts";
import { randomSecret, readSettings, writeSettings } from "./secret-file.ts";
import { AUDIENCES, CONFIGS, ROOT, type WorkerKey } from "./workers.ts";

const OPENING = "# Local secrets, made by `npm run dev` and ignored by git. You may add lines of your own.\n";

/** Makes missing secrets and updates derived keys. Returns `true` if a file changed. */
export async function ensureLocalSecrets(root = ROOT): Promise<boolean> {
  const file = (worker: WorkerKey) => localSecretsFile(worker, root);
  const gateway = readSettings(file("gateway"));
  const secret = gateway.SERVICE_BINDING_SECRET || randomSecret();
  const previous = gateway.SERVICE_BINDING_SECRET_PREVIOUS;
  const secrets = previous ? [secret, previous] : [secret];
  const written = [writeSettings(file("gateway"), { SERVICE_BINDING_SECRET: secret }, OPENING)];
  for (const audience of AUDIENCES) {
    const settings: Record<string, string> = { IDENTITY_KEYS: await identityKeysSetting(secrets, audience) };
    if (audience === "auth")
      settings.BETTER_AUTH_SECRET = readSettings(file("auth")).BETTER_AUTH_SECRET || randomSecret();
    written.push(writeSettings(file(audience), settings, OPENING));
  }
  return written.includes(true);
}

/** The file with the local secrets of a Worker. */
export function localSecretsFile(worker: WorkerKey, root = ROOT): string {
  return path.join(root, path.dirname(CONFIGS[worker]), ".dev.vars");
}
