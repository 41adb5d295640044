// Keys of this isolate, derived from the root secrets once for each purpose. After a rotation the
// previous secret still opens what it sealed.
import type { Config } from "../config.ts";
import { deriveBytes, importRootKey, type KeyLabel, type RootKey } from "./keys.ts";
import { importSealingKey, type KeyRing, type SealingKey } from "./seal.ts";

/** The current key, then the one before the last rotation if there is one. */
type Keys<K> = readonly [K, ...K[]];

const sealingKeys = new WeakMap<Config, Map<KeyLabel, KeyRing>>();
const hmacKeys = new WeakMap<Config, Keys<CryptoKey>>();

/** The keys that seal text under `label` (AES-256-GCM). */
export async function keyRingOf(config: Config, label: KeyLabel): Promise<KeyRing> {
  const known = sealingKeys.get(config)?.get(label);
  if (known) return known;
  const ring = await forEachSecret(config, (root) => sealingKey(root, label));
  const rings = sealingKeys.get(config) ?? new Map<KeyLabel, KeyRing>();
  sealingKeys.set(config, rings.set(label, ring));
  return ring;
}

/** The keys that authenticate forms (HMAC-SHA256). */
export async function csrfKeysOf(config: Config): Promise<Keys<CryptoKey>> {
  const known = hmacKeys.get(config);
  if (known) return known;
  const keys = await forEachSecret(config, hmacKey);
  hmacKeys.set(config, keys);
  return keys;
}

async function forEachSecret<K>(
  { secret, previousSecret }: Config,
  derive: (root: RootKey) => Promise<K>,
): Promise<Keys<K>> {
  const current = await derive(await importRootKey(secret));
  return previousSecret === undefined ? [current] : [current, await derive(await importRootKey(previousSecret))];
}

async function sealingKey(root: RootKey, label: KeyLabel): Promise<SealingKey> {
  return importSealingKey(root.kid, await deriveBytes(root, label));
}

async function hmacKey(root: RootKey): Promise<CryptoKey> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  return crypto.subtle.importKey("raw", await deriveBytes(root, "csrf"), algorithm, false, ["sign", "verify"]);
}
