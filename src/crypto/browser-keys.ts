// The door's own keys, derived from the root secret once an isolate: one for browser transactions, one for sessions, one for
// sign-in state at a provider, one for forms. After a rotation the previous secret still opens what it sealed.
import type { Config } from "../config.ts";
import { deriveBytes, importRootKey } from "./keys.ts";
import { importSealingKey, type KeyRing, type SealingKey } from "./seal.ts";

export interface BrowserKeys {
  readonly tx: KeyRing;
  readonly session: KeyRing;
  readonly social: KeyRing;
  /** HMAC-SHA256, the current one first. */
  readonly csrf: readonly [CryptoKey, ...CryptoKey[]];
}

const imported = new WeakMap<Config, BrowserKeys>();

/** The keys for these settings. */
export async function browserKeys(config: Config): Promise<BrowserKeys> {
  const known = imported.get(config);
  if (known) return known;
  const current = await keysFrom(config.secret);
  const previous = config.previousSecret === undefined ? [] : [await keysFrom(config.previousSecret)];
  const keys: BrowserKeys = {
    tx: [current.tx, ...previous.map(({ tx }) => tx)],
    session: [current.session, ...previous.map(({ session }) => session)],
    social: [current.social, ...previous.map(({ social }) => social)],
    csrf: [current.csrf, ...previous.map(({ csrf }) => csrf)],
  };
  imported.set(config, keys);
  return keys;
}

async function keysFrom(
  secret: string,
): Promise<{ tx: SealingKey; session: SealingKey; social: SealingKey; csrf: CryptoKey }> {
  const root = await importRootKey(secret);
  const hmac = { name: "HMAC", hash: "SHA-256" };
  return {
    tx: await importSealingKey(root.kid, await deriveBytes(root, "tx")),
    session: await importSealingKey(root.kid, await deriveBytes(root, "session")),
    social: await importSealingKey(root.kid, await deriveBytes(root, "social")),
    csrf: await crypto.subtle.importKey("raw", await deriveBytes(root, "csrf"), hmac, false, ["sign", "verify"]),
  };
}
