// Keys of this isolate, derived from the root secrets once for each purpose. After a rotation the
// previous secret still opens what it sealed.
import type { CheckpointKey } from "../../contracts/audit-record.ts";
import type { Config } from "../config.ts";
import { deriveBytes, importRootKey, type KeyLabel, type RootKey } from "./keys.ts";
import { importSealingKey, type KeyRing, type SealingKey } from "./seal.ts";

/** The current key, then the one before the last rotation if there is one. */
type Keys<K> = readonly [K, ...K[]];

const sealingKeys = new WeakMap<Config, Map<KeyLabel, KeyRing>>();
const hmacKeys = new WeakMap<Config, Keys<CryptoKey>>();
const checkpointKeys = new WeakMap<Config, Keys<SigningKey>>();

/** An Ed25519 key pair. */
export interface SigningKey {
  readonly kid: string;
  readonly key: CryptoKey;
  readonly published: CheckpointKey;
}

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

/** The keys that sign checkpoints of the audit log (Ed25519). */
export async function checkpointKeysOf(config: Config): Promise<Keys<SigningKey>> {
  const known = checkpointKeys.get(config);
  if (known) return known;
  const keys = await forEachSecret(config, signingKey);
  checkpointKeys.set(config, keys);
  return keys;
}

/** The public keys of checkpoints: of the root secrets, the current one first, and retired ones. */
export async function publishedKeysOf(config: Config): Promise<readonly CheckpointKey[]> {
  const keys = await checkpointKeysOf(config);
  return [...keys.map(({ published }) => published), ...config.retiredCheckpointKeys.map(publishedKey)];
}

/** The public key of the checkpoints that `secret` signs. */
export async function checkpointKeyOf(secret: string): Promise<CheckpointKey> {
  return (await signingKey(await importRootKey(secret))).published;
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

/** The part of a PKCS #8 Ed25519 private key before its 32 bytes (RFC 8410 section 7). */
const PKCS8_ED25519 = Uint8Array.of(48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32);

/** The derived bytes are the private key itself (RFC 8032 section 5.1.5). */
async function signingKey(root: RootKey): Promise<SigningKey> {
  const pkcs8 = new Uint8Array([...PKCS8_ED25519, ...(await deriveBytes(root, "audit"))]);
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", true, ["sign"]);
  const { x } = (await crypto.subtle.exportKey("jwk", key)) as JsonWebKey; // "jwk" exports no bytes
  return { kid: root.kid, key, published: publishedKey([root.kid, x ?? ""]) };
}

function publishedKey([kid, x]: readonly [kid: string, x: string]): CheckpointKey {
  return { kty: "OKP", crv: "Ed25519", x, kid, alg: "EdDSA", use: "sig" };
}
